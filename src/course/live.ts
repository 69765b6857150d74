/**
 * Runs the checks on live interfaces: vnet with the driver file, and programs such as ping, in the
 * network namespace of this process, which is made for it (`vnet rootless`).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describeException } from '../base/exception.ts'
import { Explained, type Explanation, fail, type LiveCheck, type Result, resultOf } from './exercise.ts'

/** The arguments of a live check. */
export interface Live {
  /**
   * Starts `vnet FILE ARGS` and waits until its interfaces are up. It is stopped after the check.
   */
  vnet(...args: readonly string[]): Promise<LiveVnet>
  /** Runs a program to its end, in the directory of the driver; `vnet` is this one. */
  run(program: string, ...args: readonly string[]): Promise<ProgramOutput>
}

export interface ProgramOutput {
  /** The exit status; -1 if the program did not end in time. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** vnet's statistics, as its `--json` prints them; the fields that checks use. */
export interface LiveStatistics {
  readonly name: string
  /** LinkStats64 and the counters of queues, by their names in camelCase. */
  readonly total: Readonly<Record<string, number>>
  /** The same of each queue. */
  readonly queues: readonly Readonly<Record<string, number>>[]
  readonly drops: { readonly tx: Readonly<Record<string, number>>; readonly rx: Readonly<Record<string, number>> }
}

export interface LiveVnet {
  /** Its interfaces, in the driver's order. */
  readonly interfaces: readonly string[]
  /** The lines of its log and its standard error up to now. */
  readonly log: readonly string[]
  /** Stops it, and returns the last statistics of each interface. */
  stop(): Promise<readonly LiveStatistics[]>
}

/** src/course and dist/course are equally deep. */
const PROGRAM = fileURLToPath(new URL('../../dist/vnet.js', import.meta.url))

const PROGRAM_LIMIT_MS = 20_000
const START_LIMIT_MS = 10_000
const STOP_LIMIT_MS = 5_000

/** Runs a check. Never throws. `file` is the driver file. */
export async function runLive(check: LiveCheck, file: string): Promise<Result> {
  const { title, needs = [] } = check
  const missing = needs.filter(name => !isInstalled(name))
  if (missing.length > 0) {
    return { title, where: 'live', result: 'not run', why: `${missing.join(' and ')} is not installed` }
  }
  const started: VnetProcess[] = []
  const live: Live = {
    async vnet(...args) {
      const vnet = new VnetProcess(file, args)
      started.push(vnet)
      await vnet.ready()
      return vnet
    },
    run: (program, ...args) =>
      program === 'vnet' ? run(process.execPath, [PROGRAM, ...args], dirname(file)) : run(program, args, dirname(file)),
  }
  let problem: Explanation | undefined
  try {
    await check.run(live)
  } catch (error) {
    problem = explanationOf(error)
  }
  for (const vnet of started) {
    try {
      await vnet.stop()
    } catch (error) {
      problem ??= explanationOf(error)
    }
  }
  const logged = started.flatMap(vnet => vnet.complaints).filter(line => !check.allow?.test(line))
  if (problem === undefined && logged.length > 0) problem = unexpected(`the log has: ${logged.shift()}`)
  return resultOf('live', check, problem, logged)
}

function explanationOf(error: unknown): Explanation {
  return error instanceof Explained ? error.explanation : unexpected(describeException(error))
}

function unexpected(seen: string): Explanation {
  return { seen, expected: 'vnet starts, logs no warning and no error, and ends by itself' }
}

/** Returns whether a program is in PATH. */
function isInstalled(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some(directory => {
    try {
      accessSync(join(directory, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** A started vnet. Its output is `--json`. */
class VnetProcess implements LiveVnet {
  interfaces: readonly string[] = []
  readonly log: string[] = []
  /** Its warnings and errors, each once. */
  readonly complaints: string[] = []
  readonly #child: ChildProcess
  readonly #ready: Promise<void>
  readonly #ended: Promise<number>
  #statistics: readonly LiveStatistics[] = []
  #stopped: Promise<readonly LiveStatistics[]> | undefined

  constructor(file: string, args: readonly string[]) {
    const stdio = ['ignore', 'pipe', 'pipe'] as const
    this.#child = spawn(process.execPath, [PROGRAM, file, '--json', ...args], { cwd: dirname(file), stdio: [...stdio] })
    process.once('exit', () => this.#child.kill('SIGKILL'))
    const { stdout, stderr } = this.#child
    let isReady = () => {}
    const becomesReady = new Promise<void>(resolve => {
      isReady = resolve
    })
    createInterface({ input: stdout! }).on('line', line => this.#read(line, isReady))
    createInterface({ input: stderr! }).on('line', line => this.log.push(line))
    this.#ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject).on('close', (code, signal) => resolve(signal === null ? (code ?? -1) : -1))
    })
    const ended = this.#ended.then(() => fail(unexpected(`vnet ended: ${this.log.at(-1) ?? 'without a word'}`)))
    this.#ready = within(START_LIMIT_MS, Promise.race([becomesReady, ended]), () =>
      fail(unexpected(`no interface is up ${START_LIMIT_MS / 1000} s after the start`)),
    )
    this.#ready.catch(() => {})
  }

  ready(): Promise<void> {
    return this.#ready
  }

  stop(): Promise<readonly LiveStatistics[]> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<readonly LiveStatistics[]> {
    this.#child.kill('SIGTERM')
    await within(STOP_LIMIT_MS, this.#ended, () => {
      this.#child.kill('SIGKILL')
      const last = this.log.at(-1)
      fail(
        unexpected(`vnet does not end ${STOP_LIMIT_MS / 1000} s after SIGTERM${last === undefined ? '' : `: ${last}`}`),
      )
    })
    return this.#statistics
  }

  #read(line: string, isReady: () => void): void {
    const event = parse(line)
    if (event.event === 'ready') {
      this.interfaces = (event.interfaces as { name: string }[]).map(({ name }) => name)
      isReady()
    } else if (event.event === 'statistics') this.#statistics = event.interfaces as LiveStatistics[]
    else if (event.event === 'log') {
      const message = String(event.message)
      this.log.push(message)
      const isComplaint = event.level === 'error' || event.level === 'warning'
      if (isComplaint && !this.complaints.includes(message)) this.complaints.push(message)
    } else this.log.push(line)
  }
}

/** A driver may print its own lines. */
function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Settles as `promise` does, or calls `late` after `ms`, which throws. */
async function within<T>(ms: number, promise: Promise<T>, late: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      try {
        late()
      } catch (error) {
        reject(error)
      }
    }, ms)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}

async function run(program: string, args: readonly string[], cwd: string): Promise<ProgramOutput> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const text = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', more => {
      text[stream] += more
    })
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), PROGRAM_LIMIT_MS)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return { status: code ?? -1, ...text }
  } catch (error) {
    return { status: -1, stdout: '', stderr: error instanceof Error ? error.message : String(error) }
  } finally {
    clearTimeout(timer)
  }
}
