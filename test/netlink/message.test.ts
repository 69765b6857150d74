import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Message, MessageBuilder, messages, NetlinkParseError } from '#src/netlink/index.ts'
import { forAll } from '#support/for-all.ts'
import { mutated, outcome, surrounded } from './arbitraries.ts'

const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const written = fc.record({
  type: u16,
  flags: u16,
  seq: u32,
  portid: u32,
  payload: fc.uint8Array({ maxLength: 40 }),
})

function build(
  list: { type: number; flags: number; seq: number; portid: number; payload: Uint8Array }[],
): Uint8Array {
  const builder = new MessageBuilder(0)
  for (const { type, flags, seq, portid, payload } of list) {
    builder.message(type, flags, seq, portid)
    if (payload.length > 0) {
      builder.payload(payload)
    }
  }
  return builder.bytes
}

describe('messages', () => {
  test('messages returns what was written, as offsets in the same bytes', () => {
    forAll(100, [fc.array(written, { maxLength: 6 })], list => {
      const bytes = build(list)
      const found = [...messages(bytes)].map(({ offset, length, ...header }) => ({
        ...header,
        payload: bytes.slice(offset, offset + length),
      }))
      expect(found).toEqual(list)
    })
  })

  test('the header of a message has the layout of struct nlmsghdr', () => {
    const bytes = new MessageBuilder()
      .message(0x0102, 0x0304, 0x05060708, 0x090a0b0c)
      .payload(Uint8Array.of(1)).bytes
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    // This machine is little-endian, as all that Node 20 has builds for except s390x.
    expect([view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true)]).toEqual([
      17, 0x0102, 0x0304,
    ])
    expect([view.getUint32(8, true), view.getUint32(12, true)]).toEqual([0x05060708, 0x090a0b0c])
  })

  test('the messages before a malformed one are returned', () => {
    const bytes = build([
      { type: 16, flags: 0, seq: 1, portid: 0, payload: Uint8Array.of(1, 2, 3, 4) },
    ])
    const given: Message[] = []
    const read = () => {
      for (const message of messages(new Uint8Array([...bytes, 1, 2, 3]))) {
        given.push(message)
      }
    }
    expect(read).toThrow(new NetlinkParseError('3 bytes are too few for a message header', 20))
    expect(given).toHaveLength(1)
  })

  test('a message length below the header or beyond the end is refused with its position', () => {
    const bytes = build([{ type: 16, flags: 0, seq: 1, portid: 0, payload: new Uint8Array(0) }])
    bytes[0] = 15
    expect(() => [...messages(bytes)]).toThrow(
      'message length 15 is less than its header (at offset 0)',
    )
    bytes[0] = 17
    expect(() => [...messages(bytes)]).toThrow(
      'message length 17 exceeds the 16 bytes left (at offset 0)',
    )
    bytes.fill(0xff, 0, 4)
    expect(() => [...messages(bytes)]).toThrow(
      'message length 4294967295 exceeds the 16 bytes left (at offset 0)',
    )
  })

  test('the padding of the last message may be missing', () => {
    const bytes = build([{ type: 16, flags: 0, seq: 1, portid: 0, payload: Uint8Array.of(9) }])
    expect(bytes).toHaveLength(17)
    expect([...messages(bytes)]).toMatchObject([{ offset: 16, length: 1 }])
  })

  test('messages refuses a range outside the buffer', () => {
    for (const [offset, length] of [
      [0, 33],
      [-1, 4],
      [30, 4],
      [0, 1.5],
      [Number.NaN, 4],
    ]) {
      expect(() => [...messages(new Uint8Array(32), offset, length)]).toThrow(NetlinkParseError)
    }
  })

  test('random and mutated bytes yield messages or NetlinkParseError, and nothing outside the range is read', () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.array(written, { maxLength: 4 }).chain(list => mutated(build(list))),
    )
    forAll(500, [octets], octets => {
      const [one, other] = [0x00, 0xff].map(around => {
        const { bytes, offset } = surrounded(octets, around)
        return outcome(() => [...messages(bytes, offset, octets.length)])
      })
      expect(one).toEqual(other)
      for (const { offset, length } of 'value' in one ? (one.value as Message[]) : []) {
        expect(offset).toBeGreaterThanOrEqual(32 + 16)
        expect(offset + length).toBeLessThanOrEqual(32 + octets.length)
      }
    })
  })
})

describe('MessageBuilder', () => {
  test('MessageBuilder refuses values that do not fit a header', () => {
    expect(() => new MessageBuilder().message(0x1_0000, 0, 0)).toThrow(RangeError)
    expect(() => new MessageBuilder().message(16, -1, 0)).toThrow(RangeError)
    expect(() => new MessageBuilder().message(16, 0, 2 ** 32)).toThrow(RangeError)
    expect(() => new MessageBuilder().u8(1, 1)).toThrow('no message has been started')
  })

  test('MessageBuilder.reset removes the earlier messages', () => {
    const builder = new MessageBuilder().message(16, 0, 1).payload(new Uint8Array(64).fill(0xee))
    builder.reset().message(17, 0, 2).u8(1, 7)
    expect([...builder.bytes.subarray(16)]).toEqual([5, 0, 1, 0, 7, 0, 0, 0])
  })
})
