import { describe, expect, test } from 'vitest'
import { BIG, LITTLE, readAll, text } from '#support/capture-bytes.ts'

const FRAME = [1, 2, 3, 4, 5]
const UNITS = 1_700_000_000_123_456n

describe.each([
  ['little endian', LITTLE],
  ['big endian', BIG],
])('%s', (_, order) => {
  const { u32, u64, option } = order
  const end = option(0, [])

  test('an enhanced packet has the fields and options of its block', () => {
    const packet = order.packet(
      0,
      UNITS,
      FRAME,
      option(1, text('a cömment')),
      option(2, u32(0x8000_0a01)),
      option(4, u64(3n)),
      option(5, u64(0x1_0000_0002n)),
      option(6, u32(7)),
      option(7, [1, ...u64(2n)]),
      option(1, text('another')),
      end,
    )
    expect(readAll([...order.section(), ...order.interface(1, 0), ...packet])).toEqual({
      packets: [
        {
          seconds: 1_700_000_000,
          nanoseconds: 123_456_000,
          hasTime: true,
          interfaceIndex: 0,
          linkType: 1,
          capturedLength: 5,
          originalLength: 105,
          frame: FRAME,
          comments: ['a cömment', 'another'],
          flags: 0x8000_0a01,
          dropCount: 3,
          packetId: 0x1_0000_0002,
          queue: 7,
          verdictType: 1,
          verdict: 2,
        },
      ],
    })
  })

  test.each([
    ['by the flags of the packet', [], 4 << 5, 101],
    ['by the interface, in bits', [32], 0, 101],
    ['by the interface, in bytes', [4], 0, 101],
    ['by the flags before the interface', [16], 4 << 5, 101],
    ['nowhere', [], 1, 105],
  ])(
    'a frame is read without a check sequence that is described %s',
    (_, ofInterface, flags, originalLength) => {
      const described = ofInterface.length > 0 ? [option(13, ofInterface)] : []
      const file = [
        ...order.section(),
        ...order.interface(1, 0, ...described),
        ...order.packet(0, UNITS, FRAME, option(2, u32(flags)), end),
        ...order.oldPacket(0, 0, UNITS, FRAME, option(2, u32(flags))),
      ]
      const { packets } = readAll(file)
      const kept = [originalLength, FRAME, flags & 1]
      expect(packets.map(each => [each.originalLength, each.frame, each.flags])).toEqual([
        kept,
        kept,
      ])
      const cut = [
        ...order.section(),
        ...order.interface(1, 0, option(13, [32])),
        ...order.simplePacket(5, FRAME),
      ]
      expect(readAll(cut).packets).toMatchObject([{ frame: [1], originalLength: 1 }])
    },
  )

  test('an old packet block has a drop count, flags and comments, and its other options are skipped', () => {
    const options = [
      option(2, u32(1)),
      option(3, [0, 9]),
      option(5, text('?')),
      option(1, text('old')),
    ]
    const file = [
      ...order.section(),
      ...order.interface(1, 0),
      ...order.oldPacket(0, 12, UNITS, FRAME, ...options),
      ...order.oldPacket(0, 0xffff, UNITS, FRAME),
    ]
    const { packets, error } = readAll(file)
    expect(error).toBeUndefined()
    expect(packets[0]).toMatchObject({
      seconds: 1_700_000_000,
      dropCount: 12,
      flags: 1,
      comments: ['old'],
    })
    expect(packets[0]).not.toHaveProperty('packetId')
    expect(packets[1]).not.toHaveProperty('dropCount')
    expect(packets[1]).not.toHaveProperty('comments')
  })

  test('a packet has the name of its interface, of which at most 255 bytes are read', () => {
    const file = [
      ...order.section(),
      ...order.interface(1, 0, option(2, text('sn0\0?')), end),
      ...order.interface(1, 0, option(2, text('é'.repeat(200))), end),
      ...order.interface(1, 0),
      ...[0, 1, 2].flatMap(index => order.packet(index, UNITS, FRAME)),
    ]
    const names = readAll(file).packets.map(({ interfaceName }) => interfaceName)
    expect(names).toEqual(['sn0', `${'é'.repeat(127)}\ufffd`, undefined])
  })

  test('a simple packet has no time, and is as long as the snaplen of interface 0 allows', () => {
    const { packets } = readAll([
      ...order.section(),
      ...order.interface(1, 6),
      ...order.simplePacket(100, [1, 2, 3, 4, 5, 6]),
      ...order.simplePacket(5, FRAME),
      ...order.section(),
      ...order.interface(1, 0),
      ...order.simplePacket(7, [1, 2, 3, 4, 5, 6, 7]),
    ])
    expect(packets).toMatchObject([
      {
        hasTime: false,
        seconds: 0,
        nanoseconds: 0,
        originalLength: 100,
        frame: [1, 2, 3, 4, 5, 6],
      },
      { originalLength: 5, frame: FRAME },
      { originalLength: 7, frame: [1, 2, 3, 4, 5, 6, 7] },
    ])
  })

  test('all other blocks are skipped: names, statistics, secrets, custom and unknown ones', () => {
    const others = [4, 5, 10, 0xbad, 0x4000_0bad, 0x8000_0001, 0x77].flatMap(type =>
      order.block(type, u32(0xffff)),
    )
    const file = [
      ...order.section(),
      ...others,
      ...order.interface(1, 0),
      ...others,
      ...order.packet(0, 0n, FRAME),
    ]
    expect(readAll([...file, ...others])).toMatchObject({ packets: [{ frame: FRAME }] })
  })

  test.each([
    ['the default, microseconds', [], UNITS, 1_700_000_000, 123_456_000],
    ['seconds', option(9, [0]), 0xffff_ffffn, 0xffff_ffff, 0],
    ['tenths', option(9, [1]), 17_000_000_009n, 1_700_000_000, 900_000_000],
    ['nanoseconds', option(9, [9]), 1_700_000_000_123_456_789n, 1_700_000_000, 123_456_789],
    ['the last nanoseconds', option(9, [9]), 0xffff_ffff_ffff_ffffn, 18_446_744_073, 709_551_615],
    ['picoseconds', option(9, [12]), 1_700_000_000_123_456_789n, 1_700_000, 123_456],
    [
      '1/1024 of a second',
      option(9, [0x80 | 10]),
      1024n * 1_700_000_000n + 1n,
      1_700_000_000,
      976_562,
    ],
    ['2^-32 of a second', option(9, [0x80 | 32]), (5n << 32n) + (1n << 31n), 5, 500_000_000],
    ['2^-127 of a second', option(9, [0xff]), 0xffff_ffff_ffff_ffffn, 0, 0],
    ['10^-127 of a second', option(9, [0x7f]), 0xffff_ffff_ffff_ffffn, 0, 0],
    ['an offset', option(14, u64(1_700_000_000n)), 5_000_001n, 1_700_000_005, 1000],
    ['a negative offset', [...option(9, [9]), ...option(14, u64(-10n))], 7_000_000_001n, -3, 1],
  ])('timestamps are read in %s', (_, options, units, seconds, nanoseconds) => {
    const file = [
      ...order.section(),
      ...order.interface(1, 0, options),
      ...order.packet(0, units, FRAME),
    ]
    expect(readAll(file)).toMatchObject({ packets: [{ seconds, nanoseconds }] })
  })

  test('a packet takes link type and time unit of its own interface, which may come late', () => {
    const { packets } = readAll([
      ...order.section(),
      ...order.interface(1, 0, option(9, [9])),
      ...order.packet(0, 1_000_000_001n, FRAME),
      ...order.interface(113, 0),
      ...order.packet(1, 1_000_001n, FRAME),
      ...order.packet(0, 2_000_000_000n, FRAME),
    ])
    expect(packets).toMatchObject([
      { interfaceIndex: 0, linkType: 1, seconds: 1, nanoseconds: 1 },
      { interfaceIndex: 1, linkType: 113, seconds: 1, nanoseconds: 1000 },
      { interfaceIndex: 0, linkType: 1, seconds: 2, nanoseconds: 0 },
    ])
  })

  test('comments end at a zero byte, and bytes that are not UTF-8 become U+FFFD', () => {
    const comments = [[0x61, 0, 0x62], [0xff, 0x61], []].map(bytes => option(1, bytes))
    const file = [
      ...order.section(),
      ...order.interface(1, 0),
      ...order.packet(0, 0n, FRAME, ...comments),
    ]
    expect(readAll(file)).toMatchObject({ packets: [{ comments: ['a', '\ufffda', ''] }] })
  })

  test('a verdict of TC or XDP is signed, one of hardware or without bytes is skipped', () => {
    const verdicts = [[1, ...u64(-1n)], [2, ...u64(1n)], [0, 1, 2, 3], []]
    const packets = verdicts.flatMap(value => order.packet(0, 0n, FRAME, option(7, value)))
    const read = readAll([...order.section(), ...order.interface(1, 0), ...packets])
    expect(read.packets.map(packet => [packet.verdictType, packet.verdict])).toEqual([
      [1, -1],
      [2, 1],
      [undefined, undefined],
      [undefined, undefined],
    ])
  })

  test('options of one packet do not show in the next', () => {
    const first = order.packet(
      0,
      0n,
      FRAME,
      option(2, u32(1)),
      option(7, [1, ...u64(2n)]),
      option(1, text('gone')),
    )
    const file = [
      ...order.section(),
      ...order.interface(1, 0),
      ...first,
      ...order.packet(0, 0n, FRAME),
    ]
    const { packets } = readAll(file)
    expect(packets[0]).toMatchObject({ flags: 1, verdict: 2, verdictType: 1, comments: ['gone'] })
    for (const name of ['flags', 'verdict', 'verdictType', 'comments']) {
      expect(packets[1]).not.toHaveProperty(name)
    }
  })

  test('options need no end mark, and anything after the mark is not read', () => {
    const packets = [
      ...order.packet(0, 0n, FRAME, option(6, u32(1))),
      ...order.packet(0, 0n, FRAME, option(6, u32(2)), end, option(6, u32(3))),
    ]
    const read = readAll([...order.section(), ...order.interface(1, 0), ...packets])
    expect(read).toMatchObject({ packets: [{ queue: 1 }, { queue: 2 }] })
  })

  test('version 1.2 is read like 1.0', () => {
    const section = order.section()
    section.splice(14, 2, ...order.u16(2))
    expect(
      readAll([...section, ...order.interface(1, 0), ...order.packet(0, 0n, FRAME)]).packets,
    ).toHaveLength(1)
  })
})

test('sections follow each other in different byte orders, each with its own interfaces', () => {
  const { packets, error } = readAll([
    ...LITTLE.section(),
    ...LITTLE.interface(1, 0),
    ...LITTLE.packet(0, 1_000_000n, FRAME),
    ...BIG.section(),
    ...BIG.interface(228, 0, BIG.option(9, [9])),
    ...BIG.packet(0, 2_000_000_000n, FRAME),
    ...LITTLE.section(),
    ...LITTLE.packet(0, 0n, FRAME),
  ])
  expect(packets).toMatchObject([
    { seconds: 1, linkType: 1 },
    { seconds: 2, linkType: 228 },
  ])
  expect(error).toMatch(
    /^FILE: broken at byte \d+: a packet of interface 0, which is not described$/,
  )
})
