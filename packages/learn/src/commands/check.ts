/** `vnet check`: runs an exercise's checks on a driver, in memory and then on live interfaces. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { UsageError } from 'vnet'
import { optionName, printable } from 'vnet/kit/base'
import { EXIT_FAILURE, EXIT_OK, type Io, isDriverFile } from 'vnet/kit/cli'
import { whyNoTun, whyNotConfined, whyNotRootless } from 'vnet/kit/linux'
import {
  type CheckPlace,
  counter,
  countsOf,
  type Exercise,
  notRun,
  type Result,
  titleOf,
  VERDICTS,
} from '../exercise.ts'
import {
  courseDirectory,
  driverFileIn,
  exerciseNamed,
  exerciseOfPath,
  markDone,
  notedExercise,
} from '../folder.ts'
import { EARLIER_FAILED } from '../progress.ts'
import { MEMORY_ONLY, runWorker } from '../worker.ts'
import { checkExercises, orNotChecked } from './check-exercise.ts'
import { checkKernel } from './check-kernel.ts'
import { isExercise, loadExercises } from './exercise-file.ts'
import { type GradeOptions, grade } from './grade.ts'
import { isStudent, missingFile } from './submissions.ts'

interface CheckOptions extends GradeOptions {
  readonly from: string | undefined
  readonly mistakes: boolean | undefined
  readonly kernel: boolean | undefined
  readonly requireLive: boolean | undefined
}

type Task = Readonly<{ exercise: Exercise; file: string }>

/** Throws a UsageError for an option that `what` would ignore. */
function refuse(options: CheckOptions, names: readonly (keyof CheckOptions)[], what: string): void {
  const given = names.find(name => options[name] !== undefined)
  if (given !== undefined) throw new UsageError(`check: --${optionName(given)} ${what}`)
}

/** Returns 1 if a check failed or, for grades and with --require-live, was not run. */
export async function check(
  paths: readonly string[],
  options: CheckOptions,
  io: Io,
): Promise<number> {
  if (options.mistakes) {
    const others = ['from', 'kernel', 'requireLive', 'json', 'csv', 'jobs', 'unsafe'] as const
    refuse(options, others, 'has no meaning with --mistakes')
    const all = await Promise.all((paths.length > 0 ? paths : [undefined]).map(loadExercises))
    return checkExercises(all.flat(), options, io)
  }
  const exercises = await loadExercises(options.from)
  const [what, cFile] = paths
  if (options.kernel) {
    refuse(
      options,
      ['memoryOnly', 'requireLive', 'csv', 'jobs', 'unsafe'],
      'has no meaning with --kernel',
    )
    if (paths.length > 2) throw new UsageError(`check: too many arguments: '${paths[2]}'`)
    return checkKernel([what, cFile], exercises, printer(options, io, ', in the kernel'), io)
  }
  if (paths.length > 1 || (what !== undefined && isStudent(what, exercises))) {
    refuse(
      options,
      ['requireLive'],
      'has no meaning for directories of students: not run is not passed',
    )
    return grade(paths, exercises, options, io)
  }
  refuse(options, ['csv', 'unsafe', 'jobs'], 'is for the directories of students')
  const tasks = what === undefined ? tasksHere(exercises) : [taskOf(what, exercises)]
  let status = EXIT_OK
  for (const task of tasks) {
    const isPassed = await orNotChecked(checkOne(task, exercises, options, io), io)
    if (!isPassed) {
      status = EXIT_FAILURE
    }
  }
  return status
}

/**
 * Returns the exercise of this directory, or the exercises in it. Throws a UsageError without any.
 */
function tasksHere(exercises: readonly Exercise[]): Task[] {
  const here = exerciseIn('.', exercises)
  if (here !== undefined) return [taskIn('.', here)]
  const tasks = exercises.flatMap(exercise => {
    const file = driverFileIn(exercise.name, exercise)
    return file === undefined ? [] : [{ exercise, file }]
  })
  if (tasks.length > 0) return tasks
  for (const name of readdirSync('.')) {
    exerciseIn(name, exercises)
  }
  throw new UsageError('check: no exercise is in this directory; vnet learn lists them')
}

/**
 * Returns the exercise with the directory's name; undefined if it does not exist. Throws a
 * UsageError if the directory is, or was written for, another exercise: the program of an exercise
 * runs with all rights, so only --from selects it.
 */
function exerciseIn(directory: string, exercises: readonly Exercise[]): Exercise | undefined {
  const named = exercises.find(({ name }) => name === basename(resolve(directory)))
  if (named !== undefined) return named
  const other = isExercise(directory) ? resolve(directory) : notedExercise(directory)
  if (other === undefined) return undefined
  throw new UsageError(
    `check: ${directory} is for the exercise ${printable(other)}, whose program would run with your rights: ` +
      'if you trust it, give it with --from',
  )
}

function taskOf(what: string, exercises: readonly Exercise[]): Task {
  const named = exerciseNamed(what, exercises)
  if (named !== undefined) {
    const isHere = basename(resolve('.')) === named.name
    return taskIn(isHere ? '.' : join(courseDirectory(exercises), named.name), named)
  }
  if (!existsSync(what)) throw missingFile(what)
  const isDirectory = statSync(what).isDirectory()
  const exercise =
    exerciseIn(isDirectory ? what : dirname(what), exercises) ?? exerciseOfPath(what, exercises)
  if (exercise === undefined) {
    throw new UsageError(
      `check: ${what} is in no directory that is named after an exercise, such as 01-drop`,
    )
  }
  if (isDirectory) return taskIn(what, exercise)
  if (!isDriverFile(what)) {
    throw new UsageError(`check: ${what} is no driver: a driver file ends in .js, .mjs or .ts`)
  }
  return { exercise, file: what }
}

function taskIn(directory: string, exercise: Exercise): Task {
  const file = driverFileIn(directory, exercise)
  if (file === undefined) {
    const text = `check: no ${exercise.driver} in ${directory}; vnet learn ${exercise.name} writes one`
    throw new UsageError(text, { cause: directory })
  }
  return { exercise, file }
}

async function checkOne(
  { exercise, file }: Task,
  exercises: readonly Exercise[],
  options: CheckOptions,
  io: Io,
): Promise<boolean> {
  const results: Result[] = []
  const print = printer(options, io)(exercise, file)
  const add = (result: Result): void => {
    results.push(result)
    print(result)
  }
  // One's own driver may run where it cannot be confined.
  const isConfined = whyNotConfined() === undefined
  const run = (place: CheckPlace) =>
    runWorker(exercise, place, resolve(file), add, text => io.err(text), { isConfined })
  await run('memory')
  const count = counter(results)
  const whyNotLive = () => (isConfined ? whyNoTun() : whyNotRootless())
  const whyNot = () => (count('failed') > 0 ? EARLIER_FAILED : whyNotLive())
  const why = options.memoryOnly ? MEMORY_ONLY : whyNot()
  if (why === undefined) {
    await run('live')
  } else {
    for (const { title } of exercise.live) {
      add(notRun(title, 'live', why))
    }
  }
  const isPassed = count('failed') === 0 && (!options.requireLive || count('not run') === 0)
  // A learner on a machine without live interfaces gets on, too.
  const isUsual = driverFileIn(dirname(resolve(file)), exercise) === resolve(file)
  if (isPassed && !options.memoryOnly && isUsual) {
    markDone(file)
  }
  if (!options.json) {
    io.out(summary(exercise.name, exercises, results, options.from))
  }
  return isPassed
}

/** Returns what prints the results of a file. */
const printer =
  (options: CheckOptions, io: Io, where = '') =>
  (exercise: Exercise, file: string) => {
    if (!options.json) {
      io.out(`${exercise.name}: ${exercise.title}${where}\n`)
    }
    const print = options.json ? jsonLine : textLines
    return (result: Result) => io.out(print(exercise, file, result))
  }

const jsonLine = ({ name }: Exercise, file: string, result: Result): string =>
  `${JSON.stringify({ exercise: name, file, ...result })}\n`

function textLines({ name }: Exercise, file: string, found: Result): string {
  const { result, seen, expected, read, logged = [], why } = found
  // The summary counts them.
  if (why === EARLIER_FAILED) return ''
  const lines = [`${VERDICTS[result].padEnd(8)}${titleOf(found)}`]
  const page = join(dirname(file), 'README.md')
  const shown = existsSync(page) ? relative('.', page) : `the page of ${name}`
  if (seen !== undefined) {
    lines.push(`seen:      ${seen}`, `expected:  ${expected}`, `read:      ${shown}, "${read}"`)
  }
  for (const line of logged) {
    lines.push(`logged:    ${line}`)
  }
  return `${lines.join('\n        ')}\n`
}

function summary(
  name: string,
  exercises: readonly Exercise[],
  results: readonly Result[],
  from?: string,
): string {
  const counts = countsOf(results)
  if (counter(results)('failed') > 0) return `${name}: ${counts}\n`
  const at = exercises.findIndex(exercise => exercise.name === name)
  const after = at === -1 ? undefined : exercises[at + 1]
  const source = from === undefined ? '' : ` --from ${from}`
  return `${name}: ${counts}.${after === undefined ? '' : ` Next: vnet learn${source} ${after.name}`}\n`
}
