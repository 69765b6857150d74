/** Log lines like the kernel's, `vnet0: device opened`. The program chooses where they go. */
import { print } from '../packet/print.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { printable } from './printable.ts'

/** The kernel's levels (include/linux/kern_levels.h): the higher, the less important. */
export const LOGLEVEL_ERR = 3
export const LOGLEVEL_WARNING = 4
export const LOGLEVEL_INFO = 6
export const LOGLEVEL_DEBUG = 7

export class Log {
  /** Messages above this level are not written. Check it before building a costly message. */
  readonly level: number
  readonly #write: (level: number, text: string) => void
  readonly #prefix: string
  /** What is to be logged at the end, of this log and all that are named after it. */
  readonly #pending: Set<() => void>

  constructor(
    level: number,
    write: (level: number, text: string) => void,
    prefix = '',
    pending: Set<() => void> = new Set(),
  ) {
    this.level = level
    this.#write = write
    this.#prefix = prefix
    this.#pending = pending
  }

  /** Returns the same log with every line begun by `name: `. */
  named(name: string): Log {
    return new Log(this.level, this.#write, `${name}: `, this.#pending)
  }

  err(text: string): void {
    this.write(LOGLEVEL_ERR, text)
  }

  warn(text: string): void {
    this.write(LOGLEVEL_WARNING, text)
  }

  info(text: string): void {
    this.write(LOGLEVEL_INFO, text)
  }

  debug(text: string): void {
    this.write(LOGLEVEL_DEBUG, text)
  }

  /** Calls `fn` at the end of the program, for a line that is put off. Returns an undo. */
  onFlush(fn: () => void): () => void {
    this.#pending.add(fn)
    return () => this.#pending.delete(fn)
  }

  /** Writes the lines that were put off: the program ends. */
  flush(): void {
    for (const fn of [...this.#pending]) fn()
  }

  write(level: number, text: string): void {
    if (level <= this.level) this.#write(level, printable(this.#prefix + text.replace(/\s*\n\s*/g, ' | ')))
  }
}

/**
 * Logs one frame as tcpdump would print it, for a device whose msgEnable has NETIF_MSG_PKTDATA:
 * `tx-0 IP 198.18.0.1 > 198.18.0.2: ...` was sent by the kernel on transmit queue 0, `rx-0` is
 * on its way to the kernel. `why` is added to the line of a frame that was dropped.
 */
export function logFrame(dev: FrameLog, way: 'tx' | 'rx', skb: SkBuff, why = ''): void {
  const gso = skb.gsoSize === 0 ? '' : `, gso ${skb.gsoSize}`
  logEvent(dev, () => `${way}-${skb.queueMapping} ${print(skb.bytes, skb.data, skb.len)}${gso}${why}`)
}

/** A device whose msgEnable turns on lines. */
interface FrameLog {
  readonly port: unknown
  readonly log: Log
  /** Takes such lines if only IFF_DEBUG asks for them. */
  readonly debugLog: { info(kind: string, text: string | (() => string)): void } | undefined
}

/**
 * Logs what happened between frames, for a device whose msgEnable has the bit of it: the caller has
 * tested that, so that the text is not built in vain. A device without a port logs nothing.
 */
export function logEvent(dev: FrameLog, text: string | (() => string)): void {
  if (dev.port === undefined) return
  if (dev.debugLog !== undefined) dev.debugLog.info('IFF_DEBUG', text)
  else dev.log.info(typeof text === 'string' ? text : text())
}
