/** `vnet check --kernel` checks a kernel module in a machine that starts for it. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { GuestSetupError } from '@vnet/guest/kit'
import { UsageError } from 'vnet'
import { EXIT_FAILURE, EXIT_OK, type Io, PROGRAM } from 'vnet/kit/cli'
import { checkRegular, whyNotRootless } from 'vnet/kit/linux'
import type { Exercise, Result } from '../exercise.ts'
import { courseDirectory, exerciseNamed } from '../folder.ts'
import { buildGuest, findKernelFiles, whyNoKernel } from '../kernel/build.ts'
import type { KernelTask } from '../kernel/check.ts'
import { Progress } from '../progress.ts'
import type { Report } from '../run-memory.ts'

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
  if (exercise === undefined) {
    throw new UsageError(`check: --kernel needs an exercise, such as 03-ring, not '${what}'`)
  }
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
    const { addresses = ['198.18.0.1/24'], kernelCard: card } = exercise
    const task = { file, kernel, guest: buildGuest(), addresses, card }
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
  const command = [
    PROGRAM,
    'rootless',
    '--',
    process.execPath,
    WORKER,
    exercise.directory,
    JSON.stringify(task),
  ]
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
  createInterface({ input: child.stdout }).on('line', line =>
    progress.report(JSON.parse(line) as Report),
  )
  const status = await new Promise(done =>
    child.on('error', done).on('close', (code, signal) => done(signal ?? code)),
  )
  clearTimeout(limit)
  process.off('exit', end)
  if (!progress.isComplete) {
    progress.fail({
      seen: `the checks did not end in ${LIMIT_MS / 1000} s (${status})`,
      expected: 'an end',
    })
  }
  return hasPassed && !progress.hasFailed ? EXIT_OK : EXIT_FAILURE
}
