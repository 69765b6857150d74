/** `vnet check --mistakes` checks exercises themselves, for their authors; `--kernel` a module. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { GuestSetupError } from '@vnet/guest/internal/programs'
import { UsageError } from 'vnet/internal/base/usage-error'
import { importFile } from 'vnet/internal/cli/driver-file'
import { PROGRAM } from 'vnet/internal/cli/own-package'
import { EXIT_FAILURE, EXIT_OK, type Io } from 'vnet/internal/cli/process/io'
import { checkRegular, makeTemporaryDirectory, writeFile } from 'vnet/internal/linux/index'
import { whyNotRootless } from 'vnet/internal/linux/rootless'
import { type CheckPlace, type Exercise, type Mistake, type Result, USUAL_HEADING, withMistake } from '../exercise.ts'
import { courseDirectory, exerciseNamed } from '../folder.ts'
import { buildGuest, findKernelFiles, whyNoKernel } from '../kernel/build.ts'
import type { KernelTask } from '../kernel/check.ts'
import { NotChecked, Progress } from '../progress.ts'
import type { Report } from '../run-memory.ts'
import { runWorker } from '../worker.ts'

/** Returns the exit status: 1 if a solution fails, or a skeleton or a mistake is not found. */
export async function checkExercises(
  exercises: readonly Exercise[],
  options: { readonly memoryOnly?: boolean | undefined },
  io: Io,
): Promise<number> {
  const why = options.memoryOnly ? '--memory-only' : whyNotRootless()
  let status = EXIT_OK
  for (const exercise of exercises) {
    io.out(`${exercise.name}: ${exercise.title}\n`)
    const check = async () => {
      for await (const { title, problem } of statements(exercise, why)) {
        io.out(problem === undefined ? `ok      ${title}\n` : `FAILED  ${title}: ${problem}\n`)
        if (problem !== undefined) status = EXIT_FAILURE
      }
      return true
    }
    if (!(await orNotChecked(check(), io))) status = EXIT_FAILURE
  }
  return status
}

/** Returns what `check` does, or prints why nothing was checked, and returns false. */
export async function orNotChecked(check: Promise<boolean>, io: Io): Promise<boolean> {
  try {
    return await check
  } catch (error) {
    if (!(error instanceof NotChecked)) throw error
    io.err(`vnet: check: ${error.message}\n`)
    return false
  }
}

/** `whyNotLive` is why no check runs on live interfaces. */
async function* statements(exercise: Exercise, whyNotLive: string | undefined) {
  const { directory, driver } = exercise
  const solution = join(directory, 'solution.js')
  const list = join(directory, 'mistakes.js')
  const missing = [solution, list].find(file => !existsSync(file))
  if (missing !== undefined) throw new UsageError(`check: no ${missing}, which --mistakes is about`, { cause: missing })
  const isLive = whyNotLive === undefined
  const failure = await firstFailure(exercise, solution, isLive)
  yield { title: 'the solution passes', problem: failure && `${failure.title}: ${textOf(failure)}` }
  const skeleton = await firstFailure(exercise, join(directory, driver), isLive)
  yield { title: 'the skeleton fails', problem: skeleton ? undefined : 'all checks passed' }
  const headings = headingsOf(exercise)
  const named = [...exercise.memory, ...exercise.live, ...(exercise.rules ?? [])].map(
    ({ read = USUAL_HEADING }) => read,
  )
  const unknown = named.find(read => !headings.has(read))
  const known = [...headings].join(', ')
  yield {
    title: 'README.md has the headings that the checks name',
    problem: unknown === undefined ? undefined : `no heading '${unknown}'; it has: ${known}`,
  }
  const { mistakes } = (await importFile(list)) as { mistakes: readonly Mistake[] }
  for (const mistake of mistakes) {
    if (mistake.isLive && !isLive) continue
    const title = `${mistake.name} is explained`
    const found = await withText(withMistake(readFileSync(solution, 'utf8'), mistake), driver, file =>
      firstFailure(exercise, file, isLive),
    )
    const text = found === undefined ? 'all checks passed' : textOf(found)
    const isRead = found?.read === undefined || headings.has(found.read)
    const problem = found && text.includes(mistake.explainedBy) ? undefined : text
    yield { title, problem: isRead ? problem : `no heading '${found.read}' in README.md; it has: ${known}` }
  }
}

/** The headings of the page. A `#` in an example of code is not one. */
function headingsOf({ directory }: Exercise): Set<string> {
  const page = readFileSync(join(directory, 'README.md'), 'utf8').replaceAll(/^```.*?^```/gms, '')
  return new Set([...page.matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading]) => heading as string))
}

const textOf = ({ seen, expected, logged = [] }: Result): string =>
  [`${seen}; expected: ${expected}`, ...logged].join('; ')

async function firstFailure(exercise: Exercise, file: string, isLive: boolean): Promise<Result | undefined> {
  const results: Result[] = []
  const failed = () => results.find(({ result }) => result === 'failed')
  const add = (result: Result) => results.push(result)
  const run = (place: CheckPlace) => runWorker(exercise, place, file, add, () => {})
  await run('memory')
  if (isLive && failed() === undefined) await run('live')
  return failed()
}

/** Calls `check` with a file that has the text. */
async function withText<T>(text: string, name: string, check: (file: string) => Promise<T>): Promise<T> {
  const directory = makeTemporaryDirectory('vnet-course-')
  try {
    const file = join(directory, name)
    writeFile(file, text)
    writeFile(join(directory, 'package.json'), '{ "type": "module" }')
    return await check(file)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** src and dist are equally deep. */
const WORKER = fileURLToPath(new URL('../../dist/commands/kernel-worker.js', import.meta.url))

/** Milliseconds for all checks of an exercise, with the build and the start of the machine. */
const LIMIT_MS = 180_000

type Print = (result: Result) => void

/** Returns the exit status: 1 if a check failed or none was run. */
export async function checkKernel(
  [what = '', given]: readonly (string | undefined)[],
  exercises: readonly Exercise[],
  print: (exercise: Exercise, file: string) => Print,
  io: Io,
): Promise<number> {
  const exercise = exerciseNamed(what, exercises)
  if (exercise === undefined) throw new UsageError(`check: --kernel needs an exercise, such as 03-ring, not '${what}'`)
  const file = resolve(given ?? join(courseDirectory(exercises), exercise.name, cFileOf(exercise)))
  if (!file.endsWith('.c')) throw new UsageError(`check: ${given} is not a C file`)
  if (!existsSync(file)) {
    const missing = `check: no ${given ?? file}; vnet learn --kernel ${exercise.name} writes a skeleton`
    throw new UsageError(missing, { cause: file })
  }
  checkRegular(file)
  try {
    const why = whyNoKernel() ?? whyNotRootless()
    if (why !== undefined) throw new GuestSetupError(why)
    const add = print(exercise, file)
    const kernel = findKernelFiles(line => io.err(`${line}\n`))
    const { addresses = ['198.18.0.1/24'] } = exercise
    const task = { file, kernel, guest: buildGuest(), addresses }
    return await runInKernel(exercise, task, add)
  } catch (error) {
    if (!(error instanceof GuestSetupError)) throw error
    io.err(`vnet: check: ${error.message}\n`)
    return EXIT_FAILURE
  }
}

/** `ring.c`, for 03-ring. */
export const cFileOf = ({ driver }: Exercise): string => driver.replace(/\.js$/, '.c')

/** Runs the checks in a namespace that is made for them, and ends them when they are late. */
async function runInKernel(exercise: Exercise, task: KernelTask, add: Print): Promise<number> {
  const command = [PROGRAM, 'rootless', '--', process.execPath, WORKER, exercise.directory, JSON.stringify(task)]
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] })
  const end = () => child.kill('SIGTERM')
  process.once('exit', end)
  const limit = setTimeout(end, LIMIT_MS)
  let hasPassed = false
  const titles = exercise.live.map(({ title }) => title)
  const progress = new Progress('live', titles, result => {
    hasPassed ||= result.result === 'passed'
    add(result)
  })
  createInterface({ input: child.stdout }).on('line', line => progress.report(JSON.parse(line) as Report))
  const status = await new Promise(done => child.on('error', done).on('close', (code, signal) => done(signal ?? code)))
  clearTimeout(limit)
  process.off('exit', end)
  if (!progress.isComplete)
    progress.fail({ seen: `the checks did not end in ${LIMIT_MS / 1000} s (${status})`, expected: 'an end' })
  return hasPassed && !progress.hasFailed ? EXIT_OK : EXIT_FAILURE
}
