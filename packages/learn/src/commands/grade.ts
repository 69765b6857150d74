/** `vnet grade` and `vnet check students/*`: check drivers of others, and print a score each. */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { UsageError } from 'vnet'
import { printable } from 'vnet/kit/base'
import { alignLeft, EXIT_FAILURE, EXIT_OK, type Io } from 'vnet/kit/cli'
import { whyNoTun, whyNotConfined } from 'vnet/kit/linux'
import { type Exercise, notRun, type Result, resultOf } from '../exercise.ts'
import { driverFileIn } from '../folder.ts'
import { NotChecked } from '../progress.ts'
import { MEMORY_ONLY, runWorker } from '../worker.ts'
import { loadExercises } from './exercise-file.ts'
import { csvLine, readSheet, scoreOf, sheetOf, titlesOf } from './points.ts'

/** The options of both commands. */
export interface GradeOptions {
  readonly memoryOnly: boolean | undefined
  readonly json: boolean | undefined
  readonly csv: boolean | undefined
  readonly unsafe: boolean | undefined
  readonly jobs: number | undefined
  /** The file of the sheet; empty: one point for each check. */
  readonly points?: string | undefined
}

interface GradeCommandOptions extends Required<GradeOptions> {
  readonly from: string | undefined
  readonly sheet: boolean | undefined
}

/** A student's directory for one exercise. */
interface Submission {
  readonly student: string
  readonly exercise: Exercise
  /** The directory; undefined if the student has none. */
  readonly directory: string | undefined
}

interface Grade extends Partial<ReturnType<typeof scoreOf>> {
  readonly student: string
  readonly exercise: string
  readonly verdict: 'passed' | 'failed' | 'not run' | 'not graded' | 'missing'
  readonly passed: number
  readonly checks: number
  readonly results: readonly Result[]
}

/** Returns the error for a path that does not exist; its cause is the path. */
export function missingFile(path: string, by = 'check'): UsageError {
  return new UsageError(
    `${by}: '${path}' is neither an exercise nor a file; vnet learn lists them`,
    { cause: path },
  )
}

/** Returns whether a path is a student's directory: directories in it are named after exercises. */
export const isStudent = (path: string, exercises: readonly Exercise[]): boolean =>
  isDirectory(path) && exercises.some(({ name }) => isDirectory(join(path, name)))

/** `vnet grade`. A student where the sheet would be gives each check one point. */
export async function gradeStudents(
  students: readonly string[],
  { from, sheet, ...options }: GradeCommandOptions,
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
  const { points } = options
  if (points !== undefined && isDirectory(points)) {
    return grade([points, ...students], exercises, { ...options, points: '' }, io, 'grade')
  }
  if (students.length === 0) {
    throw new UsageError('grade: no students; give their directories, such as students/*')
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
  const { points } = options
  const graded = new Set(submissions.map(({ exercise }) => exercise))
  const sheet = points ? readSheet(points, exercises, [...graded]) : undefined
  const whyNot = options.unsafe ? undefined : whyNotConfined()
  if (whyNot !== undefined) {
    throw new UsageError(
      `${by}: drivers of others run only where they do no harm: ${whyNot}; or give --unsafe`,
    )
  }
  const whyNotLive = options.memoryOnly ? MEMORY_ONLY : whyNoTun()
  const columns = points === undefined ? [] : ['points', 'most', 'notRun']
  if (options.csv) {
    io.out(
      csvLine(['student', 'exercise', 'verdict', 'passed', 'checks', ...columns, 'failed', 'seen']),
    )
  }
  const grades: Grade[] = []
  const waiting = submissions.map((submission, at) => ({ submission, at }))
  /** Printed in the order of the submissions, each as soon as those before it are done. */
  let printed = 0
  const job = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const done = await gradeOne(next.submission, whyNotLive, options.unsafe !== true)
      const score =
        points === undefined ? {} : scoreOf(next.submission.exercise, done.results, sheet)
      grades[next.at] = { ...done, ...score }
      if (!options.json && !options.csv) continue
      for (; grades[printed] !== undefined; printed++) {
        const line = grades[printed] as Grade
        io.out(options.json ? `${JSON.stringify(line)}\n` : csvRow(line))
      }
    }
  }
  await Promise.all(Array.from({ length: options.jobs ?? availableParallelism() }, job))
  if (!options.json && !options.csv) {
    io.out(`${table(grades)}${summary(grades)}`)
  }
  return grades.every(({ verdict }) => verdict === 'passed') ? EXIT_OK : EXIT_FAILURE
}

/** All students times all exercises of one of them. `paths` may be students' or exercises'. */
function submissionsIn(
  paths: readonly string[],
  exercises: readonly Exercise[],
  by: string,
): Submission[] {
  const missing = paths.find(path => !existsSync(path))
  if (missing !== undefined) throw missingFile(missing, by)
  const directories = paths.filter(isDirectory).map(path => resolve(path))
  /** By the directory of the student. */
  const found = new Map<string, Map<string, string>>()
  for (const directory of directories) {
    const isExercise = exercises.some(({ name }) => name === basename(directory))
    const whole = isExercise ? dirname(directory) : directory
    const other = [...found.keys()].find(
      each => each !== whole && basename(each) === basename(whole),
    )
    if (other !== undefined) {
      const advice = 'check one at a time, or give exercises that are not of the course with --from'
      throw new UsageError(
        `${by}: ${other} and ${whole} would have the same name in the result: ${advice}`,
      )
    }
    const own = found.get(whole) ?? new Map<string, string>()
    found.set(whole, own)
    if (isExercise) {
      own.set(basename(directory), directory)
    } else {
      for (const { name } of exercises) {
        if (isDirectory(join(directory, name))) {
          own.set(name, join(directory, name))
        }
      }
    }
  }
  const used = exercises.filter(({ name }) => [...found.values()].some(own => own.has(name)))
  if (used.length === 0) {
    throw new UsageError(
      `${by}: no exercise is in ${paths.join(', ')}; vnet learn lists them, and --from others`,
    )
  }
  return [...found].flatMap(([whole, own]) =>
    used.map(exercise => ({
      student: basename(whole),
      exercise,
      directory: own.get(exercise.name),
    })),
  )
}

async function gradeOne(
  submission: Submission,
  whyNotLive: string | undefined,
  isConfined: boolean,
): Promise<Grade> {
  const { student, exercise, directory } = submission
  const titles = titlesOf(exercise)
  const results: Result[] = []
  const file = directory === undefined ? undefined : driverFileIn(directory, exercise)
  const whole = { student, exercise: exercise.name, checks: titles.length }
  if (directory === undefined || file === undefined) {
    return { ...whole, verdict: 'missing', passed: 0, results }
  }
  const add = (result: Result) => results.push(result)
  const failed = () => results.some(({ result }) => result === 'failed')
  // Neither is a symbolic link out of the student's directory.
  if (realpathSync(file).startsWith(realpathSync(dirname(directory)) + sep)) {
    // The output of a driver is not a result.
    const run = (where: 'memory' | 'live') =>
      runWorker(exercise, where, file, add, () => {}, isConfined)
    try {
      await run('memory')
      if (!failed() && whyNotLive === undefined) {
        await run('live')
      }
    } catch (error) {
      if (!(error instanceof NotChecked)) throw error
      const [title = ''] = titles.slice(results.length)
      add(notRun(title, results.length < exercise.memory.length ? 'memory' : 'live', error.message))
      const passed = results.filter(({ result }) => result === 'passed').length
      return { ...whole, verdict: 'not graded', passed, results }
    }
    if (!failed() && whyNotLive !== undefined) {
      for (const { title } of exercise.live) {
        add(notRun(title, 'live', whyNotLive))
      }
    }
  } else {
    const expected = 'files of the directory only, and no symbolic links out of it'
    add(
      resultOf(
        'memory',
        { title: 'the driver file loads' },
        { seen: `${file} leads out of it`, expected },
      ),
    )
  }
  const passed = results.filter(
    ({ title, result }) => result === 'passed' && titles.includes(title),
  ).length
  const unfailed = passed === titles.length ? 'passed' : 'not run'
  const verdict = failed() ? 'failed' : unfailed
  return { ...whole, verdict, passed, results }
}

const isDirectory = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

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
