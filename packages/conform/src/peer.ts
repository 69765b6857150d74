/**
 * The peer of a tested host: makes segments of the notation's items, and compares segments of the
 * host with items. Sequence numbers of both sides are relative to their SYN.
 */

import { Header, type Segment } from '@vnet/inet/kit'
import { ETH_HLEN, ipv4, ipv6, tcp } from 'vnet'
import { get32, put16, sameBytes } from 'vnet/kit/packet'
import { pattern } from './layers.ts'
import type { Items, Range } from './notation.ts'
import { OfferedWindow } from './window.ts'

/** The port of character generators (RFC 864), and the position of the urgent pointer. */
const CHARGEN = 19
const URGENT = 18

/** Close to 2^32, so that the peer's sequence numbers wrap in most cases. */
const PEER_ISN = 0xffff_ff00

/** The window field of segments without `win`. */
const WINDOW = 65_535

const wrap = (value: number): number => value >>> 0

/**
 * One port of the peer, with the state of its connection. `now` returns the time in nanoseconds.
 */
export class Peer {
  readonly #port: number
  #hostPort = 0
  #hostIsn: number | undefined
  /** The next sequence numbers of both. */
  #next = 0
  #hostNext = 0
  /** The next sequence number of the peer, as the host acknowledged it. */
  #hostAck = 0
  /** TSval of the host's latest segment. */
  #hostTimestamp = 0
  /** The end of the bytes that `acknowledge` has seen. */
  #received = 1
  /** The names of the options of the host's SYN. */
  #offered: readonly string[] = []
  #isReused = false
  /** The shift of the offered windows, once both SYNs have one. */
  #scale = 0
  /** Whether the peer has sent a SYN without an ACK. */
  #hasCalled = false
  /** TSval of the latest segment with timestamps. */
  #timestamp: number | undefined
  readonly #window = new OfferedWindow()
  readonly #now: () => number
  /** The host's latest IP packet, for ICMP errors about it. */
  #latest = new Uint8Array(0)

  constructor(port: number, hostPort: number, now: () => number) {
    this.#port = port
    this.#hostPort = hostPort
    this.#now = now
  }

  /** Makes segments to the host. */
  segments(items: Items): Uint8Array[] {
    const { data, size } = items
    if (data === undefined || size === undefined) return [this.#segment(items)]
    return Array.from({ length: Math.ceil((data[1] - data[0]) / size) }, (_, i) => {
      const from = data[0] + i * size
      return this.#segment({
        ...items,
        sequence: from,
        data: [from, Math.min(from + size, data[1])],
      })
    })
  }

  #segment(items: Items): Uint8Array {
    const sequence = items.sequence ?? this.#next
    const data = items.data === undefined ? new Uint8Array(0) : pattern(items.data)
    const { mss, scale, sackPermitted = false, sack, timestamp, flags } = items
    const end =
      sequence + data.length + (flags & tcp.TCP_SYN ? 1 : 0) + (flags & tcp.TCP_FIN ? 1 : 0)
    if ((flags & tcp.TCP_RST) === 0) {
      this.#next = Math.max(this.#next, end)
    }
    if (flags & tcp.TCP_SYN && sequence !== 0) {
      this.#isReused = true
    }
    if (items.ack !== undefined) {
      this.#received = Math.max(this.#received, items.ack)
    }
    if (timestamp !== undefined) {
      this.#timestamp = timestamp
    }
    this.#offer(items)
    const header = new Header()
    header.reset(this.#port, this.#hostPort)
    Object.assign(header, { flags, window: items.window?.[1] ?? WINDOW, sackPermitted })
    header.sequence = wrap(PEER_ISN + sequence)
    header.acknowledgment = items.ack === undefined ? 0 : this.#absolute(items.ack)
    header.mss = mss ?? 0
    header.windowScale = scale ?? -1
    header.hasTimestamp = timestamp !== undefined
    header.timestamp = timestamp ?? 0
    header.echo = this.#hostTimestamp
    for (const [left, right] of sack ?? []) {
      header.sacks.push(this.#absolute(left), this.#absolute(right))
    }
    header.sackEdges = header.sacks.length
    const bytes = header.build(data.length)
    put16(bytes, URGENT, items.urgent ?? 0)
    bytes.set(data, bytes.length - data.length)
    return bytes
  }

  /** Notes the window of an own segment. Linux scales a SYN-ACK's after SYNs that cross. */
  #offer({ flags, ack, scale, window = ['=', WINDOW] }: Items): void {
    const isSyn = (flags & tcp.TCP_SYN) !== 0
    if ((flags & tcp.TCP_RST) !== 0 || !(isSyn || ack !== undefined)) return
    if (scale !== undefined) {
      this.#scale = scale
    }
    const isCrossed = ack !== undefined && this.#hasCalled
    if (isSyn && ack === undefined) {
      this.#hasCalled = true
    }
    const isScaled =
      (!isSyn || isCrossed) && (this.#hostIsn === undefined || this.hasOffered('scale'))
    this.#window.offer(ack ?? 1, window[1] * (isScaled ? 2 ** this.#scale : 1), this.#now())
  }

  /**
   * Returns how a segment of the host, which was taken, differs from `items`. If `isLoose`, only
   * given items count, and the segment may have fewer bytes.
   */
  compare(segment: Segment, items: Items, isLoose = false): string[] {
    const { flags, length } = segment
    // A reset for no connection has the sequence number 0.
    const isForNone = segment.isRst && segment.sequence === 0
    const sequence = isForNone ? 0 : this.#relative(segment.sequence)
    const wrong: string[] = []
    const expect = (name: string, actual: unknown, expected: unknown): void => {
      if (!Object.is(actual, expected)) {
        wrong.push(`${name} is ${actual}, not ${expected}`)
      }
    }
    const optional = isLoose ? tcp.TCP_PSH | tcp.TCP_ACK | tcp.TCP_URG : tcp.TCP_PSH
    const known = (tcp.TCP_SYN | tcp.TCP_FIN | tcp.TCP_RST | tcp.TCP_ACK | tcp.TCP_URG) & ~optional
    expect('flags', flagNames(flags & (known | (items.flags & optional))), flagNames(items.flags))
    if (!isLoose || items.sequence !== undefined) {
      expect('sequence', sequence, items.sequence ?? this.#hostNext)
    }
    if (items.ack !== undefined) {
      expect('ack', wrap(segment.acknowledgment - PEER_ISN), wrap(items.ack))
    }
    const [from, to] = items.data ?? [sequence, sequence]
    if (!isLoose) {
      expect('length', length, to - from)
    } else if (items.data !== undefined && (length === 0 || length > to - from)) {
      wrong.push(`length is ${length}`)
    }
    if (!this.#isPattern(segment)) {
      wrong.push('the bytes differ from those that were written')
    }
    if (items.urgent !== undefined) {
      expect('urgent', segment.urgent, items.urgent)
    }
    if (items.window !== undefined) {
      const [relation, value] = items.window
      const { window } = segment
      if (!isRelated(window, relation, value)) {
        wrong.push(`win is ${window}`)
      }
    }
    wrong.push(...this.#compareOptions(segment, items, isLoose))
    if (!segment.isRst) {
      this.#hostNext = Math.max(this.#hostNext, sequence + segment.space)
    }
    return wrong
  }

  /** Takes over the numbers of a segment of the host. Returns whether its bytes break a rule. */
  take(segment: Segment, at: number): string | undefined {
    if (segment.isSyn && (this.#hostIsn === undefined || this.#isReused)) {
      this.#hostIsn = segment.sequence
      this.#hostNext = 0
      this.#isReused = false
    }
    if (segment.isSyn) {
      this.#offered = optionsOf(segment)
    }
    this.#hostPort = segment.sourcePort
    if (segment.isAck) {
      this.#hostAck = (segment.acknowledgment - PEER_ISN) | 0
    }
    if (segment.hasTimestamp) {
      this.#hostTimestamp = segment.timestamp
    }
    this.#latest = segment.bytes.slice(ETH_HLEN)
    if (segment.isRst || segment.isSyn || this.#hostIsn === undefined) return undefined
    return this.#window.problem(this.#relative(segment.sequence), segment.length, at)
  }

  /** Whether the bytes belong to the stream of a case. Chargen sends other bytes, unchecked. */
  #isPattern({ bytes, at, length, sequence, sourcePort }: Segment): boolean {
    const from = this.#relative(sequence)
    return (
      sourcePort === CHARGEN ||
      sameBytes(bytes.subarray(at, at + length), pattern([from, from + length]))
    )
  }

  /** Whether a segment of the host has bytes between two numbers. */
  hasBytesIn({ sequence, length }: Segment, [from, to]: Range): boolean {
    const start = this.#relative(sequence)
    return length > 0 && start < to && start + length > from
  }

  /** Makes an acknowledgment of a segment of the host. */
  acknowledge(segment: Segment): Uint8Array[] {
    const sequence = this.#relative(segment.sequence)
    if (sequence <= this.#received) {
      this.#received = Math.max(this.#received, sequence + segment.space)
    }
    const options = this.#timestamp === undefined ? {} : { timestamp: this.#timestamp }
    return this.segments({ flags: tcp.TCP_ACK, ack: this.#received, peer: 1, ...options })
  }

  /** Whether the host's SYN has an option: `ts`, `scale`, `sack-ok`. */
  hasOffered(option: string): boolean {
    return this.#offered.includes(option)
  }

  /** The end of the bytes that were acknowledged. */
  get received(): number {
    return this.#received
  }

  /** Makes the segments that end the connection, if there is one. */
  abort(): Uint8Array[] {
    if (this.#hostIsn === undefined) return []
    const sequences = new Set([this.#hostAck, this.#next])
    return [...sequences].map(sequence => this.#segment({ flags: tcp.TCP_RST, sequence, peer: 1 }))
  }

  /** Returns the host's latest IP packet, with another sequence number if that is given. */
  latest(sequence: number | undefined): Uint8Array {
    const packet = this.#latest.slice()
    const header = (packet[0] as number) >>> 4 === 6 ? ipv6.IPV6_HLEN : ipv4.headerLength(packet, 0)
    if (sequence !== undefined) {
      tcp.setSequenceNumber(packet, header, wrap((this.#hostIsn ?? 0) + sequence))
    }
    return packet
  }

  /** Writes a segment of the host in the notation. */
  describe(segment: Segment): string {
    const { flags, sequence, acknowledgment, length, window, urgent } = segment
    const start = segment.isSyn ? 0 : this.#relative(sequence)
    const items = flagNames(flags & ~tcp.TCP_ACK)
      .split('+')
      .filter(name => name !== 'none')
    items.push(length > 0 ? `data ${start}..${start + length}` : `seq ${start}`)
    if (segment.isAck) {
      items.push(`ack ${(acknowledgment - PEER_ISN) | 0}`)
    }
    items.push(`win ${window}`)
    if (urgent !== 0) {
      items.push(`urgent ${urgent}`)
    }
    if (segment.mss > 0) {
      items.push(`mss ${segment.mss}`)
    }
    if (segment.sackPermitted) {
      items.push('sack-ok')
    }
    if (segment.hasTimestamp) {
      items.push(`ts ${segment.echo}`)
    }
    if (segment.windowScale >= 0) {
      items.push(`scale ${segment.windowScale}`)
    }
    if (segment.sackBlocks > 0) {
      items.push(`sack ${this.#blocks(segment)}`)
    }
    return items.join(', ')
  }

  #compareOptions(segment: Segment, items: Items, isLoose: boolean): string[] {
    const wrong: string[] = []
    const { mss = 0, sackPermitted = false, scale, timestamp, sack } = items
    const blocks = this.#blocks(segment)
    const expected = (sack ?? []).map(([left, right]) => `${left}..${right}`).join(' ')
    if (blocks !== expected && (sack !== undefined || !isLoose)) {
      wrong.push(`sack is '${blocks}', not '${expected}'`)
    }
    const unwanted = optionsOf(segment).filter(option => items.without?.includes(option))
    if (unwanted.length > 0) {
      wrong.push(`it has ${unwanted.join(' and ')}`)
    }
    const isListed = mss > 0 || sackPermitted || scale !== undefined
    if (segment.isSyn && isListed) {
      if (segment.mss !== mss) {
        wrong.push(`mss is ${segment.mss}`)
      }
      if (segment.sackPermitted !== sackPermitted) {
        wrong.push(`sack-ok is ${segment.sackPermitted}`)
      }
      if (segment.windowScale < 0 !== (scale === undefined)) {
        wrong.push(`scale is ${segment.windowScale}`)
      }
      if (segment.hasTimestamp !== (timestamp !== undefined)) {
        wrong.push(`ts is ${segment.hasTimestamp}`)
      }
    }
    if (Number.isNaN(mss) && segment.mss === 0) {
      wrong.push('there is no mss')
    }
    if (timestamp !== undefined && !segment.hasTimestamp) {
      wrong.push('there is no ts')
    } else if (Number.isInteger(timestamp) && segment.echo !== timestamp) {
      wrong.push(`TSecr is ${segment.echo}`)
    }
    return wrong
  }

  #blocks({ bytes, sackAt, sackBlocks }: Segment): string {
    const edge = (at: number): number => (get32(bytes, at) - PEER_ISN) | 0
    return Array.from(
      { length: sackBlocks },
      (_, i) => `${edge(sackAt + 8 * i)}..${edge(sackAt + 8 * i + 4)}`,
    ).join(' ')
  }

  #absolute(sequence: number): number {
    return wrap((this.#hostIsn ?? 0) + sequence)
  }

  #relative(sequence: number): number {
    return (sequence - (this.#hostIsn ?? 0)) | 0
  }
}

/** Returns the names of the options that a segment has. */
function optionsOf({
  mss,
  hasTimestamp,
  windowScale,
  sackPermitted,
  sackBlocks,
}: Segment): string[] {
  const has = {
    mss: mss > 0,
    ts: hasTimestamp,
    scale: windowScale >= 0,
    'sack-ok': sackPermitted,
    sack: sackBlocks > 0,
  }
  return Object.entries(has).flatMap(([name, isThere]) => (isThere ? [name] : []))
}

/** By their bits, the lowest first. */
const NAMES = ['fin', 'syn', 'rst', 'push', 'ack', 'urgent', 'ece', 'cwr']

const flagNames = (flags: number): string =>
  NAMES.filter((_, bit) => (flags >> bit) & 1).join('+') || 'none'

/** Whether a window is as a case writes it: below, above or equal to a value. */
function isRelated(window: number, relation: string, value: number): boolean {
  if (relation === '<') return window < value
  return relation === '>' ? window > value : window === value
}
