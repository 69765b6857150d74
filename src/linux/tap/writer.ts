/**
 * The writing side of a Tap: frames go to the kernel immediately. Frames for which the kernel has
 * no room wait in a ring for each queue, and are written again a moment later.
 */
import { inspect } from 'node:util'
import { withCode } from '../../base/usage-error.ts'
import { canOffload, GSO_SEGS_MAX, skbChecksumHelp } from '../../netdev/gso.ts'
import type { Port } from '../../netdev/port.ts'
import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_FULL_RING,
  SKB_DROP_REASON_MAX,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_SKB_CSUM,
} from '../../skb/drop-reason.ts'
import { dropsByName, FRAME_MAX, Ring, type SkBuffPool } from '../../skb/index.ts'
import type { SkBuff, SkBuffDevice } from '../../skb/sk-buff.ts'
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  SKB_GSO_TCP_ECN,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
} from '../../skb/sk-buff.ts'
import { FrameView, segmentSkb, type TapFrame, type TapFrameInfo, type TapLayer } from './frame.ts'

/** Frames that may wait for room in each queue. */
const RING = 256
/** Milliseconds until waiting frames are written again: the kernel does not report room. */
const RETRY_MS = 1

/** The parts of a Tap that its writer uses. They remain the Tap's, which closes them. */
export interface TapWriterOptions {
  readonly port: Port
  readonly pool: SkBuffPool
  readonly layer: TapLayer
  readonly counts: TapCounts
  /** Called when nothing waits for room any more. */
  readonly onDrain: () => void
}

export class TapWriter {
  readonly #options: TapWriterOptions
  readonly #rings: readonly Ring[]
  #segments: Ring | undefined
  #retry: NodeJS.Timeout | undefined
  #ended = false

  constructor(options: TapWriterOptions) {
    this.#options = options
    this.#rings = options.port.queues.map(() => new Ring(RING))
  }

  /** Whether nothing waits for room, and frames are written at all. */
  get drained(): boolean {
    return this.#retry === undefined && !this.#ended
  }

  /** Writes a frame. Returns whether nothing waits for room. */
  write(data: Uint8Array | TapFrame, info?: TapFrameInfo): boolean {
    this.#take(data, info)
    return this.#flush()
  }

  /** Writes frames in order. If a value throws, those before it are written. Returns `drained`. */
  writeBatch(batch: readonly (Uint8Array | TapFrame)[]): boolean {
    if (!Array.isArray(batch)) {
      throw wrongType(`writeBatch takes a list of frames, not ${shown(batch)}`)
    }
    try {
      for (let i = 0; i < batch.length; i++) {
        this.#take(batch[i])
      }
    } finally {
      this.#flush()
    }
    return this.drained
  }

  /** Drops waiting frames and, from now on, every frame. */
  end(): void {
    this.#ended = true
    clearTimeout(this.#retry)
    this.#retry = undefined
    for (const ring of this.#rings) {
      ring.purge(SKB_DROP_REASON_DEV_STOPPED)
    }
  }

  /** Puts a frame in the ring of its queue, after doing the offloads that the interface lacks. */
  #take(data: Uint8Array | TapFrame, info?: TapFrameInfo): void {
    const skb =
      data instanceof FrameView ? ownFrame(data, info) : this.#fill(data as Uint8Array, info)
    if (skb === undefined) return
    const { port, counts } = this.#options
    skb.dev = counts
    const plain = skb.ipSummed !== CHECKSUM_PARTIAL && skb.gsoSize === 0
    if (plain || canOffload(skb, port.features)) {
      this.#push(skb)
    } else if (skb.gsoSize !== 0) {
      this.#cut(skb)
    } else if (skbChecksumHelp(skb)) {
      this.#push(skb)
    } else {
      skb.drop(SKB_DROP_REASON_SKB_CSUM)
    }
  }

  /** Returns a frame with a copy of the bytes; undefined if it was dropped. */
  #fill(bytes: Uint8Array, info: TapFrameInfo | undefined): SkBuff | undefined {
    const { pool, counts } = this.#options
    // The elements of other arrays would be cut to bytes.
    if (!ArrayBuffer.isView(bytes) || bytes.BYTES_PER_ELEMENT !== 1) {
      throw wrongType('write takes a Uint8Array, or a frame that was read')
    }
    if (info !== undefined) {
      check(info, this.#rings.length)
    }
    const tooBig = bytes.length > FRAME_MAX
    const skb = tooBig ? undefined : pool.alloc(bytes.length)
    if (skb === undefined) {
      counts.countDrop(undefined, tooBig ? SKB_DROP_REASON_PKT_TOO_BIG : SKB_DROP_REASON_NOMEM)
      return undefined
    }
    skb.bytes.set(bytes, skb.put(bytes.length))
    if (info !== undefined) {
      describe(skb, info)
    }
    return skb
  }

  #cut(skb: SkBuff): void {
    this.#segments ??= new Ring(GSO_SEGS_MAX)
    const n = segmentSkb(skb, this.#segments, this.#options.layer)
    if (n < 0) {
      skb.drop(-n)
    }
    for (let i = 0; i < n; i++) {
      this.#push(this.#segments.shift() as SkBuff)
    }
  }

  #push(skb: SkBuff): void {
    if (this.#ended) {
      skb.drop(SKB_DROP_REASON_DEV_READY)
      return
    }
    const q = skb.queueMapping % this.#rings.length
    const ring = this.#rings[q]
    if (ring.push(skb)) return
    this.#options.port.queues[q].submit(ring)
    if (!ring.push(skb)) {
      skb.drop(SKB_DROP_REASON_FULL_RING)
    }
  }

  /** Writes out every ring. Returns whether all are empty then. */
  #flush(): boolean {
    let waiting = false
    for (let q = 0; q < this.#rings.length; q++) {
      const ring = this.#rings[q]
      if (ring.length === 0) continue
      this.#options.port.queues[q].submit(ring)
      waiting ||= ring.length !== 0
    }
    if (waiting) {
      this.#retry ??= setTimeout(() => this.#again(), RETRY_MS)
    }
    return this.drained
  }

  #again(): void {
    this.#retry = undefined
    if (this.#flush()) {
      this.#options.onDrain()
    }
  }
}

/** Frames and bytes of a Tap since it was opened. */
export interface TapCounters {
  /** Frames that the kernel sent through the interface and the program has read. */
  readonly framesRead: number
  readonly bytesRead: number
  /** Frames that were written and the kernel has received. Each segment that was cut counts. */
  readonly framesWritten: number
  readonly bytesWritten: number
  /** Frames that were written and lost: in all, and by reason (docs/statistics.md). */
  readonly dropped: number
  readonly drops: Readonly<Record<string, number>>
}

/** The device of all frames that are written: each is counted when it ends. */
export class TapCounts implements SkBuffDevice {
  name: string
  framesRead = 0
  bytesRead = 0
  #framesWritten = 0
  #bytesWritten = 0
  readonly #drops = new Float64Array(SKB_DROP_REASON_MAX)

  constructor(name: string) {
    this.name = name
  }

  countReceived(skb: SkBuff): void {
    this.#framesWritten++
    this.#bytesWritten += skb.len
  }

  countDrop(_: SkBuff | undefined, reason: number): void {
    this.#drops[reason] += 1
  }

  counters(): TapCounters {
    return {
      framesRead: this.framesRead,
      bytesRead: this.bytesRead,
      framesWritten: this.#framesWritten,
      bytesWritten: this.#bytesWritten,
      dropped: this.#drops.reduce((sum, n) => sum + n, 0),
      drops: dropsByName(this.#drops),
    }
  }
}

const U16_MAX = 0xffff
const GSO_TYPES: readonly number[] = [SKB_GSO_TCPV4, SKB_GSO_TCPV6, SKB_GSO_UDP_L4]

/** The fields of a description, and all of a TapFrame, which may be one. */
const FIELDS = ['ipSummed', 'csumStart', 'csumOffset', 'gsoSize', 'gsoType', 'queue']
const FRAME_FIELDS = ['length', 'bytes', 'memory', 'offset', 'copy', 'completeChecksum', 'segment']

const wrongType = (text: string): TypeError => withCode(new TypeError(text), 'ERR_INVALID_ARG_TYPE')
const outOfRange = (text: string): RangeError => withCode(new RangeError(text), 'ERR_OUT_OF_RANGE')
const shown = (value: unknown): string => inspect(value, { depth: -1 })

/** Returns the skb of a frame, which has a description of its own. */
function ownFrame(frame: FrameView, info: TapFrameInfo | undefined): SkBuff {
  if (info !== undefined) {
    throw wrongType(
      'write: a frame that was read has its own description: leave the second one out',
    )
  }
  return frame.take()
}

/** Throws for a description that no frame of this many queues has. */
function check(info: TapFrameInfo, queues: number): void {
  if (!(info instanceof FrameView)) {
    checkFields(info, queues)
  }
  const { ipSummed = 0, csumStart = 0, csumOffset = 0, gsoSize = 0, gsoType = 0, queue = 0 } = info
  checkNumber('ipSummed', ipSummed, CHECKSUM_PARTIAL)
  checkNumber('csumStart', csumStart, U16_MAX)
  checkNumber('csumOffset', csumOffset, U16_MAX)
  checkNumber('gsoSize', gsoSize, U16_MAX)
  // A frame of another interface may come from a queue that this one lacks.
  checkNumber('queue', queue, U16_MAX)
  if (!GSO_TYPES.includes(gsoType & ~SKB_GSO_TCP_ECN) && (gsoType !== 0 || gsoSize !== 0)) {
    throw outOfRange(`write: gsoType ${gsoType}: SKB_GSO_TCPV4, SKB_GSO_TCPV6 or SKB_GSO_UDP_L4`)
  }
}

/** Throws for a value that is not an object of FIELDS, which only types would notice. */
function checkFields(info: TapFrameInfo, queues: number): void {
  if (typeof info !== 'object' || info === null || Array.isArray(info)) {
    throw wrongType(
      `write: the description of a frame is an object, such as { gsoSize: 1448 }, not ${shown(info)}`,
    )
  }
  for (const name in info) {
    if (!FIELDS.includes(name) && !FRAME_FIELDS.includes(name)) {
      throw wrongType(`write: no field is called '${name}', but ${FIELDS.join(', ')}`)
    }
  }
  const { queue = 0 } = info
  if (queue >= queues) {
    throw outOfRange(`write: queue ${queue}: a whole number from 0 to ${queues - 1}`)
  }
}

function checkNumber(name: keyof TapFrameInfo, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return
  throw outOfRange(`write: ${name} ${value}: a whole number from 0 to ${most}`)
}

function describe(skb: SkBuff, info: TapFrameInfo): void {
  const {
    ipSummed = CHECKSUM_NONE,
    csumStart = 0,
    csumOffset = 0,
    gsoSize = 0,
    gsoType = 0,
    queue = 0,
  } = info
  skb.ipSummed = ipSummed
  skb.csumStart = skb.data + csumStart
  skb.csumOffset = csumOffset
  skb.gsoSize = gsoSize
  skb.gsoType = gsoType
  skb.queueMapping = queue
}
