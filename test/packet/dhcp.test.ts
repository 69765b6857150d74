/** DHCP messages: what is built can be parsed, also in parts, and malformed ones are refused. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { build, type DhcpMessage, parse } from '#src/packet/dhcp.ts'
import { forAll } from '#support/for-all.ts'

const text = (value: string) => new TextEncoder().encode(value)
const bare: DhcpMessage = {
  op: 1,
  htype: 1,
  hops: 2,
  xid: 0xfeed_beef,
  secs: 3,
  flags: 0x8000,
  ciaddr: 0xc612_0001,
  yiaddr: 0xc612_0002,
  siaddr: 0xc612_0003,
  giaddr: 0xc612_0004,
  chaddr: Uint8Array.of(2, 0, 0, 0, 0, 1),
  sname: text('boot'),
  file: text('pxelinux.0'),
  options: new Map([[53, Uint8Array.of(1)]]),
}
const withOptions = (...options: [number, number][]): DhcpMessage => ({
  ...bare,
  options: new Map([
    [53, Uint8Array.of(1)],
    ...options.map(([code, length]) => [code, new Uint8Array(length).fill(code)] as const),
  ]),
})
const octets = (...tail: number[]) => Uint8Array.of(...build(bare).data.subarray(0, 240), ...tail)

test('build writes the fields at the positions of RFC 951, in at least 300 bytes', () => {
  const { data, left } = build(bare)
  expect(left).toEqual([])
  expect(data).toHaveLength(300)
  expect([...data.subarray(0, 34)]).toEqual([
    1, 1, 6, 2, 0xfe, 0xed, 0xbe, 0xef, 0, 3, 0x80, 0, 198, 18, 0, 1, 198, 18, 0, 2, 198, 18, 0, 3,
    198, 18, 0, 4, 2, 0, 0, 0, 0, 1,
  ])
  expect(Buffer.from(data.subarray(44, 48)).toString()).toBe('boot')
  expect(Buffer.from(data.subarray(108, 118)).toString()).toBe('pxelinux.0')
  expect([...data.subarray(236, 244)]).toEqual([99, 130, 83, 99, 53, 1, 1, 255])
  expect(parse(data)).toEqual(bare)
})

test('parse returns the options that build wrote, in any number of parts', () => {
  const option = fc.tuple(
    fc.integer({ min: 1, max: 254 }),
    fc.uint8Array({ minLength: 0, maxLength: 400 }),
  )
  forAll(
    100,
    [fc.array(option, { maxLength: 8 }), fc.integer({ min: 548, max: 1472 })],
    (list, limit) => {
      const options = new Map(list.filter(([code]) => code !== 52))
      const { data, left } = build({ ...bare, options }, limit)
      const back = parse(data)
      expect(data.length).toBeLessThanOrEqual(limit)
      expect([back?.sname, back?.file]).toEqual([bare.sname, bare.file])
      for (const [code, value] of options) {
        expect(back?.options.get(code)).toEqual(left.includes(code) ? undefined : value)
      }
    },
  )
})

test('build returns the codes of options that do not fit', () => {
  const { data, left } = build(withOptions([43, 255], [60, 255], [77, 5]))
  expect(left).toEqual([60])
  expect([...(parse(data)?.options.keys() ?? [])]).toEqual([53, 43, 77])
  expect(build(withOptions([43, 255], [60, 255], [77, 5]), 1000).left).toEqual([])
})

test('an option of more than 255 bytes is written in consecutive parts', () => {
  const { data } = build(withOptions([121, 300]), 1000)
  expect([...data.subarray(243, 245)]).toEqual([121, 255])
  expect([...data.subarray(500, 502)]).toEqual([121, 45])
})

test('the relay agent option is written last', () => {
  const { data } = build(withOptions([82, 4], [12, 3]))
  expect([...data.subarray(243, 255)]).toEqual([12, 3, 12, 12, 12, 82, 4, 82, 82, 82, 82, 255])
})

describe('a message is read', () => {
  test('parse accepts options without an end and with padding', () => {
    expect(parse(octets(0, 0, 53, 1, 3))?.options).toEqual(new Map([[53, Uint8Array.of(3)]]))
  })

  test('parse joins the parts of an option, and ignores bytes after the end', () => {
    const options = parse(octets(81, 1, 7, 53, 1, 3, 81, 2, 8, 9, 255, 12, 1, 1))?.options
    expect(options).toEqual(
      new Map([
        [81, Uint8Array.of(7, 8, 9)],
        [53, Uint8Array.of(3)],
      ]),
    )
  })

  test('parse reads the options field first, then `file`, then `sname`', () => {
    const bytes = octets(52, 1, 3, 81, 1, 1, 255)
    bytes.set([81, 1, 3, 255], 44)
    bytes.set([81, 1, 2, 255], 108)
    expect(parse(bytes)?.options.get(81)).toEqual(Uint8Array.of(1, 2, 3))
  })
})

test.each([
  ['shorter than its fields', build(bare).data.subarray(0, 239)],
  ['without the cookie', build(bare).data.map((octet, i) => (i === 236 ? 98 : octet))],
  [
    'with a hardware address of more than 16 octets',
    build(bare).data.map((octet, i) => (i === 2 ? 17 : octet)),
  ],
  ['whose option runs past its end', octets(53, 2, 1)],
  ['that ends before a length', octets(53)],
  [
    'whose overloaded field is broken',
    octets(52, 1, 2, 255).map((octet, i) => (i >= 44 && i < 108 ? 9 : octet)),
  ],
  ['with an overload of no field', octets(52, 1, 4, 255)],
  ['with an overload of two octets', octets(52, 2, 1, 1, 255)],
])('parse refuses a message %s', (_, bytes) => {
  expect(parse(bytes)).toBeUndefined()
})
