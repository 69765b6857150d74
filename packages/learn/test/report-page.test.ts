import { expect, test } from 'vitest'
import type { Grade } from '../src/commands/grade-driver.ts'
import { reportPage } from '../src/commands/report-page.ts'
import { type Exercise, notRun, type Result } from '../src/exercise.ts'
import { EARLIER_FAILED } from '../src/progress.ts'

const run = async () => {}
const check = (title: string) => ({ title, read: '', run })
const exercise: Exercise = {
  version: 1,
  name: '03-ring',
  directory: '/none',
  driver: 'ring.js',
  title: 'A ring',
  summary: '',
  memory: ['loads', 'keeps', 'wakes', 'ends'].map(check),
  live: [check('pings')],
}

const passed = (title: string): Result => ({ title, where: 'memory', result: 'passed' })
const failed = (title: string, seen: string): Result => ({
  title,
  where: 'memory',
  result: 'failed',
  seen,
  expected: 'something else',
  read: 'Drop each frame',
  logged: ['ring0: a line'],
})

const GRADE: Grade = {
  student: 'anna',
  exercise: '03-ring',
  verdict: 'failed',
  passed: 1,
  checks: 5,
  results: [
    passed('loads'),
    failed('keeps', 'lost 3'),
    ...['wakes', 'ends'].map(title => notRun(title, 'memory', EARLIER_FAILED)),
  ],
  further: [failed('wakes', 'never woke'), passed('ends')],
}
const pageOf = (grade: Partial<Grade> = {}, student = 'anna') =>
  reportPage(student, [{ exercise, grade: { ...GRADE, ...grade } }])

/** Returns the text of a page, a line for each item, heading and term. */
const linesOf = (page: string) =>
  page
    .replace(/<style>[\s\S]*<\/style>/, '')
    .replace(/<(?:li|h\d|p|dt)[^>]*>/g, '\n')
    .replace(/<dd[^>]*>/g, ' ')
    .replace(/<[^>]*>/g, '')
    .split('\n')
    .filter(line => line.trim() !== '')

test('a page has every check of an exercise: those that count, and those after the first failure', () => {
  expect(linesOf(pageOf())).toEqual([
    'anna: drivers of the course',
    'anna',
    '0 of 1 exercises passed.',
    '03-ring: A ring',
    'failed; 1 of 5 checks count as passed',
    'ok loads',
    'FAILED keeps',
    'seen lost 3',
    'expected something else',
    'read README.md, "Drop each frame"',
    'logged ring0: a line',
    'After the first failure',
    'These results do not count: a check may need what an earlier one found missing.',
    'FAILED wakes',
    'seen never woke',
    'expected something else',
    'read README.md, "Drop each frame"',
    'logged ring0: a line',
    'ok ends',
    'not run live: pings: an earlier check failed',
  ])
})

test('without checks after the first failure, a page has one list', () => {
  const lines = linesOf(pageOf({ further: [] }))
  expect(lines).not.toContain('After the first failure')
  expect(lines.at(-1)).toBe('not run live: pings: an earlier check failed')
})

test('a driver that does not load has one failure, before all checks', () => {
  const results = [failed('the driver file loads', 'a syntax error')]
  const lines = linesOf(pageOf({ results, passed: 0, further: [] }))
  expect(lines.slice(4, 7)).toEqual([
    'failed; 0 of 5 checks count as passed',
    'FAILED the driver file loads',
    'seen a syntax error',
  ])
  expect(lines.filter(line => line.startsWith('not run '))).toHaveLength(5)
})

test('points are in the page, and a missing driver has no list', () => {
  expect(linesOf(pageOf({ points: 2.5, most: 8 }))).toContain(
    'failed; 1 of 5 checks count as passed, 2.5 of 8 points',
  )
  const missing = { verdict: 'missing', passed: 0, results: [] } as const
  expect(linesOf(pageOf({ ...missing, points: 0, most: 8 })).at(-1)).toBe(
    'missing: no driver was handed in, 0 of 8 points',
  )
})

test('the texts of a driver and of a directory are no markup', () => {
  const seen = '<script>alert(1)</script>\x1b[2J'
  const page = pageOf({ results: [failed('keeps', seen)] }, '<b>eve</b>')
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J')
  expect(page).not.toContain('<script')
  expect(page).toContain('<h1>&lt;b&gt;eve&lt;/b&gt;</h1>')
})
