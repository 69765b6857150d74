import { describe, expect, test } from 'vitest'
import { SkBuffPool } from '#src/skb/pool.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_UDP_L4, type SkBuff } from '#src/skb/sk-buff.ts'
import { SharedLimit } from '#src/wire/held.ts'
import type { LimitSpec } from '#src/wire/wire.ts'
import { buildFrame, type Packet, plain } from '../packet/frames.ts'

const [HEADERS, PAYLOAD] = [42, 1000]

/** A frame of UDP datagrams of 1,000 bytes, several of which are one GSO frame. */
function frameOf(pool: SkBuffPool, packets: number): SkBuff {
  const skb = pool.alloc(HEADERS + packets * PAYLOAD) as SkBuff
  const payload = new Array<number>(packets * PAYLOAD).fill(0)
  const packet: Packet = { ...plain, kind: 'udp', payload, checksum: 'partial' }
  skb.bytes.set(buildFrame({ packet, tags: [], padding: [] }), skb.put(HEADERS + packets * PAYLOAD))
  if (packets === 1) return skb
  skb.gsoSize = PAYLOAD
  skb.gsoType = SKB_GSO_UDP_L4
  skb.ipSummed = CHECKSUM_PARTIAL
  skb.csumStart = skb.data + HEADERS - 8
  return skb
}

/** How many frames of `packets` each a limit admits. */
function admitted(spec: LimitSpec, packets: number): number {
  const frame = frameOf(new SkBuffPool({ large: 1, small: 1 }), packets)
  const limit = new SharedLimit(spec)
  let n = 0
  for (; n < 100 && limit.admits(frame); n++) {
    limit.add(frame)
  }
  return n
}

describe('SharedLimit', () => {
  test('a limit in packets counts the packets of a GSO frame, which may be the last to exceed it', () => {
    expect(admitted({ packets: 10 }, 1)).toBe(10)
    expect(admitted({ packets: 10 }, 4)).toBe(3)
  })

  test('a limit in frames counts a GSO frame as one', () => {
    expect(admitted({ frames: 10 }, 1)).toBe(10)
    expect(admitted({ frames: 10 }, 4)).toBe(10)
  })

  test('a limit in bytes is not exceeded', () => {
    expect(admitted({ bytes: 10 * (HEADERS + PAYLOAD) }, 1)).toBe(10)
    expect(admitted({ bytes: 10 * (HEADERS + PAYLOAD) - 1 }, 1)).toBe(9)
  })

  test('a removed packet makes room again', () => {
    const frame = frameOf(new SkBuffPool({ large: 1, small: 1 }), 4)
    for (const spec of [{ frames: 1 }, { packets: 4 }, { bytes: frame.len }]) {
      const limit = new SharedLimit(spec)
      limit.add(frame)
      expect(limit.admits(frame)).toBe(false)
      limit.remove(frame)
      expect([limit.admits(frame), limit.held, limit.bytes]).toEqual([true, 0, 0])
    }
  })

  test('the narrowest limit sets the most packets, if all are as short as a frame may be', () => {
    expect(new SharedLimit({ packets: 7, bytes: 100_000 }).mostPackets).toBe(7)
    expect(new SharedLimit({ frames: 5, packets: 7 }).mostPackets).toBe(5)
    expect(new SharedLimit({ bytes: 601 }).mostPackets).toBe(11)
  })
})
