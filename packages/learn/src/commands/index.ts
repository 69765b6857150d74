/** The commands of the course. Each loads its code when it runs. */
import { Argument, type LazyCommand, Option } from 'vnet/internal/cli/parse/option'
import { wholeNumber } from 'vnet/internal/cli/parse/options'
import { courseNames } from '../folder.ts'

const COURSE = 'Course:'
const FROM = new Option('--from <source>', 'the exercises of a directory, or of an installed package')
const GRADING = [
  new Option('--memory-only', 'run no checks on live interfaces'),
  new Option('--csv', 'print a row for each student and exercise').conflicts('json'),
  new Option('--jobs <n>', 'students to check at a time (default: the number of CPUs)').argParser(wholeNumber(1, 1000)),
  new Option('--unsafe', 'check drivers of students with all your rights, where they cannot be confined'),
]

export const commands: readonly LazyCommand[] = [
  {
    name: 'learn',
    description: 'list the exercises of the course in drivers, or write the files of one',
    group: COURSE,
    args: [new Argument('[EXERCISE]').offers(courseNames)],
    options: [
      FROM,
      new Option('--kernel', 'write the skeleton of a module in C for the kernel'),
      new Option('--json', 'print one JSON object a line'),
    ],
    examples: [
      ['vnet learn', 'list the exercises'],
      ['vnet learn 01-drop', 'write the files of one'],
    ],
    run: async (io, name, options) => (await import('./learn.ts')).learn(name, options, io),
  },
  {
    name: 'check',
    description: 'check the driver of an exercise, in memory and on a live interface',
    group: COURSE,
    args: [new Argument('[EXERCISE|FILE...]').offers(courseNames)],
    usage: '[OPTIONS] [EXERCISE|DIRECTORY|FILE] | [OPTIONS] STUDENT... | --kernel EXERCISE [FILE.c]',
    options: [
      FROM,
      new Option('--mistakes', 'check exercises themselves: their solutions, skeletons and mistakes'),
      new Option('--kernel', 'check a module for the kernel instead, [FILE.c], in a virtual machine'),
      new Option('--require-live', 'fail if a check on a live interface was not run').conflicts('memoryOnly'),
      new Option('--json', 'print one JSON object for each check, or for each student and exercise'),
      ...GRADING,
    ],
    examples: [['vnet check 01-drop', 'after you changed its driver']],
    run: async (io, paths, options) => (await import('./check.ts')).check(paths, options, io),
  },
  {
    name: 'grade',
    description: 'check the drivers of students, and print a score for each',
    group: COURSE,
    args: [new Argument('[STUDENT|FILE...]').offers(() => [])],
    usage: '[OPTIONS] STUDENT... | --sheet [--from SOURCE]',
    options: [
      FROM,
      new Option('--points <sheet>', 'print points, too: of this file, or one for each check if a STUDENT follows'),
      new Option('--sheet', 'print a sheet of points with all checks, to edit').conflicts(['points', 'json', 'csv']),
      new Option('--json', 'print one JSON object for each student and exercise'),
      ...GRADING,
    ],
    examples: [
      ['vnet grade --sheet >points.csv', 'write a sheet, and edit it'],
      ['vnet grade --points points.csv students/*', 'print the points, too'],
    ],
    run: async (io, students, options) => (await import('./grade.ts')).gradeStudents(students, options, io),
  },
]
