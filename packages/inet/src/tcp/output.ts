/** The segments of a connection: header, options, data of the send buffer, and how much of it. */
import { tcp } from 'vnet'
import type { Endpoint, Ip } from '../contract.ts'
import type { ConnectionHost } from './host.ts'
import { MAX_UNSCALED, type ReceiveBuffer, type ReceiveWindow, WINDOW_SCALE } from './receive.ts'
import { type Header, maxSacks, sacksLength } from './segment.ts'

/** Lengths of the headers of IP and TCP without options. */
const HEADERS_V4 = 40
const HEADERS_V6 = 60
/** The longest packet of IP. */
const MAX_PACKET = 65_535
/** The MSS of a peer that sends no option (RFC 9293 sec. 3.7.1), and the least that Linux takes. */
export const DEFAULT_MSS = 536
const MIN_MSS = 48

/** The parts of a connection that its segments are made of. */
export interface SegmentSource {
  readonly host: Pick<ConnectionHost<never>, 'header' | 'ip' | 'send'>
  readonly local: Endpoint
  readonly remote: Endpoint
  /** Initial sequence numbers of the wire, its own and the peer's. */
  readonly iss: number
  readonly irs: number
  readonly mss: number
  readonly isScaling: boolean
  readonly hasTimestamps: boolean
  readonly timestamp: number
  /** The peer's timestamp to echo. */
  readonly recentTimestamp: number
  readonly receive: ReceiveBuffer
  readonly window: ReceiveWindow
  readonly acks: {
    readonly segment: number
    offered: number
    onSent(next: number, hasData: boolean): void
  }
  readonly sender: {
    readonly hasSack: boolean
    readonly buffer: {
      copy(sequence: number, length: number, into: Uint8Array, at: number): void
    }
  }
}

/** Returns the sequence number of the wire. */
const wire = (initial: number, sequence: number): number => (initial + sequence) % 2 ** 32

/** Sends a segment with `length` bytes of the send buffer. Returns 0 or a negative errno. */
export function emit(
  c: SegmentSource,
  flags: number,
  sequence: number,
  length: number,
  isRepeat: boolean,
): number {
  const { header, ip } = c.host
  header.reset(c.local.port, c.remote.port)
  header.flags = flags
  header.sequence = wire(c.iss, sequence)
  if ((flags & tcp.TCP_SYN) !== 0) {
    setSynOptions(c, header)
  } else {
    header.window = c.window.offer(c.receive.next, c.receive.unread, c.acks.segment)
    c.acks.offered = c.window.left(c.receive.next)
  }
  if ((flags & tcp.TCP_ACK) !== 0) {
    setAck(c, header, length > 0)
  }
  if (c.hasTimestamps) {
    header.hasTimestamp = true
    header.timestamp = c.timestamp
    header.echo = c.recentTimestamp
  }
  const segment = header.build(length)
  if (length > 0) {
    c.sender.buffer.copy(sequence, length, segment, segment.length - length)
  }
  if (!isRepeat) {
    ip.count('TcpOutSegs')
  }
  return c.host.send(c.local.address, c.remote.address, segment)
}

function setSynOptions(c: SegmentSource, header: Header): void {
  header.mss = c.mss
  header.sackPermitted = (header.flags & tcp.TCP_ACK) === 0 || c.sender.hasSack
  if (c.isScaling) {
    header.windowScale = WINDOW_SCALE
  }
  header.window = Math.min(c.window.limit, MAX_UNSCALED)
  c.acks.offered = header.window
  c.window.edge = c.receive.next + header.window
}

function setAck(c: SegmentSource, header: Header, hasData: boolean): void {
  const { receive } = c
  header.acknowledgment = wire(c.irs, receive.next)
  if (c.sender.hasSack && (receive.hasGap || receive.duplicateStart >= 0)) {
    setSacks(c, header)
  }
  c.acks.onSent(receive.next, hasData)
}

/** Reports a duplicate once, then the ranges after a gap (RFC 2883). */
function setSacks({ receive, irs, hasTimestamps }: SegmentSource, header: Header): void {
  const { sacks } = header
  const most = 2 * maxSacks(hasTimestamps)
  let n = 0
  if (receive.duplicateStart >= 0) {
    sacks[n++] = wire(irs, receive.duplicateStart)
    sacks[n++] = wire(irs, receive.duplicateEnd)
    receive.duplicateStart = -1
  }
  for (let i = 0; i < receive.ranges.length && n < most; i++) {
    sacks[n++] = wire(irs, receive.ranges[i])
  }
  header.sackEdges = n
}

/** Length of the SACK blocks of the next segment. */
export function sackLength({ receive, sender, hasTimestamps }: SegmentSource): number {
  if (!sender.hasSack) return 0
  const blocks = receive.ranges.length / 2 + (receive.duplicateStart >= 0 ? 1 : 0)
  return sacksLength(Math.min(blocks, maxSacks(hasTimestamps)))
}

/** Returns the MSS of the path to an address. */
export function pathMss(ip: Ip, to: Uint8Array): number {
  const headers = to.length === 4 ? HEADERS_V4 : HEADERS_V6
  return Math.max(Math.min(ip.mtuTo(to), MAX_PACKET) - headers, MIN_MSS)
}

/**
 * Returns the data of a full segment with `options` bytes of options. It is at most half of the
 * largest window, because a segment that is larger than the window would never be sent.
 */
export function segmentData(
  path: number,
  peer: number,
  options: number,
  maxWindow: number,
): number {
  const mss = Math.max(Math.min(path, peer), MIN_MSS) - options
  if (maxWindow === 0) return mss
  return Math.min(mss, Math.max(maxWindow > DEFAULT_MSS ? maxWindow >> 1 : maxWindow, MIN_MSS))
}
