/**
 * Streams: the TCP connections of a link by the bytes of their streams, for faults at a byte. Byte
 * 0 is the first of the payload, and -1 is the SYN. Connections are known from their SYN on;
 * segments of others, fragments and other packets are not looked at.
 */
import * as ipv4 from '../../packet/ipv4.ts'
import * as ipv6 from '../../packet/ipv6.ts'
import * as tcp from '../../packet/tcp.ts'
import { completeChecksum, wholeTransport } from '../../packet/upper-header.ts'
import { networkOffset } from '../../packet/vlan.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { Direction, Wire, WireEnv } from '../wire.ts'
import { finishChecksum } from './corrupt.ts'
import { resetSender, sendResets } from './tcp-reset.ts'

/**
 * The faults that end a connection at a byte. An `abort` is a reset that never waits: it follows
 * the bytes before it immediately.
 */
export type EndingVerb = 'fin' | 'reset' | 'abort'

/** The most connections that are known. With one more, the oldest is forgotten. */
const CONNECTIONS_MAX = 65_536

/** The sequence numbers of one direction of a connection; NaN before they are known. */
interface Half {
  /** That of its SYN. */
  syn: number
  /** The next one that its receiver expects, by its acknowledgments. */
  acked: number
}

interface Cut {
  readonly verb: EndingVerb
  readonly direction: Direction
  readonly byte: number
  /** The sequence number of the byte. */
  readonly sequence: number
  /** Whether the reset waits until the receiver has acknowledged the bytes before. */
  isPending: boolean
}

interface Connection {
  readonly ab: Half
  readonly ba: Half
  cut: Cut | undefined
  /** Whether a fault has counted it. */
  isCounted: boolean
}

/** A segment of a known connection. */
export interface StreamSegment {
  readonly connection: Connection
  /** The positions of its TCP header and of its payload. */
  readonly h: number
  readonly payload: number
  /** The bytes of the stream that it carries: from `first` to before `end`. A FIN is one byte. */
  readonly first: number
  readonly end: number
}

export class Streams {
  readonly #connections = new Map<string, Connection>()
  readonly #seesBoth: boolean

  /**
   * With `seesBoth`, `see` is called with the frames of both directions. Otherwise the
   * acknowledgments of the receiver are unknown, so that a reset follows the bytes before it
   * immediately.
   */
  constructor(seesBoth: boolean) {
    this.#seesBoth = seesBoth
  }

  /** Notes a frame. Returns undefined unless it is a segment of a known connection. */
  see(skb: SkBuff, direction: Direction): StreamSegment | undefined {
    const { bytes, data, len } = skb
    const upper = wholeTransport(bytes, data, len)
    if (upper?.protocol !== ipv4.IPPROTO_TCP) return undefined
    const { h, end } = upper
    const flags = tcp.flags(bytes, h)
    const sequence = tcp.sequenceNumber(bytes, h)
    const connection = this.#connectionOf(skb, h, direction)
    if (connection === undefined) return undefined
    const { syn } = connection[direction]
    if ((flags & tcp.TCP_ACK) !== 0) {
      noteAcked(connection[other(direction)], tcp.acknowledgmentNumber(bytes, h))
    }
    if (Number.isNaN(syn)) return undefined
    const payload = h + tcp.dataOffset(bytes, h)
    // The data of a SYN is sent again without it, unless the receiver takes it.
    if ((flags & tcp.TCP_SYN) !== 0) return { connection, h, payload, first: -1, end: 0 }
    const first = (sequence - syn - 1) | 0
    const fin = (flags & tcp.TCP_FIN) === 0 ? 0 : 1
    // A reset has no data. A probe of an idle connection has a byte before the next one.
    const hasData = (flags & tcp.TCP_RST) === 0 && first >= 0
    return { connection, h, payload, first, end: hasData ? first + end - payload + fin : first }
  }

  /**
   * Takes a segment that carries `byte`, and ends its connection there: the bytes before pass, and
   * all later frames of the connection are dropped. The sender gets a reset.
   */
  cut(
    verb: EndingVerb,
    skb: SkBuff,
    segment: StreamSegment,
    byte: number,
    next: Wire,
    env: WireEnv,
  ): void {
    const { connection, h, first } = segment
    const { direction } = env
    const { syn, acked } = connection[direction]
    const sequence = (syn + 1 + byte) >>> 0
    const isPending = verb === 'reset' && byte >= 0 && this.#seesBoth && !isReached(acked, sequence)
    connection.cut = { verb, direction, byte, sequence, isPending }
    if (byte < 0) {
      sendResets(skb, h, env)
      env.drop(skb, verb)
    } else if (isPending) {
      this.passBefore(skb, segment, byte, verb, next, env)
    } else if (verb === 'fin') {
      resetSender(skb, h, env)
      const flags = tcp.flags(skb.bytes, h) | tcp.TCP_FIN | tcp.TCP_PSH
      shorten(skb, segment, byte - first, flags, env)
      next.push(skb)
    } else {
      resetBehind(skb, segment, byte - first, next, env)
    }
  }

  /** Takes a later segment of a connection that was cut. */
  later(skb: SkBuff, segment: StreamSegment, next: Wire, env: WireEnv): void {
    const { connection, h, first, end } = segment
    const cut = connection.cut as Cut
    const { verb, byte, direction, sequence } = cut
    if (env.direction === direction) {
      if (!cut.isPending) {
        resetSender(skb, h, env)
      }
      this.passBefore(skb, segment, byte, verb, next, env)
      return
    }
    const { acked } = connection[direction]
    if (cut.isPending && isReached(acked, sequence)) {
      cut.isPending = false
      sendResets(skb, h, env)
    } else if (verb === 'fin' && end > first && isReached(acked, sequence + 1)) {
      // Like a closed socket, to which data is sent after its FIN has arrived.
      resetSender(skb, h, env)
    }
    env.drop(skb, verb)
  }

  #connectionOf(skb: SkBuff, h: number, direction: Direction): Connection | undefined {
    const { bytes, data, len } = skb
    const nh = data + networkOffset(bytes, data, len)
    const key = keyOf(bytes, nh, h, direction)
    const known = this.#connections.get(key)
    if ((tcp.flags(bytes, h) & tcp.TCP_SYN) === 0) return known
    const sequence = tcp.sequenceNumber(bytes, h)
    const { syn = Number.NaN } = known?.[direction] ?? {}
    // A SYN of another number opens another connection between the same ports.
    const isNew = known === undefined || (syn !== sequence && !Number.isNaN(syn))
    const connection = isNew ? newConnection() : known
    connection[direction].syn = sequence
    this.#connections.delete(key)
    this.#connections.set(key, connection)
    if (this.#connections.size > CONNECTIONS_MAX) {
      const [oldest = ''] = this.#connections.keys()
      this.#connections.delete(oldest)
    }
    return connection
  }

  /** Passes the bytes of a segment before `byte`; drops it, as `why`, without any. */
  passBefore(
    skb: SkBuff,
    segment: StreamSegment,
    byte: number,
    why: string,
    next: Wire,
    env: WireEnv,
  ): void {
    const { first, end, h } = segment
    const keep = Math.min(byte, end) - first
    if (first < 0 || keep <= 0) {
      env.drop(skb, why)
      return
    }
    if (byte < end) {
      shorten(skb, segment, keep, tcp.flags(skb.bytes, h) & ~tcp.TCP_FIN, env)
    }
    next.push(skb)
  }
}

/** Whether a segment carries a byte. */
export function carries({ first, end }: StreamSegment, byte: number): boolean {
  return first <= byte && byte < end
}

const other = (direction: Direction): Direction => (direction === 'ab' ? 'ba' : 'ab')

function newConnection(): Connection {
  const half = (): Half => ({ syn: Number.NaN, acked: Number.NaN })
  return { ab: half(), ba: half(), cut: undefined, isCounted: false }
}

/** Whether a receiver has acknowledged everything before a sequence number. */
const isReached = (acked: number, sequence: number): boolean =>
  !Number.isNaN(acked) && ((acked - sequence) | 0) >= 0

function noteAcked(half: Half, acknowledgment: number): void {
  if (Number.isNaN(half.acked) || ((acknowledgment - half.acked) | 0) > 0) {
    half.acked = acknowledgment
  }
}

/** Returns the addresses and ports of a packet, first the ones of `a`. */
function keyOf(bytes: Uint8Array, nh: number, h: number, direction: Direction): string {
  const [source, destination, size] =
    ipv4.version(bytes, nh) === 4
      ? [ipv4.sourceAt(nh), ipv4.destinationAt(nh), ipv4.IPV4_ALEN]
      : [ipv6.sourceAt(nh), ipv6.destinationAt(nh), ipv6.IPV6_ALEN]
  const end = (address: number, port: number) =>
    String.fromCharCode(...bytes.subarray(address, address + size), port)
  const [from, to] = [
    end(source, tcp.sourcePort(bytes, h)),
    end(destination, tcp.destinationPort(bytes, h)),
  ]
  return direction === 'ab' ? from + to : to + from
}

/** Passes the first bytes of a segment and then a reset; without memory only the reset. */
function resetBehind(
  skb: SkBuff,
  { h, payload }: StreamSegment,
  keep: number,
  next: Wire,
  env: WireEnv,
): void {
  resetSender(skb, h, env)
  const before = keep > 0 ? env.duplicate(skb) : undefined
  if (before !== undefined) {
    const by = before.data - skb.data
    const flags = tcp.flags(skb.bytes, h) & ~tcp.TCP_FIN
    shorten(before, { h: h + by, payload: payload + by }, keep, flags, env)
    tcp.setSequenceNumber(skb.bytes, h, (tcp.sequenceNumber(skb.bytes, h) + keep) >>> 0)
  }
  const acks = tcp.flags(skb.bytes, h) & tcp.TCP_ACK
  shorten(skb, { h, payload }, 0, tcp.TCP_RST | acks, env)
  if (before !== undefined) {
    next.push(before)
  }
  next.push(skb)
}

/** Cuts a segment to `keep` bytes of payload, and sets its flags. Its checksum is then full. */
function shorten(
  skb: SkBuff,
  { h, payload }: Readonly<{ h: number; payload: number }>,
  keep: number,
  flags: number,
  env: WireEnv,
): void {
  finishChecksum(skb)
  const { bytes, data, len } = skb
  const nh = data + networkOffset(bytes, data, len)
  const end = payload + keep
  tcp.setFlags(bytes, h, flags)
  skb.trim(end - data)
  if (ipv4.version(bytes, nh) === 4) {
    ipv4.setTotalLength(bytes, nh, end - nh)
    ipv4.fillHeaderChecksum(bytes, nh)
  } else {
    ipv6.setPayloadLength(bytes, nh, end - nh - ipv6.IPV6_HLEN)
  }
  completeChecksum(bytes, data, skb.len)
  env.note('corrupt', skb, data + len - end)
}
