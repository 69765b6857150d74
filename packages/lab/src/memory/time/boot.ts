/**
 * Boot: the JavaScript of a host in memory, from a start of the host to its crash. Socket events of
 * the host, and timers and immediates that its code has set, pass through its boot: a paused boot
 * holds them in order, and after a crash they never run.
 *
 * Code belongs to a boot by its async context: the program of host.start, the callbacks of the
 * host's sockets, and everything that these call or await.
 */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import promises from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Code, type CodeHost, state } from '../../world/code.ts'
import { thread } from './real.ts'

/** One boot of a host, or the code of no host. MemoryStack makes a new one for each restart. */
export class Boot implements Code {
  readonly id = ++state.made
  /** The host that it is of. */
  readonly host: CodeHost | undefined
  /** How far its wall clock is ahead, in ns. */
  clockOffset = 0
  /**
   * Whether its sockets take a reset that arrives while bytes are unread for an end after these
   * bytes, as libuv does. By default they report it after them.
   */
  readonly endsAtReset: boolean
  #isPaused = false
  #isDead = false
  #isDraining = false
  readonly #held: (() => void)[] = []

  constructor(host?: CodeHost, endsAtReset = false) {
    this.host = host
    this.endsAtReset = endsAtReset
  }

  /** Whether its host has crashed. */
  get isDead(): boolean {
    return this.#isDead
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Whether its code runs now: it is not dead or paused, and nothing from a pause is left. */
  get isRunning(): boolean {
    return !this.#isDead && !this.#isPaused && this.#held.length === 0
  }

  /** Runs a function as code of this boot. */
  enter<T>(fn: () => T): T {
    return state.storage === undefined ? fn() : state.storage.run(this, fn)
  }

  /** Delivers an event of a socket. `resource` has the async context of its code. */
  soon(resource: AsyncResource, fn: () => void): void {
    const deliver = () => resource.runInAsyncScope(() => this.enter(fn))
    soon(() => this.pass(deliver))
  }

  /** Calls `fn` now, or in its turn after a pause; never after a crash. */
  pass(fn: () => void): void {
    if (this.isRunning) {
      fn()
    } else {
      this.hold(fn)
    }
  }

  /** Calls `fn` in its turn after a pause; never after a crash. */
  hold(fn: () => void): void {
    if (!this.#isDead) {
      this.#held.push(AsyncResource.bind(fn))
    }
  }

  pause(): void {
    this.#isPaused = true
  }

  /** Runs what a pause has held, each in a turn of the event loop of its own. */
  resume(): void {
    this.#isPaused = false
    if (this.#isDraining || this.#held.length === 0) return
    this.#isDraining = true
    soon(this.#drain)
  }

  /** Ends it: none of its code is called any more, and its timers cannot be armed. */
  die(): void {
    this.#isDead = true
    this.#held.length = 0
    thread.timeline?.cancelIf(({ boot }) => boot === this)
  }

  readonly #drain = (): void => {
    this.#isDraining = false
    if (this.#isPaused) return
    try {
      this.#held.shift()?.()
    } finally {
      if (!this.#isPaused) {
        this.resume()
      }
    }
  }
}

/** Makes immediates belong to boots from now on. */
export function useBoots(): void {
  if (thread.hasBoots) return
  thread.hasBoots = true
  state.storage ??= new AsyncLocalStorage()
  Object.defineProperty(setImmediate, promisify.custom, { value: immediately })
  Object.assign(timers, { setImmediate })
  Object.assign(promises, { setImmediate: immediately })
  Object.assign(globalThis, { setImmediate })
  syncBuiltinESMExports()
}

/** How far the wall clock of the calling code is ahead, in ns. */
export function clockOffset(): number {
  return currentBoot()?.clockOffset ?? 0
}

/** Returns the boot to which the running code belongs. */
export function currentBoot(): Boot | undefined {
  const code = state.storage?.getStore()
  return code !== undefined && 'clockOffset' in code ? (code as Boot) : undefined
}

/** Node's setImmediate for code of no boot. It remains replaced in the thread. */
function setImmediate(
  callback: (...args: unknown[]) => void,
  ...args: unknown[]
): NodeJS.Immediate {
  const boot = currentBoot()
  // Node checks the arguments.
  if (boot === undefined || typeof callback !== 'function') {
    return thread.setImmediate(callback, ...args)
  }
  return thread.setImmediate(() => boot.pass(() => callback(...args)))
}

function immediately<T>(value?: T, options?: object): Promise<T> {
  const nodes = thread.promises.setImmediate(value as T, options)
  const boot = currentBoot()
  if (boot === undefined) return nodes
  return new Promise((resolve, reject) => {
    nodes.then(
      result => boot.pass(() => resolve(result)),
      error => boot.pass(() => reject(error)),
    )
  })
}

/**
 * Calls `fn` in a turn of the event loop without a pending request. Calls remain in order. Events
 * of sockets in memory come so, as libuv's come in turns: otherwise the machine would decide
 * whether a request to the thread pool or an event of the same moment is first.
 */
export function soon(fn: () => void): void {
  thread.setImmediate(run, fn)
}

function run(fn: () => void): void {
  const outside = thread.shared?.outside
  if (outside?.hasRequests) {
    outside.afterRequests(() => soon(fn))
  } else {
    fn()
  }
}
