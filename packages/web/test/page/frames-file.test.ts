import { describe, expect, it } from 'vitest'
import { LITTLE } from '#support/capture-bytes.ts'
import { captureLine, captureName, PcapngCounter } from '../../src/page/frames-text.ts'

const TIME = new Date(2026, 10, 21, 6, 3, 9).getTime()

it.each([
  ['sn0', 'vnet-sn0-20261121-060309.pcapng'],
  ['red/eth0.100', 'vnet-red-eth0.100-20261121-060309.pcapng'],
  ['<b>"ö', 'vnet--b----20261121-060309.pcapng'],
  ['../x', 'vnet-..-x-20261121-060309.pcapng'],
])('a capture of %s is called %s', (label, name) => {
  expect(captureName(label, TIME)).toBe(name)
})

it.each([
  ['sn0', '', 'vnet capture sn0 f.pcapng'],
  ['red/eth0', 'tcp port 80', "vnet capture --filter 'tcp port 80' red/eth0 f.pcapng"],
  ['$(x)', "host '1'", `vnet capture --filter "host '1'" '$(x)' f.pcapng`],
  ['-n', '-x', 'vnet capture --filter -x -- -n f.pcapng'],
])('the command line that captures %s with the filter "%s" is %s', (label, filter, line) => {
  expect(captureLine(label, filter, 'f.pcapng')).toBe(line)
})

const packet = (length: number) => LITTLE.packet(0, 1n, new Array<number>(length).fill(0x0a))
/** A section, an interface, a packet, an empty block of an unknown type, a packet. */
const BLOCKS = [
  LITTLE.section(),
  LITTLE.interface(1, 0),
  packet(61),
  LITTLE.block(0x0bad),
  packet(1500),
]

function count(...chunks: number[][]): PcapngCounter {
  const counter = new PcapngCounter()
  for (const chunk of chunks) {
    counter.add(Uint8Array.from(chunk))
  }
  return counter
}

describe('a stream', () => {
  it('a stream is counted alike in chunks of any size', () => {
    const bytes = BLOCKS.flat()
    for (const size of [1, 2, 7, 64, bytes.length]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => {
        return bytes.slice(i * size, (i + 1) * size)
      })
      const counter = count(...chunks)
      expect([counter.frames, counter.whole, counter.isBroken]).toEqual([2, bytes.length, false])
    }
  })

  it('a stream that is cut off ends with its last whole block', () => {
    const bytes = BLOCKS.flat()
    const cut = count(bytes.slice(0, -1))
    expect([cut.frames, cut.whole]).toEqual([1, BLOCKS.slice(0, -1).flat().length])
    expect(count(bytes.slice(0, 5)).whole).toBe(0)
  })
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
