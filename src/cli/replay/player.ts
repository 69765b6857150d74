/**
 * Player: plays a capture to a sink: reads packets, skips packets that cannot be played, completes
 * checksums, cuts packets that are too long, and waits until each frame is due.
 */
import { setImmediate } from 'node:timers/promises'
import { type Alarm, type Clock, NSEC_PER_SEC } from '../../base/clock.ts'
import { CaptureError } from '../../capture/input.ts'
import { FLAG_CHECKSUM_NOT_READY, type Moment } from '../../capture/packet.ts'
import { CaptureReader } from '../../capture/reader.ts'
import type { CaptureRecord } from '../../capture/record.ts'
import { skbGsoSegment } from '../../netdev/gso.ts'
import { IPPROTO_TCP } from '../../packet/ipv4.ts'
import * as tcp from '../../packet/tcp.ts'
import { completeChecksum, UpperHeader } from '../../packet/upper-header.ts'
import { networkOffset } from '../../packet/vlan.ts'
import {
  FRAME_MAX,
  Ring,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  type SkBuff,
  SkBuffPool,
} from '../../skb/index.ts'
import type { ReplayCounts } from './counts.ts'
import { type Selection, skipReason } from './selection.ts'

/** Takes the frames of a replay, in order. */
export interface FrameSink {
  /** The MTU of the interface when the replay started. */
  readonly mtu: number
  /**
   * Takes a copy of a whole frame. Returns false if it does not fit: wait for `room`, and offer it
   * again. The sink's ReplayCounts count the fate of each frame, possibly later. Throws a VnetError
   * if the interface is down or deleted.
   */
  offer(bytes: Uint8Array, at: number, length: number): boolean
  /** Settles when there may be room. Rejects as `offer` throws. */
  room(): Promise<void>
  /** Immediately sends frames that wait for more. */
  flush(): void
}

/** Segments of 64 KiB at the smallest MTU, of 68 bytes; and at one that needs large slots. */
const SEGMENTS = 4096
const LARGE = 64

/**
 * Cuts TCP frames that are longer than the MTU, as a card's segmentation offload does. A capture
 * has such frames if it was made before a card cut them, or after they were merged.
 */
export class Cutter {
  readonly #mtu: number
  readonly #upper = new UpperHeader()
  readonly #segments = new Ring(SEGMENTS)
  /** Made for the first frame that is cut. */
  #pool: SkBuffPool | undefined

  constructor(mtu: number) {
    this.#mtu = mtu
  }

  /** Whether a frame is longer than the MTU. */
  isLong(bytes: Uint8Array, at: number, length: number): boolean {
    return length > this.#mtu && length - networkOffset(bytes, at, length) > this.#mtu
  }

  /**
   * Cuts a long frame. Returns the number of segments, which next() then returns; 0 if it cannot be
   * cut, or if memory for it is missing.
   */
  cut(bytes: Uint8Array, at: number, length: number): number {
    const gsoSize = this.#segmentSize(bytes, at, length)
    if (gsoSize <= 0) return 0
    this.#pool ??= new SkBuffPool({ large: LARGE, small: SEGMENTS })
    const skb = this.#pool.alloc(length)
    if (skb === undefined) return 0
    skb.bytes.set(bytes.subarray(at, at + length), skb.put(length))
    skb.gsoSize = gsoSize
    skb.gsoType =
      bytes[at + networkOffset(bytes, at, length)] >>> 4 === 4 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6
    const n = skbGsoSegment(skb, this.#segments)
    if (n > 0) return n
    skb.free()
    return 0
  }

  /** Returns the next segment, to be freed by the caller. */
  next(): SkBuff | undefined {
    return this.#segments.shift()
  }

  /** Returns the payload of a segment, 0 or less if the frame is not a whole TCP packet. */
  #segmentSize(bytes: Uint8Array, at: number, length: number): number {
    const network = networkOffset(bytes, at, length)
    if (network < 0 || length > FRAME_MAX) return 0
    const upper = this.#upper
    const nh = at + network
    if (
      upper.find(bytes, nh, at + length) === 0 ||
      upper.protocol !== IPPROTO_TCP ||
      upper.check < 0
    ) {
      return 0
    }
    const header = tcp.parse(bytes, upper.h, upper.end - upper.h)
    return header < 0 ? 0 : this.#mtu - (upper.h - nh) - header
  }
}

/** The options of a Player. The player writes `counts` while it plays. */
export interface PlayerOptions {
  readonly clock: Clock
  readonly sink: FrameSink
  readonly counts: ReplayCounts
  readonly selection: Selection
  /** Frames after which it is over. */
  readonly limit: number
  /** Frames a second, in place of the times of the capture. */
  readonly pps?: number | undefined
}

export class Player {
  /** Bytes of captures that were read, and frames that the sink has accepted. */
  read = 0
  taken = 0
  /** The interfaces of the packets that were read, if one of them was chosen. */
  readonly interfaces = new Set<string>()
  readonly #options: PlayerOptions
  readonly #dueTime: (time: Moment) => number
  readonly #cutter: Cutter
  readonly #upper = new UpperHeader()
  readonly #alarm: Alarm
  /** Ends the current wait. */
  #wake = () => {}
  #isStopped = false
  /** The time when it was read last. */
  #now = Number.NEGATIVE_INFINITY

  constructor(options: PlayerOptions) {
    const { clock, sink, pps } = options
    this.#options = options
    const now = () => clock.now()
    this.#dueTime = pps === undefined ? paceOf(now) : evenPaceOf(now, pps)
    this.#cutter = new Cutter(sink.mtu)
    this.#alarm = clock.alarm(() => this.#wake())
  }

  /** Whether no further frame is played: it was stopped, or the limit is reached. */
  get isOver(): boolean {
    return this.#isStopped || this.taken >= this.#options.limit
  }

  /** Ends `play` soon, whatever it waits for. */
  stop(): void {
    this.#isStopped = true
    this.#alarm.cancel()
    this.#wake()
  }

  /**
   * Plays the capture `name`. It is called once. Settles when the sink has accepted the last frame,
   * or when it is over. Rejects with a CaptureError if the capture is broken, after playing the
   * packets before the defect. Also passes on rejections of the sink and of the chunks.
   */
  async play(name: string, chunks: AsyncIterator<Uint8Array>): Promise<void> {
    const reader = new CaptureReader(name)
    let packets = 0
    for (let isEnd = false; !isEnd && !this.isOver; ) {
      const chunk = await this.#unlessStopped(chunks.next())
      if (chunk === undefined) return
      isEnd = chunk.done === true
      if (isEnd) {
        reader.end()
      } else {
        reader.push(chunk.value)
        this.read += chunk.value.length
      }
      for (let record = reader.next(); record !== undefined; record = reader.next()) {
        packets++
        if (!record.hasTime && this.#options.pps === undefined) throw untimed(name, packets)
        const waiting = this.#packet(record)
        // Most frames wait for nothing.
        if (waiting !== undefined) {
          await waiting
        }
        if (this.isOver) return
      }
      // The next chunk of a pipe may be late.
      this.#options.sink.flush()
      // Lets signals be handled, and the progress be shown.
      await setImmediate()
    }
  }

  #packet(record: CaptureRecord): Promise<void> | undefined {
    const { counts, selection } = this.#options
    if (selection.interface !== undefined && record.interfaceName !== undefined) {
      this.interfaces.add(record.interfaceName)
    }
    const reason = skipReason(record, selection)
    if (reason !== undefined) {
      counts.skipped.add(reason)
      return undefined
    }
    const { bytes, at, capturedLength: length } = record
    // The reader does not look at them again.
    if (((record.flags ?? 0) & FLAG_CHECKSUM_NOT_READY) !== 0) {
      completeChecksum(bytes, at, length, this.#upper)
    }
    if (!this.#cutter.isLong(bytes, at, length)) return this.#frame(record, bytes, at, length)
    const segments = this.#cutter.cut(bytes, at, length)
    if (segments === 0) return this.#frame(record, bytes, at, length)
    counts.cut++
    counts.segments += segments
    return this.#segments(record)
  }

  async #segments(record: CaptureRecord): Promise<void> {
    for (let skb = this.#cutter.next(); skb !== undefined; skb = this.#cutter.next()) {
      if (!this.isOver) {
        await this.#frame(record, skb.bytes, skb.data, skb.len)
      }
      skb.free()
    }
  }

  /** Returns nothing unless it has to wait. */
  #frame(
    record: CaptureRecord,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): Promise<void> | undefined {
    const due = this.#dueTime(record)
    if (due > this.#now) {
      this.#now = this.#options.clock.now()
    }
    if (due > this.#now) return this.#later(due, bytes, at, length)
    if (!this.#options.sink.offer(bytes, at, length)) return this.#whenRoom(bytes, at, length)
    this.taken++
    return undefined
  }

  async #later(due: number, bytes: Uint8Array, at: number, length: number): Promise<void> {
    const { sink } = this.#options
    sink.flush()
    await new Promise<void>(resolve => {
      this.#wake = resolve
      if (this.#isStopped) {
        resolve()
      } else {
        this.#alarm.at(due)
      }
    })
    if (this.#isStopped) return
    if (sink.offer(bytes, at, length)) {
      this.taken++
    } else {
      await this.#whenRoom(bytes, at, length)
    }
  }

  async #whenRoom(bytes: Uint8Array, at: number, length: number): Promise<void> {
    const { sink } = this.#options
    do {
      await this.#unlessStopped(sink.room())
      if (this.#isStopped) return
    } while (!sink.offer(bytes, at, length))
    this.taken++
  }

  /** Settles as `promise` does, or with undefined when it is stopped. */
  #unlessStopped<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#wake = () => resolve(undefined)
      if (this.#isStopped) {
        resolve(undefined)
      }
      promise.then(resolve, reject)
    })
  }
}

function untimed(name: string, packet: number): CaptureError {
  const text = `packet ${packet} has no time (a simple packet block): give a pace, such as --pps 1000`
  return new CaptureError(name, text, 0)
}

/** Returns the times of frames that are due one after the other, `pps` a second. */
export function evenPaceOf(now: () => number, pps: number): () => number {
  let frames = 0
  let from = 0
  return () => {
    if (frames === 0) {
      from = now()
    }
    return from + (frames++ * NSEC_PER_SEC) / pps
  }
}

/** A clock that moves back by more than this, in ns, was set: its old time means nothing. */
const SET_BACK = NSEC_PER_SEC

/**
 * Returns a function that returns the time at which the next frame of a replay is due, by the times
 * of the capture; a time in the past for a late frame. `now` is the clock, in ns. The first frame
 * is due immediately.
 */
export function paceOf(now: () => number): (time: Moment) => number {
  /** The captured moment that is due at `from`. */
  let origin: Moment | undefined
  let from = 0
  /** The latest moment up to now, since `origin`, and when it was due. */
  let latest = 0
  let latestDue = Number.NaN

  function sinceOrigin(seconds: number, nanoseconds: number): number {
    if (origin === undefined) return 0
    return (seconds - origin.seconds) * NSEC_PER_SEC + (nanoseconds - origin.nanoseconds)
  }

  return ({ seconds, nanoseconds }) => {
    if (Number.isNaN(latestDue)) {
      latestDue = now()
    }
    let since = sinceOrigin(seconds, nanoseconds)
    if (origin === undefined || since < latest - SET_BACK) {
      origin = { seconds, nanoseconds }
      from = latestDue
      latest = 0
      since = 0
    }
    const due = from + since
    if (since >= latest) {
      latest = since
      latestDue = due
    }
    return due
  }
}
