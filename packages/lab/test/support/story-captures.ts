/** Captures of one connection, written packet by packet, and the statements about them. */
import { parseAddress } from '#src/packet/address.ts'
import { ETH_P_IP } from '#src/packet/ethernet.ts'
import * as ipv4 from '#src/packet/ipv4.ts'
import { put16, put32 } from '#src/packet/octets.ts'
import * as tcp from '#src/packet/tcp.ts'
import { pcapOf, whole } from '#support/capture-records.ts'
import type { Statement, Story } from '../../src/story/story.ts'
import { storyOfFile } from './story-runs.ts'

export interface Segment {
  /** Milliseconds. */
  readonly at: number
  /** From the server. */
  readonly back?: boolean
  /** Number of the first byte, from the SYN. */
  readonly seq?: number
  readonly ack?: number
  readonly length?: number
  /** Such as `SA`; `A` by default. */
  readonly flags?: string
  readonly window?: number
  /** Timestamp and its echo. */
  readonly stamps?: readonly [number, number]
  readonly sacks?: readonly number[]
  /** With the option "SACK permitted". */
  readonly permits?: boolean
  readonly mss?: number
  /** The identification of IPv4. */
  readonly id?: number
  readonly ttl?: number
  /** The first bytes of the payload. */
  readonly text?: string
  /** The port of the client. */
  readonly port?: number
}

const FLAGS: Readonly<Record<string, number>> = {
  F: tcp.TCP_FIN,
  S: tcp.TCP_SYN,
  R: tcp.TCP_RST,
  P: tcp.TCP_PSH,
  A: tcp.TCP_ACK,
}
const CLIENT_ISN = 0xfffff000
const SERVER_ISN = 5000
const NOP = 1
const OPT_MSS = 2
const OPT_SACK_PERMITTED = 4
const OPT_SACK = 5
const OPT_TIMESTAMPS = 8

/** Returns an IPv4 packet with this payload behind its header. */
export function ipPacket(
  back: boolean,
  protocol: number,
  payload: Uint8Array,
  id = 0,
  ttl = 64,
): Uint8Array {
  const bytes = new Uint8Array(ipv4.IPV4_HLEN + payload.length)
  ipv4.create(bytes, 0, protocol, payload.length, ttl)
  ipv4.setIdentification(bytes, 0, id)
  const [client, server] = ['198.18.0.1', '198.18.0.2'].map(
    text => parseAddress(text) as Uint8Array,
  ) as [Uint8Array, Uint8Array]
  bytes.set(back ? server : client, ipv4.sourceAt(0))
  bytes.set(back ? client : server, ipv4.destinationAt(0))
  bytes.set(payload, ipv4.IPV4_HLEN)
  return bytes
}

export function ethernetFrame(packet: Uint8Array, type = ETH_P_IP): Uint8Array {
  const bytes = new Uint8Array(14 + packet.length)
  put16(bytes, 12, type)
  bytes.set(packet, 14)
  return bytes
}

function optionsOf({ stamps, sacks = [], permits = false, mss }: Segment, own: number): number[] {
  const long = (value: number) => [
    value >>> 24,
    (value >>> 16) & 255,
    (value >>> 8) & 255,
    value & 255,
  ]
  const time = stamps === undefined ? [] : [NOP, NOP, OPT_TIMESTAMPS, 10, ...stamps.flatMap(long)]
  if (mss !== undefined) {
    time.push(OPT_MSS, 4, mss >> 8, mss & 255)
  }
  if (permits) {
    time.push(NOP, NOP, OPT_SACK_PERMITTED, 2)
  }
  if (sacks.length === 0) return time
  return [
    ...time,
    NOP,
    NOP,
    OPT_SACK,
    2 + 4 * sacks.length,
    ...sacks.flatMap(edge => long((own + edge) >>> 0)),
  ]
}

export function segmentPacket(segment: Segment): Uint8Array {
  const {
    back = false,
    seq = 1,
    ack = 1,
    length = 0,
    flags = 'A',
    window = 1000,
    id = 0,
    ttl = 64,
    text = '',
    port = 40_000,
  } = segment
  const [own, other] = back ? [SERVER_ISN, CLIENT_ISN] : [CLIENT_ISN, SERVER_ISN]
  const options = optionsOf(segment, other)
  const header = tcp.TCP_HLEN + options.length
  const bytes = new Uint8Array(header + length)
  const control = [...flags].reduce((sum, flag) => sum | (FLAGS[flag] ?? 0), 0)
  tcp.create(bytes, 0, (own + seq) >>> 0, flags.includes('A') ? (other + ack) >>> 0 : 0, control)
  tcp.setSourcePort(bytes, 0, back ? 80 : port)
  tcp.setDestinationPort(bytes, 0, back ? port : 80)
  bytes[12] = (header / 4) << 4
  put16(bytes, 14, window)
  bytes.set(options, tcp.TCP_HLEN)
  bytes.set(Buffer.from(text, 'latin1').subarray(0, length), header)
  return ipPacket(back, ipv4.IPPROTO_TCP, bytes, id, ttl)
}

/** The three segments of a handshake that starts at `at` ms over a round trip of `trip` ms. */
export function handshake(at = 0, trip = 40): Segment[] {
  return [
    { at, seq: 0, flags: 'S', permits: true },
    { at: at + trip, back: true, seq: 0, ack: 1, flags: 'SA', permits: true },
    { at: at + trip, seq: 1, ack: 1 },
  ]
}

/** Returns a segment with the first 1000 bytes of the client. */
export const dataSegment = (at: number): Segment => ({ at, seq: 1, length: 1000 })

/** A connection whose first segment is lost after the client, and sent again. */
export const LOST: readonly Segment[] = [
  ...handshake(),
  dataSegment(50),
  dataSegment(350),
  { at: 390, back: true, ack: 1001 },
]

export function datagramPacket(
  back: boolean,
  ports: readonly [number, number],
  payload: Uint8Array,
  id = 0,
): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length)
  put16(bytes, 0, back ? ports[1] : ports[0])
  put16(bytes, 2, back ? ports[0] : ports[1])
  put16(bytes, 4, bytes.length)
  bytes.set(payload, 8)
  return ipPacket(back, ipv4.IPPROTO_UDP, bytes, id)
}

export function dnsMessage(id: number, isReply = false): Uint8Array {
  const bytes = new Uint8Array(17)
  put32(bytes, 0, ((id << 16) | (isReply ? 0x8180 : 0x0100)) >>> 0)
  put16(bytes, 4, 1)
  return bytes
}

/** Returns the story of frames at their times in ms. */
export function storyOfFrames(
  frames: readonly (readonly [at: number, bytes: Uint8Array])[],
  linkType = 1,
): Story {
  const records = frames.map(([at, bytes]) => {
    const ns = Math.round(at * 1e6)
    return whole(bytes, { seconds: 1_700_000_000 + Math.floor(ns / 1e9), nanoseconds: ns % 1e9 })
  })
  return storyOfFile(pcapOf(records, linkType))
}

export function storyOfSegments(segments: readonly Segment[]): Story {
  return storyOfFrames(segments.map(one => [one.at, ethernetFrame(segmentPacket(one))]))
}

/** Returns statements as short texts: `ab lost seq 1 copy 1, inferred`. */
export function textsOf({ flows }: Story): string[] {
  const text = ({ way, kind, packet, certainty }: Statement) =>
    `${way} ${kind}${packet === undefined ? '' : ` ${packet.part} ${packet.n} copy ${packet.copy}`}, ${certainty}`
  return flows.flatMap(({ statements }) => statements.map(text))
}
