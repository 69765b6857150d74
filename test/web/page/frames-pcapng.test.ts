import { describe, expect, it } from 'vitest'
import { PcapngCounter } from '../../../src/web/page/frames-pcapng.ts'
import { BIG, LITTLE, type Order } from '../../support/capture-bytes.ts'

/** A section, an interface, a packet, an empty block of an unknown type, a packet. */
function blocks(order: Order): number[][] {
  const packet = (length: number) => order.packet(0, 1n, new Array<number>(length).fill(0x0a))
  return [order.section(), order.interface(1, 0), packet(61), order.block(0x0bad), packet(1500)]
}

function count(...chunks: number[][]): PcapngCounter {
  const counter = new PcapngCounter()
  for (const chunk of chunks) counter.add(Uint8Array.from(chunk))
  return counter
}

describe.each([
  ['little', LITTLE],
  ['big', BIG],
] as const)('a stream in %s-endian order', (_, order) => {
  it('is counted alike in chunks of any size', () => {
    const bytes = blocks(order).flat()
    for (const size of [1, 2, 7, 64, bytes.length]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => {
        return bytes.slice(i * size, (i + 1) * size)
      })
      const counter = count(...chunks)
      expect([counter.frames, counter.whole, counter.isBroken]).toEqual([2, bytes.length, false])
    }
  })

  it('that is cut off ends with its last whole block', () => {
    const all = blocks(order)
    const bytes = all.flat()
    const cut = count(bytes.slice(0, -1))
    expect([cut.frames, cut.whole]).toEqual([1, all.slice(0, -1).flat().length])
    expect(count(bytes.slice(0, 5)).whole).toBe(0)
  })
})

it('a new section may have another byte order', () => {
  const counter = count(blocks(LITTLE).flat(), blocks(BIG).flat())
  expect([counter.frames, counter.isBroken]).toEqual([4, false])
})

it.each([
  ['text', [...Buffer.from('not a capture, but text')]],
  ['a packet in front of all sections', LITTLE.packet(0, 1n, [1, 2, 3])],
  [
    'a block that is shorter than its head',
    [...LITTLE.section(), ...LITTLE.u32(6), ...LITTLE.u32(8), ...LITTLE.u32(0)],
  ],
])('%s is not taken for pcapng', (_, bytes) => {
  const counter = count(bytes, LITTLE.section(), LITTLE.packet(0, 1n, []))
  expect([counter.frames, counter.isBroken]).toEqual([0, true])
})
