/**
 * `vnet check`: runs the checks of an exercise on a learner's driver. The checks in memory run
 * first. If they all pass, the checks on live interfaces run in their own namespaces.
 */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { UsageError } from '../../base/usage-error.ts'
import type { CheckPlace, Exercise, Result } from '../../course/exercise.ts'
import { exercises } from '../../course/exercises/index.ts'
import { courseDirectory, driverFileIn, exerciseNamed, exerciseOfPath, markDone } from '../../course/folder.ts'
import { EARLIER_FAILED, runWorker } from '../../course/worker.ts'
import { whyNotRootless } from '../../linux/rootless.ts'
import { isDriverFile } from '../driver-file.ts'
import { EXIT_FAILURE, EXIT_OK, type Io } from '../io.ts'

interface CheckOptions {
  readonly memoryOnly?: boolean
  readonly json?: boolean
}

/** An exercise and the driver file to check. */
interface Task {
  readonly exercise: Exercise
  readonly file: string
}

/** Returns the exit status: 1 if a check failed. Checks that were not run do not count. */
export async function check(what: string | undefined, options: CheckOptions, io: Io): Promise<number> {
  const tasks = what === undefined ? tasksHere() : [taskOf(what)]
  let status = EXIT_OK
  for (const task of tasks) if (!(await checkOne(task, options, io))) status = EXIT_FAILURE
  return status
}

/** The exercise of this directory, or the exercises in it. */
function tasksHere(): Task[] {
  const here = exercises.find(({ name }) => name === basename(resolve('.')))
  if (here !== undefined) return [taskIn('.', here)]
  const tasks = exercises.flatMap(exercise => {
    const file = driverFileIn(exercise.name)
    return file === undefined ? [] : [{ exercise, file }]
  })
  if (tasks.length === 0) throw new UsageError('check: no exercise is in this directory; vnet learn lists them')
  return tasks
}

function taskOf(what: string): Task {
  const named = exerciseNamed(what, exercises)
  if (named !== undefined) {
    const isHere = basename(resolve('.')) === named.name
    return taskIn(isHere ? '.' : join(courseDirectory(exercises), named.name), named)
  }
  if (!existsSync(what))
    throw new UsageError(`check: '${what}' is neither an exercise nor a file; vnet learn lists them`)
  const exercise = exerciseOfPath(what, exercises)
  if (exercise === undefined) {
    throw new UsageError(`check: ${what} is in no directory that is named after an exercise, such as 01-drop`)
  }
  if (statSync(what).isDirectory()) return taskIn(what, exercise)
  if (!isDriverFile(what)) throw new UsageError(`check: ${what} is no driver: a driver file ends in .js, .mjs or .ts`)
  return { exercise, file: what }
}

function taskIn(directory: string, exercise: Exercise): Task {
  const file = driverFileIn(directory)
  if (file === undefined) {
    throw new UsageError(`check: no driver.js in ${directory}; vnet learn ${exercise.name} writes one`)
  }
  return { exercise, file }
}

/** Returns false if a check failed. */
async function checkOne({ exercise, file }: Task, options: CheckOptions, io: Io): Promise<boolean> {
  const results: Result[] = []
  const print = options.json ? jsonLine : textLines
  const add = (result: Result): void => {
    results.push(result)
    io.out(print(exercise, file, result))
  }
  if (!options.json) io.out(`${exercise.name}: ${exercise.title}\n`)
  const run = (place: CheckPlace) => runWorker(exercise, place, resolve(file), add, text => io.err(text))
  await run('memory')
  const failed = () => results.filter(({ result }) => result === 'failed').length
  const why = options.memoryOnly ? '--memory-only' : failed() > 0 ? EARLIER_FAILED : whyNotRootless()
  if (why === undefined) await run('live')
  else for (const { title } of exercise.live) add({ title, where: 'live', result: 'not run', why })
  // A learner on a machine without live interfaces gets on, too.
  if (failed() === 0 && !options.memoryOnly && driverFileIn(dirname(resolve(file))) === resolve(file)) markDone(file)
  if (!options.json) io.out(summary(exercise, results))
  return failed() === 0
}

function jsonLine({ name }: Exercise, file: string, result: Result): string {
  return `${JSON.stringify({ exercise: name, file, ...result })}\n`
}

const VERDICTS = { passed: 'ok', failed: 'FAILED', 'not run': 'not run' } as const

function textLines({ name }: Exercise, file: string, { title, where, result, ...rest }: Result): string {
  const { seen, expected, read, logged = [], why } = rest
  // The summary counts them.
  if (why === EARLIER_FAILED) return ''
  const lines = [`${VERDICTS[result].padEnd(8)}${where === 'live' ? 'live: ' : ''}${title}${why ? `: ${why}` : ''}`]
  const page = join(dirname(file), 'README.md')
  const shown = existsSync(page) ? relative('.', page) : `the page of ${name}`
  if (seen !== undefined) lines.push(`seen:      ${seen}`, `expected:  ${expected}`, `read:      ${shown}, "${read}"`)
  for (const line of logged) lines.push(`logged:    ${line}`)
  return `${lines.join('\n        ')}\n`
}

function summary({ name }: Exercise, results: readonly Result[]): string {
  const count = (which: Result['result']) => results.filter(({ result }) => result === which).length
  const [passed, failed, notRun] = [count('passed'), count('failed'), count('not run')]
  const left = notRun === 0 ? '' : `, ${notRun} not run`
  if (failed > 0) return `${name}: ${passed} passed, ${failed} failed${left && `${left} until it passes`}\n`
  const after = exercises[exercises.findIndex(exercise => exercise.name === name) + 1]
  return `${name}: ${passed} passed${left}.${after === undefined ? '' : ` Next: vnet learn ${after.name}`}\n`
}
