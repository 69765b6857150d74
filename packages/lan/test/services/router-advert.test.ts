/** Router advertisements: their bytes, the validity of solicitations, and when they are sent. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { parseAddress } from '#src/packet/address.ts'
import { ALL_NODES } from '#src/packet/ipv6.ts'
import { forAll } from '#support/for-all.ts'
import {
  isRouterSolicitation,
  type RouterAdvert,
  routerAdvertisement,
} from '../../src/packet/router-advert.ts'
import { RaSender } from '../../src/services/router-advert.ts'

const bare: RouterAdvert = {
  hopLimit: 64,
  managed: false,
  other: false,
  lifetime: 1800,
  reachableTimeMs: 0,
  retransTimerMs: 0,
  prefixes: [],
}
const link = {
  prefix: parseAddress('2001:db8:0:1::1')!,
  prefixLen: 64,
  validLifetime: 7200,
  preferredLifetime: 3600,
}
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const zeros = (octets: number) => '00'.repeat(octets)

describe('an advertisement', () => {
  test('an advertisement without options has 16 bytes', () => {
    expect(hex(routerAdvertisement(bare))).toBe(`86000000400007080000000000000000`)
    const busy = {
      ...bare,
      managed: true,
      other: true,
      lifetime: 0,
      reachableTimeMs: 30_000,
      retransTimerMs: 1000,
    }
    expect(hex(routerAdvertisement(busy))).toBe(
      `8600000040c000000000753000000 3e8`.replace(' ', ''),
    )
  })

  const prefix = '20010db800000001'
  test.each<[string, Partial<RouterAdvert>, string]>([
    ['the link-layer address', { mac: Uint8Array.of(2, 0, 0, 0, 0, 9) }, '0101020000000009'],
    ['the MTU', { mtu: 1500 }, '05010000000005dc'],
    [
      'a prefix without its host part',
      { prefixes: [{ ...link, onLink: true, autonomous: true }] },
      `030440c000001c2000000e10${zeros(4)}${prefix}${zeros(8)}`,
    ],
    [
      'a prefix that never expires, not on the link',
      {
        prefixes: [
          { ...link, onLink: false, autonomous: true, validLifetime: Number.POSITIVE_INFINITY },
        ],
      },
      `03044040ffffffff00000e10${zeros(4)}${prefix}${zeros(8)}`,
    ],
    [
      'a prefix length that is not a multiple of 8',
      {
        prefixes: [
          {
            ...link,
            prefix: new Uint8Array(16).fill(0xff),
            prefixLen: 61,
            onLink: true,
            autonomous: false,
          },
        ],
      },
      `03043d8000001c2000000e10${zeros(4)}fffffffffffffff8${zeros(8)}`,
    ],
    [
      'resolvers',
      {
        rdnss: {
          lifetime: 1200,
          servers: [parseAddress('2001:db8::1')!, parseAddress('2001:db8::2')!],
        },
      },
      `19050000000004b020010db8${zeros(11)}0120010db8${zeros(11)}02`,
    ],
    [
      'domains, padded to a multiple of eight bytes',
      { dnssl: { lifetime: 1200, domains: ['lan', 'example.lan', 'no name'] } },
      `1f040000000004b0036c616e00076578616d706c65036c616e00${zeros(6)}`,
    ],
    [
      'the prefix of a NAT64, and its lifetime in units of 8 seconds',
      { pref64: { lifetime: 1807, prefix: parseAddress('64:ff9b::')! } },
      `260207080064ff9b${zeros(8)}`,
    ],
    [
      'nothing for an empty list',
      { rdnss: { lifetime: 1, servers: [] }, dnssl: { lifetime: 1, domains: [] } },
      '',
    ],
  ])('an advertisement holds %s', (_, more, options) => {
    expect(hex(routerAdvertisement({ ...bare, ...more }).subarray(16))).toBe(options)
  })
})

const rs = [133, 0, 0, 0, 0, 0, 0, 0]
const own = [1, 1, 2, 0, 0, 0, 0, 9]

describe('a solicitation', () => {
  const isGood = (octets: ArrayLike<number>, { hopLimit = 255, source = 'fe80::2' } = {}) =>
    isRouterSolicitation(Uint8Array.from(octets), hopLimit, parseAddress(source)!)

  test.each<[string, boolean, number[], { hopLimit?: number; source?: string }?]>([
    ['with its sender is valid', true, [...rs, ...own]],
    ['without its sender is valid', true, rs],
    ['with unknown options is valid', true, [...rs, 99, 2, ...Array(14).fill(7), ...own]],
    ['from the unspecified address is valid', true, rs, { source: '::' }],
    [
      'from the unspecified address with its sender is invalid',
      false,
      [...rs, ...own],
      { source: '::' },
    ],
    ['that crossed a router is invalid', false, rs, { hopLimit: 254 }],
    ['with a code other than 0 is invalid', false, [133, 1, 0, 0, 0, 0, 0, 0]],
    ['of another type is invalid', false, [134, 0, 0, 0, 0, 0, 0, 0]],
    ['of less than 8 bytes is invalid', false, rs.slice(0, 7)],
    ['with an option of length 0 is invalid', false, [...rs, 99, 0, 0, 0, 0, 0, 0, 0]],
    ['with an option beyond its end is invalid', false, [...rs, 99, 2, 0, 0, 0, 0, 0, 0]],
    [
      'with a sender that is not an Ethernet address is invalid',
      false,
      [...rs, 1, 2, ...Array(14).fill(7)],
    ],
  ])('a solicitation %s', (_, good, octets, options) => {
    expect(isGood(octets, options)).toBe(good)
  })

  test('a solicitation of any bytes is never read beyond its end', () => {
    const from = parseAddress('fe80::2')!
    forAll(20_000, [fc.uint8Array({ maxLength: 60 })], tail => {
      const octets = [...rs.slice(0, 4), ...tail]
      const bytes = Uint8Array.from([...octets, 1, 1]).subarray(0, octets.length)
      return isGood(octets) === isRouterSolicitation(bytes, 255, from)
    })
  })
})

const advert = { ...bare, rdnss: { lifetime: 1200, servers: [parseAddress('2001:db8::1')!] } }

/** A sender on a fake clock, and the times in seconds at which it sent. */
function started(options: { maxInterval?: number; seed?: number } = {}) {
  const { seed = 1, ...intervals } = options
  const clock = new FakeClock()
  const sent: { at: number; body: Uint8Array }[] = []
  const sender = new RaSender({
    clock,
    random: random(seed),
    advert,
    send(body, destination) {
      expect(destination).toBe(ALL_NODES)
      sent.push({ at: clock.now() / NSEC_PER_SEC, body })
    },
    ...intervals,
  })
  const advance = (seconds: number) => clock.advance(seconds * NSEC_PER_SEC)
  const gaps = () => sent.slice(1).map(({ at }, i) => at - sent[i].at)
  return { sender, sent, advance, gaps, clock }
}

describe('the times of advertisements', () => {
  test('advertisements start immediately: three more at most 16 s apart, then every 198 to 600 s at random', () => {
    const { sent, advance, gaps } = started()
    expect(sent.map(({ at }) => at)).toEqual([0])
    advance(100_000)
    expect(gaps().slice(0, 3)).toEqual([16, 16, 16])
    const rest = gaps().slice(3)
    expect(rest.length).toBeGreaterThan(150)
    expect(Math.min(...rest)).toBeGreaterThanOrEqual(198)
    expect(Math.min(...rest)).toBeLessThan(220)
    expect(Math.max(...rest)).toBeLessThanOrEqual(600)
    expect(Math.max(...rest)).toBeGreaterThan(580)
  })

  test('advertisements are sent within the configured interval', () => {
    const { advance, gaps } = started({ maxInterval: 4 })
    advance(4000)
    expect(Math.min(...gaps())).toBeGreaterThanOrEqual(3)
    expect(Math.max(...gaps())).toBeLessThanOrEqual(4)
  })

  test('advertisements are sent within half a second of any number of solicitations, which restarts the interval', () => {
    for (let seed = 0; seed < 20; seed++) {
      const { sender, sent, advance, gaps } = started({ seed })
      advance(10_000)
      sent.length = 0
      const asked = 10_000
      for (let i = 0; i < 5; i++) {
        sender.solicited()
      }
      advance(1)
      expect(sent.length).toBe(1)
      expect(sent[0].at - asked).toBeLessThan(0.5)
      advance(1000)
      expect(gaps()[0]).toBeGreaterThanOrEqual(198)
    }
  })

  test('advertisements are sent at most once in three seconds, however many solicitations come', () => {
    const { sender, sent, advance, gaps } = started()
    for (let i = 0; i < 1000; i++) {
      sender.solicited()
      advance(0.1)
    }
    expect(Math.min(...gaps())).toBeGreaterThanOrEqual(3)
    expect(Math.max(...gaps())).toBeLessThan(3.7)
    expect(sent.length).toBeGreaterThan(27)
  })

  test('advertisements are sent a last time at the end, with lifetimes of 0', () => {
    const { sender, sent, advance, clock } = started()
    advance(100)
    sender.solicited()
    sent.length = 0
    sender.stop()
    const over = { ...advert, lifetime: 0, rdnss: { ...advert.rdnss, lifetime: 0 } }
    expect(sent.map(({ body }) => hex(body))).toEqual([hex(routerAdvertisement(over))])
    advance(10_000)
    expect([sent.length, clock.armed]).toEqual([1, 0])
  })

  test('advertisements are sent soon after a reload, then as at the start', () => {
    const { sender, sent, advance, gaps } = started()
    advance(1000.5)
    sent.length = 0
    sender.reload({ ...advert, mtu: 1400 })
    expect(sent.map(({ body }) => hex(body))).toEqual([
      hex(routerAdvertisement({ ...advert, mtu: 1400 })),
    ])
    sender.reload({ ...advert, mtu: 1300 })
    advance(60)
    expect(gaps()[0]).toBeGreaterThanOrEqual(3)
    expect(gaps()[0]).toBeLessThan(3.5)
    expect(gaps()[1]).toBe(16)
    expect(hex(sent[1].body)).toBe(hex(routerAdvertisement({ ...advert, mtu: 1300 })))
  })
})
