import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeAttributes,
  decodeName,
  encodeName,
  MessageBuilder,
  messages,
  name,
  policy,
} from '../../src/netlink/index.ts'
import { unicode } from './arbitraries.ts'

const octets = fc.uint8Array({ maxLength: 15 }).map(bytes => bytes.map(octet => octet || 1))

describe('a name', () => {
  test('encodeName restores the bytes of every name', () => {
    fc.assert(fc.property(octets, bytes => void expect(encodeName(decodeName(bytes))).toEqual(bytes)))
  })

  test('decodeName returns different strings for different bytes', () => {
    fc.assert(
      fc.property(octets, octets, (one, other) => {
        expect(decodeName(one) === decodeName(other)).toBe(Buffer.compare(one, other) === 0)
      }),
    )
  })

  test('decodeName decodes UTF-8, and escapes all bytes from 0x80 of other names', () => {
    expect(decodeName(Buffer.from('größe→0'))).toBe('größe→0')
    expect(decodeName(Buffer.from('ef\xff\xfe', 'latin1'))).toBe('ef\udcff\udcfe')
    expect(decodeName(Buffer.from('é\xff', 'latin1'))).toBe('\udce9\udcff')
    expect(decodeName(Uint8Array.of(0x80, 0x7f))).toBe('\udc80\x7f')
    // The encoding of a surrogate is not UTF-8.
    expect(decodeName(Uint8Array.of(0xed, 0xb2, 0x80))).toBe('\udced\udcb2\udc80')
  })

  test('encodeName encodes text as UTF-8', () => {
    fc.assert(fc.property(unicode, text => void expect(Buffer.from(encodeName(text)).toString()).toBe(text)))
  })

  test('a name passes through an attribute up to the length that its policy allows', () => {
    const names = policy({ name: name(3, 15) })
    const send = (value: string) => {
      const builder = new MessageBuilder().message(16, 0, 1).name(3, value)
      const [{ offset, length }] = [...messages(builder.bytes)]
      return decodeAttributes(names, builder.bytes, offset, length).name
    }
    const longest = decodeName(new Uint8Array(15).fill(0xff))
    expect(send(longest)).toBe(longest)
    expect(() => send(`${longest}\udcff`)).toThrow('name: has 16 bytes, more than 15')
    expect(() => send('a\0b')).toThrow('a name cannot hold a NUL')
  })
})
