/**
 * How an address is probed before it is offered (RFC 2131 sec. 2.2), with neighbours that a test
 * places.
 */
import { beforeEach, expect, test } from 'vitest'
import { formatIpv4 } from '#src/packet/address.ts'
import { answerOf, DHCPACK, DhcpBed, DhcpClient, ip, MemoryStore, SPEC } from '#support/dhcp.ts'
import type { DhcpSpec } from '../../../src/services/dhcp/config.ts'
import { dhcpConfig } from '../../../src/services/dhcp/config.ts'

const MAC1 = '02:00:00:00:00:01'
const NEIGHBOUR = '02:00:00:00:00:99'
/** Longer than a probe, in seconds. */
const PROBE = 0.3

/** Neighbours by address: `present` ones reply to ARP, `known` ones are in the neighbour table. */
let present: Map<string, string>
let known: Map<string, string>
/** Addresses that the server requested by ARP. */
let requests: string[]
let bed: DhcpBed
let one: DhcpClient
let two: DhcpClient

function start(spec: Partial<DhcpSpec> = {}): void {
  present = new Map()
  known = new Map()
  requests = []
  bed = new DhcpBed(spec, new MemoryStore(), {
    macOf: address => known.get(formatIpv4(address)),
    request(number) {
      const address = formatIpv4(number)
      requests.push(address)
      known.delete(address)
      const mac = present.get(address)
      if (mac !== undefined) {
        known.set(address, mac)
      }
    },
  })
  one = new DhcpClient(bed, 1)
  two = new DhcpClient(bed, 2)
}
beforeEach(() => start())

/** The addresses of the replies that were sent later. */
const late = () => bed.late.splice(0).map(reply => answerOf(reply).address)

/** Gets a lease for a client after its probe. */
function lease(client: DhcpClient): string {
  expect(client.discover()).toBeUndefined()
  bed.advance(PROBE)
  const [address] = late()
  expect(client.select(address as string)?.type).toBe(DHCPACK)
  return address as string
}

test('an address is offered after one ARP request without a reply', () => {
  expect(one.discover()).toBeUndefined()
  expect(requests).toEqual(['198.18.0.100'])
  bed.advance(0.2)
  expect(late()).toEqual([])
  bed.advance(0.1)
  expect(late()).toEqual(['198.18.0.100'])
  expect(bed.lines).toEqual([`DHCPDISCOVER(eth9) ${MAC1}`, `DHCPOFFER(eth9) 198.18.0.100 ${MAC1}`])
})

test('an address for which a neighbour replies is not offered, but the next one is', () => {
  present.set('198.18.0.100', NEIGHBOUR)
  one.discover()
  bed.advance(PROBE)
  expect([requests, late()]).toEqual([['198.18.0.100', '198.18.0.101'], []])
  bed.advance(PROBE)
  expect(late()).toEqual(['198.18.0.101'])
  expect(bed.lines).toContain(
    `DHCP(eth9) 198.18.0.100 is in use by ${NEIGHBOUR}: not offered for 600 s`,
  )
})

test('a known neighbour’s address is skipped immediately', () => {
  known.set('198.18.0.100', NEIGHBOUR)
  one.discover()
  expect(requests).toEqual(['198.18.0.100', '198.18.0.101'])
  bed.advance(PROBE)
  expect(late()).toEqual(['198.18.0.101'])
})

test('an address in use is offered again after declineTime, once the neighbour has left', () => {
  start({ network: '198.18.0.0/24', ranges: ['198.18.0.100'], declineTime: 600 })
  present.set('198.18.0.100', NEIGHBOUR)
  one.discover()
  bed.advance(PROBE)
  one.discover()
  expect(bed.lines.at(-1)).toMatch(/is full$/)
  present.clear()
  known.clear()
  bed.advance(600)
  expect(lease(one)).toBe('198.18.0.100')
})

test('the former lessee of an address does not count unless it replies', () => {
  start({ network: '198.18.0.0/24', ranges: ['198.18.0.100'] })
  const address = lease(one)
  known.set(address, MAC1)
  bed.advance(4000)
  expect(lease(two)).toBe(address)
  bed.advance(4000)
  known.set(address, MAC1)
  present.set(address, MAC1)
  new DhcpClient(bed, 3).discover()
  bed.advance(PROBE)
  expect(late()).toEqual([])
})

test('a client that already uses the address itself gets it', () => {
  present.set('198.18.0.100', MAC1)
  known.set('198.18.0.100', MAC1)
  expect(lease(one)).toBe('198.18.0.100')
})

test('the address of a live lease and a pending offer are offered again without a probe', () => {
  one.discover()
  bed.advance(PROBE)
  late()
  expect(one.discover()?.address).toBe('198.18.0.100')
  one.select('198.18.0.100')
  expect(one.discover()?.address).toBe('198.18.0.100')
  expect(requests).toHaveLength(1)
})

test('a client of a relay gets an offer immediately, since ARP does not reach it', () => {
  const relayed = new DhcpClient(bed, 1, { giaddr: ip('198.18.0.7') })
  expect(relayed.discover()?.address).toBe('198.18.0.100')
  expect(requests).toEqual([])
})

test('a repeated DHCPDISCOVER starts no second probe, and gets the reply', () => {
  one.discover()
  one.send(1, { xid: 7 })
  expect(requests).toHaveLength(1)
  bed.advance(PROBE)
  expect(bed.late.map(reply => answerOf(reply).message.xid)).toEqual([7])
})

test('one DHCPDISCOVER probes at most four addresses', () => {
  start({ network: '198.18.0.0/24', ranges: ['198.18.0.100-198.18.0.120'] })
  for (let n = 100; n <= 120; n++) {
    known.set(`198.18.0.${n}`, NEIGHBOUR)
  }
  one.discover()
  bed.advance(10)
  expect([requests.length, late()]).toEqual([4, []])
})

test('at most 1024 probes run at a time, and a client beyond that is logged', () => {
  start({ network: '198.18.0.0/16', ranges: ['198.18.1.0-198.18.9.255'] })
  for (let n = 1; n <= 1025; n++) {
    new DhcpClient(bed, n).discover()
  }
  expect(bed.lines).toContain(
    'DHCP(eth9) 02:00:00:00:04:01 gets no offer: too many addresses are being probed',
  )
  bed.advance(PROBE)
  expect(late()).toHaveLength(1024)
})

test("an offer is not sent after the client took another server's, nor after a reload", () => {
  one.discover()
  one.select('198.18.0.9', '198.18.0.9')
  two.discover()
  bed.server.reload(dhcpConfig(SPEC))
  bed.advance(PROBE)
  expect(late()).toEqual([])
  requests = []
  expect(lease(two)).toBe('198.18.0.100')
  expect(requests).toEqual(['198.18.0.100'])
})
