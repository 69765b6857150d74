/** The commands of the course. Each loads its code when it runs. */
import {
  argument,
  defineCommand,
  type LazyCommand,
  option,
  shared,
  wholeNumber,
} from 'vnet/kit/cli'
import { courseNames } from '../folder.ts'

const from = option('--from <source>', 'the exercises of a directory, or of an installed package')
/** Options of the commands that check the drivers of students. */
const gradeOptions = [
  option('--memory-only', 'run no checks on live interfaces'),
  option('--csv', 'print a row for each student and exercise', { conflicts: ['json'] }),
  option('--jobs <n>', 'students to check at a time (default: the number of CPUs)', {
    parse: wholeNumber(1, 1000),
  }),
  option(
    '--unsafe',
    'check drivers of students with all your rights, where they cannot be confined',
  ),
] as const

export const commands: readonly LazyCommand[] = [
  defineCommand({
    name: 'learn',
    group: 'Course:',
    description: 'list the exercises of the course in drivers, or write the files of one',
    args: [{ ...argument('[EXERCISE]'), offered: courseNames }],
    options: [
      from,
      option('--kernel', 'write the skeleton of a module in C for the kernel'),
      { ...shared.json, description: 'print one JSON object a line' },
    ],
    examples: {
      'vnet learn': 'list the exercises',
      'vnet learn 01-drop': 'write the files of one',
    },
    run: async (io, name, options) => (await import('./learn.ts')).learn(name, options, io),
  }),
  defineCommand({
    name: 'check',
    group: 'Course:',
    description: 'check the driver of an exercise, in memory and on a live interface',
    usage:
      '[OPTIONS] [EXERCISE|DIRECTORY|FILE] | [OPTIONS] STUDENT... | --kernel EXERCISE [FILE.c]',
    args: [{ ...argument('[EXERCISE|FILE...]'), offered: courseNames }],
    options: [
      from,
      option('--mistakes', 'check exercises themselves: their solutions, skeletons and mistakes'),
      option('--kernel', 'check a module for the kernel instead, [FILE.c], in a virtual machine'),
      option('--require-live', 'fail if a check on a live interface was not run', {
        conflicts: ['memoryOnly'],
      }),
      {
        ...shared.json,
        description: 'print one JSON object for each check, or for each student and exercise',
      },
      ...gradeOptions,
    ],
    examples: { 'vnet check 01-drop': 'after you changed its driver' },
    run: async (io, paths, options) => (await import('./check.ts')).check(paths, options, io),
  }),
  defineCommand({
    name: 'grade',
    group: 'Course:',
    description: 'check the drivers of students, and print a score for each',
    usage: '[OPTIONS] STUDENT... | --sheet [--from SOURCE]',
    // Directories of students: the shells offer no exercise.
    args: [{ ...argument('[STUDENT|FILE...]'), offered: () => [] }],
    options: [
      from,
      option(
        '--points <sheet>',
        'print points, too: of this file, or one for each check if a STUDENT follows',
      ),
      option('--sheet', 'print a sheet of points with all checks, to edit', {
        conflicts: ['points', 'json', 'csv', 'report', 'similar'],
      }),
      option(
        '--report <directory>',
        'write a page for each student, with all failures; drivers that have not changed since are not checked again',
      ),
      option('--similar', 'check nothing, and show which drivers have common parts', {
        conflicts: ['points', 'csv', 'report', 'memoryOnly', 'jobs', 'unsafe'],
      }),
      { ...shared.json, description: 'print one JSON object for each student and exercise' },
      ...gradeOptions,
    ],
    examples: {
      'vnet grade --sheet >points.csv': 'write a sheet, and edit it',
      'vnet grade --points points.csv students/*': 'print the points, too',
      'vnet grade --report reports students/*': 'write a page for each student',
    },
    run: async (io, students, options) =>
      (await import('./grade.ts')).gradeStudents(students, options, io),
  }),
]
