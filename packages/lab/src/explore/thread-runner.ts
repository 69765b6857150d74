/**
 * ThreadRunner: runs a module in memory, in worker threads. A thread runs many times, so that a run
 * costs no start; the state of the module lives as long as its thread. An error may leave it wrong:
 * results after one say so, and the judge repeats each failure once in a new thread. So a failure
 * costs the start of one thread.
 */
import { Worker } from 'node:worker_threads'
import { UsageError } from 'vnet'
import { builtModule } from '../model/built-module.ts'
import { type Beat, Heartbeat, lateText } from './heartbeat.ts'
import { errorOf, type ModuleFacts, type Refusal } from './load-scenario.ts'
import type { RunResult, RunSpec } from './run-once.ts'
import { brokenRun, type Runner } from './runners.ts'

/** A request for a run, without `spec` for the facts of the module, or for a beat. */
export type ThreadRequest = { readonly spec?: RunSpec } | { readonly beats: true }

/**
 * The reply of a thread to a request: `facts` for a request without a run, otherwise `result`, or
 * `refusal` if the module or the lab cannot be used.
 */
export type ThreadReply =
  | { readonly result: RunResult }
  | { readonly facts: ModuleFacts }
  | { readonly refusal: Refusal }

interface Thread {
  readonly worker: Worker
  readonly heartbeat: Heartbeat
  /** Whether a run in it has had an error. */
  hadError: boolean
}

export class ThreadRunner implements Runner {
  /** May be changed before the first run. */
  concurrency: number
  /** Milliseconds in which a thread returns to its event loop. */
  patience = 30_000
  readonly #url: string
  /** Threads that wait for a run. Threads in which a run has had an error are first. */
  readonly #waiting: Thread[] = []
  readonly #all = new Set<Worker>()
  /** Threads that load the module. They were started ahead. */
  #loading: Promise<ThreadReply>[] = []
  #isClosed = false

  constructor(url: string, concurrency: number) {
    this.#url = url
    this.concurrency = concurrency
  }

  /** Returns the facts of the module. All threads start, since each one loads the module. */
  async facts(): Promise<ModuleFacts> {
    this.#loading = Array.from({ length: this.concurrency }, () => this.#ask(this.#start(), {}))
    const reply = await (this.#loading[0] as Promise<ThreadReply>)
    if ('facts' in reply) return reply.facts
    throw new UsageError(
      'refusal' in reply
        ? reply.refusal.text
        : `${this.#url}: cannot be loaded: ${reply.result.error}`,
    )
  }

  /**
   * Returns a thread for a run: for a first run one without an error if there is one, for a later
   * repetition rather one with errors. The first repetition gets a new thread.
   */
  #threadFor(repeat: number): Thread {
    if (repeat === 1) return this.#start()
    return (repeat === 0 ? this.#waiting.pop() : this.#waiting.shift()) ?? this.#start()
  }

  async run(spec: RunSpec): Promise<RunResult> {
    // A thread that loads the module is ready sooner than a new one.
    while (this.#waiting.length === 0 && this.#loading.length > 0) {
      await this.#loading.shift()
    }
    if (this.#isClosed) throw new Error('the exploration has ended')
    const { repeat = 0 } = spec
    const thread = this.#threadFor(repeat)
    const { hadError: afterError } = thread
    const reply = await this.#ask(thread, { spec })
    if ('result' in reply) return { ...reply.result, afterError }
    throw 'refusal' in reply ? errorOf(reply.refusal) : new Error('the thread has sent no result')
  }

  close(): void {
    this.#isClosed = true
    for (const worker of this.#all) {
      void worker.terminate()
    }
  }

  #start(): Thread {
    const workerData = { url: this.#url }
    const worker = new Worker(builtModule('./thread-main.ts', import.meta.url), {
      workerData,
      execArgv: [],
    })
    this.#all.add(worker)
    return {
      worker,
      hadError: false,
      heartbeat: new Heartbeat(() => worker.postMessage({ beats: true } satisfies ThreadRequest)),
    }
  }

  /** Keeps a thread for another run. If there are enough, the one with the oldest error ends. */
  #keep(thread: Thread): void {
    const firstWithout = this.#waiting.findIndex(({ hadError }) => !hadError)
    const errors = firstWithout < 0 ? this.#waiting.length : firstWithout
    this.#waiting.splice(thread.hadError ? errors : this.#waiting.length, 0, thread)
    if (this.#waiting.length > this.concurrency || this.#isClosed) {
      this.#end(this.#waiting.shift() as Thread)
    }
  }

  #end({ worker }: Thread): void {
    this.#all.delete(worker)
    worker.on('error', () => {})
    void worker.terminate()
  }

  /** Ends a thread that does not reply. */
  #ask(thread: Thread, request: ThreadRequest): Promise<ThreadReply> {
    const { worker, heartbeat } = thread
    const began = performance.now()
    return new Promise(resolve => {
      const end = (reply: ThreadReply, isUsable: boolean) => {
        heartbeat.stop()
        worker.off('message', onMessage).off('error', onError).off('exit', onExit)
        if (isUsable) {
          this.#keep(thread)
        } else {
          this.#end(thread)
        }
        resolve(reply)
      }
      const failed = (error: string) => {
        end({ result: brokenRun(error, '', performance.now() - began) }, false)
      }
      heartbeat.start(this.patience, (isBlocked, ms) => failed(lateText(isBlocked, ms)))
      const onMessage = (reply: ThreadReply | Beat) => {
        if ('beat' in reply) {
          heartbeat.take(reply)
        } else {
          thread.hadError ||= 'result' in reply && reply.result.error !== undefined
          end(reply, true)
        }
      }
      const onError = (error: unknown) => failed(String(error))
      const onExit = (status: number) =>
        failed(`the thread of the run has ended by itself: status ${status}`)
      worker.on('message', onMessage).on('error', onError).on('exit', onExit)
      worker.postMessage(request)
    })
  }
}
