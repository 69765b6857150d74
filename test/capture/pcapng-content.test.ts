import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CaptureError } from '#src/capture/input.ts'
import { PcapngContent } from '#src/capture/pcapng-content.ts'
import { LITTLE, readAll, take, text } from '#support/capture-bytes.ts'
import { forAll } from '#support/for-all.ts'
import { SEED, scaled } from '#support/scale.ts'

const { section, interface: device, packet, block, option, u32, u64 } = LITTLE
const START = { seconds: 1, nanoseconds: 0 }
const END = { seconds: 2, nanoseconds: 0 }
const ALL = Number.POSITIVE_INFINITY

const named = (name: string) => device(1, 0, option(2, text(name)), option(9, [9]))
const id = (n: number) => option(5, u64(BigInt(n)))
const dropCount = (n: number) => option(4, u64(BigInt(n)))
const statistics = (number: number, dropped: number) =>
  block(5, u32(number), u64(7n), option(5, u64(BigInt(dropped))))

describe('one stream', () => {
  test('one stream is written unchanged', () => {
    const content = new PcapngContent(START)
    const source = content.source('a')
    const stream = [
      ...section(),
      ...named('x'),
      ...packet(0, 1n, [1], id(7)),
      ...block(77, u32(1)),
      ...statistics(0, 3),
    ]
    expect(take(source, stream)).toEqual(stream)
    expect(content).toMatchObject({ frames: 1, lost: 3 })
    expect(content.tail(END)).toHaveLength(0)
  })

  test('an open stream ends with statistics of the packets counted so far', () => {
    const content = new PcapngContent(START)
    const source = content.source('a')
    take(source, [
      ...section(),
      ...named('x'),
      ...named('y'),
      ...packet(0, 1n, [1], option(2, u32(1)), dropCount(5)),
    ])
    take(source, [
      ...packet(0, 1n, [1]),
      ...packet(1, 1n, [1], dropCount(2), id(3)),
      ...statistics(1, 4),
    ])
    expect(content).toMatchObject({ frames: 3, lost: 9 })
    const moment = (seconds: number) => [...u32(0), ...u32(seconds * 1e9)]
    expect([...content.tail(END)]).toEqual(
      block(
        5,
        [...u32(0), ...moment(2)],
        [
          ...option(2, moment(1)),
          ...option(3, moment(2)),
          ...dropped(5),
          ...option(8, u64(2n)),
          ...option(0, []),
        ],
      ),
    )
  })

  test('a stream is written from the memory of its parts, which may be reused after each part', () => {
    const source = new PcapngContent(START).source('a')
    const stream = Uint8Array.from([
      ...section(),
      ...named('x'),
      ...packet(0, 1n, [1, 2, 3], id(7)),
      ...packet(0, 2n, [4, 5], id(8)),
    ])
    const written: number[] = []
    for (let at = 0; at < stream.length; at += 50) {
      const part = stream.slice(at, at + 50)
      source.push(part)
      for (let span = source.take(ALL, true); span !== undefined; span = source.take(ALL, true)) {
        written.push(...span)
        if (at === 0) {
          expect(span.buffer).toBe(part.buffer)
        }
      }
      part.fill(0xff)
    }
    expect(written).toEqual([...stream])
  })

  const dropped = (n: number) => option(5, u64(BigInt(n)))
})

describe('several streams', () => {
  test('the order of time is kept until a frame of any stream is earlier than the one before', () => {
    const content = new PcapngContent(START)
    const [a, b] = [content.source('a'), content.source('b')]
    const at = (high: number, low: number) => packet(0, (BigInt(high) << 32n) + BigInt(low), [1])
    take(a, [...section(), ...named('x'), ...at(3, 2000), ...at(3, 2000), ...at(4, 1000)])
    expect(content.isOrdered).toBe(true)
    take(b, [...section(), ...named('y'), ...at(4, 0)])
    expect(content.isOrdered).toBe(false)
    take(b, at(5, 0))
    expect(content.isOrdered).toBe(false)
  })

  test('several streams become one section, with interfaces in order of arrival and distinct packet ids', () => {
    const content = new PcapngContent(START)
    const [a, b] = [content.source('a'), content.source('b')]
    const written = [
      ...take(a, [...section(option(4, text('first'))), ...named('a0')]),
      ...take(b, [...section(option(4, text('second'))), ...named('b0')]),
      ...take(a, [
        ...named('a1'),
        ...packet(1, 1n, [1], id(42)),
        ...packet(1, 1n, [3], id(2 ** 40 + 42)),
      ]),
      ...take(b, packet(0, 1n, [2], option(2, u32(1)), id(42))),
      ...take(b, statistics(0, 9)),
    ]
    expect(readAll(written).packets).toMatchObject([
      { interfaceIndex: 2, frame: [1], packetId: 42 },
      { interfaceIndex: 2, frame: [3], packetId: 2 * 2 ** 40 + 42 },
      { interfaceIndex: 1, frame: [2], packetId: 2 ** 40 + 42, flags: 1 },
    ])
    expect(written.slice(-statistics(1, 9).length)).toEqual(statistics(1, 9))
    expect(Buffer.from(written).includes('second')).toBe(false)
  })

  test('the comment of a drop has the packet id of the file, or none', () => {
    const content = new PcapngContent(START)
    const [a, b] = [content.source('a'), content.source('b')]
    const ID = 2 ** 40
    const dropped = 'dropped: wire ba, stage 1 loss 5% (seed 3, packet 42)'
    const drop = (number: number, comment: string) =>
      packet(number, 1n, [1], id(number * ID + 42), option(1, text(comment)))
    const written = [
      ...take(a, [...section(), ...named('a0'), ...named('a1')]),
      ...take(a, drop(1, `${dropped}, id ${ID + 42}`)),
      ...take(b, [...section(), ...named('b0'), ...named('b1')]),
      ...take(b, [...drop(0, dropped), ...drop(1, `${dropped}, id ${ID + 42}`)]),
    ]
    expect(readAll(written)).toMatchObject({
      packets: [
        { packetId: ID + 42, comments: [`${dropped}, id ${ID + 42}`] },
        { packetId: 2 * ID + 42, comments: [dropped] },
        { packetId: 3 * ID + 42, comments: [dropped] },
      ],
    })
  })

  test('several streams are merged in the same way wherever they are cut', () => {
    const stream = fc.array(fc.constantFrom('interface', 'packet'), { maxLength: 20 })
    const cut = fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 90 }))
    forAll(
      { numRuns: scaled(4000), seed: SEED },
      [fc.tuple(stream, stream, stream), fc.array(cut, { minLength: 50, maxLength: 50 })],
      (shapes, cuts) => {
        const content = new PcapngContent(START)
        const made = shapes.map((shape, n) => {
          let [interfaces, packets] = [0, 0]
          const frames: number[][] = []
          const bytes = [...section()]
          for (const kind of ['interface', ...shape]) {
            if (kind === 'interface') {
              bytes.push(...named(`${n}`))
              interfaces++
            } else {
              frames.push([n, packets])
              bytes.push(...packet(packets % interfaces, 1n, [n, packets++], id(packets)))
            }
          }
          return { source: content.source(`${n}`), bytes, frames, at: 0 }
        })
        const written: number[] = []
        const step = (n: number, length: number) => {
          const each = made[n]
          if (each === undefined) return
          written.push(...take(each.source, each.bytes.slice(each.at, each.at + length)))
          each.at += length
        }
        for (const [n, length] of cuts) {
          step(n, length)
        }
        for (const n of made.keys()) {
          step(n, ALL)
        }
        const { packets, error } = readAll(written)
        expect(error).toBeUndefined()
        for (const [n, { frames }] of made.entries()) {
          const own = packets.filter(({ frame }) => (frame as number[])[0] === n)
          expect(own.map(({ frame }) => frame)).toEqual(frames)
          for (const each of own) {
            expect(each.interfaceName).toBe(`${n}`)
          }
        }
        expect(content.frames).toBe(packets.length)
      },
    )
  })
})

describe('a file that ends before its stream', () => {
  test('a file that ends before its stream is followed by one with the section and the interfaces', () => {
    const content = new PcapngContent(START)
    const source = content.source('a')
    const [one, two] = [packet(0, 1n, [1]), packet(0, 2n, [2])]
    const head = [...section(), ...named('x')]
    take(source, head)
    source.push(Uint8Array.from([...one, ...two]))
    // Room for one packet and the statistics.
    const room = one.length + 128
    expect([...(source.take(room, false) ?? [])]).toEqual(one)
    expect(source.take(room - one.length, false)).toHaveLength(0)
    expect([...content.head()]).toEqual(head)
    expect([...(source.take(room, false) ?? [])]).toEqual(two)
    expect(source.take(room, false)).toBeUndefined()
  })

  test('a file has at least one packet, however small its limit', () => {
    const source = new PcapngContent(START).source('a')
    take(source, [...section(), ...named('x')])
    const one = packet(0, 1n, [1])
    source.push(Uint8Array.from([...one, ...one]))
    expect(source.take(10, true)).toHaveLength(one.length)
    expect(source.take(10, false)).toHaveLength(0)
    expect(source.take(10, true)).toHaveLength(one.length)
  })

  test('a file and all later files have the statistics of an interface that has ended', () => {
    const content = new PcapngContent(START)
    const end = statistics(0, 1)
    take(content.source('a'), [...section(), ...named('x'), ...end])
    expect(content.tail(END)).toHaveLength(0)
    content.head()
    expect([...content.tail(END)]).toEqual(end)
  })
})

test('the blocks before the first packet are taken alone, so that keys can follow them', () => {
  const content = new PcapngContent(START)
  const source = content.source('a')
  expect(content.hasBegun).toBe(false)
  const head = [...section(), ...named('x'), ...named('y')]
  source.push(Uint8Array.from([...head, ...packet(0, 1n, [1])]))
  expect(source.take(ALL, false)).toHaveLength(head.length)
  expect(content.hasBegun).toBe(true)
  expect([...content.keys(Uint8Array.of(7))]).toEqual(
    block(10, [...u32(0x544c534b), ...u32(1), 7, 0, 0, 0]),
  )
})

test('the length of the whole blocks in front of a cut is known', () => {
  const bytes = Uint8Array.from([...section(), ...named('x')])
  const content = new PcapngContent(START)
  const first = section().length
  const lengths = [0, 3, first - 1, first, first + 9, bytes.length].map(length =>
    content.whole(bytes, length),
  )
  expect(lengths).toEqual([0, 0, 0, first, first, bytes.length])
})

describe('a broken stream', () => {
  const head = [...section(), ...named('x')]
  const big = [
    ...u32(0x0a0d0d0a),
    0,
    0,
    0,
    28,
    0x1a,
    0x2b,
    0x3c,
    0x4d,
    ...new Array(12).fill(0),
    0,
    0,
    0,
    28,
  ]
  const longFrame = packet(0, 1n, [1])
  longFrame[20] = 200
  test.each([
    ['without a section header', named('x'), 'a stream that does not begin with a section header'],
    ['with a section header in the other byte order', big, 'not a section header of vnet'],
    [
      'with a section header without magic',
      block(0x0a0d0d0a, new Array(16).fill(0)),
      'without the byte-order magic',
    ],
    [
      'with a packet of an unknown interface',
      [...head, ...packet(1, 1n, [1])],
      'interface 1 is not described',
    ],
    [
      'with statistics of an unknown interface',
      [...head, ...statistics(2, 0)],
      'interface 2 is not described',
    ],
    ['with a short packet', [...head, ...block(6, u32(0))], 'a packet block that is too short'],
    [
      'with a packet longer than its block',
      [...head, ...longFrame],
      'a packet that is longer than its block',
    ],
    [
      'with a short interface',
      [...head, ...block(1)],
      'an interface description that is too short',
    ],
    [
      'with short statistics',
      [...head, ...block(5, u32(0))],
      'a statistics block that is too short',
    ],
    ['with an old packet', [...head, ...block(2)], 'a packet block of type 2'],
    ['with a simple packet', [...head, ...block(3)], 'a packet block of type 3'],
  ])('a stream %s is refused, again and again', (_, bytes, message) => {
    const source = new PcapngContent(START).source('a')
    expect(() => take(source, bytes)).toThrow(message)
    expect(() => source.take(ALL, false)).toThrow(message)
  })

  test('a broken stream is written up to its defect', () => {
    const source = new PcapngContent(START).source('a')
    const good = packet(0, 1n, [1])
    take(source, [...section(), ...named('x')])
    source.push(Uint8Array.from([...good, ...packet(9, 1n, [1])]))
    expect([...(source.take(ALL, false) ?? [])]).toEqual(good)
    expect(() => source.take(ALL, false)).toThrow(
      /^a: broken at byte \d+: interface 9 is not described$/,
    )
  })

  test('a stream with more interfaces than a reader takes is refused', () => {
    const source = new PcapngContent(START).source('a')
    take(source, section())
    const one = device(1, 0)
    const many = Uint8Array.from(new Array(1024).fill(one).flat())
    const push = () => {
      source.push(many.slice())
      while (source.take(ALL, false) !== undefined) {}
    }
    for (let i = 0; i < 64; i++) {
      push()
    }
    expect(push).toThrow('too many interfaces')
  })
})

test('a stream with any bytes is written or refused', () => {
  const good = [
    ...section(),
    ...named('x'),
    ...packet(0, 1n, [1], id(7)),
    ...statistics(0, 3),
    ...packet(0, 2n, [2]),
  ]
  const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 6,
  })
  forAll(
    { numRuns: scaled(100_000), seed: SEED },
    [changes, fc.integer({ min: 1, max: 200 })],
    (changed, size) => {
      const stream = [...good]
      for (const [at, value] of changed) {
        stream[at] = value
      }
      const source = new PcapngContent(START).source('a')
      try {
        for (let at = 0; at < stream.length; at += size) {
          take(source, stream.slice(at, at + size))
        }
      } catch (error) {
        expect(error).toBeInstanceOf(CaptureError)
      }
    },
  )
})
