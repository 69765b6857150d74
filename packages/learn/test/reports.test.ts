import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import type { Grade, GradeSettings } from '../src/commands/grade-driver.ts'
import { Reports } from '../src/commands/reports.ts'
import type { Submission } from '../src/commands/submissions.ts'
import { type Exercise, notRun, type Result } from '../src/exercise.ts'
import { EARLIER_FAILED } from '../src/progress.ts'
import { MEMORY_ONLY } from '../src/worker.ts'

const directory = freshDirectory()
const of = (...names: string[]) => join(directory, ...names)

/** Writes a file, and the directories above it. */
function write(text: string, ...names: string[]): void {
  mkdirSync(dirname(of(...names)), { recursive: true })
  writeFileSync(of(...names), text)
}

const settings: GradeSettings = { whyNotLive: MEMORY_ONLY, isConfined: true, isWhole: true }

function exerciseNamed(name: string): Exercise {
  write('', 'course', name, 'exercise.js')
  return {
    version: 1,
    name,
    directory: of('course', name),
    driver: 'driver.js',
    title: `the title of ${name}`,
    summary: '',
    memory: [{ title: 'keeps', read: '', run() {} }],
    live: [{ title: 'pings', read: '', run: async () => {} }],
  }
}

const RESULTS: readonly Result[] = [
  { title: 'keeps', where: 'memory', result: 'passed' },
  notRun('pings', 'live', MEMORY_ONLY),
]

const gradeOf = ({ student, exercise }: Submission, results = RESULTS): Grade => ({
  student,
  exercise: exercise.name,
  verdict: 'not run',
  passed: 1,
  checks: 2,
  results,
})

let students: readonly Submission[] = []
beforeEach(() => {
  const exercises = ['01-a', '02-b'].map(exerciseNamed)
  students = ['anna', 'bob'].flatMap(student =>
    exercises.map(exercise => {
      write(`the driver of ${student}`, 'class', student, exercise.name, 'driver.js')
      return { student, exercise, directory: of('class', student, exercise.name) }
    }),
  )
})

const open = (changed: Partial<GradeSettings> = {}) =>
  new Reports(of('reports'), students, { ...settings, ...changed })

/** Grades everyone, as a run that is not broken off. */
function gradeAll(results?: readonly Result[]): void {
  const reports = open()
  for (const submission of students) {
    reports.add(submission, gradeOf(submission, results), {})
  }
}

/** Returns for each submission whether a new run has its grade already. */
const earlier = (changed?: Partial<GradeSettings>) => {
  const reports = open(changed)
  return students.map(submission => reports.earlier(submission) !== undefined)
}

test('both files of a student are written when all exercises of the student are graded', () => {
  const reports = open()
  const [a, b, other] = students as [Submission, Submission, Submission]
  reports.add(b, gradeOf(b), {})
  reports.add(other, gradeOf(other), {})
  expect(readdirSync(of('reports'))).toEqual([])
  reports.add(a, gradeOf(a), { points: 3, most: 4 })
  expect(readdirSync(of('reports')).sort()).toEqual(['anna.html', 'anna.json'])
  const page = readFileSync(of('reports/anna.html'), 'utf8')
  // In the order of the class, not of the grades.
  expect([...page.matchAll(/<h2>(.*)<\/h2>|3 of 4 points/g)].map(([text]) => text)).toEqual([
    '<h2>01-a: the title of 01-a</h2>',
    '3 of 4 points',
    '<h2>02-b: the title of 02-b</h2>',
  ])
})

test('a later run has the grades of the students that an earlier one has ended', () => {
  const reports = open()
  for (const submission of students.slice(0, 3)) {
    reports.add(submission, gradeOf(submission), {})
  }
  const next = open()
  const [first] = students as [Submission]
  expect(next.earlier(first)).toEqual(gradeOf(first))
  expect(earlier()).toEqual([true, true, false, false])
  next.add(first, gradeOf(first), {})
  expect(next.summary).toBe(
    `Reports: ${of('reports/STUDENT.html')}\n1 of 1 grades are of an earlier run: nothing has changed since.\n`,
  )
})

test.each([
  ['the driver', 'class/anna/01-a/driver.js', [false, true, true, true]],
  ['a module of the driver', 'class/anna/01-a/lib/ring.js', [false, true, true, true]],
  ['the exercise', 'course/02-b/exercise.js', [true, false, true, false]],
])('a change of %s makes a grade void', (_, path, expected) => {
  gradeAll()
  expect(earlier()).toEqual([true, true, true, true])
  write('changed', path)
  expect(earlier()).toEqual(expected)
})

test('a link that leads elsewhere makes a grade void, and an installed package does not', () => {
  symlinkSync('one.js', of('class/anna/01-a/link.js'))
  gradeAll()
  write('', 'class/bob/01-a/node_modules/x/index.js')
  expect(earlier()).toEqual([true, true, true, true])
  rmSync(of('class/anna/01-a/link.js'))
  symlinkSync('two.js', of('class/anna/01-a/link.js'))
  expect(earlier()).toEqual([false, true, true, true])
})

test('other settings make all grades void', () => {
  gradeAll()
  expect(earlier({ whyNotLive: undefined })).toEqual([false, false, false, false])
  expect(earlier({ isConfined: false })).toEqual([false, false, false, false])
})

test('a check that this machine could not run is run again', () => {
  gradeAll([notRun('keeps', 'memory', EARLIER_FAILED), notRun('pings', 'live', 'needs ping')])
  expect(earlier()).toEqual([false, false, false, false])
  gradeAll([notRun('keeps', 'memory', EARLIER_FAILED), notRun('pings', 'live', MEMORY_ONLY)])
  expect(earlier()).toEqual([true, true, true, true])
})

test('a file of results that is damaged, or has another form, is not read', () => {
  gradeAll()
  write('{ "version": 1, "grad', 'reports/anna.json')
  const bob = JSON.parse(readFileSync(of('reports/bob.json'), 'utf8'))
  write(JSON.stringify({ ...bob, version: 2 }), 'reports/bob.json')
  expect(earlier()).toEqual([false, false, false, false])
})
