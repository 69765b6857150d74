import { describe, expect, test } from 'vitest'
import { BIG, LITTLE, readAll } from '#support/capture-bytes.ts'

const MICROSECONDS = 0xa1b2c3d4
const NANOSECONDS = 0xa1b23c4d
const FRAME = [1, 2, 3, 4, 5]

describe.each([
  ['little endian', LITTLE],
  ['big endian', BIG],
])('%s', (_, order) => {
  test('packets are read with microseconds', () => {
    const file = [
      ...order.pcap(MICROSECONDS, 1),
      ...order.pcapPacket(4_000_000_000, 999_999, FRAME),
    ]
    expect(readAll([...file, ...order.pcapPacket(1, 0, [])])).toEqual({
      packets: [
        {
          seconds: 4_000_000_000,
          nanoseconds: 999_999_000,
          hasTime: true,
          interfaceIndex: 0,
          linkType: 1,
          capturedLength: 5,
          originalLength: 105,
          frame: FRAME,
        },
        {
          seconds: 1,
          nanoseconds: 0,
          hasTime: true,
          interfaceIndex: 0,
          linkType: 1,
          capturedLength: 0,
          originalLength: 100,
          frame: [],
        },
      ],
    })
  })

  test('packets are read with nanoseconds', () => {
    const file = [...order.pcap(NANOSECONDS, 113), ...order.pcapPacket(7, 999_999_999, FRAME)]
    expect(readAll(file)).toMatchObject({
      packets: [{ seconds: 7, nanoseconds: 999_999_999, linkType: 113 }],
    })
  })

  test('a fraction of more than a second is carried into the seconds', () => {
    const file = [...order.pcap(MICROSECONDS, 1), ...order.pcapPacket(7, 3_000_001, FRAME)]
    expect(readAll(file)).toMatchObject({ packets: [{ seconds: 10, nanoseconds: 1000 }] })
  })

  test('the link type excludes the length of the frame check sequence', () => {
    const file = [...order.pcap(MICROSECONDS, 0x2400_0001), ...order.pcapPacket(7, 0, FRAME)]
    expect(readAll(file)).toMatchObject({ packets: [{ linkType: 1 }] })
  })
})

/** A record of a frame that is whole. */
const whole = ({ u32 }: typeof LITTLE, frame: number[]) => [
  ...[7, 0, frame.length, frame.length].flatMap(u32),
  ...frame,
]

describe.each([LITTLE, BIG])('frames with a check sequence', order => {
  test.each([
    ['of 4 bytes are read without it', 0x2400_0001, [1, 2, 3, 4, 5, 6, 7], [1, 2, 3], 3],
    [
      'of 4 bytes, given in bytes, are read without it',
      0x4400_0001,
      [1, 2, 3, 4, 5, 6, 7],
      [1, 2, 3],
      3,
    ],
    ['of 2 bytes are read without it', 0x1400_0001, [1, 2, 3], [1], 1],
    ['whose length is not given are read whole', 0x2000_0001, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], 5],
    ['that are shorter than it are read whole', 0x2400_0001, [1, 2], [1, 2], 2],
  ])('%s', (_, link, given, frame, originalLength) => {
    const file = [...order.pcap(NANOSECONDS, link), ...whole(order, given), ...whole(order, [])]
    const { packets } = readAll(file)
    expect(packets).toMatchObject([
      { frame, originalLength, capturedLength: frame.length, linkType: 1 },
      { frame: [] },
    ])
  })

  test('that were cut before it keep their bytes', () => {
    const file = [...order.pcap(MICROSECONDS, 0x2400_0001), ...order.pcapPacket(7, 0, FRAME)]
    expect(readAll(file)).toMatchObject({ packets: [{ frame: FRAME, originalLength: 101 }] })
  })
})

test.each([
  ['1f8b0800', 'it is compressed: use the output of zcat'],
  ['1f9d9000', 'it is compressed: use the output of zcat'],
  ['28b52ffd', 'it is compressed: use the output of zstdcat'],
  ['04224d18', 'it is compressed: use the output of lz4cat'],
  ['425a6839', 'it is compressed: use the output of bzcat'],
  ['fd377a58', 'it is compressed: use the output of xzcat'],
  ['5d000080', 'it is compressed: use the output of xzcat'],
  ['504b0304', 'it is compressed: use the output of unzip -p'],
  ['34cdb2a1', 'it is a modified pcap file: `editcap -F pcapng IN OUT` converts it'],
  ['a1b2cd34', 'it is a modified pcap file: `editcap -F pcapng IN OUT` converts it'],
  ['736e6f6f', 'it is a snoop file: `editcap -F pcapng IN OUT` converts it'],
  [
    '47424d55',
    'begins with the bytes 47424d55; if Wireshark reads it, `editcap -F pcapng IN OUT` converts it',
  ],
])('a file with the first bytes %s is refused with what to do', (begin, message) => {
  const { error } = readAll([...Buffer.from(begin, 'hex'), 0, 0, 0, 0])
  expect(String(error)).toContain(message)
  expect(String(error).split('\n')).toHaveLength(1)
})

test('a file without packets is read', () => {
  expect(readAll(LITTLE.pcap(MICROSECONDS, 1))).toEqual({ packets: [] })
})
