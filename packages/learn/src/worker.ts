/** Starts the worker of `vnet check`, passes on its results, and ends a driver that is stuck. */
import { spawn } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { PROGRAM } from 'vnet/kit/cli'
import { confined } from 'vnet/kit/linux'
import type { CheckPlace, Exercise, Result } from './exercise.ts'
import { NotChecked, Progress } from './progress.ts'
import type { Report } from './run-memory.ts'

/** src and dist are equally deep. */
const WORKER = fileURLToPath(new URL('../dist/commands/check-worker.js', import.meta.url))

/**
 * Seconds that a check may take. Live checks wait for programs, which have limits of their own. The
 * lockup watchdog notices a stuck driver earlier.
 */
const LIMITS_S = { memory: 30, live: 120 } as const
/** The line that only `report` of the watchdog (src/cli/lockup-worker.ts) makes. */
const LOCKUP = /^vnet: (.+) has not returned for (\d+) s/m

/** The line that only `mention` of the launcher (native/rootless/confine.cc) prints. */
const LIMITED = /^vnet: ended: (.+)$/m

/** How much of its standard error is kept, characters. */
const ERRORS_MAX = 4096

/** Why live checks are not run; spreadsheets would read a first `-` as a formula. */
export const MEMORY_ONLY = 'left out by --memory-only'

/** The files of a clone that the worker needs. The work of others is beside them. */
const OF_CLONE = ['build', 'dist', 'node_modules', 'package.json', 'packages', 'prebuilds']

/**
 * Returns what a confined worker sees in home, /tmp and /run besides the paths in its command: the
 * packages that it loads, and the directory of the driver, which is not one of these three itself.
 */
function visible(file: string): string[] {
  const root = join(dirname(PROGRAM), '..')
  const installed = [PROGRAM, WORKER].flatMap(path => /^.*?\/node_modules(?=\/)/.exec(path) ?? [])
  return [
    dirname(file),
    ...(installed.length > 0 ? installed : OF_CLONE.map(name => join(root, name))),
  ]
}

/** How a worker runs. */
interface WorkerOptions {
  /** Runs the checks without rights and with a minimal environment. */
  readonly isConfined?: boolean
  /** The position of the first check; those before it are left out. */
  readonly first?: number
}

/** Returns the command that starts the worker, and its environment. */
function commandOf(
  { directory }: Exercise,
  where: CheckPlace,
  file: string,
  { isConfined, first }: Required<WorkerOptions>,
) {
  const path = realpathSync(file)
  const command = [process.execPath, WORKER, where, `${first}`, realpathSync(directory), path]
  const rootless = [process.execPath, PROGRAM, 'rootless', '--']
  const free = where === 'live' ? [...rootless, ...command] : command
  const [program = '', ...args] = isConfined
    ? confined([...command, 'confined', ...visible(path)], where === 'live' ? 'all' : 'none')
    : free
  const { PATH = '', HOME = '', LANG = 'C.UTF-8' } = process.env
  return { program, args, env: isConfined ? { PATH, HOME, LANG } : process.env }
}

/**
 * Runs the checks of a place on `file` until one fails. `add` gets each result, `print` the
 * driver's output. Rejects with a NotChecked if the worker ends without the driver's fault.
 */
export async function runWorker(
  exercise: Exercise,
  where: CheckPlace,
  file: string,
  add: (result: Result) => void,
  print: (text: string) => void,
  { isConfined = false, first = 0 }: WorkerOptions = {},
): Promise<void> {
  const { program, args, env } = commandOf(exercise, where, file, { isConfined, first })
  // The results have a descriptor of their own. No driver inherits it, nor can import what writes.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env })
  const titles = exercise[where].slice(first).map(({ title }) => title)
  const progress = new Progress(where, titles, add)
  let isLate = false
  const end = (): void => {
    isLate = true
    // A live worker never runs the driver itself; it ends the programs that it has started.
    child.kill(where === 'live' || isConfined ? 'SIGTERM' : 'SIGKILL')
  }
  const limit = setTimeout(end, LIMITS_S[where] * 1000)
  const [, output, errorOutput, resultOutput] = child.stdio as unknown as [
    null,
    Readable,
    Readable,
    Readable,
  ]
  output.setEncoding('utf8').on('data', print)
  createInterface({ input: resultOutput }).on('line', line => {
    limit.refresh()
    progress.report(JSON.parse(line) as Report)
  })
  let errors = ''
  errorOutput.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-ERRORS_MAX)
    if (LOCKUP.test(errors)) {
      end()
    } else {
      print(text)
    }
  })
  const status = await new Promise<string>((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve(signal ?? `status ${code}`))
  })
  clearTimeout(limit)
  if (isLate) {
    const [, what, seconds = LIMITS_S[where]] = LOCKUP.exec(errors) ?? []
    progress.failLoop(Number(seconds), what)
  } else if (!progress.hasFailed && LIMITED.test(errors)) {
    // Also when all checks have passed: it may have been noticed at the end.
    const seen = `the driver was ended: ${LIMITED.exec(errors)?.[1]}`
    progress.fail({ seen, expected: 'at most 1 GiB of memory, and 128 processes' })
  } else if (!progress.isComplete) {
    const lines = errors.trim().split('\n')
    // Node prints the message of an error before its stack and its own version.
    const last = lines.find(line => /^\w*Error: /.test(line)) ?? lines.at(-1) ?? ''
    // A live worker does not run the driver.
    if (!progress.hasBegun || where === 'live') {
      throw new NotChecked(`the checks of ${exercise.name} ended with ${status}: ${last}`)
    }
    // Also with status 0: a driver may call process.exit. Node itself exits with 13.
    const seen = `the process ended with ${status}: ${status === 'status 13' ? 'a top-level await never ends' : last}`
    progress.fail({ seen, expected: 'a driver ends no process' })
  }
  progress.end()
}
