/** Frames of streams, which GRO merges. */
import { expect } from 'vitest'
import { Gro } from '#src/netdev/gro.ts'
import { skbGsoSegment } from '#src/netdev/gso.ts'
import { NETIF_F_GRO, NETIF_F_GSO_UDP_L4, NETIF_F_TSO, NETIF_F_TSO6 } from '#src/netdev/if.ts'
import { FRAME_MAX } from '#src/skb/pool.ts'
import { Ring } from '#src/skb/ring.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4, SKB_GSO_TCPV6, type SkBuff } from '#src/skb/sk-buff.ts'
import { balancedPool, octetsOf } from '#support/skb.ts'
import { buildFrame, FIELD, isIpv6, type Packet, plain, transportOffset } from '../packet/frames.ts'

export const TSO = NETIF_F_TSO | NETIF_F_TSO6
export const ALL = TSO | NETIF_F_GSO_UDP_L4 | NETIF_F_GRO
/** The position of a field in the transport header. */
const SEQUENCE = 4
export const DATA_OFFSET = 12
export const FLAGS = 13
export const ACK = 0x10
export const PSH_ACK = 0x18
export const OPTIONS = [1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9]

export interface Stream {
  readonly packet: Packet
  readonly options: readonly number[]
  readonly payload: readonly number[]
  readonly sequence: number
  readonly flags: number
}
export const stream: Stream = {
  packet: plain,
  options: OPTIONS,
  payload: [],
  sequence: 7,
  flags: ACK,
}
export const numbered = (n: number): number[] =>
  Array.from({ length: n }, (_, i) => (i * 7919) >> 3)

const datagram = (packet: Packet, payload: readonly number[]): Packet => ({
  ...packet,
  kind: 'udp',
  checksum: 'full',
  payload: payload.map(octet => octet & 0xff),
})

function drain(ring: Ring): number[][] {
  const frames: number[][] = []
  for (let skb = ring.shift(); skb !== undefined; skb = ring.shift()) {
    frames.push(octetsOf(skb))
    skb.free()
  }
  return frames
}

/** Returns functions that make frames in a pool, which is balanced after each test of the file. */
export function streamFrames() {
  const pool = balancedPool({ large: 70, small: 128 })

  /** A frame in a large slot, as one that was read. */
  function placed(octets: ArrayLike<number>): SkBuff {
    const skb = pool.alloc(FRAME_MAX) as SkBuff
    skb.bytes.set(octets, skb.put(octets.length))
    return skb
  }

  /** A stream's bytes as one GSO frame, as a kernel hands it over. */
  function whole({ packet, options, payload, sequence, flags }: Stream, gsoSize: number): SkBuff {
    const tcp: Packet = {
      ...packet,
      kind: 'tcp',
      checksum: 'partial',
      payload: [...options, ...payload],
    }
    const skb = placed(buildFrame({ packet: tcp, tags: [], padding: [] }))
    const { bytes } = skb
    const h = skb.data + 14 + transportOffset(packet)
    new DataView(bytes.buffer).setUint32(h + SEQUENCE, sequence)
    bytes[h + DATA_OFFSET] = (20 + options.length) << 2
    bytes[h + FLAGS] = flags
    skb.ipSummed = CHECKSUM_PARTIAL
    skb.csumStart = h
    skb.csumOffset = FIELD.tcp
    skb.gsoSize = gsoSize
    skb.gsoType = isIpv6(packet) ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4
    return skb
  }

  const place = (packet: Packet): SkBuff => placed(buildFrame({ packet, tags: [], padding: [] }))

  /** Datagrams of these sizes, one after the other; IPv4 counts its identification up. */
  function row(packet: Packet, ...sizes: number[]): SkBuff[] {
    return sizes.map((size, i) =>
      place({ ...datagram(packet, numbered(size)), identification: packet.identification + i }),
    )
  }

  function cut(skb: SkBuff): number[][] {
    const ring = new Ring(256)
    expect(skbGsoSegment(skb, ring)).toBeGreaterThan(0)
    return drain(ring)
  }

  /** Returns the frames that the kernel would get for one batch. The caller owns them. */
  function merge(frames: readonly SkBuff[], features = ALL): SkBuff[] {
    const gro = new Gro(pool.bytes)
    const received: SkBuff[] = []
    for (const skb of frames) {
      if (gro.receive(skb, features)) {
        skb.free()
      } else {
        gro.hold(skb)
        received.push(skb)
      }
    }
    gro.flush()
    return received
  }

  return { pool, whole, placed, place, row, cut, merge }
}
