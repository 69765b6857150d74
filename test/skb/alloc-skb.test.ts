import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AllocDevice, allocSkb, devAllocSkb } from '#src/skb/alloc-skb.ts'
import { SkbError } from '#src/skb/error.ts'
import {
  FRAME_MAX,
  FRAME_SMALL,
  HEADROOM,
  PORT_ROOM,
  type SkBuffPool,
  SLOT_LARGE,
  SLOT_SMALL,
} from '#src/skb/pool.ts'
import { CHECKSUM_NONE, PACKET_HOST, type SkBuff } from '#src/skb/sk-buff.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'
import { deviceOf } from '#support/skb.ts'

let pool: SkBuffPool
let dev: AllocDevice

beforeEach(() => {
  pool = new PoisonedPool({ large: 1, small: 1 })
  dev = deviceOf(pool)
})

afterEach(() => {
  expect(pool.out).toBe(0)
})

describe('allocSkb', () => {
  test('allocSkb returns an empty frame without headroom: head = data = tail', () => {
    const skb = allocSkb(dev, 60) as SkBuff
    expect([skb.data, skb.tail, skb.len, skb.headroom()]).toEqual([skb.head, skb.head, 0, 0])
    expect(skb.tailroom()).toBeGreaterThanOrEqual(60)
    expect([skb.dev, skb.pktType, skb.ipSummed]).toEqual([dev, PACKET_HOST, CHECKSUM_NONE])
    expect(() => skb.push(1)).toThrow('skb_under_panic')
    skb.free()
  })

  test("allocSkb leaves the port's room before the frame, also in a reused slot", () => {
    const before = devAllocSkb(dev, 60) as SkBuff
    before.reserve(20)
    before.free()
    const skb = allocSkb(dev, 60) as SkBuff
    expect([skb, skb.data - skb.slot]).toEqual([before, PORT_ROOM])
    skb.free()
  })

  test('reserve makes headroom in a frame of allocSkb', () => {
    const skb = allocSkb(dev, 62) as SkBuff
    skb.reserve(2)
    skb.put(60)
    expect([skb.headroom(), skb.push(2)]).toEqual([2, skb.head])
    skb.free()
  })

  test.each([
    [0, SLOT_SMALL],
    [HEADROOM - 1, SLOT_SMALL],
    [HEADROOM + FRAME_SMALL, SLOT_SMALL],
    [HEADROOM + FRAME_SMALL + 1, SLOT_LARGE],
    [HEADROOM + FRAME_MAX, SLOT_LARGE],
  ])('%i bytes get a slot of %i bytes', (size, slot) => {
    const skb = allocSkb(dev, size) as SkBuff
    expect(skb.end - skb.slot).toBe(slot)
    expect(skb.put(size)).toBe(skb.head)
    skb.free()
  })
})

describe('devAllocSkb', () => {
  test('devAllocSkb returns an empty frame after the usual headroom, with the IP header at a multiple of four', () => {
    const skb = devAllocSkb(dev, 60) as SkBuff
    expect([skb.len, skb.headroom(), (skb.data + 14) % 4]).toEqual([0, HEADROOM, 0])
    expect(skb.tailroom()).toBeGreaterThanOrEqual(60)
    skb.free()
  })

  test.each([
    [0, SLOT_SMALL],
    [FRAME_SMALL, SLOT_SMALL],
    [FRAME_SMALL + 1, SLOT_LARGE],
    [FRAME_MAX, SLOT_LARGE],
  ])('%i bytes get a slot of %i bytes', (size, slot) => {
    const skb = devAllocSkb(dev, size) as SkBuff
    expect(skb.end - skb.slot).toBe(slot)
    expect(skb.put(size)).toBe(skb.head + HEADROOM)
    skb.free()
  })
})

test.each([allocSkb, devAllocSkb])('%o returns undefined if no slot is left', alloc => {
  const all = [alloc(dev, 60), alloc(dev, 60)] as SkBuff[]
  expect(alloc(dev, 60)).toBeUndefined()
  for (const skb of all) {
    skb.free()
  }
})

test.each([
  [allocSkb, HEADROOM + FRAME_MAX],
  [devAllocSkb, FRAME_MAX],
] as const)('%o refuses what fits no slot, and names the line that asked', (alloc, most) => {
  function receive(size: number): unknown {
    return alloc(dev, size)
  }
  for (const size of [most + 1, -1, Number.NaN]) {
    expect(() => receive(size)).toThrow(SkbError)
    expect(() => receive(size)).toThrow(
      new RegExp(
        `^${alloc.name} of ${size} bytes, by receive \\(.*alloc-skb\\.test\\.ts:\\d+:\\d+\\): 0 to ${most} fit a slot$`,
      ),
    )
  }
})

test.each([allocSkb, devAllocSkb])(
  '%o without a device says what to pass, and names the line that asked',
  alloc => {
    for (const wrong of [pool, { pool }, 60, undefined]) {
      const receive = () => alloc(wrong as unknown as AllocDevice, 60)
      expect(receive).toThrow(SkbError)
      expect(receive).toThrow(
        new RegExp(
          `^${alloc.name} without a device, by receive \\(.*\\): call ${alloc.name}\\(dev, size\\)$`,
        ),
      )
    }
  },
)
