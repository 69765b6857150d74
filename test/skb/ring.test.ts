import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SKB_DROP_REASON_FULL_RING } from '#src/skb/drop-reason.ts'
import { OWNER_PORT, OWNER_RING, OWNER_RX, SkbError } from '#src/skb/error.ts'
import type { SkBuffPool } from '#src/skb/pool.ts'
import { Ring } from '#src/skb/ring.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { forAll } from '#support/for-all.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'

let pool: SkBuffPool

beforeEach(() => {
  pool = new PoisonedPool({ large: 0, small: 64 })
})

afterEach(() => {
  expect(pool.out).toBe(0)
})

const alloc = () => pool.alloc(60) as SkBuff

describe('a ring', () => {
  test('the capacity of a ring is rounded up to a power of two', () => {
    expect([1, 2, 3, 16, 17].map(capacity => new Ring(capacity).capacity)).toEqual([
      1, 2, 4, 16, 32,
    ])
  })

  test('a full ring refuses a frame, which the caller keeps', () => {
    const ring = new Ring(4)
    for (let i = 0; i < 4; i++) {
      expect(ring.push(alloc())).toBe(true)
    }
    const late = alloc()
    const { owner } = late
    expect([ring.push(late), ring.unshift(late), ring.length, late.owner]).toEqual([
      false,
      false,
      4,
      owner,
    ])
    late.free()
    ring.purge(SKB_DROP_REASON_FULL_RING)
  })

  test('a ring sets itself as the owner of its frames, and shift sets the taker', () => {
    for (const [ring, stamp, taker] of [
      [new Ring(2), OWNER_RING, OWNER_RING],
      [new Ring(2, OWNER_RX, OWNER_PORT), OWNER_RX, OWNER_PORT],
    ] as const) {
      const [a, b] = [alloc(), alloc()]
      ring.push(a)
      ring.unshift(b)
      expect([a.owner, b.owner, ring.shift()?.owner, ring.shift()?.owner]).toEqual([
        stamp,
        stamp,
        taker,
        taker,
      ])
      a.free()
      b.free()
    }
  })

  test('unshift puts a frame back as the first', () => {
    const ring = new Ring(4)
    const [a, b] = [alloc(), alloc()]
    ring.push(a)
    ring.push(b)
    expect(ring.unshift(ring.shift() as SkBuff)).toBe(true)
    expect([ring.shift(), ring.shift(), ring.shift()]).toEqual([a, b, undefined])
    a.free()
    b.free()
  })

  test('purge drops all frames with one reason', () => {
    const ring = new Ring(4)
    for (let i = 0; i < 3; i++) {
      ring.push(alloc())
    }
    const before = pool.drops[SKB_DROP_REASON_FULL_RING]
    expect([ring.purge(SKB_DROP_REASON_FULL_RING), ring.length, pool.out]).toEqual([3, 0, 0])
    expect(pool.drops[SKB_DROP_REASON_FULL_RING]).toBe(before + 3)
    expect(ring.purge(SKB_DROP_REASON_FULL_RING)).toBe(0)
  })

  test('a ring refuses a freed frame, because its slot may have been reused', () => {
    const ring = new Ring(2)
    const skb = alloc()
    skb.free()
    expect(() => ring.push(skb)).toThrow(SkbError)
    expect(() => ring.unshift(skb)).toThrow(SkbError)
    expect(ring.length).toBe(0)
    expect(() => skb.free()).toThrow('double free')
  })
})

test('a ring is first-in, first-out under random operations', () => {
  const operation = fc.constantFrom('push', 'push', 'shift', 'unshift', 'putBack', 'peek', 'purge')
  forAll(
    300,
    [fc.integer({ min: 1, max: 9 }), fc.array(operation, { maxLength: 60 })],
    (capacity, operations) => {
      const ring = new Ring(capacity)
      const model: SkBuff[] = []
      for (const name of operations) {
        if (name === 'push' || name === 'unshift') {
          const skb = alloc()
          const fits = model.length < ring.capacity
          expect(ring[name](skb)).toBe(fits)
          if (fits) {
            model[name](skb)
          } else {
            skb.free()
          }
        } else if (name === 'shift') {
          const skb = ring.shift()
          expect(skb).toBe(model.shift())
          skb?.free()
        } else if (name === 'putBack') {
          const skb = ring.shift()
          if (skb !== undefined) {
            expect(ring.unshift(skb)).toBe(true)
          }
        } else if (name === 'peek') {
          expect(Array.from({ length: ring.capacity + 1 }, (_, i) => ring.peek(i))).toEqual(
            Array.from({ length: ring.capacity + 1 }, (_, i) => model[i]),
          )
        } else {
          expect(ring.purge(SKB_DROP_REASON_FULL_RING)).toBe(model.splice(0).length)
        }
        expect(ring.length).toBe(model.length)
        expect(pool.out).toBe(model.length)
      }
      ring.purge(SKB_DROP_REASON_FULL_RING)
    },
  )
})

test.each([2 ** 31, Number.POSITIVE_INFINITY, Number.NaN, -1])(
  'a ring of %d frames is a RangeError',
  capacity => {
    expect(() => new Ring(capacity)).toThrow(new RangeError(`a ring of ${capacity} frames`))
  },
)
