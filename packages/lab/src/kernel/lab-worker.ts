/**
 * LabWorker: starts and calls the worker thread that runs the links of labs. A thread has one for
 * all its labs, because a worker takes longer to start than the rest of a lab.
 */
// Imported because a test may replace the timers of globalThis.
import { clearTimeout, setTimeout } from 'node:timers'
import { Worker } from 'node:worker_threads'
import { FileError, UsageError, VnetError } from 'vnet'
import { type Trace, traceOf } from 'vnet/kit/base'
import type { LinkCaller } from '../carrier/lab-calls.ts'
import type { ErrorForm, FaultListener, WorkerReply, WorkerRequest } from '../carrier/protocol.ts'
import { builtModule } from '../model/built-module.ts'
import { outside } from '../world/code.ts'
import { thrownAt } from '../world/world.ts'

interface Pending {
  readonly from: Trace
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** Milliseconds that a worker waits for the next lab of its thread. */
const IDLE_MS = 5000

const LAB_WORKER = Symbol('the worker of this thread')

/**
 * The worker of a thread, for all of its labs. `take` and `release` count the labs that use it.
 * When the worker ends early, all pending and later calls reject with the reason.
 */
export class LabWorker implements LinkCaller {
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  readonly #listeners = new Map<string, FaultListener>()
  readonly #onEnd: (worker: LabWorker) => void
  #lastId = 0
  #labs = 0
  #idle: NodeJS.Timeout | undefined
  #failure: Error | undefined

  /**
   * Returns this thread's worker for one more lab, and starts it if necessary. The worker ends a
   * while after its last lab, or with the thread, and keeps neither the thread nor the process
   * alive.
   */
  static take(): LabWorker {
    const thread = globalThis as { [LAB_WORKER]?: LabWorker | undefined }
    thread[LAB_WORKER] ??= new LabWorker(ended => {
      if (thread[LAB_WORKER] === ended) {
        thread[LAB_WORKER] = undefined
      }
    })
    const worker = thread[LAB_WORKER]
    worker.#labs++
    clearTimeout(worker.#idle)
    return worker
  }

  /** `onEnd` is called once, when the worker accepts no more labs. */
  private constructor(onEnd: (worker: LabWorker) => void) {
    // Modules that the process's flags load are meant for its own programs only.
    const file = builtModule('./lab-worker-main.ts', import.meta.url)
    this.#worker = outside(() => new Worker(file, { execArgv: [] }))
    this.#worker.on('message', (reply: WorkerReply) => {
      if ('warning' in reply) {
        console.error(`vnet: ${reply.warning}`)
      } else if ('fault' in reply) {
        this.#listeners.get(reply.lab)?.(reply.fault)
      } else {
        this.#settle(reply)
      }
    })
    const fail = (error: Error) => {
      onEnd(this)
      this.#fail(error)
    }
    this.#worker.on('error', error =>
      fail(error instanceof Error ? error : new Error(String(error))),
    )
    this.#worker.on('exit', status =>
      fail(new Error(`the worker of the lab has ended with status ${status}`)),
    )
    // After its listeners, which take a reference.
    this.#worker.unref()
    this.#onEnd = onEnd
  }

  /** A pending call keeps the process alive. */
  readonly call: LinkCaller['call'] = (call, ...args) => {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const id = ++this.#lastId
    if (this.#pending.size === 0) {
      this.#worker.ref()
    }
    const from = traceOf(this.call)
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { from, resolve: resolve as (value: unknown) => void, reject })
      this.#worker.postMessage({ id, call, args } satisfies WorkerRequest)
    })
  }

  onFault(lab: string, listener: FaultListener | undefined): void {
    if (listener === undefined) {
      this.#listeners.delete(lab)
    } else {
      this.#listeners.set(lab, listener)
    }
  }

  /** A lab has ended. The last one leaves the worker to the next lab, for a while. */
  release(): void {
    if (--this.#labs > 0) return
    this.#idle = setTimeout(() => {
      if (this.#labs > 0) return
      this.#onEnd(this)
      this.#failure ??= new Error('the lab is closed')
      void this.#worker.terminate()
    }, IDLE_MS)
    this.#idle.unref()
  }

  #settle(reply: Extract<WorkerReply, { id: number }>): void {
    const pending = this.#pending.get(reply.id)
    this.#pending.delete(reply.id)
    if (this.#pending.size === 0) {
      this.#worker.unref()
    }
    if (pending === undefined) return
    if ('value' in reply) {
      pending.resolve(reply.value)
    } else {
      pending.reject(thrownAt(pending.from, errorOf(reply)))
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#pending.values()) {
      reject(this.#failure)
    }
    this.#pending.clear()
  }
}

function errorOf({
  error,
  call,
  usage,
  file,
  failed,
}: { readonly error: string } & ErrorForm): Error {
  if (!usage) {
    return call === undefined ? new Error(error) : new VnetError(call.errno, call.what, call.advice)
  }
  if (file !== undefined) return new FileError(error, file.column)
  return new UsageError(error, failed ? { cause: error } : undefined)
}
