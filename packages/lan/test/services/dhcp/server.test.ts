/**
 * Which address the DHCP server gives to which client in which state (RFC 2131 sec. 4.3, table 4).
 */
import { beforeEach, describe, expect, test } from 'vitest'
import {
  DHO_CLIENT_IDENTIFIER,
  DHO_LEASE_TIME,
  DHO_MESSAGE,
  DHO_REQUESTED_ADDRESS,
} from '#src/packet/dhcp.ts'
import { DHCPACK, DHCPNAK, DHCPOFFER, DhcpBed, DhcpClient, ip, SPEC } from '#support/dhcp.ts'
import { dhcpConfig } from '../../../src/services/dhcp/config.ts'

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
  test('an address is offered, requested and acknowledged, with a log line for each step', () => {
    expect(one.lease()).toBe('198.18.0.100')
    expect(bed.lines).toEqual([
      `DHCPDISCOVER(eth9) ${MAC1}`,
      `DHCPOFFER(eth9) 198.18.0.100 ${MAC1}`,
      `DHCPREQUEST(eth9) 198.18.0.100 ${MAC1}`,
      `DHCPACK(eth9) 198.18.0.100 ${MAC1}`,
    ])
    expect(bed.server.leases()).toMatchObject([
      { address: ip('198.18.0.100'), mac: MAC1, state: 'bound' },
    ])
  })

  test('a client gets the address that it requests, if it is free', () => {
    expect(one.discover([[DHO_REQUESTED_ADDRESS, '198.18.0.102']])?.address).toBe('198.18.0.102')
    expect(two.discover([[DHO_REQUESTED_ADDRESS, '198.18.0.102']])?.address).toBe('198.18.0.100')
    const outside = new DhcpClient(bed, 3).discover([[DHO_REQUESTED_ADDRESS, '198.18.0.7']])
    expect(outside?.address).toBe('198.18.0.101')
  })

  test('a client that sends another DHCPDISCOVER during its lease keeps its address', () => {
    one.lease()
    expect(two.lease()).toBe('198.18.0.101')
    expect(one.lease()).toBe('198.18.0.100')
    expect(bed.server.leases()).toHaveLength(2)
  })

  test('a client gets its last address again after its lease has expired or was released', () => {
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

  test('once all addresses have been leased, the address whose lease ended first is reused first', () => {
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

  test('an offered address is kept for its client until the offer lapses', () => {
    start({ network: '198.18.0.0/24', ranges: ['198.18.0.100'], offerTime: 30 })
    expect(one.discover()?.address).toBe('198.18.0.100')
    expect(two.discover()).toBeUndefined()
    expect(two.select('198.18.0.100')?.type).toBe(DHCPNAK)
    bed.advance(30)
    expect(two.discover()?.address).toBe('198.18.0.100')
    expect(one.select('198.18.0.100')?.type).toBe(DHCPNAK)
  })

  test("an address is the next client's once its offer has lapsed, whatever the first client does", () => {
    start({ network: '198.18.0.0/24', ranges: ['198.18.0.100'], offerTime: 30 })
    one.discover()
    bed.advance(30)
    expect(two.discover()?.address).toBe('198.18.0.100')
    one.select('198.18.9.9', '198.18.0.9')
    expect(new DhcpClient(bed, 3).discover()).toBeUndefined()
  })

  test('an address is not given to clients if a simulated host has it', () => {
    bed.taken.add('198.18.0.100')
    expect(one.lease()).toBe('198.18.0.101')
    bed.taken.add('198.18.0.101')
    expect(one.renew('198.18.0.101')?.type).toBe(DHCPNAK)
    expect(one.lease()).toBe('198.18.0.102')
  })

  test("the server's own address is never given, even if the range contains it", () => {
    start({ network: '198.18.0.0/24', ranges: ['198.18.0.1-198.18.0.2'] })
    expect(one.lease()).toBe('198.18.0.2')
    expect(two.discover()).toBeUndefined()
  })

  test('a lease belongs to the client identifier, if there is one, not to the MAC address', () => {
    const id = (...octets: number[]) => ({ options: [[DHO_CLIENT_IDENTIFIER, octets] as const] })
    expect(new DhcpClient(bed, 1, id(255, 7)).lease()).toBe('198.18.0.100')
    expect(new DhcpClient(bed, 2, id(255, 7)).lease()).toBe('198.18.0.100')
    expect(new DhcpClient(bed, 1, id(255, 8)).lease()).toBe('198.18.0.101')
    expect(one.lease()).toBe('198.18.0.102')
  })
})

describe('a full pool', () => {
  const fullLines = () => bed.lines.filter(line => line.includes('is full'))
  beforeEach(() => {
    for (let n = 1; n <= 3; n++) {
      new DhcpClient(bed, n).lease()
    }
  })

  test('a full pool is logged for each client that gets no offer', () => {
    for (const n of [4, 5, 6]) {
      expect(new DhcpClient(bed, n).discover()).toBeUndefined()
    }
    expect(fullLines()).toEqual(
      [4, 5, 6].map(
        n =>
          `DHCPDISCOVER(eth9) 02:00:00:00:00:0${n} no address available: the pool 198.18.0.100-198.18.0.102 is full`,
      ),
    )
  })

  test('a full pool is logged at most 100 times in 10 s, and the rest is counted', () => {
    for (let n = 4; n < 154; n++) {
      new DhcpClient(bed, n).discover()
    }
    expect(fullLines()).toHaveLength(100)
    bed.advance(10)
    expect(bed.lines).toContain(
      'DHCPDISCOVER(eth9) 198.18.0.0 no address available: 50 similar lines suppressed',
    )
  })
})

describe('a DHCPREQUEST', () => {
  test('a DHCPREQUEST to another server withdraws the offer', () => {
    one.discover()
    expect(one.select('198.18.9.9', '198.18.0.9')).toBeUndefined()
    expect(two.discover()?.address).toBe('198.18.0.100')
  })

  test('a DHCPREQUEST for an address other than the offered one is refused', () => {
    one.discover()
    const nak = one.select('198.18.0.101')
    expect(nak).toMatchObject({ type: DHCPNAK, address: '0.0.0.0', seconds: undefined })
    expect(Buffer.from(nak?.message.options.get(DHO_MESSAGE) ?? []).toString()).toBe(
      'wrong address',
    )
    expect(bed.lines.at(-1)).toBe(`DHCPNAK(eth9) 198.18.0.101 ${MAC1} wrong address`)
  })

  test('a DHCPREQUEST for an address offered before a restart is acknowledged while the address is free', () => {
    expect(one.discover()?.address).toBe('198.18.0.100')
    bed.restart()
    expect(one.select('198.18.0.100')?.type).toBe(DHCPACK)
    expect(two.select('198.18.0.100')?.type).toBe(DHCPNAK)
  })

  test.each(['renew', 'rebind', 'reboot'] as const)(
    'a DHCPREQUEST to %s prolongs the lease',
    how => {
      one.lease()
      bed.advance(3000)
      expect(one[how]('198.18.0.100')).toMatchObject({
        type: DHCPACK,
        address: '198.18.0.100',
        seconds: 3600,
      })
      bed.advance(3000)
      expect(bed.server.leases()).toHaveLength(1)
      bed.advance(600)
      expect(bed.server.leases()).toHaveLength(0)
    },
  )

  test.each(['renew', 'rebind', 'reboot'] as const)(
    "a DHCPREQUEST to %s with another client's address is refused",
    how => {
      one.lease()
      two.lease()
      expect(two[how]('198.18.0.100')?.type).toBe(DHCPNAK)
      expect(two[how]('198.18.0.102')?.type).toBe(DHCPNAK)
    },
  )

  test.each(['renew', 'rebind', 'reboot'] as const)(
    'a DHCPREQUEST to %s in another network is refused even to unknown clients',
    how => {
      expect(one[how]('192.0.2.7')?.type).toBe(DHCPNAK)
      expect(bed.lines.at(-1)).toBe(`DHCPNAK(eth9) 192.0.2.7 ${MAC1} wrong network`)
    },
  )

  test.each(['renew', 'rebind', 'reboot'] as const)(
    'a DHCPREQUEST to %s from an unknown client is left to other servers',
    how => {
      expect(one[how]('198.18.0.100')).toBeUndefined()
      expect(bed.server.leases()).toEqual([])
    },
  )

  test.each(['renew', 'rebind', 'reboot'] as const)(
    'a DHCPREQUEST to %s from an unknown client is answered by an authoritative server',
    how => {
      start({ authoritative: true })
      expect(one[how]('198.18.0.101')?.type).toBe(DHCPACK)
      expect(two[how]('198.18.0.101')?.type).toBe(DHCPNAK)
      expect(two[how]('198.18.0.7')?.type).toBe(DHCPNAK)
    },
  )

  test('a DHCPREQUEST after the lease has expired is acknowledged unless another client got the address', () => {
    start({ network: '198.18.0.0/24', ranges: ['198.18.0.100'] })
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
  test('the time of a lease is the requested one, within the configured bounds', () => {
    start({ leaseTime: 600, minLeaseTime: 100, maxLeaseTime: 1000 })
    const requesting = (seconds: number) =>
      one.discover([[DHO_LEASE_TIME, [0, 0, seconds >> 8, seconds]]])?.seconds
    expect(one.discover()?.seconds).toBe(600)
    expect([50, 100, 700, 5000].map(requesting)).toEqual([100, 100, 700, 1000])
  })

  test('the time of a lease is infinite if configured so', () => {
    start({ leaseTime: 'infinite' })
    expect(one.discover()?.seconds).toBe(0xffff_ffff)
    one.lease()
    bed.advance(1e9)
    expect(bed.server.leases()).toMatchObject([{ expires: Number.POSITIVE_INFINITY }])
  })
})

describe('DHCPDECLINE', () => {
  test('a declined address is not given for declineTime, and its client gets another one', () => {
    start({ network: '198.18.0.0/24', ranges: ['198.18.0.100-198.18.0.101'], declineTime: 600 })
    one.lease()
    one.decline('198.18.0.100')
    expect(bed.server.leases()).toEqual([])
    expect(bed.lines.slice(-2)).toEqual([
      `DHCPDECLINE(eth9) 198.18.0.100 ${MAC1}`,
      'DHCP(eth9) 198.18.0.100 is in use by an unknown machine: not offered for 600 s',
    ])
    expect(one.lease()).toBe('198.18.0.101')
    expect(two.discover([[DHO_REQUESTED_ADDRESS, '198.18.0.100']])).toBeUndefined()
    bed.advance(600)
    expect(two.lease()).toBe('198.18.0.100')
  })

  test('an offered address can be declined', () => {
    one.discover()
    one.decline('198.18.0.100')
    expect(two.lease()).toBe('198.18.0.101')
  })

  test('a DHCPDECLINE of the address of another client is ignored', () => {
    one.lease()
    two.decline('198.18.0.100')
    expect(bed.lines.at(-1)).toBe(`DHCPDECLINE(eth9) 198.18.0.100 ${MAC2} unknown lease`)
    expect(bed.server.leases()).toMatchObject([{ mac: MAC1 }])
  })

  test('a declined address remains declined across a restart', () => {
    one.lease()
    one.decline('198.18.0.100')
    bed.restart({}, 300)
    expect(two.discover()?.address).toBe('198.18.0.101')
  })
})

describe('DHCPRELEASE', () => {
  test('a DHCPRELEASE ends the lease of the client', () => {
    one.lease()
    one.release('198.18.0.100')
    expect(bed.server.leases()).toEqual([])
  })

  test('a DHCPRELEASE of the address of another client, or to another server, is ignored', () => {
    one.lease()
    two.release('198.18.0.100')
    one.release('198.18.0.100', '198.18.0.9')
    expect(bed.server.leases()).toHaveLength(1)
  })
})

describe('a reservation', () => {
  test('a reservation for a MAC address is given to it alone, inside or outside the range', () => {
    start({ reservations: [reservation, { mac: '02:00:00:00:00:09', address: '198.18.0.100' }] })
    expect(two.discover([[DHO_REQUESTED_ADDRESS, '198.18.0.50']])?.address).toBe('198.18.0.101')
    expect(one.lease()).toBe('198.18.0.50')
    expect(bed.lines.at(-1)).toBe(`DHCPACK(eth9) 198.18.0.50 ${MAC1} printer`)
    expect(new DhcpClient(bed, 9).lease()).toBe('198.18.0.100')
  })

  test('a reservation for a client identifier is given to it, whatever its MAC address', () => {
    start({ reservations: [{ clientId: 'ff:01:02', address: '198.18.0.51' }] })
    expect(
      new DhcpClient(bed, 7, { options: [[DHO_CLIENT_IDENTIFIER, [255, 1, 2]]] }).lease(),
    ).toBe('198.18.0.51')
    expect(one.lease()).toBe('198.18.0.100')
  })

  test('a reservation for a MAC address remains valid when the machine changes its client identifier', () => {
    start({ reservations: [reservation] })
    const rom = new DhcpClient(bed, 1, { options: [[DHO_CLIENT_IDENTIFIER, [0, 9, 9]]] })
    expect(rom.lease()).toBe('198.18.0.50')
    expect(one.lease()).toBe('198.18.0.50')
    expect(bed.server.leases()).toHaveLength(1)
  })

  test('a reservation that its client declines is withheld from it, too, for a time', () => {
    start({ reservations: [reservation] })
    one.lease()
    one.decline('198.18.0.50')
    expect(one.lease()).toBe('198.18.0.100')
    bed.advance(600)
    expect(one.lease()).toBe('198.18.0.50')
  })

  test('a reservation that a reload adds makes its client move when it renews', () => {
    one.lease()
    two.lease()
    bed.server.reload(
      dhcpConfig({
        ...SPEC,
        reservations: [reservation, { mac: MAC1.replace('1', 'f'), address: '198.18.0.101' }],
      }),
    )
    expect(bed.server.leases()).toHaveLength(2)
    expect(one.renew('198.18.0.100')?.type).toBe(DHCPNAK)
    expect(one.lease()).toBe('198.18.0.50')
    expect(two.renew('198.18.0.101')?.type).toBe(DHCPNAK)
    expect(two.lease()).toBe('198.18.0.100')
  })
})

describe('a relay', () => {
  const relayed = { giaddr: ip('198.18.0.7') }

  test('a client of a relay gets an address through the relay', () => {
    const offer = new DhcpClient(bed, 3, relayed).discover()
    expect(offer).toMatchObject({ type: DHCPOFFER, address: '198.18.0.100' })
    expect(offer?.reply).toMatchObject({ address: relayed.giaddr, port: 67, mac: undefined })
  })

  test('a relay outside the network gets no reply', () => {
    expect(new DhcpClient(bed, 3, { giaddr: ip('192.0.2.1') }).discover()).toBeUndefined()
    expect(bed.lines).toEqual([
      'DHCP(eth9) 02:00:00:00:00:03 its relay is not in the network: 192.0.2.1',
    ])
  })

  test('a client that moved is refused its old address through the relay', () => {
    const nak = new DhcpClient(bed, 1, relayed).reboot('198.19.0.10')
    expect(nak?.type).toBe(DHCPNAK)
    expect(nak?.message.flags).toBe(0x8000)
    expect(nak?.reply).toMatchObject({ address: relayed.giaddr, port: 67 })
  })

  test('a client of a relay renews by unicast, without the relay', () => {
    new DhcpClient(bed, 1, relayed).lease()
    expect(one.renew('198.18.0.100')?.type).toBe(DHCPACK)
  })

  test('the renewal of an address of another network is refused', () => {
    expect(one.renew('198.19.0.10')?.type).toBe(DHCPNAK)
    expect(one.rebind('198.19.0.10')?.type).toBe(DHCPNAK)
  })
})

describe('leases', () => {
  test('leases survive a restart with their remaining time', () => {
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

  test('leases that cannot be saved are not granted, and the log says why', () => {
    one.discover()
    bed.store.fails = true
    expect(one.select('198.18.0.100')).toBeUndefined()
    expect(bed.lines.at(-1)).toBe(
      'DHCP(eth9) leases cannot be saved, no new one is given: the disk is full',
    )
    bed.store.fails = false
    expect(one.select('198.18.0.100')?.type).toBe(DHCPACK)
  })

  test('leases survive a reload, but a lease that the new configuration forbids is not renewed', () => {
    one.lease()
    bed.server.reload(dhcpConfig({ ...SPEC, network: '198.18.0.0/24', ranges: ['198.18.0.200'] }))
    expect(bed.server.leases()).toHaveLength(1)
    expect(one.renew('198.18.0.100')?.type).toBe(DHCPNAK)
    expect(one.lease()).toBe('198.18.0.200')
  })
})
