import { describe, expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { BlockRing, FrameBlocks } from '#src/capture/frame-blocks.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { SEED, scaled } from '#support/scale.ts'

/** Writes a block of `length` bytes; returns its position. */
function write(ring: BlockRing, length: number, value = 1, most = length): number {
  const at = ring.reserve(most)
  if (at < 0) return at
  ring.bytes.fill(value, at, at + length)
  ring.commit(at + length)
  return at
}

describe('a ring of blocks', () => {
  test('a ring has room for blocks that fill it to the last byte', () => {
    const ring = new BlockRing(new Uint8Array(8))
    expect([write(ring, 4), write(ring, 4), ring.used, write(ring, 1)]).toEqual([0, 4, 8, -1])
    expect(ring.peek().length).toBe(8)
  })

  test('a ring has no room for a block longer than itself, even while it is empty', () => {
    const ring = new BlockRing(new Uint8Array(8))
    expect([write(ring, 9), ring.used, write(ring, 8)]).toEqual([-1, 0, 0])
  })

  test('a ring wraps to its start only if at least one byte remains free there', () => {
    const ring = new BlockRing(new Uint8Array(8))
    write(ring, 8)
    ring.consume(4)
    expect([write(ring, 4), write(ring, 3), write(ring, 1)]).toEqual([-1, 0, -1])
    expect([ring.used, ring.peek().length]).toEqual([7, 4])
    ring.consume(4)
    expect([...ring.peek()]).toEqual([1, 1, 1])
  })

  test('a ring uses a reserved position for the next block if nothing was written there', () => {
    const ring = new BlockRing(new Uint8Array(8))
    write(ring, 6)
    ring.consume(4)
    expect(ring.reserve(3)).toBe(0)
    expect([ring.used, ring.peek().length]).toEqual([2, 2])
    ring.consume(2)
    expect([ring.used, write(ring, 8)]).toEqual([0, 0])
  })

  test('a ring with a reader that keeps up uses only the start of its memory', () => {
    const ring = new BlockRing(new Uint8Array(400), 100)
    const positions = new Set<number>()
    for (let i = 0; i < 1000; i++) {
      positions.add(write(ring, 10))
      if (ring.used > 30) {
        ring.consume(20)
      }
    }
    expect(Math.max(...positions)).toBe(90)
    expect(Math.min(...positions)).toBe(0)
  })

  test('a ring uses all its memory for a slow reader after blocks have wrapped early', () => {
    const ring = new BlockRing(new Uint8Array(400), 100)
    const values = Array.from({ length: 46 }, (_, i) => i + 1)
    for (const value of values.slice(0, 10)) {
      write(ring, 10, value)
    }
    ring.consume(60)
    expect(
      values
        .slice(10)
        .map(value => write(ring, 10, value))
        .filter(at => at < 0),
    ).toHaveLength(1)
    expect(ring.used).toBe(390)
    expect([...ring.peek()]).toEqual(
      values.slice(6, 40).flatMap(value => new Array(10).fill(value)),
    )
  })

  test('a ring returns the written bytes in order, for any sequence of blocks and reads', () => {
    const chance = random(SEED)
    const below = (n: number) => Math.floor(chance.next() * n)
    for (let run = 0; run < scaled(5_000); run++) {
      const size = 1 + below(40)
      const ring = new BlockRing(new Uint8Array(size), 1 + below(size))
      const model: number[] = []
      for (let i = 0; i < 100; i++) {
        const length = below(size + 4)
        const value = i + 1
        if (below(2) === 0 && write(ring, length, value, length + below(3)) >= 0) {
          for (let j = 0; j < length; j++) {
            model.push(value)
          }
        }
        const view = ring.peek()
        const n = below(view.length + 1)
        if (!view.every((byte, j) => byte === model[j])) {
          expect([...view]).toEqual(model.slice(0, view.length))
        }
        if (below(3) !== 0) {
          ring.consume(n)
          model.splice(0, n)
        }
        if (ring.used !== model.length) {
          expect(ring.used).toBe(model.length)
        }
        if (model.length > 0 && ring.peek().length === 0) {
          expect.fail('blocks wait, and peek() is empty')
        }
      }
    }
  })
})

test.each(['its own', 'another'])(
  'frames of any length, from any address of %s pool, are copied and padded',
  which => {
    const pool = new SkBuffPool({ large: 2, small: 2 })
    const ring = new BlockRing(new Uint8Array(1 << 20).fill(0xff))
    const own = which === 'its own' ? pool : new SkBuffPool({ large: 2, small: 2 })
    const blocks = new FrameBlocks(ring, own, 300, { seconds: 1, nanoseconds: 0 })
    const side = { number: 0, flags: 0, idBase: 0, passed: 0, written: 0, lost: 0, lostSince: 0 }
    const skb = pool.alloc(400) as SkBuff
    const { data } = skb
    for (let shift = 0; shift < 4; shift++) {
      skb.data = data + shift
      for (let length = 0; length < 310; length++) {
        skb.len = length
        for (let i = 0; i < length + 4; i++) {
          skb.bytes[skb.data + i] = i + shift
        }
        expect(blocks.write(skb, side, 0, undefined)).toBe(true)
        const block = ring.peek()
        const kept = Math.min(length, 300)
        const expected = Array.from({ length: kept }, (_, i) => (i + shift) & 0xff)
        const padding = new Array<number>((4 - (kept % 4)) % 4).fill(0)
        expect([...block.subarray(28, 28 + kept + padding.length)]).toEqual([
          ...expected,
          ...padding,
        ])
        ring.consume(block.length)
      }
    }
    skb.free()
  },
)
