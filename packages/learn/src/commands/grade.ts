/** `vnet grade` and `vnet check students/*`: check drivers of others, and print a score each. */
import { availableParallelism } from 'node:os'
import { UsageError } from 'vnet'
import { printable } from 'vnet/kit/base'
import { alignLeft, EXIT_FAILURE, EXIT_OK, type Io } from 'vnet/kit/cli'
import { whyNoTun, whyNotConfined } from 'vnet/kit/linux'
import type { Exercise } from '../exercise.ts'
import { MEMORY_ONLY } from '../worker.ts'
import { loadExercises } from './exercise-file.ts'
import { type Grade, type GradeSettings, gradeOne } from './grade-driver.ts'
import { csvLine, readSheet, scoreOf, sheetOf } from './points.ts'
import { Reports } from './reports.ts'
import { similarDrivers } from './similar/similar.ts'
import { isDirectory, isStudent, type Submission, submissionsIn } from './submissions.ts'

/** The options of both commands. */
export interface GradeOptions {
  readonly memoryOnly: boolean | undefined
  readonly json: boolean | undefined
  readonly csv: boolean | undefined
  readonly unsafe: boolean | undefined
  readonly jobs: number | undefined
  /** The file of the sheet; empty: one point for each check. */
  readonly points?: string | undefined
  /** The directory of the reports. */
  readonly report?: string | undefined
}

interface GradeCommandOptions extends Required<GradeOptions> {
  readonly from: string | undefined
  readonly sheet: boolean | undefined
  readonly similar: boolean | undefined
}

/** `vnet grade`. A student where the sheet would be gives each check one point. */
export async function gradeStudents(
  students: readonly string[],
  { from, sheet, similar, ...options }: GradeCommandOptions,
  io: Io,
): Promise<number> {
  const exercises = await loadExercises(from)
  if (sheet) {
    if (students.length > 0) {
      throw new UsageError(`grade: --sheet takes no students, but got '${students[0]}'`)
    }
    io.out(sheetOf(exercises))
    return EXIT_OK
  }
  const { points, report } = options
  // A shell puts the first of students/* there if it is forgotten.
  if (report !== undefined && isStudent(report, exercises)) {
    throw new UsageError(
      `grade: --report needs a directory of its own before the students, and ${report} is a student's`,
    )
  }
  if (points !== undefined && isDirectory(points)) {
    return grade([points, ...students], exercises, { ...options, points: '' }, io, 'grade')
  }
  if (students.length === 0) {
    throw new UsageError('grade: no students; give their directories, such as students/*')
  }
  if (similar) {
    similarDrivers(submissionsIn(students, exercises, 'grade'), options.json === true, io)
    return EXIT_OK
  }
  return grade(students, exercises, options, io, 'grade')
}

/** Returns the exit status: 0 if everyone passed everything. Not run is not passed. */
export async function grade(
  paths: readonly string[],
  exercises: readonly Exercise[],
  options: GradeOptions,
  io: Io,
  by = 'check',
): Promise<number> {
  const submissions = submissionsIn(paths, exercises, by)
  const { points, json, csv, report } = options
  const graded = new Set(submissions.map(({ exercise }) => exercise))
  const sheet = points ? readSheet(points, exercises, [...graded]) : undefined
  const settings = settingsOf(options, by)
  const reports = report === undefined ? undefined : new Reports(report, submissions, settings)
  if (csv) {
    const columns = points === undefined ? [] : ['points', 'most', 'notRun']
    io.out(
      csvLine(['student', 'exercise', 'verdict', 'passed', 'checks', ...columns, 'failed', 'seen']),
    )
  }
  const gradeAndReport = async (submission: Submission): Promise<Grade> => {
    const done = reports?.earlier(submission) ?? (await gradeOne(submission, settings))
    const score = points === undefined ? {} : scoreOf(submission.exercise, done.results, sheet)
    reports?.add(submission, done, score)
    return { ...done, ...score }
  }
  const jobs = options.jobs ?? availableParallelism()
  const grades = await inOrder(submissions, jobs, gradeAndReport, done => {
    if (json || csv) {
      io.out(json ? `${JSON.stringify(done)}\n` : csvRow(done))
    }
  })
  if (!json && !csv) {
    io.out(`${table(grades)}${summary(grades)}${reports?.summary ?? ''}`)
  }
  return grades.every(({ verdict }) => verdict === 'passed') ? EXIT_OK : EXIT_FAILURE
}

/** Returns how drivers are checked. Throws a UsageError if they cannot be confined. */
function settingsOf({ unsafe, memoryOnly, report }: GradeOptions, by: string): GradeSettings {
  const whyNot = unsafe ? undefined : whyNotConfined()
  if (whyNot !== undefined) {
    throw new UsageError(
      `${by}: drivers of others run only where they do no harm: ${whyNot}; or give --unsafe`,
    )
  }
  return {
    whyNotLive: memoryOnly ? MEMORY_ONLY : whyNoTun(),
    isConfined: unsafe !== true,
    isWhole: report !== undefined,
  }
}

/**
 * Runs a job for each item, `most` of them at the same time, and returns their results. `onDone`
 * gets them in the order of the items, each as soon as those before it are done.
 */
async function inOrder<T, R>(
  items: readonly T[],
  most: number,
  run: (item: T) => Promise<R>,
  onDone: (result: R) => void,
): Promise<R[]> {
  const results: R[] = []
  const waiting = items.map((item, at) => ({ item, at }))
  let notified = 0
  const job = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results[next.at] = await run(next.item)
      for (; notified in results; notified++) {
        onDone(results[notified] as R)
      }
    }
  }
  await Promise.all(Array.from({ length: most }, job))
  return results
}

/** The width of a table, characters. --csv and --json have the whole text. */
const COLUMNS = 120

/** One line about the check that was not passed, for tables and rows. */
function remark({ results }: Grade): { title: string; seen: string } {
  const found =
    results.find(({ result }) => result === 'failed') ??
    results.find(({ result }) => result !== 'passed')
  return { title: found?.title ?? '', seen: printable(found?.seen ?? found?.why ?? '') }
}

function table(grades: readonly Grade[]): string {
  const rows = grades.map(each => {
    const { title, seen } = remark(each)
    const { student, exercise, verdict, passed, checks, points, most, notRun: pending } = each
    const score =
      points === undefined
        ? []
        : [`${points}/${most}${pending === 0 ? '' : ` (${pending} not run)`}`]
    return [
      student,
      exercise,
      verdict,
      `${passed}/${checks}`,
      ...score,
      title && `${title}: ${seen}`,
    ]
  })
  const columns = grades[0]?.points === undefined ? [] : ['points']
  const failed = rows.some(row => row.at(-1)) ? 'failed' : ''
  return alignLeft([['student', 'exercise', 'verdict', 'checks', ...columns, failed], ...rows])
    .map(line => `${line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line}\n`)
    .join('')
}

/** `2 of 3 passed, 1 missing`. */
function summary(grades: readonly Grade[]): string {
  const count = (verdict: Grade['verdict']) =>
    grades.filter(each => each.verdict === verdict).length
  const others = (['failed', 'not run', 'not graded', 'missing'] as const).filter(
    verdict => count(verdict) > 0,
  )
  const texts = [
    `${count('passed')} of ${grades.length} passed`,
    ...others.map(name => `${count(name)} ${name}`),
  ]
  return `${texts.join(', ')}\n`
}

function csvRow(each: Grade): string {
  const { title, seen } = remark(each)
  const { points, most = 0, notRun: pending = 0 } = each
  const score = points === undefined ? [] : [points, most, pending]
  return csvLine([
    each.student,
    each.exercise,
    each.verdict,
    each.passed,
    each.checks,
    ...score,
    title,
    seen,
  ])
}
