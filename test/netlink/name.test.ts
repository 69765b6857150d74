import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as netlink from '#src/netlink/index.ts'
import { forAll, unicode } from '#support/for-all.ts'

const octets = fc.uint8Array({ maxLength: 15 }).map(bytes => bytes.map(octet => octet || 1))

describe('a name', () => {
  test('encodeName restores the bytes of every name', () => {
    forAll(
      100,
      [octets],
      bytes => void expect(netlink.encodeName(netlink.decodeName(bytes))).toEqual(bytes),
    )
  })

  test('decodeName returns different strings for different bytes', () => {
    forAll(100, [octets, octets], (one, other) => {
      expect(netlink.decodeName(one) === netlink.decodeName(other)).toBe(
        Buffer.compare(one, other) === 0,
      )
    })
  })

  test('decodeName decodes UTF-8, and escapes all bytes from 0x80 of other names', () => {
    expect(netlink.decodeName(Buffer.from('größe→0'))).toBe('größe→0')
    expect(netlink.decodeName(Buffer.from('ef\xff\xfe', 'latin1'))).toBe('ef\udcff\udcfe')
    expect(netlink.decodeName(Buffer.from('é\xff', 'latin1'))).toBe('\udce9\udcff')
    expect(netlink.decodeName(Uint8Array.of(0x80, 0x7f))).toBe('\udc80\x7f')
    // The encoding of a surrogate is not UTF-8.
    expect(netlink.decodeName(Uint8Array.of(0xed, 0xb2, 0x80))).toBe('\udced\udcb2\udc80')
  })

  test('encodeName encodes text as UTF-8', () => {
    forAll(
      100,
      [unicode],
      text => void expect(Buffer.from(netlink.encodeName(text)).toString()).toBe(text),
    )
  })

  test('a name passes through an attribute up to the length that its policy allows', () => {
    const names = netlink.policy({ name: netlink.name(3, 15) })
    const send = (value: string) => {
      const builder = new netlink.MessageBuilder().message(16, 0, 1).name(3, value)
      const [{ offset, length }] = [...netlink.messages(builder.bytes)]
      return netlink.decodeAttributes(names, builder.bytes, offset, length).name
    }
    const longest = netlink.decodeName(new Uint8Array(15).fill(0xff))
    expect(send(longest)).toBe(longest)
    expect(() => send(`${longest}\udcff`)).toThrow('name: has 16 bytes, more than 15')
    expect(() => send('a\0b')).toThrow('a name cannot hold a NUL')
  })
})
