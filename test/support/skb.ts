/** Frames in memory for tests. */
import { afterEach, expect } from 'vitest'
import type { AllocDevice } from '#src/skb/alloc-skb.ts'
import type { SkBuffPool } from '#src/skb/pool.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '#src/skb/sk-buff.ts'
import {
  buildFrame,
  FIELD,
  type Frame,
  networkOffsetOf,
  type Packet,
  transportOffset,
} from '../packet/frames.ts'
import { PoisonedPool, type PoisonedPoolOptions } from './poisoned-pool.ts'

/** Makes a pool for the tests of a file. After each of them every frame must be back in it. */
export function balancedPool(options: PoisonedPoolOptions): PoisonedPool {
  const pool = new PoisonedPool(options)
  afterEach(() => expect(pool.out).toBe(0))
  return pool
}

/** Returns a frame with these bytes, in a slot with room for `room` more. */
export function skbOf(pool: SkBuffPool, octets: ArrayLike<number>, room = 0): SkBuff {
  const skb = pool.alloc(octets.length + room)
  if (skb === undefined) throw new Error('the pool is empty')
  skb.bytes.set(octets, skb.put(octets.length))
  return skb
}

/** Returns a device that has only this frame memory. */
export function deviceOf(pool: SkBuffPool): AllocDevice {
  return { name: 'made0', net: { pool }, countReceived: () => {}, countDrop: () => {} }
}

/** Returns the described frame, or `octets` in its place, its checksum partial if it says so. */
export function skbFor(
  pool: SkBuffPool,
  description: Frame,
  octets: Uint8Array = buildFrame(description),
): SkBuff {
  const skb = skbOf(pool, octets)
  const { packet } = description
  if (packet.checksum === 'partial') {
    skb.ipSummed = CHECKSUM_PARTIAL
    skb.csumStart = skb.data + networkOffsetOf(description) + transportOffset(packet)
    skb.csumOffset = FIELD[packet.kind]
  }
  return skb
}

export function octetsOf(skb: SkBuff): number[] {
  return [...skb.bytes.subarray(skb.data, skb.data + skb.len)]
}

/** Describes a frame with the packet, without tags and padding unless `rest` has some. */
export function framed(packet: Packet, rest: Partial<Frame> = {}): Frame {
  return { packet, tags: [], padding: [], ...rest }
}
