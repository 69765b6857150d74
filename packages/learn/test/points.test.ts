import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { loadExercises } from '../src/commands/exercise-file.ts'
import { readSheet, scoreOf, sheetOf } from '../src/commands/points.ts'
import { notRun, type Result } from '../src/exercise.ts'

const directory = freshDirectory()
const of = (name: string) => join(directory, name)

const exercises = await loadExercises()
const [drop] = exercises as [(typeof exercises)[number]]
const sheet = sheetOf([drop])

function written(text: string): string {
  writeFileSync(of('points.csv'), text)
  return of('points.csv')
}

/** Returns the error of `vnet grade --points` with this sheet, for one student of 01-drop. */
async function refusal(text: string): Promise<string> {
  mkdirSync(of('anna/01-drop'), { recursive: true })
  const { status, stdout, stderr } = await runMain(
    'grade',
    '--unsafe',
    '--points',
    written(text),
    of('anna'),
  )
  expect([status, stdout]).toEqual([2, ''])
  return stderr.replace(`vnet: ${directory}/`, '')
}

test('vnet grade --sheet prints a row with one point for each check of the course', async () => {
  const { status, stdout, stderr } = await runMain('grade', '--sheet')
  expect([status, stderr]).toEqual([0, ''])
  const [head, first, second, ...others] = stdout.trimEnd().split('\n')
  expect([head, first, second]).toEqual([
    'exercise,check,points',
    '01-drop,"registers one device, drop0",1',
    '01-drop,drops every IPv4 frame,1',
  ])
  const checks = exercises.reduce((n, { memory, live }) => n + memory.length + live.length, 0)
  expect([others.length + 2, others.every(row => row.endsWith(',1'))]).toEqual([checks, true])
})

const passed = (title: string): Result => ({ title, where: 'memory', result: 'passed' })

test('only passed checks have points, and the checks that were not run are counted', () => {
  const points = readSheet(written(sheet.replace('IPv4 frame,1', 'IPv4 frame,2.5')), exercises, [
    drop,
  ])
  const [device, ipv4, others] = drop.memory.map(({ title }) => title) as [string, string, string]
  const failed: Result = { ...passed(others), result: 'failed' }
  expect(scoreOf(drop, [passed(device), passed(ipv4), failed], points)).toEqual({
    points: 3.5,
    most: 8.5,
    notRun: 4,
  })
  const all = drop.memory.map(({ title }) => passed(title))
  const without = drop.live.map(({ title }) => notRun(title, 'live', 'no ping'))
  expect(scoreOf(drop, [...all, ...without])).toEqual({ points: 5, most: 7, notRun: 2 })
  // A driver that is ended after its last check has failed that check.
  expect(scoreOf(drop, [...all, { ...passed('has no ARP'), result: 'failed' }]).points).toBe(4)
})

test('a sheet with quotes around every cell is read', () => {
  const quoted = sheet.replaceAll(/^([^,]+),"?(.*?)"?,([^,]+)$/gm, '"$1";"$2";"$3"')
  expect(readSheet(written(quoted), exercises, [drop])).toEqual(
    readSheet(written(sheet), exercises, [drop]),
  )
})

test.each([
  [
    'exercise,check,points\n01-drop;a, b;1\n',
    "2: separated by ';', and line 1 by ','; save it again",
  ],
  [
    'exercise,check,points\n01-drop;drops every IPv4 frame;1\n',
    "2: separated by ';', and line 1 by ','; save it again",
  ],
  [
    'exercise;check;points\n01-drop,drops every IPv4 frame,1\n',
    "2: separated by ',', and line 1 by ';'; save it again",
  ],
  ['exercise,check,points\n01-drop\n', "2: separated by nothing, and line 1 by ','; save it again"],
  ['exercise\tcheck\tpoints\n', '1: separated by tabs; save it with commas or semicolons'],
])('a sheet with another separator than its first line is refused: %j', async (text, line) => {
  expect(await refusal(text)).toBe(`points.csv:${line}\n`)
})

test('a sheet that a spreadsheet saved is read: its mark, its line ends, semicolons, empty rows', () => {
  const saved =
    `\uFEFF${sheet.replace('"registers one device, drop0"', 'registers one device, drop0')}`
      .replaceAll(/,(?! )/g, ';')
      .replaceAll('\n', '\r\n')
      .concat(';;\r\n')
  expect(scoreOf(drop, [], readSheet(written(saved), exercises, [drop])).most).toBe(7)
})

test.each([
  [
    'a title that no check has',
    'drops every',
    'drops no',
    "3: no check of 01-drop is called 'drops no IPv4 frame'",
  ],
  [
    'an unknown exercise',
    '01-drop,drops every I',
    '1-drop,drops every I',
    "3: no exercise is called '1-drop'",
  ],
  [
    'a negative number',
    'frame,1',
    'frame,-1',
    "3: points must be a number from 0, such as 2 or 0.5, not '-1'",
  ],
  [
    'a text',
    'frame,1',
    'frame,one',
    "3: points must be a number from 0, such as 2 or 0.5, not 'one'",
  ],
  ['no number', 'frame,1', 'frame', "3: points must be a number from 0, such as 2 or 0.5, not ''"],
  [
    'a missing check',
    '01-drop,drops every IPv4 frame,1\n',
    '',
    ' no points for 01-drop: drops every IPv4 frame',
  ],
  [
    'a check twice',
    'has no ARP',
    'drops every IPv4 frame',
    "6: 'drops every IPv4 frame' of 01-drop has points already",
  ],
  [
    'other columns',
    'check,points',
    'points',
    '1: not exercise,check,points; vnet grade --sheet prints it',
  ],
])('vnet grade refuses a sheet with %s in one line', async (_, from, to, line) => {
  expect(sheet).toContain(from)
  expect(await refusal(sheet.replace(from, to))).toBe(`points.csv:${line}\n`)
})

test('a sheet may have exercises of the course that --from leaves out', () => {
  expect(scoreOf(drop, [], readSheet(written(sheetOf(exercises)), [drop], [drop])).most).toBe(7)
})

test.each([
  [[], 'grade: no students; give their directories, such as students/*'],
  [['--sheet', 'anna'], "grade: --sheet takes no students, but got 'anna'"],
  [['--sheet', '--csv'], '--sheet cannot be used with --csv'],
  [['--similar', '--report', 'x'], '--similar cannot be used with --report'],
  [['src', 'docs'], 'grade: no exercise is in src, docs; vnet learn lists them, and --from others'],
])('vnet grade %j is refused in one line', async (args, line) => {
  expect(await runMain('grade', ...args)).toEqual({
    status: 2,
    stdout: '',
    stderr: `vnet: ${line}\n`,
  })
})

test('vnet grade --report refuses the first student where its directory would be', async () => {
  mkdirSync(of('anna/01-drop'), { recursive: true })
  const line = `grade: --report needs a directory of its own before the students, and ${of('anna')} is a student's`
  expect(await runMain('grade', '--report', of('anna'), of('bob'))).toEqual({
    status: 2,
    stdout: '',
    stderr: `vnet: ${line}\n`,
  })
})
