import { describe, expect, test } from 'vitest'
import { CaptureError } from '#src/capture/input.ts'
import { CaptureReader } from '#src/capture/reader.ts'
import { BIG, LITTLE, type Order, readAll } from '#support/capture-bytes.ts'

const FRAME = [1, 2, 3, 4, 5]
const pcapng = (order: Order) => [
  order.section(),
  order.interface(1, 0),
  order.packet(0, 1n, FRAME),
  order.simplePacket(5, FRAME),
  order.packet(0, 2n, FRAME),
]
const pcap = (order: Order) => [
  order.pcap(0xa1b2c3d4, 1),
  order.pcapPacket(1, 2, FRAME),
  order.pcapPacket(2, 3, FRAME),
]

describe.each([
  ['pcapng, little endian', pcapng(LITTLE), 2],
  ['pcapng, big endian', pcapng(BIG), 2],
  ['pcap, little endian', pcap(LITTLE), 1],
  ['pcap, big endian', pcap(BIG), 1],
])('%s', (_, parts, headers) => {
  const file = parts.flat()
  const ends = parts.map((_, i) => parts.slice(0, i + 1).flat().length)
  const whole = readAll(file)

  test.each([1, 3, 50])('the packets are the same if they come in chunks of %i bytes', size => {
    expect(whole.packets).toHaveLength(parts.length - headers)
    expect(readAll(file, size)).toEqual(whole)
  })

  test('a file cut anywhere gives its whole packets, then the error that it is truncated', () => {
    for (let length = 1; length < file.length; length++) {
      const { packets, error } = readAll(file.slice(0, length), 7)
      const wholeParts = ends.filter(end => end <= length).length
      expect(packets).toEqual(whole.packets.slice(0, Math.max(0, wholeParts - headers)))
      if (ends.includes(length)) {
        expect(error).toBeUndefined()
      } else {
        expect(error).toMatch(
          new RegExp(`^FILE: truncated at byte ${length}: a .* begins at byte \\d+$`),
        )
      }
    }
  })
})

const { u16, u32, option } = LITTLE
const begin = [...LITTLE.section(), ...LITTLE.interface(1, 0), ...LITTLE.packet(0, 1n, FRAME)]
const pcapBegin = [...LITTLE.pcap(0xa1b2c3d4, 1), ...LITTLE.pcapPacket(1, 2, FRAME)]

/** A copy of a block with other bytes at an index. */
const changed = (block: number[], at: number, bytes: number[]) =>
  block.toSpliced(at, bytes.length, ...bytes)

test.each([
  [
    'a block length that is no multiple of 4',
    changed(LITTLE.packet(0, 1n, FRAME), 4, u32(41)),
    'a block of 41 bytes',
  ],
  [
    'a block length below 12',
    changed(LITTLE.block(99), 4, u32(8)),
    'a block of 8 bytes: its length must be',
  ],
  [
    'a block length above 16 MiB',
    changed(LITTLE.block(99), 4, u32(16_777_220)),
    'a block of 16777220 bytes, more',
  ],
  [
    'two lengths',
    changed(LITTLE.block(99), 8, u32(16)),
    'a block of 12 bytes that ends with a length of 16',
  ],
  [
    'an unknown interface',
    LITTLE.packet(1, 1n, FRAME),
    'a packet of interface 1, which is not described',
  ],
  [
    'a frame longer than its block',
    changed(LITTLE.packet(0, 1n, FRAME), 20, u32(9)),
    'a packet of 9 bytes in a block',
  ],
  [
    'a frame of 4 GiB',
    changed(LITTLE.packet(0, 1n, FRAME), 20, u32(0xffff_ffff)),
    'a packet of 4294967295 bytes in',
  ],
  [
    'a long simple packet',
    LITTLE.simplePacket(9, FRAME),
    'a packet of 9 bytes in a block with room for 8',
  ],
  [
    'a short enhanced packet',
    LITTLE.block(6, u32(0)),
    'a block of 16 bytes is too short for an enhanced packet',
  ],
  ['a short old packet', LITTLE.block(2, u32(0)), 'a block of 16 bytes is too short for a packet'],
  [
    'a short simple packet',
    LITTLE.block(3),
    'a block of 12 bytes is too short for a simple packet',
  ],
  [
    'a short interface',
    LITTLE.block(1),
    'a block of 12 bytes is too short for an interface description',
  ],
  [
    'a short section',
    LITTLE.block(0x0a0d0d0a, u32(0x1a2b3c4d)),
    'a block of 16 bytes is too short for a section',
  ],
  [
    'a section of no byte order',
    LITTLE.block(0x0a0d0d0a, u32(1)),
    'a section header without the byte-order magic',
  ],
  [
    'a later version',
    changed(LITTLE.section(), 12, u16(2)),
    'pcapng version 2.0 is not supported, 1.0 is',
  ],
  [
    'an option past its block',
    LITTLE.packet(0, 1n, FRAME, [...u16(1), ...u16(5), 1, 2, 3, 4]),
    'option 1 runs past',
  ],
  [
    'an option in no room',
    LITTLE.packet(0, 1n, FRAME, [...u16(1), ...u16(1)]),
    'option 1 runs past the end',
  ],
  [
    'flags of 2 bytes',
    LITTLE.packet(0, 1n, FRAME, option(2, [1, 2])),
    'option 2 has 2 bytes instead of 4',
  ],
  [
    'a verdict of 4 bytes',
    LITTLE.packet(0, 1n, FRAME, option(7, [1, 2, 3, 4])),
    'option 7 has 4 bytes instead of 9',
  ],
  [
    'a resolution of 2 bytes',
    LITTLE.interface(1, 0, option(9, [1, 2])),
    'option 9 has 2 bytes instead of 1',
  ],
  [
    'an offset of 4 bytes',
    LITTLE.interface(1, 0, option(14, [1, 2, 3, 4])),
    'option 14 has 4 bytes instead of 8',
  ],
])(
  'a pcapng file with %s is read up to the defect, whose position is then reported',
  (_, block, message) => {
    const { packets, error } = readAll([...begin, ...block, ...LITTLE.packet(0, 3n, FRAME)])
    expect(packets).toHaveLength(1)
    expect(error?.startsWith(`FILE: broken at byte ${begin.length}: ${message}`), error).toBe(true)
  },
)

test('a pcap file is read up to a frame above 16 MiB, whose position is then reported', () => {
  const record = changed(LITTLE.pcapPacket(1, 2, FRAME), 8, u32(16_777_217))
  const { packets, error } = readAll([...pcapBegin, ...record])
  expect(packets).toHaveLength(1)
  expect(error).toBe(
    `FILE: broken at byte ${pcapBegin.length}: a packet of 16777217 bytes, more than 16777216`,
  )
})

const CONVERT = '`editcap -F pcapng IN OUT` converts it'

test.each([
  ['an empty file', [], 'FILE: empty, not a pcap or pcapng file'],
  [
    'text',
    [...Buffer.from('hello')],
    `FILE: neither pcap nor pcapng: it begins with the bytes 68656c6c; if Wireshark reads it, ${CONVERT}`,
  ],
  [
    'three bytes',
    [1, 2, 3],
    'FILE: truncated at byte 3: a magic number of 4 bytes begins at byte 0',
  ],
  [
    'pcap of version 2.3',
    changed(pcapBegin, 6, u16(3)),
    `FILE: pcap version 2.3 is not supported, 2.4 is: ${CONVERT}`,
  ],
])('%s is refused', (_, file, message) => {
  expect(readAll(file, 1)).toEqual({ packets: [], error: message })
})

test('an error names its position, and is thrown again by each further call', () => {
  const reader = new CaptureReader('FILE')
  reader.push(Uint8Array.from([...begin, ...LITTLE.block(6)]))
  expect(reader.next()).toBeDefined()
  const next = () => reader.next()
  expect(next).toThrow(CaptureError)
  expect(next).toThrow(expect.objectContaining({ name: 'CaptureError', position: begin.length }))
})

test.each([100, 5000, 1_000_000])(
  'a position counts from the beginning of a long file, in chunks of %i bytes',
  size => {
    const packet = LITTLE.packet(0, 1n, FRAME)
    const file = [...begin, ...Array.from({ length: 1000 }, () => packet).flat()]
    const { packets, error } = readAll([...file, ...LITTLE.block(6)], size)
    expect(packets).toHaveLength(1001)
    expect(error?.startsWith(`FILE: broken at byte ${file.length}: `), error).toBe(true)
  },
)

test('a section has at most 65,536 interfaces', () => {
  const one = Uint8Array.from(LITTLE.interface(1, 0))
  const reader = new CaptureReader('FILE')
  reader.push(Uint8Array.from(LITTLE.section()))
  for (let i = 0; i < 65_536; i++) {
    reader.push(one)
  }
  expect(reader.next()).toBeUndefined()
  reader.push(one)
  expect(() => reader.next()).toThrow(/: a section of more than 65536 interfaces$/)
})
