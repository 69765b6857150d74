/** Runs live checks: vnet and programs such as ping, in this process's own network namespace. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { attempt } from 'vnet'
import { describeException, within } from 'vnet/kit/base'
import { PROGRAM } from 'vnet/kit/cli'
import { cpuTimeOf, missingPrograms, statOf, withParent } from 'vnet/kit/linux'
import { PRINTED_TOO_MUCH } from './commands/driver-console.ts'
import {
  Explained,
  type Explanation,
  fail,
  type Live,
  type LiveCheck,
  type LiveStatistics,
  type LiveVnet,
  notRun,
  type ProgramOutput,
  type Result,
  resultOf,
} from './exercise.ts'
import { networkOnly } from './network-only.ts'
import { processorWaitOf } from './processor-wait.ts'

/** src and dist are equally deep. */
const RESTRICT = new URL('../dist/commands/restrict-live.js', import.meta.url).href

const PROGRAM_LIMIT_MS = 30_000
const START_LIMIT_MS = 50_000
/** A late start that waited longer than that for a processor says nothing about the driver. */
const BUSY_MS = 10_000
/** CPU time of a start, which takes half a second. A driver that loops ends by that. */
const START_CPU_MS = 5_000
const STOP_LIMIT_MS = 20_000
const LOOPS = `no interface is up after ${START_CPU_MS / 1000} s of CPU time`

/**
 * A vnet that is starting. `ready` resolves once its interfaces are up, and rejects with the reason
 * if they do not come up in time.
 */
export interface Started extends LiveVnet {
  /** Warnings and errors of its log, each once. */
  readonly complaints: readonly string[]
  /** Whether it has ended because its driver printed too much, which explains all else. */
  readonly isTooLoud?: boolean
  readonly ready: Promise<void>
}

/** What live checks run on: vnet with a driver file, or a module in a virtual machine. */
export interface LivePlace {
  start(args: readonly string[]): Started
  run(program: string, args: readonly string[]): Promise<ProgramOutput>
  /** Rejects when no check can continue; undefined if that does not happen. */
  readonly broken?: Promise<never>
}

/**
 * Returns the place where live checks run on vnet with a driver file. If `isConfined`, vnet has no
 * rights but on its network (networkOnly).
 */
export function onVnet(file: string, isConfined = false): LivePlace {
  const cwd = dirname(file)
  return {
    start: args => new VnetProcess(file, args, isConfined),
    run: (program, args) =>
      program === 'vnet'
        ? runProgram(process.execPath, [PROGRAM, ...args], cwd)
        : runProgram(program, args, cwd),
  }
}

/** Thrown where a program of a check fails because of this machine: the check says nothing. */
class NotRun extends Error {
  override readonly name = 'NotRun'
}

/** Statuses of a shell for a program that it cannot execute, and does not find. */
const NOT_STARTED = [126, 127]

/** What programs print where a file, a right or a library is missing on this machine. */
const OF_MACHINE =
  /^.*(?:cannot (?:create|open) .*|: (?:command )?not found|: Permission denied|: socket.*: Operation not permitted|Read-only file system|No space left on device|error while loading shared libraries.*)$/m

/** Returns why a program failed because of this machine. vnet's errors are the driver's. */
function machineFailure(program: string, { status, stderr }: ProgramOutput): string | undefined {
  if (program === 'vnet') return undefined
  const last = stderr.trim().split('\n').at(-1) || `status ${status}`
  const line = OF_MACHINE.exec(stderr)?.[0] ?? (NOT_STARTED.includes(status) ? last : undefined)
  return line && `${program} fails on this machine: ${line.trim()}`
}

/** Runs a check. Never throws. */
export async function runLive(check: LiveCheck, place: LivePlace): Promise<Result> {
  const { title, needs = [] } = check
  const missing = missingPrograms('it', needs)
  if (missing !== undefined) return notRun(title, 'live', missing)
  const started: Started[] = []
  const live: Live = {
    async vnet(...args) {
      const vnet = place.start(args)
      started.push(vnet)
      await vnet.ready
      return vnet
    },
    async run(program, ...args) {
      const output = await place.run(program, args)
      whyNot ??= machineFailure(program, output)
      if (whyNot !== undefined) throw new NotRun(whyNot)
      return output
    },
  }
  let problem: Explanation | undefined
  let whyNot: string | undefined
  try {
    await Promise.race([check.run(live), ...(place.broken === undefined ? [] : [place.broken])])
  } catch (error) {
    if (error instanceof NotRun) {
      whyNot ??= error.message
    } else {
      problem = explanationOf(error)
    }
  }
  for (const vnet of started) {
    try {
      await vnet.stop()
    } catch (error) {
      problem ??= explanationOf(error)
    }
  }
  if (whyNot !== undefined) return notRun(title, 'live', whyNot)
  if (started.some(vnet => vnet.isTooLoud)) {
    problem = PRINTED_TOO_MUCH
  }
  const logged = started.flatMap(vnet => vnet.complaints).filter(line => !check.allow?.test(line))
  if (problem === undefined && logged.length > 0) {
    problem = unexpected(`the log has: ${logged.shift()}`)
  }
  return resultOf('live', check, problem, logged)
}

const explanationOf = (error: unknown): Explanation =>
  error instanceof Explained ? error.explanation : unexpected(describeException(error))

const unexpected = (seen: string): Explanation => ({
  seen,
  expected: 'vnet starts, logs no warning and no error, and ends by itself',
})

/** A started vnet. Its output is `--json`. */
export class VnetProcess implements Started {
  interfaces: readonly string[] = []
  readonly log: string[] = []
  /** Its warnings and errors, each once. */
  readonly complaints: string[] = []
  isTooLoud = false
  readonly #child: ChildProcess
  readonly ready: Promise<void>
  readonly #ended: Promise<number>
  #statistics: readonly LiveStatistics[] = []
  #stopped: Promise<readonly LiveStatistics[]> | undefined

  /** `isConfined`: a driver of a learner; undefined: one of ours. */
  constructor(file: string, args: readonly string[], isConfined?: boolean) {
    const stdio = ['ignore', 'pipe', 'pipe'] as const
    const restrict = isConfined === undefined ? [] : ['--import', RESTRICT]
    const command = [process.execPath, ...restrict, PROGRAM, file, '--json', ...args]
    const [program = '', ...words] = isConfined ? networkOnly(command) : withParent(command)
    this.#child = spawn(program, words, { cwd: dirname(file), stdio: [...stdio] })
    process.once('exit', () => this.#child.kill('SIGKILL'))
    const { stdout, stderr } = this.#child
    let isReady = () => {}
    const becomesReady = new Promise<void>(resolve => {
      isReady = resolve
    })
    createInterface({ input: stdout! }).on('line', line => this.#read(line, isReady))
    createInterface({ input: stderr! }).on('line', line => {
      this.isTooLoud ||= line === PRINTED_TOO_MUCH.seen
      this.log.push(line)
    })
    this.#ended = new Promise((resolve, reject) => {
      this.#child
        .on('error', reject)
        .on('close', (code, signal) => resolve(signal === null ? (code ?? -1) : -1))
    })
    const ended = this.#ended.then(() =>
      fail(
        unexpected(
          this.#child.killed ? LOOPS : `vnet ended: ${this.log.at(-1) ?? 'without a word'}`,
        ),
      ),
    )
    this.ready = inTime(START_LIMIT_MS, Promise.race([becomesReady, ended]), () => {
      const late = `no interface is up ${START_LIMIT_MS / 1000} s after the start`
      const waited = processorWaitOf(this.#child.pid ?? 0)
      if (waited > BUSY_MS) {
        throw new NotRun(
          `${late}, of which it waited ${Math.round(waited / 1000)} s for a processor`,
        )
      }
      return fail(unexpected(late))
    })
    const look = setInterval(() => {
      const fields = statOf(this.#child.pid ?? 0)
      if (fields !== undefined && cpuTimeOf(fields) > START_CPU_MS) {
        this.#child.kill('SIGKILL')
      }
    }, 500)
    this.ready.catch(() => {}).finally(() => clearInterval(look))
  }

  stop(): Promise<readonly LiveStatistics[]> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<readonly LiveStatistics[]> {
    this.#child.kill('SIGTERM')
    await inTime(STOP_LIMIT_MS, this.#ended, () => {
      this.#child.kill('SIGKILL')
      const last = this.log.at(-1)
      const late = `vnet does not end ${STOP_LIMIT_MS / 1000} s after SIGTERM`
      return fail(unexpected(last === undefined ? late : `${late}: ${last}`))
    })
    return this.#statistics
  }

  #read(line: string, isReady: () => void): void {
    const event = parse(line)
    if (event.event === 'ready') {
      this.interfaces = (event.interfaces as { name: string }[]).map(({ name }) => name)
      isReady()
    } else if (event.event === 'statistics') {
      this.#statistics = event.interfaces as LiveStatistics[]
    } else if (event.event === 'log') {
      const message = String(event.message)
      this.log.push(message)
      const isComplaint = event.level === 'error' || event.level === 'warning'
      if (isComplaint && !this.complaints.includes(message)) {
        this.complaints.push(message)
      }
    } else {
      this.log.push(line)
    }
  }
}

/** A driver may print its own lines. */
function parse(line: string): Record<string, unknown> {
  const value: unknown = attempt(() => JSON.parse(line))
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** Settles when `promise` does, or calls `late` after `ms`, which throws. */
async function inTime(ms: number, promise: Promise<unknown>, late: () => never): Promise<void> {
  if (!(await within(promise, ms))) {
    late()
  }
}

/**
 * Runs a program to its end, or for PROGRAM_LIMIT_MS: then its status is -1. It has a process group
 * of its own, because the programs of a shell's pipeline would outlive the shell and keep its
 * output open. Never rejects: a program that does not start has the status 127.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<ProgramOutput> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const { pid } = child
  const end = () => pid !== undefined && attempt(() => process.kill(-pid, 'SIGKILL'))
  process.once('exit', end)
  const text = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', more => {
      text[stream] += more
    })
  }
  const timer = setTimeout(end, PROGRAM_LIMIT_MS)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return { status: code ?? -1, ...text }
  } catch (error) {
    // It could not be started.
    return {
      status: 127,
      stdout: '',
      stderr: error instanceof Error ? error.message : String(error),
    }
  } finally {
    clearTimeout(timer)
    process.off('exit', end)
  }
}
