/** The DHCP server's states and addresses: RFC 2131 sec. 4.3, table 4. */
import { beforeEach, describe, expect, test } from 'vitest'
import { DHO_CLIENT_IDENTIFIER, DHO_LEASE_TIME, DHO_MESSAGE, DHO_REQUESTED_ADDRESS } from '../../../src/header/dhcp.ts'
import { dhcpConfig } from '../../../src/segment/dhcp/config.ts'
import { DHCPACK, DHCPNAK, DHCPOFFER, DhcpBed, DhcpClient, ip, SPEC } from '../../support/dhcp.ts'

let bed: DhcpBed
let one: DhcpClient
let two: DhcpClient

function start(spec: ConstructorParameters<typeof DhcpBed>[0] = {}): void {
  bed = new DhcpBed(spec)
  one = new DhcpClient(bed, 1)
  two = new DhcpClient(bed, 2)
}
beforeEach(() => start())

const MAC1 = '02:00:00:00:00:01'
const MAC2 = '02:00:00:00:00:02'
const reservation = { mac: MAC1, address: '198.18.0.50', hostname: 'printer' }

describe('an address', () => {
  test('is offered, requested and acknowledged, with a line of the log for each step', () => {
    expect(one.lease()).toBe('198.18.0.100')
    expect(bed.lines).toEqual([
      `DHCPDISCOVER(eth9) ${MAC1}`,
      `DHCPOFFER(eth9) 198.18.0.100 ${MAC1}`,
      `DHCPREQUEST(eth9) 198.18.0.100 ${MAC1}`,
      `DHCPACK(eth9) 198.18.0.100 ${MAC1}`,
    ])
    expect(bed.server.leases()).toMatchObject([{ address: ip('198.18.0.100'), mac: MAC1, state: 'bound' }])
  })

  test('is the one a client asks for, if it is free', () => {
    expect(one.discover([[DHO_REQUESTED_ADDRESS, '198.18.0.102']])?.address).toBe('198.18.0.102')
    expect(two.discover([[DHO_REQUESTED_ADDRESS, '198.18.0.102']])?.address).toBe('198.18.0.100')
    const outside = new DhcpClient(bed, 3).discover([[DHO_REQUESTED_ADDRESS, '198.18.0.7']])
    expect(outside?.address).toBe('198.18.0.101')
  })

  test('stays with its client, which asks anew while its lease runs', () => {
    one.lease()
    expect(two.lease()).toBe('198.18.0.101')
    expect(one.lease()).toBe('198.18.0.100')
    expect(bed.server.leases()).toHaveLength(2)
  })

  test('comes back to its client after the lease has expired, or was given back', () => {
    one.lease()
    two.lease()
    bed.advance(3600)
    expect(bed.server.leases()).toEqual([])
    expect(two.lease()).toBe('198.18.0.101')
    expect(one.lease()).toBe('198.18.0.100')
    two.release('198.18.0.101')
    expect(new DhcpClient(bed, 3).lease()).toBe('198.18.0.102')
    expect(two.lease()).toBe('198.18.0.101')
  })

  test('of the lease that ended first is given to others when every address had been given', () => {
    const leased = [one, two, new DhcpClient(bed, 3)].map(client => {
      bed.advance(1)
      return client.lease()
    })
    two.release('198.18.0.101')
    bed.advance(10_000)
    expect(new DhcpClient(bed, 4).lease()).toBe(leased[1])
    expect(new DhcpClient(bed, 5).lease()).toBe(leased[0])
    expect(new DhcpClient(bed, 6).lease()).toBe(leased[2])
  })

  test('that was offered is kept for a short time, for that client alone', () => {
    start({ subnets: [{ network: '198.18.0.0/24', ranges: ['198.18.0.100'] }], offerTime: 30 })
    expect(one.discover()?.address).toBe('198.18.0.100')
    expect(two.discover()).toBeUndefined()
    expect(two.select('198.18.0.100')?.type).toBe(DHCPNAK)
    bed.advance(30)
    expect(two.discover()?.address).toBe('198.18.0.100')
    expect(one.select('198.18.0.100')?.type).toBe(DHCPNAK)
  })

  test("whose offer has lapsed is the next client's, whatever the first one does then", () => {
    start({ subnets: [{ network: '198.18.0.0/24', ranges: ['198.18.0.100'] }], offerTime: 30 })
    one.discover()
    bed.advance(30)
    expect(two.discover()?.address).toBe('198.18.0.100')
    one.select('198.18.9.9', '198.18.0.9')
    expect(new DhcpClient(bed, 3).discover()).toBeUndefined()
  })

  test('of a host that knows no DHCP is not given away', () => {
    bed.taken.add('198.18.0.100')
    expect(one.lease()).toBe('198.18.0.101')
    bed.taken.add('198.18.0.101')
    expect(one.renew('198.18.0.101')?.type).toBe(DHCPNAK)
    expect(one.lease()).toBe('198.18.0.102')
  })

  test("is never the server's own, though the range holds it", () => {
    start({ subnets: [{ network: '198.18.0.0/24', ranges: ['198.18.0.1-198.18.0.2'] }] })
    expect(one.lease()).toBe('198.18.0.2')
    expect(two.discover()).toBeUndefined()
  })

  test('goes by the client identifier, where there is one, and not by the hardware', () => {
    const id = (...octets: number[]) => ({ options: [[DHO_CLIENT_IDENTIFIER, octets] as const] })
    expect(new DhcpClient(bed, 1, id(255, 7)).lease()).toBe('198.18.0.100')
    expect(new DhcpClient(bed, 2, id(255, 7)).lease()).toBe('198.18.0.100')
    expect(new DhcpClient(bed, 1, id(255, 8)).lease()).toBe('198.18.0.101')
    expect(one.lease()).toBe('198.18.0.102')
  })
})

describe('a full pool', () => {
  test('says so in the log once in a while, and answers nothing', () => {
    for (let n = 1; n <= 3; n++) new DhcpClient(bed, n).lease()
    const late = new DhcpClient(bed, 4)
    for (let n = 0; n < 5; n++) expect(late.discover()).toBeUndefined()
    const told = () => bed.lines.filter(line => line.includes('is full'))
    expect(told()).toEqual([
      'DHCPDISCOVER(eth9) 02:00:00:00:00:04 no address available: the pool 198.18.0.100-198.18.0.102 is full',
    ])
    bed.advance(60)
    expect(late.discover()).toBeUndefined()
    expect(told()).toHaveLength(2)
  })
})

describe('a DHCPREQUEST', () => {
  test('for another server takes our offer back', () => {
    one.discover()
    expect(one.select('198.18.9.9', '198.18.0.9')).toBeUndefined()
    expect(two.discover()?.address).toBe('198.18.0.100')
  })

  test('for another address than the one offered is refused', () => {
    one.discover()
    const nak = one.select('198.18.0.101')
    expect(nak).toMatchObject({ type: DHCPNAK, address: '0.0.0.0', seconds: undefined })
    expect(Buffer.from(nak?.message.options.get(DHO_MESSAGE) ?? []).toString()).toBe('wrong address')
    expect(bed.lines.at(-1)).toBe(`DHCPNAK(eth9) 198.18.0.101 ${MAC1} wrong address`)
  })

  test('that takes an offer of before a restart is acknowledged while the address is free', () => {
    expect(one.discover()?.address).toBe('198.18.0.100')
    bed.restart()
    expect(one.select('198.18.0.100')?.type).toBe(DHCPACK)
    expect(two.select('198.18.0.100')?.type).toBe(DHCPNAK)
  })

  test.each(['renew', 'rebind', 'reboot'] as const)('to %s prolongs the lease', how => {
    one.lease()
    bed.advance(3000)
    expect(one[how]('198.18.0.100')).toMatchObject({ type: DHCPACK, address: '198.18.0.100', seconds: 3600 })
    bed.advance(3000)
    expect(bed.server.leases()).toHaveLength(1)
    bed.advance(600)
    expect(bed.server.leases()).toHaveLength(0)
  })

  test.each(['renew', 'rebind', 'reboot'] as const)("to %s with an address that is another one's is refused", how => {
    one.lease()
    two.lease()
    expect(two[how]('198.18.0.100')?.type).toBe(DHCPNAK)
    expect(two[how]('198.18.0.102')?.type).toBe(DHCPNAK)
  })

  test.each(['renew', 'rebind', 'reboot'] as const)('to %s in another network is refused to anybody', how => {
    expect(one[how]('192.0.2.7')?.type).toBe(DHCPNAK)
    expect(bed.lines.at(-1)).toBe(`DHCPNAK(eth9) 192.0.2.7 ${MAC1} wrong network`)
  })

  test.each(['renew', 'rebind', 'reboot'] as const)(
    'to %s by a client without a record is left to other servers',
    how => {
      expect(one[how]('198.18.0.100')).toBeUndefined()
      expect(bed.server.leases()).toEqual([])
    },
  )

  test.each(['renew', 'rebind', 'reboot'] as const)('to %s without a record is answered by the only server', how => {
    start({ authoritative: true })
    expect(one[how]('198.18.0.101')?.type).toBe(DHCPACK)
    expect(two[how]('198.18.0.101')?.type).toBe(DHCPNAK)
    expect(two[how]('198.18.0.7')?.type).toBe(DHCPNAK)
  })

  test('after the lease has expired is acknowledged while nobody else got the address', () => {
    start({ subnets: [{ network: '198.18.0.0/24', ranges: ['198.18.0.100'] }] })
    one.lease()
    bed.advance(4000)
    expect(one.reboot('198.18.0.100')?.type).toBe(DHCPACK)
    bed.advance(4000)
    two.lease()
    expect(one.reboot('198.18.0.100')).toBeUndefined()
    expect(bed.server.leases()).toMatchObject([{ mac: MAC2 }])
  })
})

describe('the time of a lease', () => {
  test('is the one asked for, within bounds', () => {
    start({ leaseTime: 600, minLeaseTime: 100, maxLeaseTime: 1000 })
    const asking = (seconds: number) => one.discover([[DHO_LEASE_TIME, [0, 0, seconds >> 8, seconds]]])?.seconds
    expect(one.discover()?.seconds).toBe(600)
    expect([50, 100, 700, 5000].map(asking)).toEqual([100, 100, 700, 1000])
  })

  test('is for ever where that is configured', () => {
    start({ leaseTime: 'infinite' })
    expect(one.discover()?.seconds).toBe(0xffff_ffff)
    one.lease()
    bed.advance(1e9)
    expect(bed.server.leases()).toMatchObject([{ expires: Number.POSITIVE_INFINITY }])
  })
})

describe('a client that declines', () => {
  test("its address gets another, and the address is nobody's for a time", () => {
    start({ subnets: [{ network: '198.18.0.0/24', ranges: ['198.18.0.100-198.18.0.101'] }], declineTime: 600 })
    one.lease()
    one.decline('198.18.0.100')
    expect(bed.server.leases()).toEqual([])
    expect(bed.lines.slice(-2)).toEqual([
      `DHCPDECLINE(eth9) 198.18.0.100 ${MAC1}`,
      'DHCP(eth9) 198.18.0.100 is in use by another: not given for 600 s',
    ])
    expect(one.lease()).toBe('198.18.0.101')
    expect(two.discover([[DHO_REQUESTED_ADDRESS, '198.18.0.100']])).toBeUndefined()
    bed.advance(600)
    expect(two.lease()).toBe('198.18.0.100')
  })

  test('an offer is believed, too', () => {
    one.discover()
    one.decline('198.18.0.100')
    expect(two.lease()).toBe('198.18.0.101')
  })

  test('the address of another is not believed', () => {
    one.lease()
    two.decline('198.18.0.100')
    expect(bed.lines.at(-1)).toBe(`DHCPDECLINE(eth9) 198.18.0.100 ${MAC2} unknown lease`)
    expect(bed.server.leases()).toMatchObject([{ mac: MAC1 }])
  })

  test('is remembered over a restart', () => {
    one.lease()
    one.decline('198.18.0.100')
    bed.restart({}, 300)
    expect(two.discover()?.address).toBe('198.18.0.101')
  })
})

describe('a client that releases', () => {
  test('its address has none any more', () => {
    one.lease()
    one.release('198.18.0.100')
    expect(bed.server.leases()).toEqual([])
  })

  test('the address of another, or to another server, changes nothing', () => {
    one.lease()
    two.release('198.18.0.100')
    one.release('198.18.0.100', '198.18.0.9')
    expect(bed.server.leases()).toHaveLength(1)
  })
})

describe('a reservation', () => {
  test('is given to its MAC address, in the range or not, and to nobody else', () => {
    start({ reservations: [reservation, { mac: '02:00:00:00:00:09', address: '198.18.0.100' }] })
    expect(two.discover([[DHO_REQUESTED_ADDRESS, '198.18.0.50']])?.address).toBe('198.18.0.101')
    expect(one.lease()).toBe('198.18.0.50')
    expect(bed.lines.at(-1)).toBe(`DHCPACK(eth9) 198.18.0.50 ${MAC1} printer`)
    expect(new DhcpClient(bed, 9).lease()).toBe('198.18.0.100')
  })

  test('is given to its client identifier, whatever the hardware', () => {
    start({ reservations: [{ clientId: 'ff:01:02', address: '198.18.0.51' }] })
    expect(new DhcpClient(bed, 7, { options: [[DHO_CLIENT_IDENTIFIER, [255, 1, 2]]] }).lease()).toBe('198.18.0.51')
    expect(one.lease()).toBe('198.18.0.100')
  })

  test('of a MAC address follows its machine from one identifier to the next', () => {
    start({ reservations: [reservation] })
    const rom = new DhcpClient(bed, 1, { options: [[DHO_CLIENT_IDENTIFIER, [0, 9, 9]]] })
    expect(rom.lease()).toBe('198.18.0.50')
    expect(one.lease()).toBe('198.18.0.50')
    expect(bed.server.leases()).toHaveLength(1)
  })

  test('that its client declines is not given to it either, for a time', () => {
    start({ reservations: [reservation] })
    one.lease()
    one.decline('198.18.0.50')
    expect(one.lease()).toBe('198.18.0.100')
    bed.advance(600)
    expect(one.lease()).toBe('198.18.0.50')
  })

  test('that is made later is what its client gets when it renews', () => {
    one.lease()
    two.lease()
    bed.server.reload(
      dhcpConfig({ ...SPEC, reservations: [reservation, { mac: MAC1.replace('1', 'f'), address: '198.18.0.101' }] }),
    )
    expect(bed.server.leases()).toHaveLength(2)
    expect(one.renew('198.18.0.100')?.type).toBe(DHCPNAK)
    expect(one.lease()).toBe('198.18.0.50')
    expect(two.renew('198.18.0.101')?.type).toBe(DHCPNAK)
    expect(two.lease()).toBe('198.18.0.100')
  })
})

describe('several networks', () => {
  const far = { network: '198.19.0.0/24', ranges: ['198.19.0.10-198.19.0.11'] }
  const relayed = { giaddr: ip('198.19.0.1') }
  beforeEach(() => start({ subnets: [...SPEC.subnets, far] }))

  test("a relay's client gets an address of the relay's network, through the relay", () => {
    const offer = new DhcpClient(bed, 3, relayed).discover()
    expect(offer).toMatchObject({ type: DHCPOFFER, address: '198.19.0.10' })
    expect(offer?.reply).toMatchObject({ address: ip('198.19.0.1'), port: 67, mac: undefined })
  })

  test('a relay of no network gets no answer', () => {
    expect(new DhcpClient(bed, 3, { giaddr: ip('192.0.2.1') }).discover()).toBeUndefined()
    expect(bed.lines).toEqual(['DHCP(eth9) 02:00:00:00:00:03 no subnet has its relay, 192.0.2.1'])
  })

  test('a client that moved is refused its old address, and has the new one alone', () => {
    one.lease()
    const moved = new DhcpClient(bed, 1, relayed)
    const nak = moved.reboot('198.18.0.100')
    expect(nak?.type).toBe(DHCPNAK)
    expect(nak?.message.flags).toBe(0x8000)
    expect(nak?.reply).toMatchObject({ address: relayed.giaddr, port: 67 })
    expect(moved.lease()).toBe('198.19.0.10')
    expect(bed.server.leases()).toMatchObject([{ address: ip('198.19.0.10') }])
    expect(two.lease()).toBe('198.18.0.100')
  })

  test('a relayed client renews by itself, by unicast', () => {
    new DhcpClient(bed, 1, relayed).lease()
    expect(one.renew('198.19.0.10')?.type).toBe(DHCPACK)
    expect(one.rebind('198.19.0.10')?.type).toBe(DHCPNAK)
  })
})

describe('leases', () => {
  test('are kept over a restart, with what is left of their time', () => {
    one.lease()
    bed.advance(600)
    bed.restart({}, 1000)
    expect(bed.server.leases()).toMatchObject([{ mac: MAC1 }])
    bed.advance(1999)
    expect(bed.server.leases()).toHaveLength(1)
    bed.advance(1)
    expect(bed.server.leases()).toHaveLength(0)
    expect(two.lease()).toBe('198.18.0.101')
    expect(one.reboot('198.18.0.100')?.type).toBe(DHCPACK)
  })

  test('that cannot be kept are not given, and the log says why', () => {
    one.discover()
    bed.store.fails = true
    expect(one.select('198.18.0.100')).toBeUndefined()
    expect(bed.lines.at(-1)).toBe('DHCP(eth9) leases are not kept, and no new one is given: the disk is full')
    bed.store.fails = false
    expect(one.select('198.18.0.100')?.type).toBe(DHCPACK)
  })

  test('outlive a reload, but one that its configuration forbids is not renewed', () => {
    one.lease()
    bed.server.reload(dhcpConfig({ ...SPEC, subnets: [{ network: '198.18.0.0/24', ranges: ['198.18.0.200'] }] }))
    expect(bed.server.leases()).toHaveLength(1)
    expect(one.renew('198.18.0.100')?.type).toBe(DHCPNAK)
    expect(one.lease()).toBe('198.18.0.200')
  })
})
