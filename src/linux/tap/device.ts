/** Tap: an open interface for a program that wants its frames and needs no driver (open-tap.ts). */
import { EventEmitter, setMaxListeners } from 'node:events'
import { attempt, EBADFD, VnetError } from '../../base/errno.ts'
import { IFF_UP } from '../../netdev/if.ts'
import type { LinkChange, Port } from '../../netdev/port.ts'
import { formatMac } from '../../packet/address.ts'
import type { SlotAccount } from '../../skb/pool.ts'
import { GONE } from '../errno.ts'
import type { TapFrame, TapFrameInfo, TapLayer } from './frame.ts'
import { type OnFrames, TapReader } from './reader.ts'
import { type TapCounters, TapCounts, TapWriter } from './writer.ts'

/** The events of a Tap, and the arguments of their listeners. */
export interface TapEvents {
  /** The interface was set up or down. Not emitted for the `up` of openTap itself. */
  up: []
  down: []
  /** The MTU was changed. */
  mtu: [mtu: number]
  /** The interface was deleted, or its namespace was. The Tap closes itself. */
  gone: []
  /** Nothing that was written waits for room any more. */
  drain: []
  /** Everything is released. */
  close: []
}

interface PromiseSettlers {
  resolve(): void
  reject(error: Error): void
}

/** Everything that openTap opened for a Tap, which owns it from then on. */
export interface OpenParts {
  readonly port: Port
  readonly slots: SlotAccount
  readonly layer: TapLayer
  /** Closes the Tap when it aborts. */
  readonly signal: AbortSignal | undefined
  /** Closes everything that the port was opened with. */
  readonly close: () => Promise<void>
}

/**
 * An open interface. Read it by `for await (const frames of tap)` or by `onFrames`, one at a time.
 * The frames of a batch end with it (TapFrame). Leaving the loop does not close the Tap.
 */
export class Tap
  extends EventEmitter<TapEvents>
  implements AsyncDisposable, AsyncIterable<readonly TapFrame[]>
{
  readonly layer: TapLayer
  readonly #parts: OpenParts
  readonly #counts: TapCounts
  readonly #reader: TapReader
  readonly #writer: TapWriter
  readonly #onAbort = (): void => void this.close()
  /** The promises of drained(). */
  readonly #waiting: PromiseSettlers[] = []
  #gone = false
  /** Whether close() was called. */
  #isClosed = false
  #closed: Promise<void> | undefined

  /** Takes the parts over. For openTap. */
  constructor(parts: OpenParts) {
    super()
    const { port, slots, layer, signal } = parts
    this.layer = layer
    this.#parts = parts
    const counts = new TapCounts(port.link.name)
    this.#counts = counts
    this.#reader = new TapReader({
      queues: port.queues,
      slots,
      layer,
      counts,
      onGone: () => this.#leave(),
    })
    this.#writer = new TapWriter({
      port,
      pool: slots.pool,
      layer,
      counts,
      onDrain: () => this.#drained(),
    })
    slots.onRoom = () => this.#reader.slotFreed()
    port.onChange(change => this.#changed(change))
    // Not a leak: one signal may close any number of Taps. Other realms have signals of their own.
    if (signal !== undefined) {
      attempt(() => setMaxListeners(0, signal))
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** The interface's name, which may change. */
  get name(): string {
    return this.#parts.port.link.name
  }

  get ifindex(): number {
    return this.#parts.port.link.ifindex
  }

  get mtu(): number {
    return this.#parts.port.link.mtu
  }

  /** Hardware address, `02:00:00:00:00:01`; undefined for a TUN. */
  get mac(): string | undefined {
    return this.layer === 'tun' ? undefined : formatMac(this.#parts.port.link.address)
  }

  get isUp(): boolean {
    return this.#closed === undefined && (this.#parts.port.link.flags & IFF_UP) !== 0
  }

  /** The number of queues in each direction. */
  get queues(): number {
    return this.#parts.port.queues.length
  }

  get counters(): TapCounters {
    return this.#counts.counters()
  }

  /**
   * Called with each batch: the fastest way to read. The list and its frames are the same objects
   * every time, and end when it returns, so it may not be async. Assign undefined or null to stop
   * reading. Assigning a function throws EBADFD once the Tap is closed or its interface deleted.
   */
  get onFrames(): OnFrames | undefined {
    return this.#reader.onFrames
  }

  set onFrames(fn: OnFrames | undefined | null) {
    if (fn != null && this.#closed !== undefined) throw this.#ended('read')
    this.#reader.onFrames = fn
  }

  /**
   * Yields batches, each of which ends when the next is requested. It ends when the Tap is closed,
   * and throws a VnetError, EBADFD when the interface is deleted.
   */
  [Symbol.asyncIterator](): AsyncGenerator<readonly TapFrame[], void, undefined> {
    return this.#reader.batches()
  }

  /**
   * Writes a frame: the kernel receives it. Bytes are copied; a frame that was read from this Tap
   * or another is handed over without a copy and ends. `info` describes bytes that are more than a
   * plain packet; a TapFrame is one. Offloads that the interface lacks are done in software.
   *
   * Returns true, or false if the kernel has no room: the frame then waits, and the program should
   * write no more until `drained()`. At most 256 frames a queue wait. Frames that are lost, because
   * no more can wait or the kernel refuses them, are counted. Once the interface is deleted, every
   * frame is lost, and it returns false. Throws EBADFD after close(), a TypeError for another
   * value, and a RangeError for an `info` that no frame has.
   */
  write(data: Uint8Array | TapFrame, info?: TapFrameInfo): boolean {
    this.#checkOpen()
    return this.#writer.write(data, info)
  }

  /** Like `write`, for a row: 64 per native call. If one throws, those before it are written. */
  writeBatch(batch: readonly (Uint8Array | TapFrame)[]): boolean {
    this.#checkOpen()
    return this.#writer.writeBatch(batch)
  }

  /**
   * Settles when nothing that was written waits for room. Rejects with EBADFD once the Tap is
   * closed: what waits then is lost.
   */
  drained(): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#ended('write'))
    if (this.#writer.drained) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Deletes the interface. Waiting frames are dropped. Idempotent. */
  close(): Promise<void> {
    this.#isClosed = true
    return this.#end()
  }

  #end(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.close()

  async #close(): Promise<void> {
    const { port, slots, signal, close } = this.#parts
    signal?.removeEventListener('abort', this.#onAbort)
    this.#reader.end('closed')
    this.#writer.end()
    for (const { reject } of this.#waiting.splice(0)) {
      reject(this.#ended('write'))
    }
    await port.close()
    slots.pool.closeAccount(slots)
    await close()
    this.#report('close')
  }

  #drained(): void {
    for (const { resolve } of this.#waiting.splice(0)) {
      resolve()
    }
    this.#report('drain')
  }

  #checkOpen(): void {
    if (this.#isClosed) throw this.#ended('write')
  }

  #ended(call: 'read' | 'write'): VnetError {
    return new VnetError(EBADFD, [call, this.name], this.#gone ? GONE : 'it was closed')
  }

  /** Emits an event. An exception of a listener is uncaught, and prevents nothing here. */
  #report<E extends keyof TapEvents>(event: E, ...values: TapEvents[E]): void {
    try {
      this.emit(event, ...(values as never))
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  #changed(change: LinkChange): void {
    const { kind } = change
    if (kind === 'renamed' || kind === 'moved') {
      this.#counts.name = change.name
    } else if (kind === 'up' || kind === 'down') {
      this.#report(kind)
    } else if (kind === 'mtu') {
      this.#report('mtu', change.mtu)
    } else if (kind === 'gone') {
      this.#leave()
    }
  }

  #leave(): void {
    if (this.#gone || this.#closed !== undefined) return
    this.#gone = true
    this.#reader.end('gone')
    void this.#end()
    this.#report('gone')
  }
}
