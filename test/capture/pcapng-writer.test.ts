import { expect, test } from 'vitest'
import type { CapturedPacket } from '#src/capture/packet.ts'
import {
  PACKET_OVERHEAD,
  writeInterface,
  writePacket,
  writeSection,
  writeStatistics,
  writeTlsKeyLog,
} from '#src/capture/pcapng-writer.ts'
import { list } from '#support/list.ts'

/** Returns the bytes that `write` puts after four others, as hex in groups of four. */
function hex(write: (to: Uint8Array, at: number) => number): string[] {
  const to = new Uint8Array(1000).fill(0xee)
  const end = write(to, 4)
  expect([...to.subarray(0, 4), ...to.subarray(end)].every(byte => byte === 0xee)).toBe(true)
  return Buffer.from(to.subarray(4, end)).toString('hex').match(/.{8}/g) ?? []
}

/** Its frame is five bytes from the third on. */
const packet: CapturedPacket = {
  seconds: 1_700_000_000,
  nanoseconds: 123_456_789,
  interfaceIndex: 1,
  bytes: Uint8Array.of(9, 9, 1, 2, 3, 4, 5, 9),
  at: 2,
  capturedLength: 5,
  originalLength: 60,
}

test('a section header names hardware, system and program', () => {
  const section = { hardware: 'arm', os: 'Linux 6', userAppl: 'vnet' }
  expect(hex((to, at) => writeSection(to, at, section))).toEqual(
    list(`
      0a0d0d0a 3c000000 4d3c2b1a 01000000 ffffffff ffffffff 02000300 61726d00 03000700 4c696e75 78203600
      04000400 766e6574 00000000 3c000000
    `),
  )
})

test('an interface has its names, address, speed, filter, and nanoseconds', () => {
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 1)
  const dev = {
    snaplen: 96,
    name: 'sn0',
    description: 'ö',
    mac,
    speed: 10_000_000_000,
    filter: 'tcp',
  }
  expect(hex((to, at) => writeInterface(to, at, dev))).toEqual(
    list(`
      01000000 50000000 01000000 60000000 02000300 736e3000 03000200 c3b60000 06000600 02000000 00010000
      08000800 00e40b54 02000000 09000100 09000000 0b000400 00746370 00000000 50000000
    `),
  )
})

test('an interface of which nothing is known is Ethernet in nanoseconds without a limit', () => {
  expect(hex((to, at) => writeInterface(to, at))).toEqual(
    list('01000000 20000000 01000000 00000000 09000100 09000000 00000000 20000000'),
  )
})

test('a packet without options is an enhanced packet block, padded with zeros', () => {
  // 1,700,000,000,123,456,789 is 0x17979cfe 3d85cd15.
  expect(hex((to, at) => writePacket(to, at, packet))).toEqual(
    list(
      '06000000 28000000 01000000 fe9c9717 15cd853d 05000000 3c000000 01020304 05000000 28000000',
    ),
  )
})

test('a packet has flags, drop count, id, queue, verdict and comments as options', () => {
  const options = {
    flags: 0xa01,
    dropCount: 3,
    packetId: 0x1_0000_0002,
    queue: 7,
    verdict: 2,
    comments: ['loss 1%'],
  }
  expect(hex((to, at) => writePacket(to, at, { ...packet, ...options })).slice(9)).toEqual(
    list(`
      02000400 010a0000 04000800 03000000 00000000 05000800 02000000 01000000 06000400 07000000 07000900
      01020000 00000000 00000000 01000700 6c6f7373 20312500 00000000 70000000
    `),
  )
})

test('a packet with every option but comments fits the overhead that is promised, and no less', () => {
  const options = { flags: 1, dropCount: 1, packetId: 1, queue: 1, verdict: -1, verdictType: 2 }
  const whole = { ...packet, ...options }
  const to = new Uint8Array(PACKET_OVERHEAD + packet.capturedLength)
  expect(writePacket(to, 0, whole)).toBe(to.length)
  expect(() => writePacket(to.subarray(1), 0, whole)).toThrow(
    /^a block of 100 bytes where 99 are left$/,
  )
  expect(() => writePacket(to.subarray(0, 30), 0, whole)).toThrow(RangeError)
})

test('statistics have start, end and counters; their own time is the end', () => {
  const [start, end] = [
    { seconds: 1, nanoseconds: 0 },
    { seconds: 5, nanoseconds: 1 },
  ]
  const statistics = { interfaceIndex: 1, start, end, received: 10, dropped: 2, delivered: 8 }
  expect(hex((to, at) => writeStatistics(to, at, statistics))).toEqual(
    list(`
      05000000 58000000 01000000 01000000 01f2052a 02000800 00000000 00ca9a3b 03000800 01000000 01f2052a
      04000800 0a000000 00000000 05000800 02000000 00000000 08000800 08000000 00000000 00000000 58000000
    `),
  )
})

test('a TLS key log is a decryption secrets block', () => {
  expect(hex((to, at) => writeTlsKeyLog(to, at, Buffer.from('CLIENT')))).toEqual([
    '0a000000',
    '1c000000',
    '4b534c54',
    '06000000',
    '434c4945',
    '4e540000',
    '1c000000',
  ])
})

test('a text above 65,535 bytes is cut in front of a character that does not fit', () => {
  const lengthOf = (comment: string) => {
    const to = new Uint8Array(70_000)
    writePacket(to, 0, { ...packet, comments: [comment] })
    return new DataView(to.buffer).getUint16(38, true)
  }
  expect(lengthOf('ö'.repeat(40_000))).toBe(65_534)
  expect(lengthOf(`a${'ö'.repeat(40_000)}`)).toBe(65_535)
})

test.each([-1, 18_446_744_073, Number.NaN])(
  'a packet at second %d has no place in pcapng',
  seconds => {
    expect(() => writePacket(new Uint8Array(100), 0, { ...packet, seconds })).toThrow(
      /^a timestamp of .* seconds/,
    )
  },
)

test('an address of other than six bytes is refused', () => {
  expect(() => writeInterface(new Uint8Array(100), 0, { mac: new Uint8Array(8) })).toThrow(
    '8 bytes',
  )
})
