/**
 * Handlers: the code of users', and of the gateway, that hosts run on what they get. A handler that throws costs its frame and a
 * line in the log, one a second at most: it may do so for every frame. Of an async one the error is told when it comes.
 */
import type { Clock } from '../core/clock.ts'
import { describeException } from '../core/exception.ts'
import { LimitedLog } from '../core/limited-log.ts'
import type { Log } from '../core/log.ts'
import type { HostHandlers, UdpHandler } from './host.ts'

/** A host that wants datagrams that come for everybody. */
export interface Listener {
  readonly index: number
  readonly handler: UdpHandler
}

const NOBODY: readonly never[] = []

export class Handlers {
  /** How many calls failed. */
  exceptions = 0
  readonly #log: LimitedLog
  readonly #nameOf: (index: number) => string
  readonly #udp = new Map<number, Listener[]>()
  readonly #icmpv6 = new Map<number, number[]>()

  constructor(clock: Clock, log: Log, nameOf: (index: number) => string) {
    this.#log = new LimitedLog(log, clock, { lines: 1, seconds: 1 })
    this.#nameOf = nameOf
  }

  /** The host of a number is to hear what comes for everybody, too. */
  add(index: number, on: HostHandlers | undefined): void {
    for (const [port, handler] of Object.entries(on?.udp ?? {}))
      if (typeof handler === 'function') addTo(this.#udp, Number(port), { index, handler })
    for (const type of Object.keys(on?.icmpv6 ?? {})) addTo(this.#icmpv6, Number(type), index)
  }

  /** Who wants datagrams for a port that come for everybody. */
  udp(port: number): readonly Listener[] {
    return this.#udp.get(port) ?? NOBODY
  }

  /** The numbers of the hosts that want ICMPv6 messages of a type that come for everybody. */
  icmpv6(type: number): readonly number[] {
    return this.#icmpv6.get(type) ?? NOBODY
  }

  /** Runs a handler of the host of a number, for `what`; false when it throws. */
  call(index: number, what: string, fn: () => unknown): boolean {
    try {
      const answer = fn()
      if (answer instanceof Promise) answer.catch(error => this.#failed(index, what, error))
      return true
    } catch (error) {
      this.#failed(index, what, error)
      return false
    }
  }

  #failed(index: number, what: string, error: unknown): void {
    this.exceptions++
    this.#log.err('handlers', () => `host ${this.#nameOf(index)}: ${what}: ${describeException(error)}`)
  }
}

function addTo<T>(lists: Map<number, T[]>, key: number, item: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}
