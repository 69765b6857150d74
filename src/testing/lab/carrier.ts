/** Carrier: the worker that carries the frames of a lab, as its main thread sees it. */
import { Worker } from 'node:worker_threads'
import { UsageError } from '../../netdev/driver.ts'
import type { CallName, Calls, Reply, Request } from './protocol.ts'

interface Pending {
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** A worker runs built code only: this file's place in dist, also when src is imported. */
const program = new URL(
  './carrier-worker.js',
  import.meta.url.endsWith('.ts') ? import.meta.url.replace(/\/src\/(?!.*\/src\/)/, '/dist/') : import.meta.url,
)

export class Carrier {
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  readonly #onHit = new Map<number, () => void>()
  #lastId = 0
  #failure: Error | undefined

  /** `log` gets the warnings of the links. Keeps the process alive only while a call is pending. */
  constructor(log: (line: string) => void) {
    this.#worker = new Worker(program, { stdin: false })
    this.#worker.unref()
    this.#worker.on('message', (reply: Reply) => {
      if ('log' in reply) log(reply.log)
      else if ('hit' in reply) this.#onHit.get(reply.hit)?.()
      else this.#settle(reply)
    })
    this.#worker.on('error', error => this.#fail(error instanceof Error ? error : new Error(String(error))))
    this.#worker.on('exit', status => this.#fail(new Error(`the worker of the lab has ended with status ${status}`)))
  }

  /** Calls a function of the worker. Throws a UsageError or an Error of the same message. */
  call<Name extends CallName>(call: Name, ...args: Parameters<Calls[Name]>): Promise<ReturnType<Calls[Name]>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const id = ++this.#lastId
    if (this.#pending.size === 0) this.#worker.ref()
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#worker.postMessage({ id, call, args } satisfies Request)
    })
  }

  /** Calls `fn` at each hit of a fault. */
  onHit(fault: number, fn: () => void): void {
    this.#onHit.set(fault, fn)
  }

  async close(): Promise<void> {
    this.#failure ??= new Error('the lab is closed')
    await this.#worker.terminate()
  }

  #settle(reply: Extract<Reply, { id: number }>): void {
    const pending = this.#pending.get(reply.id)
    this.#pending.delete(reply.id)
    if (this.#pending.size === 0) this.#worker.unref()
    if ('value' in reply) pending?.resolve(reply.value)
    else pending?.reject(reply.usage ? new UsageError(String(reply.error)) : new Error(String(reply.error)))
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#pending.values()) reject(this.#failure)
    this.#pending.clear()
  }
}
