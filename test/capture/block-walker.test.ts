import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BlockWalker } from '#src/capture/block-walker.ts'
import { Input } from '#src/capture/input.ts'
import { LITTLE } from '#support/capture-bytes.ts'
import { forAll } from '#support/for-all.ts'
import { SEED, scaled } from '#support/scale.ts'

/** Pushes `bytes` cut at these places; returns the bytes of each block. */
function walk(bytes: Uint8Array, cuts: readonly number[]): number[][] {
  const input = new Input('FILE')
  const walker = new BlockWalker(input)
  const found: number[][] = []
  let from = 0
  for (const to of [...new Set([...cuts, bytes.length])].sort((a, b) => a - b)) {
    // Each chunk is overwritten once it was pushed.
    const chunk = bytes.slice(from, to)
    const blocks: Uint8Array[] = []
    input.push(chunk)
    chunk.fill(0xee)
    for (; walker.peek(); walker.skip()) {
      expect([walker.peek(), walker.type]).toEqual([true, input.view.getUint32(walker.at, true)])
      blocks.push(walker.block)
    }
    // They hold until the next chunk.
    found.push(...blocks.map(block => [...block]))
    from = to
  }
  return found
}

test('the blocks of a stream are found, wherever it is cut', () => {
  const blocks = fc.array(fc.tuple(fc.nat(0xffff_ffff), fc.nat({ max: 3000 })), { maxLength: 12 })
  forAll(
    { numRuns: scaled(10_000), seed: SEED },
    [blocks, fc.array(fc.nat(20_000))],
    (shapes, cuts) => {
      const expected = shapes.map(([type, words], i) =>
        LITTLE.block(type, new Array(4 * (words % 700)).fill(i + 1)),
      )
      const stream = Uint8Array.from(expected.flat())
      const inside = cuts.filter(cut => cut < stream.length)
      expect(walk(stream, inside)).toEqual(expected)
    },
  )
})

test('a stream is walked byte by byte', () => {
  const blocks = [
    LITTLE.block(6, [1, 2, 3, 4]),
    LITTLE.block(5),
    LITTLE.block(7, new Array(8).fill(9)),
  ]
  const stream = Uint8Array.from(blocks.flat())
  expect(walk(stream, [...stream.keys()])).toEqual(blocks)
})

test.each([
  [0, [1]],
  [8, [8]],
  [14, [3, 9]],
  [17 * 1024 * 1024, [100]],
])('a block of %i bytes is refused, with its place, wherever it is cut', (length, cuts) => {
  const good = LITTLE.block(6, [1, 2, 3, 4])
  const bad = [...LITTLE.u32(6), ...LITTLE.u32(length), 0, 0, 0, 0]
  const stream = Uint8Array.from([...good, ...bad])
  for (const each of [[], cuts, [good.length + 2]]) {
    expect(() =>
      walk(
        stream,
        each.filter(cut => cut < stream.length),
      ),
    ).toThrow(`FILE: broken at byte ${good.length}: a block of ${length} bytes`)
  }
})
