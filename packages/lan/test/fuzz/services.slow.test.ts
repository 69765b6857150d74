/**
 * Untrusted messages cost a bounded amount of work, even on the largest networks with every address
 * leased. Time is the processor time of this process. The bound is far above the cost of a lookup;
 * code that walks all hosts exceeds it.
 */
import { expect, test, vi } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { type Random, random } from '#src/base/random.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { ipv4Bytes, parseAddress } from '#src/packet/address.ts'
import { DhcpBed, ip, MemoryStore, octetsOfMessage } from '#support/dhcp.ts'
import { SEED, scaled } from '#support/scale.ts'
import { duidOf } from '../../src/packet/dhcpv6.ts'
import { isRouterSolicitation } from '../../src/packet/router-advert.ts'
import type { Lease } from '../../src/services/dhcp/lease.ts'
import { dhcpv6Reply } from '../../src/services/dhcpv6.ts'
import { createResolver } from '../../src/services/dns.ts'
import { RaSender } from '../../src/services/router-advert.ts'
import { query } from '../services/dns-message.ts'

// Tests here are bounded by processor time.
vi.setConfig({ testTimeout: 900_000 })

const COUNT = scaled(500_000)
const BLOCK = 1000
/** Processor time that BLOCK messages may take, ms. */
const BLOCK_MS = 1000
const FIRST = ip('198.18.0.10')
const POOL = 60_000

/** Calls `each` COUNT times; fails if BLOCK calls take too long. */
function spend(each: (i: number, chance: Random) => void): void {
  const chance = random(SEED)
  for (let i = 0; i < COUNT; ) {
    const before = process.cpuUsage()
    for (const end = i + BLOCK; i < end; i++) {
      each(i, chance)
    }
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1000, `messages ${i - BLOCK} to ${i} of seed ${SEED}`).toBeLessThan(
      BLOCK_MS,
    )
  }
}

/** Changes some bytes of a message, and sometimes truncates it. */
function bend(bytes: Uint8Array, { below }: Random): Uint8Array {
  for (let n = below(4); n > 0 && bytes.length > 0; n--) {
    bytes[below(bytes.length)] = below(256)
  }
  return below(8) === 0 ? bytes.subarray(0, below(bytes.length + 1)) : bytes
}

const mac = (n: number) => Uint8Array.of(2, 0, 0, n >> 16, n >> 8, n)
const macText = (n: number) =>
  [...mac(n)].map(octet => octet.toString(16).padStart(2, '0')).join(':')

test('DHCP: no message is slow with 60,000 addresses that are all leased', () => {
  const store = new MemoryStore()
  store.kept = Array.from({ length: POOL }, (_, n): Lease => {
    const hostname = `host-${n}`
    return {
      address: FIRST + n,
      mac: macText(n),
      clientId: undefined,
      hostname,
      state: 'bound',
      expires: 2e12,
    }
  })
  const range = '198.18.0.10-198.18.234.105'
  const bed = new DhcpBed(
    { server: '198.18.0.1', network: '198.18.0.0/16', ranges: [range] },
    store,
  )
  expect(bed.server.leases()).toHaveLength(POOL)
  spend((_, chance) => {
    const { below } = chance
    // Strangers and clients with a lease.
    const client = mac(below(2) === 0 ? below(POOL) : POOL + below(1 << 22))
    const options: [number, number[]][] = []
    if (below(2) === 0) {
      options.push([50, [...ipv4Bytes(FIRST + below(POOL))]])
    }
    if (below(3) === 0) {
      options.push([54, [198, 18, 0, 1]])
    }
    if (below(3) === 0) {
      options.push([12, [...Buffer.from(`host-${below(POOL)}`)]])
    }
    if (below(5) === 0) {
      options.push([55, Array.from({ length: below(200) }, () => below(256))])
    }
    const message = octetsOfMessage(below(2) === 0 ? 1 : 1 + below(8), client, { options })
    bed.server.receive(bend(message, chance), { mac: client, broadcast: true }, () => {})
    if (below(100) === 0) {
      bed.advance(1)
    }
    bed.lines.length = 0
  })
})

test('DNS: no query is slow with 100,000 hosts and all reverse names', () => {
  const hosts = Array.from({ length: 100_000 }, (_, n) => ({
    name: `host${n}`,
    addresses: [
      ipv4Bytes(FIRST + n),
      Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, n >> 16, n >> 8, n),
    ],
  }))
  const gateway = { name: 'gateway', addresses: [parseAddress('198.18.0.1')!] }
  const resolver = createResolver({ domain: 'lan', gateway, hosts })
  const nibbles = '0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2'.split('.')
  spend((_, chance) => {
    const { below } = chance
    const names = [
      () => `host${below(200_000)}.lan`,
      () => [below(256), below(256), 18, 198].slice(below(4)).join('.').concat('.in-addr.arpa'),
      () => nibbles.slice(below(32)).join('.').concat('.ip6.arpa'),
      () =>
        Array(below(120) + 1)
          .fill('a')
          .join('.'),
      () => 'lan',
    ]
    // Half of them are first digits of addresses, most of which no host has.
    const partial = `${below(256)}.198.in-addr.arpa`
    const name = below(2) === 0 ? partial : (names[below(names.length)]?.() as string)
    resolver(
      bend(query(name, [1, 12, 28, 255, 6][below(5)] as number, { edns: below(5000) }), chance),
    )
  })
})

test('DHCPv6: no message is slow, however many relays and options it has', () => {
  const config = {
    duid: duidOf(Uint8Array.of(2, 0, 0, 0, 0, 1)),
    servers: [parseAddress('2001:db8:0:1::1')!],
    domains: ['lan'],
    refreshTime: 3600,
  }
  const relayed = (inner: readonly number[], hops: number) => [
    12,
    hops,
    ...Array(32).fill(7),
    0,
    9,
    inner.length >> 8,
    inner.length & 255,
    ...inner,
  ]
  const { below } = random(SEED)
  const right = Array.from({ length: 500 }, () => {
    let message: readonly number[] = [11, 1, 2, 3, 0, 6, 0, 4, 0, 23, 0, 24]
    for (let n = below(100); n > 0; n--) {
      message = [...message, 0, 99, 0, 2, 0, 0]
    }
    for (let n = below(12), hops = 0; n > 0; n--) {
      message = relayed(message, hops++)
    }
    return Uint8Array.from(message)
  })
  spend((_, chance) => {
    dhcpv6Reply(bend((right[chance.below(right.length)] as Uint8Array).slice(), chance), config)
  })
})

test('router advertisements: a flood of solicitations causes one in three seconds', () => {
  const clock = new FakeClock()
  let sent = 0
  const none = { managed: false, other: false, reachableTimeMs: 0, retransTimerMs: 0, prefixes: [] }
  const advert = { ...none, hopLimit: 64, lifetime: 1800 }
  const sender = new RaSender({ clock, random: random(SEED), advert, send: () => void sent++ })
  const from = parseAddress('fe80::2') as Uint8Array
  spend((_, chance) => {
    const { below } = chance
    const options = Array.from({ length: 8 * below(150) }, (_, i) => {
      if (i % 8 === 0) return 1 + below(90)
      return i % 8 === 1 ? 1 : 0
    })
    const message = bend(Uint8Array.from([133, 0, 0, 0, 0, 0, 0, 0, ...options]), chance)
    if (isRouterSolicitation(message, 255, from)) {
      sender.solicited()
    }
    clock.advance(NSEC_PER_SEC / 1000)
  })
  expect(sent).toBeGreaterThan(1)
  expect(sent).toBeLessThanOrEqual(2 + Math.ceil(COUNT / 1000 / 3) + 3)
})
