import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as netlink from '#src/netlink/index.ts'
import { forAll } from '#support/for-all.ts'
import { copied, mutated, outcome } from './arbitraries.ts'

function s32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer)
}

/** A reply as the kernel makes it: error, the request (whole or only its header), attributes. */
function answer(
  error: number,
  { quoted = 0, capped = false, tlvs = true, text = 'no such thing' } = {},
): Uint8Array {
  const request = new netlink.MessageBuilder()
    .message(20, 5, 7)
    .payload(new Uint8Array(quoted).fill(0xaa)).bytes
  const flags = (capped ? netlink.NLM_F_CAPPED : 0) | (tlvs ? netlink.NLM_F_ACK_TLVS : 0)
  const builder = new netlink.MessageBuilder().message(netlink.NLMSG_ERROR, flags, 7)
  builder.payload(new Uint8Array([...s32(error), ...(capped ? request.subarray(0, 16) : request)]))
  if (tlvs) {
    builder.string(1, text).u32(2, 24).u32(5, 3).u32(6, 0)
  }
  return builder.bytes
}

function parse(bytes: Uint8Array): netlink.Ack {
  const [message] = [...netlink.messages(bytes)]
  return netlink.parseAck(bytes, message)
}

describe('parseAck', () => {
  test('parseAck returns error 0 and nothing else for a plain acknowledgement', () => {
    expect(parse(answer(0, { tlvs: false, capped: true }))).toEqual({ error: 0 })
    expect(parse(answer(0, { tlvs: false, quoted: 100 }))).toEqual({ error: 0 })
  })

  test('parseAck finds text and position after a whole quoted request and after a header alone', () => {
    const expected = {
      error: -17,
      message: 'no such thing',
      offset: 24,
      missingType: 3,
      missingNest: 0,
    }
    expect(parse(answer(-17, { capped: true }))).toEqual(expected)
    expect(parse(answer(-17, { quoted: 0 }))).toEqual(expected)
    expect(parse(answer(-17, { quoted: 37 }))).toEqual(expected)
  })

  test('parseAck returns the error and text of the end of a dump', () => {
    const done = new netlink.MessageBuilder()
      .message(netlink.NLMSG_DONE, netlink.NLM_F_MULTI | netlink.NLM_F_ACK_TLVS, 7)
      .payload(s32(-22))
    expect(parse(done.string(1, 'Invalid header').bytes)).toEqual({
      error: -22,
      message: 'Invalid header',
    })
    expect(
      parse(
        new netlink.MessageBuilder()
          .message(netlink.NLMSG_DONE, netlink.NLM_F_MULTI, 7)
          .payload(s32(0)).bytes,
      ),
    ).toEqual({ error: 0 })
    expect(
      parse(new netlink.MessageBuilder().message(netlink.NLMSG_DONE, netlink.NLM_F_MULTI, 7).bytes),
    ).toEqual({
      error: 0,
    })
  })

  test('parseAck refuses other messages, truncated ones, and a quote longer than the message', () => {
    expect(() => parse(new netlink.MessageBuilder().message(16, 0, 7).bytes)).toThrow(
      new netlink.NetlinkParseError('message type 16 is not an acknowledgement', 0),
    )
    expect(() =>
      parse(new netlink.MessageBuilder().message(netlink.NLMSG_ERROR, 0, 7).payload(s32(0)).bytes),
    ).toThrow('acknowledgement has 4 bytes, fewer than 20')
    const bytes = answer(-1)
    bytes[20] = 200
    expect(() => parse(bytes)).toThrow(
      'quoted request of 200 bytes does not fit its answer (at offset 20)',
    )
  })

  test('random and mutated acknowledgements are parsed or refused with NetlinkParseError, and nothing after them is read', () => {
    const octets = fc
      .record({ quoted: fc.nat(40), capped: fc.boolean(), tlvs: fc.boolean() })
      .chain(options => mutated(answer(-22, options)))
    forAll(500, [octets], octets => {
      const [one, other] = [0x00, 0xff].map(after => {
        const bytes = new Uint8Array(octets.length + 64).fill(after)
        bytes.set(octets)
        return outcome(() => {
          const [message] = [...netlink.messages(bytes, 0, octets.length)]
          return message && copied(netlink.parseAck(bytes, message))
        })
      })
      expect(one).toEqual(other)
    })
  })
})
