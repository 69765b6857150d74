/**
 * Whatever clients send, the DHCP server never throws, its replies are well-formed, no two clients
 * have the same address, and no address of the pool is lost.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { DHO_SERVER_IDENTIFIER } from '#src/packet/dhcp.ts'
import { get32 } from '#src/packet/octets.ts'
import {
  DHCPACK,
  DHCPNAK,
  DHCPOFFER,
  DhcpBed,
  DhcpClient,
  type Fields,
  ip,
  octetsOfMessage,
} from '#support/dhcp.ts'
import { forAll } from '#support/for-all.ts'
import { either, SEED, scaled } from '#support/scale.ts'

const COUNT = scaled(500_000)
const POOL = 8
const FIRST = ip('198.18.0.100')
const FAR = ip('198.19.0.10')
const spec = {
  leaseTime: 600,
  minLeaseTime: 10,
  offerTime: 30,
  declineTime: 60,
  network: '198.18.0.0/24',
  ranges: ['198.18.0.100-198.18.0.107'],
  reservations: [
    { mac: '02:00:00:00:00:03', address: '198.18.0.50', hostname: 'three' },
    { clientId: '01:02:03', address: '198.18.0.101' },
  ],
  options: {
    'domain-search': ['a.lan', 'b.lan'],
    'ntp-server': ['198.18.0.1', '198.18.0.2'],
    'vendor-specific': `${'00:'.repeat(299)}00`,
  },
  boot: { file: 'pxelinux.0', serverName: 'boot' },
}

/** Invariants: leases are of the pool or reserved, and each is of one client. */
function expectConsistent(bed: DhcpBed): void {
  const leases = bed.server.leases()
  const addresses = leases.map(({ address }) => address)
  expect(new Set(addresses).size).toBe(leases.length)
  expect(new Set(leases.map(({ clientId, mac }) => clientId ?? mac)).size).toBe(leases.length)
  for (const address of addresses) {
    expect((address >= FIRST && address < FIRST + POOL) || address === ip('198.18.0.50')).toBe(true)
  }
}

/** Once everything has expired, as many clients as there are addresses get one. */
function expectWholePool(bed: DhcpBed): void {
  bed.advance(100_000)
  const got = Array.from({ length: POOL - 1 }, (_, i) => new DhcpClient(bed, 1000 + i).lease())
  expect(new Set(got).size).toBe(POOL - 1)
  expect(new DhcpClient(bed, 2000).discover()).toBeUndefined()
  expect(new DhcpClient(bed, 2001, { options: [[61, [1, 2, 3]]] }).lease()).toBe('198.18.0.101')
}

function anyFields(chance: ReturnType<typeof random>): Fields {
  const addresses = [
    0,
    FIRST,
    FIRST + 1,
    FIRST + 7,
    FAR,
    ip('198.18.0.1'),
    ip('198.18.0.50'),
    0xffff_ffff,
    ip('192.0.2.1'),
  ]
  const address = () => addresses[chance.below(addresses.length)] as number
  const octets = (n: number) => Array.from({ length: n }, () => chance.below(256))
  const four = () => [24, 16, 8, 0].map(shift => (address() >>> shift) & 255)
  const options: [number, number[]][] = []
  for (let n = chance.below(6); n > 0; n--) {
    const any = [
      [50, four()],
      [54, [198, 18, 0, 1]],
      [51, [0, 0, chance.below(4), 9]],
      [57, [chance.below(6), 0]],
      [55, octets(chance.below(9))],
    ]
    const odd = [
      [12, octets(chance.below(30))],
      [81, octets(chance.below(9))],
      [61, [1, 2, 3]],
      [82, octets(chance.below(300))],
      [chance.below(256), octets(chance.below(9))],
    ]
    options.push([...any, ...odd][chance.below(10)] as [number, number[]])
  }
  return {
    options: options.filter(([code]) => code !== 0 && code !== 255 && code !== 53),
    ciaddr: chance.below(2) ? address() : 0,
    giaddr: chance.below(8) ? 0 : address(),
    flags: chance.below(2) << 15,
    htype: chance.below(9) ? 1 : chance.below(256),
  }
}

test('random and damaged messages neither stop the server nor cost it an address', {
  timeout: 300_000,
}, () => {
  const chance = random(20_010 + SEED)
  const bed = new DhcpBed(spec)
  const seen = new Map<number, number>()
  for (let n = 0; n < COUNT; n++) {
    const mac = Uint8Array.of(2, 0, 0, 0, 0, chance.below(20))
    const octets =
      chance.below(20) === 0
        ? Uint8Array.from({ length: chance.below(600) }, () => chance.below(256))
        : octetsOfMessage(chance.below(10), mac, anyFields(chance))
    if (chance.below(3) === 0) {
      for (let bad = chance.below(5); bad > 0 && octets.length > 0; bad--) {
        octets[chance.below(2) ? 236 + chance.below(40) : chance.below(octets.length)] =
          chance.below(256)
      }
    }
    const whole = chance.below(10) ? octets : octets.subarray(0, chance.below(octets.length + 1))
    const answer = bed.receive(whole, mac, chance.below(2) === 0)
    if (answer !== undefined) {
      seen.set(answer.type, (seen.get(answer.type) ?? 0) + 1)
      const server = get32(answer.message.options.get(DHO_SERVER_IDENTIFIER) as Uint8Array, 0)
      const { length } = answer.reply.data
      // Far faster than an `expect` for each.
      const isGood = server === ip('198.18.0.1') && length >= 300 && length <= 1472
      if (!isGood || ![DHCPOFFER, DHCPACK, DHCPNAK].includes(answer.type)) {
        expect(answer).toBe('well-formed')
      }
    }
    bed.advance(chance.below(3))
    if (n % 50 === 0) {
      bed.lines.length = 0
      expectConsistent(bed)
    }
  }
  for (const type of [DHCPOFFER, DHCPACK, DHCPNAK]) {
    expect(seen.get(type)).toBeGreaterThan(COUNT / 120)
  }
  expectWholePool(bed)
})

/** A step of the client with number `n`; for `wait` and `restart`, `n` is a number of seconds. */
const step = fc.oneof(
  fc.record({ do: fc.constant('lease' as const), n: fc.nat(11) }),
  fc.record({
    do: fc.constantFrom('renew' as const, 'rebind' as const, 'reboot' as const),
    n: fc.nat(11),
  }),
  fc.record({
    do: fc.constantFrom('release' as const, 'decline' as const, 'discover' as const),
    n: fc.nat(11),
  }),
  fc.record({ do: fc.constantFrom('wait' as const, 'restart' as const), n: fc.nat(700) }),
)

test('an acknowledged address remains with its client until it is released or expires, even across restarts', () => {
  forAll(either(150, 40), [fc.array(step, { minLength: 1, maxLength: 80 })], steps => {
    const bed = new DhcpBed(spec)
    const clients = Array.from({ length: 12 }, (_, n) => new DhcpClient(bed, n))
    const given = new Map<number, { address: string; until: number }>()
    let now = 0
    for (const { do: what, n } of steps) {
      const client = clients[n % 12] as DhcpClient
      const has = given.get(n)
      if (what === 'wait' || what === 'restart') {
        if (what === 'wait') {
          bed.advance(n)
        } else {
          bed.restart(spec, n)
        }
        now += n
      } else if (what === 'discover') {
        client.discover()
      } else if (what === 'lease') {
        const offer = client.discover()
        const ack = offer && client.select(offer.address)
        if (ack?.type === DHCPACK) {
          given.set(n, { address: ack.address, until: now + (ack.seconds as number) })
        }
      } else if (has !== undefined) {
        if (what === 'release' || what === 'decline') {
          client[what](has.address)
          given.delete(n)
        } else {
          const answer = client[what](has.address)
          if (has.until > now) {
            expect(answer).toMatchObject({ type: DHCPACK, address: has.address })
          }
          if (answer?.type === DHCPACK) {
            given.set(n, { address: has.address, until: now + (answer.seconds as number) })
          }
        }
      }
      const live = [...given.values()]
        .filter(({ until }) => until > now)
        .map(({ address }) => address)
      expect(new Set(live).size).toBe(live.length)
      expect(
        bed.server
          .leases()
          .map(({ address }) => address)
          .sort(),
      ).toEqual(live.map(ip).sort())
      expectConsistent(bed)
    }
    expectWholePool(bed)
  })
}, 60_000)
