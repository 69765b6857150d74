/**
 * Handlers: code of users and of the gateway that hosts run on received packets. A handler that
 * throws loses its frame and logs a line, at most one per second, because it may throw for every
 * frame. A rejected promise is logged when it rejects.
 */
import type { Clock } from 'vnet/internal/base/clock'
import { describeException } from 'vnet/internal/base/exception'
import { LimitedLog, type Log } from 'vnet/internal/base/log'
import type { HostHandlers, UdpHandler } from './host.ts'

/** A host that receives group and broadcast datagrams. */
export interface GroupListener {
  readonly index: number
  readonly handler: UdpHandler
}

const NONE: readonly never[] = []

export class Handlers {
  /** Calls that failed. */
  exceptions = 0
  readonly #log: LimitedLog
  readonly #nameOf: (index: number) => string
  readonly #udp = new Map<number, GroupListener[]>()
  readonly #icmpv6 = new Map<number, number[]>()

  constructor(clock: Clock, log: Log, nameOf: (index: number) => string) {
    this.#log = new LimitedLog(log, clock, { lines: 1, seconds: 1 })
    this.#nameOf = nameOf
  }

  /** Lets a host receive group and broadcast packets, too. */
  add(index: number, on: HostHandlers | undefined): void {
    for (const [port, handler] of Object.entries(on?.udp ?? {}))
      if (typeof handler === 'function') addTo(this.#udp, Number(port), { index, handler })
    for (const type of Object.keys(on?.icmpv6 ?? {})) addTo(this.#icmpv6, Number(type), index)
  }

  /** The hosts that receive group and broadcast datagrams to a port. */
  udp(port: number): readonly GroupListener[] {
    return this.#udp.get(port) ?? NONE
  }

  /** The indices of the hosts that receive ICMPv6 messages of a type to a group. */
  icmpv6(type: number): readonly number[] {
    return this.#icmpv6.get(type) ?? NONE
  }

  /** Runs a handler of a host, called `what` in the log. Returns false if it throws. */
  call(index: number, what: string, fn: () => unknown): boolean {
    try {
      const result = fn()
      if (result instanceof Promise) result.catch(error => this.#failed(index, what, error))
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
