/** Stateless DHCPv6: messages that get a reply, and its options. */
import { describe, expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { parseAddress } from '#src/packet/address.ts'
import { SEED, scaled } from '#support/scale.ts'
import { duidOf } from '../../src/packet/dhcpv6.ts'
import { dhcpv6Reply } from '../../src/services/dhcpv6.ts'

/** Random messages. */
const COUNT = scaled(1_000_000)

const config = {
  duid: duidOf(Uint8Array.of(2, 0, 0, 0, 0, 1)),
  servers: [parseAddress('2001:db8:0:1::1')!],
  domains: ['lan', 'no name'],
  refreshTime: 3600,
}
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const said = (message: string, more = {}) => {
  const reply = dhcpv6Reply(hex(message), { ...config, ...more })
  return reply && Buffer.from(reply).toString('hex')
}

const ask = '0b abcdef'
const client = '0001 000a 00030001 02000000 0009'
const ours = '0002 000a 00030001 02000000 0001'
const oro = '0006 0008 0017 0018 0020 0053'
const reply = '07abcdef'
const server = '0002000a00030001020000000001'
const echoed = '0001000a00030001020000000009'
const dns = '0017001020010db8000000010000000000000001'
const domains = '00180005036c616e00'
const refresh = '0020000400000e10'

describe('an INFORMATION-REQUEST', () => {
  test.each<[string, string, string | undefined]>([
    [
      'for all options',
      `${ask} ${client} ${oro} 0008 0002 0000`,
      reply + server + echoed + dns + domains + refresh,
    ],
    ['without a client identifier', `${ask} ${oro}`, reply + server + dns + domains + refresh],
    ['for resolvers only', `${ask} ${client} 0006 0002 0017`, reply + server + echoed + dns],
    ['for an unknown option', `${ask} ${client} 0006 0002 0053`, reply + server + echoed],
    ['for no option', `${ask}`, reply + server + dns + domains + refresh],
    [
      'for this server',
      `${ask} ${ours} ${client} 0006 0002 0018`,
      reply + server + echoed + domains,
    ],
    ['for another server', `${ask} 0002 000a 00030001 02000000 0002 ${client} ${oro}`, undefined],
    [
      'for a server whose identifier is a prefix of ours',
      `${ask} 0002 0004 00030001 ${oro}`,
      undefined,
    ],
    ['with an IA_NA', `${ask} ${client} 0003 000c 00000001 00000000 00000000`, undefined],
    ['with an IA_TA', `${ask} ${client} 0004 0004 00000001`, undefined],
    ['with an IA_PD', `${ask} ${client} 0019 000c 00000001 00000000 00000000`, undefined],
    ['with a client identifier of two bytes', `${ask} 0001 0002 0003 ${oro}`, undefined],
    ['with a client identifier of 131 bytes', `${ask} 0001 0083 ${'00'.repeat(131)}`, undefined],
    ['with an option that exceeds the message', `${ask} ${oro} 0008 0003 0000`, undefined],
    ['with half an option header', `${ask} ${oro} 0008 00`, undefined],
    ['that is truncated', '0b abcd', undefined],
  ])('an INFORMATION-REQUEST %s gets its exact reply or none', (_, message, expected) => {
    expect(said(message)).toBe(expected)
  })

  test('an INFORMATION-REQUEST gets no empty options, nor a refresh time below ten minutes', () => {
    const reply600 = `${reply}${server}0020000400000258`
    expect(said(`${ask} ${oro}`, { servers: [], domains: [], refreshTime: 10 })).toBe(reply600)
    expect(said(`${ask} 0006 0002 0020`, { refreshTime: Number.POSITIVE_INFINITY })).toBe(
      `${reply}${server}00200004ffffffff`,
    )
  })
})

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 255])(
  'a message of type %i is not answered',
  type => {
    const relay = '00'.repeat(33)
    for (const rest of [`abcdef ${client} ${oro}`, `${relay} 0009 0004 0babcdef`]) {
      expect(said(type.toString(16).padStart(2, '0') + rest)).toBeUndefined()
    }
  },
)

describe('relays', () => {
  const ends = `${'20010db8'.padEnd(32, '0')}${'fe80'.padEnd(32, '0')}`
  const relay = (message: string, hops = 0, more = '') => {
    const octets = message.replaceAll(' ', '')
    const length = (octets.length / 2).toString(16).padStart(4, '0')
    return `0c${hops.toString(16).padStart(2, '0')}${ends}${more}0009${length}${octets}`
  }
  const small = `${ask} 0006 0002 0018`

  test('a reply goes back the same way, with the interface identifier', () => {
    const inner = reply + server + domains
    expect(said(relay(small, 0, '00120002aabb'))).toBe(`0d00${ends}00120002aabb0009001b${inner}`)
    expect(said(relay(relay(small), 1))).toBe(`0d01${ends}00090041` + `0d00${ends}0009001b${inner}`)
  })

  test('nine relays are crossed, and ten are not', () => {
    const through = (relays: number) =>
      Array.from({ length: relays }).reduce<string>((inner, _, i) => relay(inner, i), small)
    expect(said(through(9))).toMatch(/^0d08/)
    expect(said(through(10))).toBeUndefined()
  })

  test('a relay gets no reply if its message gets none', () => {
    expect(said(`0c00${ends}`)).toBeUndefined()
    expect(said(relay(`01abcdef ${client}`))).toBeUndefined()
    expect(said(`0c00${ends}`.slice(0, -2))).toBeUndefined()
  })

  test('random messages get a reply to their transaction, or none', () => {
    const { below } = random(7 + SEED)
    const seeds = [
      `${ask} ${client} ${oro}`,
      relay(relay(`${ask} ${client} ${oro}`), 1, '00120002aabb'),
    ].map(hex)
    let answered = 0
    for (let i = 0; i < COUNT; i++) {
      const bytes = i % 4 === 0 ? new Uint8Array(below(100)) : seeds[i % 2].slice()
      const changes = i % 4 === 0 ? bytes.length : below(5)
      for (let j = 0; j < changes && bytes.length > 0; j++) {
        bytes[below(bytes.length)] = below(i % 3 ? 256 : 14)
      }
      const reply = dhcpv6Reply(i % 5 ? bytes : bytes.subarray(0, below(bytes.length + 1)), config)
      if (reply === undefined) continue
      answered++
      // Far faster than an `expect` for each.
      const isSame = reply[1] === bytes[1] && reply[2] === bytes[2] && reply[3] === bytes[3]
      if (!isSame || reply[0] !== (bytes[0] === 0x0b ? 7 : 13)) {
        expect([i, reply]).toBe('a reply to its request')
      }
    }
    expect(answered).toBeGreaterThan(COUNT / 5)
  })
})
