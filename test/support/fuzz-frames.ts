/**
 * Random frames, reproducible from the random stream: packets of every kind that drivers parse,
 * with bytes, lengths and offload fields changed, and noise. Most are malformed, and many only
 * slightly.
 */
import type { Random } from '#src/base/random.ts'
import * as frames from '../packet/frames.ts'
import { type Packet, plain, plain6 } from '../packet/frames.ts'

export interface FuzzFrame {
  readonly bytes: Uint8Array
  readonly partial: boolean
  /** Counted from the frame's first byte. */
  readonly csumStart: number
  readonly csumOffset: number
  readonly gsoSize: number
  readonly gso: 'none' | 'tcp4' | 'tcp6' | 'udp' | 'unknown'
}

const GSO = ['none', 'tcp4', 'tcp6', 'udp', 'unknown'] as const
const ECHO = { ...plain, kind: 'icmp' } as const
const ECHO6 = { ...plain6, kind: 'icmp' } as const

/** The packets that are mutated. */
const SEEDS: readonly frames.Frame[] = [
  { ...plain, kind: 'udp' as const },
  { ...plain, kind: 'tcp' as const },
  { ...plain6, kind: 'udp' as const },
  { ...plain6, kind: 'tcp' as const },
  { ...plain, kind: 'dccp' as const },
  { ...plain, kind: 'udplite' as const },
  { ...plain, kind: 'other' as const },
  { ...plain, kind: 'tcp' as const, options: [1, 1, 1, 1, 148, 4, 0, 0] },
  { ...plain6, kind: 'tcp' as const, extensions: [{ header: 0, octets: [0, 0, 0, 0, 0, 0] }] },
  ECHO,
  ECHO6,
  errorQuoting(ECHO, plain, 3),
  errorQuoting(ECHO6, plain6, 1),
].flatMap(packet => [
  { packet, tags: [], padding: [] },
  {
    packet,
    tags: [
      { type: 0x88a8, tci: 7 },
      { type: 0x8100, tci: 9 },
    ],
    padding: [0, 0, 0],
  },
])

function errorQuoting(packet: Packet, quote: Packet, type: number): Packet {
  return { ...packet, error: { type, code: 0, rest: [0, 0, 5, 0], quote, cut: 64 } }
}

/** Returns a function that makes a frame, which is valid until the next call. */
export function fuzzFrames(random: Random, maxLength: number): () => FuzzFrame {
  const whole = SEEDS.map(frame => ({ bytes: frames.buildFrame(frame), frame }))
  const buffer = new Uint8Array(maxLength)
  const { below } = random
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T
  const lengthOfNoise = () => below(one([20, 80, 300, 2000, maxLength + 1]))

  return () => {
    const { bytes, frame } = one(whole)
    let length = Math.min(bytes.length, maxLength)
    buffer.set(bytes.subarray(0, length))
    if (below(20) === 0) {
      length = lengthOfNoise()
      for (let i = 0; i < length; i++) {
        buffer[i] = below(256)
      }
    }
    // More payload, with matching length fields or not.
    if (below(3) === 0) {
      const longer = Math.min(maxLength, length + one([below(64), below(2000), below(maxLength)]))
      buffer.fill(0x5a, length, longer)
      if (below(4) !== 0) {
        addToLengths(buffer, frame, longer - length)
      }
      length = longer
    }
    for (let n = one([0, 0, 1, 1, 2, 5]); n > 0 && length > 0; n--) {
      buffer[below(Math.min(length, one([34, 64, 120, length])))] = one([
        below(256),
        0,
        1,
        0x7f,
        0x80,
        0xff,
      ])
    }
    if (below(5) === 0) {
      length = below(length + 1)
    }

    const nh = frames.networkOffsetOf(frame)
    const h = nh + frames.transportOffset(frame.packet)
    const field = frames.FIELD[frame.packet.kind]
    const tcp = frames.isIpv6(frame.packet) ? 'tcp6' : 'tcp4'
    const gsoOf = frame.packet.kind === 'udp' ? 'udp' : tcp
    const gsoOrOther = () => (below(4) === 0 ? one(GSO) : gsoOf)
    const gso = below(3) === 0 ? gsoOrOther() : 'none'
    return {
      bytes: buffer.subarray(0, length),
      partial: below(2) === 0 || (gso !== 'none' && below(8) !== 0),
      csumStart: below(4) === 0 ? one([0, nh, h + 1, length, below(65536), 0xffff]) : h,
      csumOffset:
        below(4) === 0 || field < 0 ? one([0, 2, 6, 16, length, below(65536), 0xffff]) : field,
      gsoSize: gso === 'none' ? 0 : one([1, 8, 536, 1448, below(65536), 0xffff, 0]),
      gso,
    }
  }
}

/** Adds to the length fields of IP and UDP. */
function addToLengths(bytes: Uint8Array, frame: frames.Frame, n: number): void {
  const nh = frames.networkOffsetOf(frame)
  add16(bytes, nh + (frames.isIpv6(frame.packet) ? 4 : 2), n)
  if (frame.packet.kind === 'udp') {
    add16(bytes, nh + frames.transportOffset(frame.packet) + 4, n)
  }
}

function add16(bytes: Uint8Array, at: number, n: number): void {
  const sum = (((bytes[at] as number) << 8) | (bytes[at + 1] as number)) + n
  bytes[at] = sum >> 8
  bytes[at + 1] = sum
}
