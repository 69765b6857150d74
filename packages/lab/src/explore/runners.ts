/** Runners: run a scenario once, in this process or, for a module, in one of its own. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { EAGAIN, UsageError, VnetError } from 'vnet'
import { removeLeftovers } from '../kernel/leftovers.ts'
import { builtModule } from '../model/built-module.ts'
import { type Beat, Heartbeat, lateText } from './heartbeat.ts'
import { errorOf, type ModuleFacts } from './load-scenario.ts'
import { OUTPUT_MAX } from './result.ts'
import type { RunReplies, RunRequest } from './run-main.ts'
import { type RunResult, type RunSpec, runOnce, type Scenario } from './run-once.ts'

/**
 * Runs a scenario once at a call: in this process, in a process or thread of its own, or in a
 * guest. explore makes one for an exploration and closes it at its end. Up to `concurrency` calls
 * of `run` may be pending.
 */
export interface Runner {
  /** How many runs may run at a time. */
  readonly concurrency: number
  /** Whether runs continue copies of one run, so that they have the same packets until a fault. */
  readonly copies?: boolean
  /** Runs once more in each process that waits for another run. None by default. */
  lastRuns?(spec: RunSpec): Promise<RunResult[]>
  /**
   * Settles with the result of the run, also if the scenario fails, hangs or ends its process:
   * `error` then says so. Rejects if the module or the lab cannot be used, with a UsageError if the
   * user can mend that.
   */
  run(spec: RunSpec): Promise<RunResult>
  /**
   * Kills the runs that have not ended, with their processes, threads or guests. A function that
   * runs in this process cannot be ended.
   */
  close(): void
}

/** Milliseconds beyond the timeout in which a process returns to its event loop. */
const GRACE_MS = 2000
/** Milliseconds for a process to start and to load the module. */
const LOAD_MS = 30_000
/** The call that Node names in its last lines if it aborts because it cannot start a thread. */
const REFUSED_THREAD = /\b(uv_thread_create|pthread_create)\b/

/** Returns the result of a run that was killed or ended early: nothing is known but its error. */
export function brokenRun(error: string, output = '', ms = 0): RunResult {
  return { error, ms, links: new Map(), left: [], output }
}

/**
 * Returns a runner for a function. It runs in this process, so that its `close` cannot end a run
 * that hangs or blocks the thread.
 */
export function functionRunner(scenario: Scenario): Runner {
  return { concurrency: 1, run: spec => runOnce(scenario, spec), close: () => {} }
}

/** Returns `runner` with runs that reject with the reason of `signal` once it aborts. */
export function abortable(runner: Runner, signal: AbortSignal): Runner {
  const stop = () => runner.close()
  signal.addEventListener('abort', stop, { once: true })
  return {
    concurrency: runner.concurrency,
    copies: runner.copies ?? false,
    async lastRuns(spec) {
      const results = await runner.lastRuns?.(spec)
      signal.throwIfAborted()
      return results ?? []
    },
    async run(spec) {
      signal.throwIfAborted()
      const result = await runner.run(spec)
      signal.throwIfAborted()
      return result
    },
    close() {
      signal.removeEventListener('abort', stop)
      runner.close()
    },
  }
}

class RunProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>
  /** Settles when the process has ended and its output was read. */
  readonly #closed: Promise<unknown>
  #replies: RunReplies = {}
  #onReply: (reply: RunReplies) => void = () => {}
  #output = ''
  #late: string | undefined
  readonly #heartbeat: Heartbeat

  constructor() {
    const main = fileURLToPath(builtModule('./run-main.ts', import.meta.url))
    // In a new session: Ctrl-C at a terminal ends no run, which would count as a failure.
    this.#child = fork(main, {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
      detached: true,
    })
    const ask = () => this.#child.send({ beats: true } satisfies RunRequest, () => {})
    this.#heartbeat = new Heartbeat(ask, `/proc/${this.#child.pid}/schedstat`)
    this.#exited = once(this.#child, 'exit')
    this.#exited.catch(() => {})
    this.#closed = once(this.#child, 'close').catch(() => {})
    this.#child.on('message', (reply: RunReplies | Beat) => {
      if ('beat' in reply) {
        this.#heartbeat.take(reply)
      } else {
        this.#onReply(reply)
      }
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', text => {
        this.#output = (this.#output + text).slice(-OUTPUT_MAX)
      })
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Whether one of its runs has had an error. */
  hadError = false

  /**
   * Whether it can run again: its last run has left nothing, and has passed or reported its fault.
   */
  get isReady(): boolean {
    return (
      this.#replies.ready === true &&
      this.#child.exitCode === null &&
      this.#child.signalCode === null
    )
  }

  /**
   * Returns the result of a run. The process ends with the run, unless it `mayStay` and the run has
   * left nothing, and has passed or reported its fault. Rejects if the module or the lab cannot be
   * used.
   */
  async run(url: string, spec: RunSpec, mayStay = false): Promise<RunResult> {
    const afterError = this.hadError
    let started = performance.now()
    const [status, signal] = await this.#serve({ url, spec, mayStay }, () => {
      started = performance.now()
      this.#killIfLate(spec.timeout + GRACE_MS)
    })
    // A process that was killed has not removed its lab.
    if (signal !== null) {
      removeLeftovers()
    }
    const { result, left = [], refusal } = this.#replies
    if (refusal !== undefined) throw errorOf(refusal)
    if (result !== undefined) {
      this.hadError ||= result.error !== undefined
      return { ...result, left, output: this.#output, afterError }
    }
    const ms = performance.now() - started
    const error =
      this.#late ?? `the process of the run has ended by itself: ${signal ?? `status ${status}`}`
    return brokenRun(error, this.#output, ms)
  }

  async facts(url: string): Promise<ModuleFacts> {
    await this.#serve({ url }, () => {})
    const { facts, refusal } = this.#replies
    if (facts === undefined) {
      throw new UsageError(refusal?.text ?? `${url}: cannot be loaded: ${this.#output}`)
    }
    return facts
  }

  async #serve(request: RunRequest, onStart: () => void): Promise<unknown[]> {
    this.#replies = {}
    this.#output = ''
    this.#killIfLate(LOAD_MS)
    const ready = new Promise<unknown[]>(resolve => {
      this.#onReply = reply => {
        Object.assign(this.#replies, reply)
        if (reply.started) {
          onStart()
        }
        if (reply.ready) {
          resolve([0, null])
        }
      }
    })
    this.#child.send(request, () => {})
    const ended = await Promise.race([ready, this.#exited]).finally(() => this.#heartbeat.stop())
    // The last replies may be read after the exit is noticed.
    if (!this.#replies.ready && this.#child.connected) {
      await once(this.#child, 'disconnect')
    }
    if (!this.#replies.ready && !this.#heartbeat.isUp) {
      await this.#throwIfRefused(ended[1])
    }
    return ended
  }

  /** Throws EAGAIN if the system has refused Node one of its first threads. */
  async #throwIfRefused(signal: unknown): Promise<void> {
    // Without some threads Node does not abort, but waits for ever.
    if (this.#late !== undefined) {
      throw new VnetError(
        EAGAIN,
        ['fork', 'the process of a run'],
        'it does not start in 30 s: ulimit -u may be too low',
      )
    }
    if (signal === 'SIGABRT') {
      await this.#closed
      if (REFUSED_THREAD.test(this.#output)) {
        throw new VnetError(EAGAIN, ['fork', this.#child.spawnfile])
      }
    }
  }

  #killIfLate(patience: number): void {
    this.#heartbeat.start(patience, (isBlocked, ms) => {
      this.#late = lateText(isBlocked, ms)
      this.kill()
    })
  }
}

/** Runs a module. Processes are started ahead, because their start takes longer than most runs. */
export class ModuleRunner implements Runner {
  readonly concurrency: number
  readonly #url: string
  readonly #reuse: boolean
  readonly #ahead: RunProcess[] = []
  /** Processes that have run and can run again. */
  #used: RunProcess[] = []
  readonly #running = new Set<RunProcess>()
  #isClosed = false

  /** With `reuse`, a process runs again after a run that has passed and has left nothing. */
  constructor(url: string, concurrency: number, reuse = false) {
    this.#url = url
    this.concurrency = concurrency
    this.#reuse = reuse
    this.#start()
  }

  static facts(url: string): Promise<ModuleFacts> {
    return new RunProcess().facts(url)
  }

  async run(spec: RunSpec): Promise<RunResult> {
    if (this.#isClosed) throw new Error('the exploration has ended')
    const mayStay = this.#reuse && spec.repeat === undefined
    this.#used = this.#used.filter(({ isReady }) => isReady)
    const own = (mayStay ? this.#used.pop() : undefined) ?? this.#ahead.shift() ?? new RunProcess()
    this.#running.add(own)
    this.#start()
    try {
      return await own.run(this.#url, spec, mayStay)
    } finally {
      this.#running.delete(own)
      if (own.isReady && !this.#isClosed) {
        this.#used.push(own)
      }
    }
  }

  lastRuns(spec: RunSpec): Promise<RunResult[]> {
    const used = this.#used.filter(({ isReady }) => isReady)
    return Promise.all(used.map(each => each.run(this.#url, spec, true)))
  }

  close(): void {
    this.#isClosed = true
    for (const each of [...this.#ahead.splice(0), ...this.#used, ...this.#running]) {
      each.kill()
    }
  }

  #start(): void {
    const most = this.#reuse ? 1 : this.concurrency
    if (!this.#isClosed && this.#ahead.length < most) {
      this.#ahead.push(new RunProcess())
    }
  }
}
