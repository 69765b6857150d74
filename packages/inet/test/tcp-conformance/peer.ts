/**
 * The peer of a tested host: makes segments of the notation's items, and compares segments of the
 * host with items. Sequence numbers of both sides are relative to their SYN.
 */
import {
  setSequenceNumber,
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
} from 'vnet/internal/packet/tcp'
import type { Items, Range } from './notation.ts'
import { encode, type Segment } from './segment.ts'

/** The port of connection N is this + N. */
export const PEER_PORTS = 40_000

/** Close to 2^32, so that the peer's sequence numbers wrap in most cases. */
const PEER_ISN = 0xffff_ff00

/** Returns the bytes from `from` to `to` of a stream: each differs from its neighbours. */
export function pattern([from, to]: Range): Uint8Array {
  return Uint8Array.from({ length: to - from }, (_, i) => (from + i) * 7 + ((from + i) >>> 8))
}

const wrap = (value: number): number => value >>> 0

export class Peer {
  readonly #port: number
  #hostPort = 0
  #hostIsn: number | undefined
  /** The next sequence numbers of both. */
  #next = 0
  #hostNext = 0
  /** TSval of the host's latest segment. */
  #hostTimestamp = 0
  #isReused = false
  /** The host's latest segment, for ICMP errors about it. */
  #latest = new Uint8Array(0)

  constructor(index: number, hostPort: number) {
    this.#port = PEER_PORTS + index
    this.#hostPort = hostPort
  }

  /** Makes segments to the host. */
  segments(items: Items): Uint8Array[] {
    const { data, size } = items
    if (data === undefined || size === undefined) return [this.#segment(items)]
    return Array.from({ length: Math.ceil((data[1] - data[0]) / size) }, (_, i) => {
      const from = data[0] + i * size
      return this.#segment({ ...items, sequence: from, data: [from, Math.min(from + size, data[1])] })
    })
  }

  #segment(items: Items): Uint8Array {
    const sequence = items.sequence ?? this.#next
    const data = items.data === undefined ? new Uint8Array(0) : pattern(items.data)
    const { mss, scale, sackPermitted = false, sack, timestamp, flags } = items
    const end = sequence + data.length + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0)
    if ((flags & TCP_RST) === 0) this.#next = Math.max(this.#next, end)
    if (flags & TCP_SYN && sequence !== 0) this.#isReused = true
    return encode({
      sourcePort: this.#port,
      destinationPort: this.#hostPort,
      sequence: wrap(PEER_ISN + sequence),
      acknowledgment: items.ack === undefined ? 0 : wrap((this.#hostIsn ?? 0) + items.ack),
      flags,
      window: items.window?.[1] ?? 65_535,
      urgent: items.urgent ?? 0,
      options: {
        ...(mss !== undefined && { mss }),
        ...(scale !== undefined && { scale }),
        sackPermitted,
        ...(timestamp !== undefined && { timestamps: [timestamp, this.#hostTimestamp] as const }),
        ...(sack !== undefined && {
          sack: sack.map(edges => edges.map(edge => wrap((this.#hostIsn ?? 0) + edge)) as unknown as Range),
        }),
      },
      data,
    })
  }

  /** Takes over a segment of the host, and returns how it differs from `items`. */
  compare(segment: Segment, bytes: Uint8Array, items: Items): string[] {
    const { flags, options, data } = segment
    if (flags & TCP_SYN && (this.#hostIsn === undefined || this.#isReused)) {
      this.#hostIsn = segment.sequence
      this.#hostNext = 0
      this.#isReused = false
    }
    this.#hostPort = segment.sourcePort
    this.#hostTimestamp = options.timestamps?.[0] ?? this.#hostTimestamp
    this.#latest = bytes.slice()
    // A reset for no connection has the sequence number 0.
    const isForNone = (flags & TCP_RST) !== 0 && segment.sequence === 0
    const sequence = isForNone ? 0 : this.#relative(segment.sequence)
    const wrong: string[] = []
    const expect = (name: string, actual: unknown, expected: unknown): void => {
      if (!Object.is(actual, expected)) wrong.push(`${name} is ${actual}, not ${expected}`)
    }
    const known = TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK | TCP_URG | (items.flags & TCP_PSH)
    expect('flags', flagNames(flags & known), flagNames(items.flags))
    expect('sequence', sequence, items.sequence ?? this.#hostNext)
    if (items.ack !== undefined) expect('ack', wrap(segment.acknowledgment - PEER_ISN), wrap(items.ack))
    const range = items.data ?? [sequence, sequence]
    expect('length', data.length, range[1] - range[0])
    if (data.length > 0 && Buffer.compare(data, pattern([sequence, sequence + data.length])) !== 0) {
      wrong.push('the bytes differ from those that were written')
    }
    if (items.urgent !== undefined) expect('urgent', segment.urgent, items.urgent)
    if (items.window !== undefined) {
      const [relation, value] = items.window
      const { window } = segment
      const isRight = relation === '<' ? window < value : relation === '>' ? window > value : window === value
      if (!isRight) wrong.push(`win is ${window}`)
    }
    wrong.push(...this.#compareOptions(segment, items))
    const end = sequence + data.length + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0)
    if ((flags & TCP_RST) === 0) this.#hostNext = Math.max(this.#hostNext, end)
    return wrong
  }

  /** Makes an acknowledgment of a segment of the host. */
  acknowledge({ sequence, data }: Segment): Uint8Array[] {
    this.#hostNext = Math.max(this.#hostNext, this.#relative(sequence) + data.length)
    return this.segments({ flags: TCP_ACK, ack: this.#hostNext, peer: 1 })
  }

  /** Returns the host's latest segment, with another sequence number if that is given. */
  latest(sequence: number | undefined): Uint8Array {
    const bytes = this.#latest.slice()
    if (sequence !== undefined) setSequenceNumber(bytes, 0, wrap((this.#hostIsn ?? 0) + sequence))
    return bytes
  }

  /** Writes a segment of the host in the notation. */
  describe({ flags, sequence, acknowledgment, data, window, urgent, options }: Segment): string {
    const start = flags & TCP_SYN ? 0 : this.#relative(sequence)
    const items = [
      ...flagNames(flags & ~TCP_ACK)
        .split('+')
        .filter(Boolean),
    ]
    items.push(data.length > 0 ? `data ${start}..${start + data.length}` : `seq ${start}`)
    if (flags & TCP_ACK) items.push(`ack ${(acknowledgment - PEER_ISN) | 0}`)
    items.push(`win ${window}`)
    if (urgent !== 0) items.push(`urgent ${urgent}`)
    if (options.mss !== undefined) items.push(`mss ${options.mss}`)
    if (options.sackPermitted) items.push('sack-ok')
    if (options.timestamps !== undefined) items.push(`ts ${options.timestamps[1]}`)
    if (options.scale !== undefined) items.push(`scale ${options.scale}`)
    if (options.sack !== undefined) items.push(`sack ${this.#blocks(options.sack)}`)
    return items.join(', ')
  }

  #compareOptions({ flags, options }: Segment, items: Items): string[] {
    const wrong: string[] = []
    const { mss, sackPermitted = false, scale, timestamp, sack = [] } = items
    const blocks = this.#blocks(options.sack ?? [])
    const expected = sack.map(([left, right]) => `${left}..${right}`).join(' ')
    if (blocks !== expected) wrong.push(`sack is '${blocks}', not '${expected}'`)
    const isListed = mss !== undefined || sackPermitted || scale !== undefined
    const isAny = timestamp === undefined || Number.isNaN(timestamp)
    if (flags & TCP_SYN && isListed) {
      if (options.mss !== mss) wrong.push(`mss is ${options.mss}`)
      if ((options.sackPermitted ?? false) !== sackPermitted) wrong.push(`sack-ok is ${options.sackPermitted}`)
      if ((options.scale === undefined) !== (scale === undefined)) wrong.push(`scale is ${options.scale}`)
      if ((options.timestamps === undefined) !== (timestamp === undefined)) wrong.push(`ts is ${options.timestamps}`)
    }
    if (timestamp !== undefined && options.timestamps === undefined) wrong.push('there is no ts')
    if (!isAny && options.timestamps?.[1] !== timestamp) wrong.push(`TSecr is ${options.timestamps?.[1]}`)
    return wrong
  }

  #blocks(sack: readonly Range[]): string {
    return sack.map(([left, right]) => `${(left - PEER_ISN) | 0}..${(right - PEER_ISN) | 0}`).join(' ')
  }

  #relative(sequence: number): number {
    return (sequence - (this.#hostIsn ?? 0)) | 0
  }
}

const NAMES = [
  [TCP_SYN, 'syn'],
  [TCP_FIN, 'fin'],
  [TCP_RST, 'rst'],
  [TCP_PSH, 'push'],
  [TCP_ACK, 'ack'],
  [TCP_URG, 'urgent'],
  [TCP_ECE, 'ece'],
  [TCP_CWR, 'cwr'],
] as const

function flagNames(flags: number): string {
  return NAMES.filter(([bit]) => flags & bit)
    .map(([, name]) => name)
    .join('+')
}
