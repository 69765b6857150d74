import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as netlink from '#src/netlink/index.ts'
import { forAll } from '#support/for-all.ts'
import { copied, decodesAlike, mutated, outcome, payloadOf, surrounded } from './arbitraries.ts'

function parse(octets: Uint8Array, offset = 0) {
  const [message] = [...netlink.messages(octets, offset)]
  return netlink.parseGenl(octets, message!)
}

describe('the generic header', () => {
  test('parseGenl returns the command, version and position of the attributes', () => {
    const octets = new netlink.MessageBuilder()
      .message(0x3f0, 5, 7)
      .payload(netlink.genlmsghdr(3, 1))
      .u32(1, 42).bytes
    expect(parse(octets)).toEqual({ cmd: 3, version: 1, offset: 20, length: 8 })
    expect([...netlink.attributes(octets, 20, 8)]).toMatchObject([{ type: 1, length: 4 }])
  })

  test('parseGenl refuses a truncated header and reserved bytes that are not zero, with the position of the message', () => {
    const cut = new netlink.MessageBuilder()
      .message(16, 0, 0)
      .payload(Uint8Array.of(3, 1, 0))
      .bytes.subarray(0, 19)
    expect(() => parse(cut)).toThrow('3 bytes are too few for a generic header (at offset 0)')
    const reserved = new netlink.MessageBuilder()
      .message(16, 0, 0)
      .payload(Uint8Array.of(3, 1, 0, 1)).bytes
    expect(() => parse(reserved)).toThrow(
      'the reserved bytes of the header are not zero (at offset 0)',
    )
  })
})

describe('arrays of sets', () => {
  const array = netlink.policy({
    items: netlink.indexedArray(
      9,
      netlink.policy({ id: netlink.required(netlink.u32(1)), text: netlink.string(2) }),
    ),
  })
  interface Item {
    readonly id: number
    readonly text: string
  }
  const write = (items: readonly Item[]) =>
    payloadOf(builder => netlink.encodeAttributes(builder, array, { items }))

  test('arrays of sets are decoded in order, even empty ones', () => {
    const item = fc.record({
      id: fc.nat(),
      text: fc.string({ maxLength: 9 }).map(text => text.replaceAll('\0', '')),
    })
    forAll(100, [fc.array(item, { maxLength: 9 })], items => {
      const { bytes, offset } = surrounded(write(items), 0xff)
      expect(decodesAlike(array, bytes.slice(offset, bytes.length - 32))[0]).toEqual({
        value: expect.anything(),
      })
      expect(decode(write(items))).toEqual(items)
    })
  })

  test('arrays of random bytes are decoded or refused with NetlinkParseError, and nothing outside is read', () => {
    forAll(
      300,
      [
        mutated(
          write([
            { id: 1, text: 'a' },
            { id: 2, text: 'b' },
          ]),
        ),
      ],
      octets => {
        const [one, other] = decodesAlike(array, octets)
        expect(one).toEqual(other)
      },
    )
  })

  function decode(octets: Uint8Array): unknown {
    const found = outcome(() => decodeItems(octets))
    return 'value' in found ? found.value : found
  }
  function decodeItems(octets: Uint8Array): unknown {
    const [nest] = [...netlink.attributes(octets)]
    return array.fields.items.decode(octets, nest!.offset, nest!.length).map(copied)
  }
})

describe('replies', () => {
  const request = new netlink.MessageBuilder()
    .message(0x3f0, 5, 77, 4242)
    .payload(netlink.genlmsghdr(3, 1))
    .u32(6, 1).bytes
  const [message] = [...netlink.messages(request)]
  const read = (octets: Uint8Array) => {
    const [answer] = [...netlink.messages(octets)]
    return { answer: answer!, ack: netlink.parseAck(octets, answer!) }
  }

  test('writeAck quotes the header of the request and has its sequence number', () => {
    const builder = new netlink.MessageBuilder()
    netlink.writeAck(builder, request, message!, 9, { error: 0 })
    const { answer, ack } = read(builder.bytes)
    expect(answer).toMatchObject({
      type: netlink.NLMSG_ERROR,
      flags: netlink.NLM_F_CAPPED,
      seq: 77,
      portid: 9,
      length: 20,
    })
    expect(builder.bytes.subarray(20, 36)).toEqual(request.subarray(0, 16))
    expect(ack).toEqual({ error: 0 })
  })

  test('writeAck writes the text and position of an error', () => {
    const builder = new netlink.MessageBuilder()
    netlink.writeAck(builder, request, message!, 9, { error: -22, message: 'not that', offset: 20 })
    expect(read(builder.bytes).ack).toEqual({ error: -22, message: 'not that', offset: 20 })
  })

  test('writeDone writes the error of the dump', () => {
    const builder = new netlink.MessageBuilder()
    netlink.writeDone(builder, 77, 9, { error: 0 })
    const { answer, ack } = read(builder.bytes)
    expect(answer).toMatchObject({
      type: netlink.NLMSG_DONE,
      flags: netlink.NLM_F_MULTI,
      seq: 77,
      portid: 9,
    })
    expect(ack).toEqual({ error: 0 })
    netlink.writeDone(builder.reset(), 77, 9, { error: -5, message: 'no more' })
    expect(read(builder.bytes).ack).toEqual({ error: -5, message: 'no more' })
  })
})
