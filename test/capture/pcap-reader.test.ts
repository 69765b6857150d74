import { describe, expect, test } from 'vitest'
import { BIG, LITTLE, readAll } from '../support/capture-bytes.ts'

const MICROSECONDS = 0xa1b2c3d4
const NANOSECONDS = 0xa1b23c4d
const FRAME = [1, 2, 3, 4, 5]

describe.each([
  ['little endian', LITTLE],
  ['big endian', BIG],
])('%s', (_, order) => {
  test('packets are read with microseconds', () => {
    const file = [...order.pcap(MICROSECONDS, 1), ...order.pcapPacket(4_000_000_000, 999_999, FRAME)]
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
    expect(readAll(file)).toMatchObject({ packets: [{ seconds: 7, nanoseconds: 999_999_999, linkType: 113 }] })
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

test('a file without packets is read', () => {
  expect(readAll(LITTLE.pcap(MICROSECONDS, 1))).toEqual({ packets: [] })
})
