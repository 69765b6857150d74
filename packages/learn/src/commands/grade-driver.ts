/** The grade of one driver: its checks in memory, then the live ones, and a verdict. */
import { realpathSync } from 'node:fs'
import { dirname, sep } from 'node:path'
import { type CheckPlace, type Exercise, notRun, type Result, resultOf } from '../exercise.ts'
import { driverFileIn } from '../folder.ts'
import { EARLIER_FAILED, NotChecked } from '../progress.ts'
import { runWorker } from '../worker.ts'
import { type scoreOf, titlesOf } from './points.ts'
import type { Submission } from './submissions.ts'

export interface Grade extends Partial<ReturnType<typeof scoreOf>> {
  readonly student: string
  readonly exercise: string
  readonly verdict: 'passed' | 'failed' | 'not run' | 'not graded' | 'missing'
  readonly passed: number
  readonly checks: number
  readonly results: readonly Result[]
  /** In a report: the results of the checks after the first failed one. They do not count. */
  readonly further?: readonly Result[]
}

/** How all drivers of a class are checked. */
export interface GradeSettings {
  /** Why no check runs on live interfaces; undefined: they run. */
  readonly whyNotLive: string | undefined
  readonly isConfined: boolean
  /** Also runs the checks after a failed one, in the same place. */
  readonly isWhole: boolean
}

const isFailed = ({ result }: Result): boolean => result === 'failed'

/** Returns the grade of a submission. Nothing of its output is printed. */
export async function gradeOne(submission: Submission, settings: GradeSettings): Promise<Grade> {
  const { student, exercise, directory } = submission
  const titles = titlesOf(exercise)
  const file = directory === undefined ? undefined : driverFileIn(directory, exercise)
  const whole = { student, exercise: exercise.name, checks: titles.length }
  if (directory === undefined || file === undefined) {
    return { ...whole, verdict: 'missing', passed: 0, results: [] }
  }
  const results: Result[] = []
  const isGraded = await addResults(exercise, { directory, file }, settings, results)
  const passed = results.filter(
    ({ title, result }) => result === 'passed' && titles.includes(title),
  ).length
  if (!isGraded) return { ...whole, verdict: 'not graded', passed, results }
  const failed = results.find(isFailed)
  const unfailed = passed === titles.length ? 'passed' : 'not run'
  const grade: Grade = { ...whole, verdict: failed ? 'failed' : unfailed, passed, results }
  if (failed === undefined || !settings.isWhole) return grade
  return { ...grade, further: await resultsAfter(failed, exercise, file, settings.isConfined) }
}

/** Adds the results up to the first failure. Returns false if vnet itself fails meanwhile. */
async function addResults(
  exercise: Exercise,
  { directory, file }: { readonly directory: string; readonly file: string },
  { whyNotLive, isConfined }: GradeSettings,
  results: Result[],
): Promise<boolean> {
  const add = (result: Result) => results.push(result)
  // Neither is a symbolic link out of the student's directory.
  if (!realpathSync(file).startsWith(realpathSync(dirname(directory)) + sep)) {
    const expected = 'files of the directory only, and no symbolic links out of it'
    const problem = { seen: `${file} leads out of it`, expected }
    add(resultOf('memory', { title: 'the driver file loads' }, problem))
    return true
  }
  // The output of a driver is not a result.
  const run = (where: CheckPlace) => runWorker(exercise, where, file, add, () => {}, { isConfined })
  try {
    await run('memory')
    if (!results.some(isFailed) && whyNotLive === undefined) {
      await run('live')
    }
  } catch (error) {
    if (!(error instanceof NotChecked)) throw error
    const [title = ''] = titlesOf(exercise).slice(results.length)
    add(notRun(title, results.length < exercise.memory.length ? 'memory' : 'live', error.message))
    return false
  }
  if (!results.some(isFailed) && whyNotLive !== undefined) {
    for (const { title } of exercise.live) {
      add(notRun(title, 'live', whyNotLive))
    }
  }
  return true
}

/**
 * Returns the results of the checks after a failed one, in the same place. A worker ends at its
 * first failure, so each failure starts another one. If the driver does not load, no check would
 * find more.
 */
async function resultsAfter(
  { title, where }: Result,
  exercise: Exercise,
  file: string,
  isConfined: boolean,
): Promise<Result[]> {
  const titles = exercise[where].map(check => check.title)
  const all: Result[] = []
  let failedAt = titles.indexOf(title)
  while (failedAt >= 0 && failedAt < titles.length - 1) {
    const first = failedAt + 1
    const found: Result[] = []
    const add = (result: Result) => found.push(result)
    try {
      await runWorker(exercise, where, file, add, () => {}, { isConfined, first })
    } catch (error) {
      if (!(error instanceof NotChecked)) throw error
      const [next = ''] = titles.slice(first + found.length)
      return [...all, ...found, notRun(next, where, error.message)]
    }
    all.push(...found.filter(({ why }) => why !== EARLIER_FAILED))
    const failed = found.find(isFailed)
    failedAt = failed === undefined ? -1 : titles.indexOf(failed.title, first)
  }
  return all
}
