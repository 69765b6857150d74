/**
 * The contents and destinations of the DHCP server's replies (RFC 2131 sec. 4.1, 2132, 3046, 6842).
 */
import { describe, expect, test } from 'vitest'
import { DHCPACK, DHCPNAK, DHCPOFFER, DhcpBed, DhcpClient, type Fields, ip } from '#support/dhcp.ts'
import type { DhcpSpec } from '../../../src/services/dhcp/config.ts'

function clientOf(spec: Partial<DhcpSpec> = {}, always: Fields = {}): DhcpClient {
  return new DhcpClient(new DhcpBed(spec), 1, always)
}
const requesting = (...codes: number[]): Fields['options'] => [[55, codes]]
const BROADCAST = 0xffff_ffff

describe('options', () => {
  test('a reply has the requested options, in that order, after the fixed options of every reply', () => {
    const client = clientOf({ options: { 'domain-name': 'lan', 'ntp-server': '198.18.0.9' } })
    expect([...(client.discover(requesting(42, 15, 6, 99))?.message.options.keys() ?? [])]).toEqual(
      [53, 54, 51, 58, 59, 42, 15, 6],
    )
  })

  test('the subnet mask precedes the router in a reply, whatever the requested order', () => {
    const keys = [
      ...(clientOf()
        .discover(requesting(6, 3, 1))
        ?.message.options.keys() ?? []),
    ]
    expect(keys.slice(5)).toEqual([1, 6, 3])
  })

  test('a client that requests no options gets all configured ones', () => {
    const options = clientOf().discover()?.message.options
    expect(options?.get(1)).toEqual(Uint8Array.of(255, 255, 255, 0))
    expect(options?.get(3)).toEqual(Uint8Array.of(198, 18, 0, 1))
    expect(options?.get(6)).toEqual(Uint8Array.of(198, 18, 0, 1))
    expect(options?.get(28)).toEqual(Uint8Array.of(198, 18, 0, 255))
  })

  test('a reservation’s options override the general ones, and null removes one', () => {
    const client = clientOf({
      options: { mtu: 1400, 'tcp-ttl': 1, router: null },
      reservations: [
        {
          mac: '02:00:00:00:00:01',
          address: '198.18.0.9',
          hostname: 'nine',
          options: { mtu: 1200 },
        },
      ],
    })
    const options = client.discover()?.message.options
    expect([26, 37].map(code => options?.get(code))).toEqual([
      Uint8Array.of(4, 176),
      Uint8Array.of(1),
    ])
    expect(options?.has(3)).toBe(false)
    expect(Buffer.from(options?.get(12) ?? []).toString()).toBe('nine')
  })

  test('options of `always` are sent unrequested', () => {
    const client = clientOf({ options: { 'vendor-class': 'PXEClient' }, always: ['vendor-class'] })
    expect(client.discover(requesting(1))?.message.options.has(60)).toBe(true)
  })

  test('a reply has T1 and T2 of the lease, unless others within it are configured', () => {
    const times = (client: DhcpClient) =>
      [58, 59].map(code => client.discover()?.message.options.get(code)?.[3])
    expect(times(clientOf({ leaseTime: 80 }))).toEqual([40, 70])
    expect(times(clientOf({ leaseTime: 80, renewalTime: 20, rebindingTime: 30 }))).toEqual([20, 30])
    expect(times(clientOf({ leaseTime: 80, renewalTime: 90, rebindingTime: 100 }))).toEqual([
      40, 70,
    ])
    expect(times(clientOf({ leaseTime: 'infinite' }))).toEqual([undefined, undefined])
  })

  test('options that do not fit are omitted, the last ones first, and logged', () => {
    const bed = new DhcpBed({
      options: { 43: '00'.repeat(250), 60: 'a'.repeat(250), 77: '00'.repeat(250) },
    })
    const offer = new DhcpClient(bed, 1).discover(requesting(43, 60, 77))
    expect(offer?.message.options.has(77)).toBe(false)
    expect(bed.lines.at(-1)).toBe(
      'DHCP(eth9) 02:00:00:00:00:01 accepts too short a message for its options 60, 77',
    )
    const large = new DhcpClient(bed, 1).discover([
      ...(requesting(43, 60, 77) ?? []),
      [57, [1200 >> 8, 1200 & 255]],
    ])
    expect([43, 60, 77].every(code => large?.message.options.has(code))).toBe(true)
    expect(large?.reply.data.length).toBeLessThanOrEqual(1200 - 28)
  })

  test("a reply returns the client's identifier and the relay's information, even in a refusal", () => {
    const options = [
      [82, [1, 2, 3, 4]],
      [61, [255, 1, 2]],
    ] as const
    const client = clientOf({}, { options, giaddr: ip('198.18.0.7') })
    for (const answer of [client.discover(), client.select('198.18.0.9')]) {
      expect(answer?.message.options.get(61)).toEqual(Uint8Array.of(255, 1, 2))
      expect([...(answer?.message.options.entries() ?? [])].at(-1)).toEqual([
        82,
        Uint8Array.of(1, 2, 3, 4),
      ])
    }
  })
})

describe('the destination of a reply', () => {
  test("a reply goes to the offered address at the client's MAC address", () => {
    const client = clientOf()
    expect(client.discover()?.reply).toMatchObject({
      address: ip('198.18.0.100'),
      port: 68,
      mac: client.mac,
    })
  })

  test('a reply goes to 255.255.255.255 if the client requests that or has no Ethernet address', () => {
    for (const fields of [
      { flags: 0x8000 },
      { htype: 32 },
      { chaddr: new Uint8Array(8).fill(2) },
    ]) {
      expect(clientOf({}, fields).discover()?.reply).toMatchObject({
        address: BROADCAST,
        port: 68,
        mac: undefined,
      })
    }
  })

  test('a reply goes to the address that the client has, on the path of the request', () => {
    const client = clientOf()
    client.lease()
    expect(client.renew('198.18.0.100')?.reply).toMatchObject({
      address: ip('198.18.0.100'),
      port: 68,
      mac: client.mac,
    })
  })

  test('a reply goes to port 67 of the relay, whatever the broadcast flag', () => {
    const relayed = clientOf({}, { giaddr: ip('198.18.0.7'), flags: 0x8000 }).discover()
    expect(relayed?.reply).toMatchObject({ address: ip('198.18.0.7'), port: 67, mac: undefined })
    expect(relayed?.message.giaddr).toBe(ip('198.18.0.7'))
  })

  test('a reply goes to 255.255.255.255 if it is a refusal, and contains no address', () => {
    const client = clientOf()
    client.lease()
    const nak = client.renew('198.18.0.101')
    expect(nak).toMatchObject({ type: DHCPNAK, reply: { address: BROADCAST, mac: undefined } })
    expect(nak?.message).toMatchObject({ flags: 0, ciaddr: 0, yiaddr: 0, siaddr: 0 })
    expect([...(nak?.message.options.keys() ?? [])]).toEqual([53, 54, 56])
  })
})

test('an acknowledgement repeats ciaddr, an offer does not', () => {
  const client = clientOf()
  client.lease()
  expect(client.renew('198.18.0.100')?.message.ciaddr).toBe(ip('198.18.0.100'))
  expect(client.send(1, { ciaddr: ip('198.18.0.100') })).toMatchObject({
    type: DHCPOFFER,
    message: { ciaddr: 0 },
  })
})

test('a network boot has its server and file in their fields, and as options if requested', () => {
  const boot = { file: 'pxelinux.0', nextServer: '198.18.0.8' }
  const { message } = clientOf({ boot }).discover(requesting(66, 67)) ?? {}
  expect(message).toMatchObject({ siaddr: ip('198.18.0.8') })
  expect(Buffer.from(message?.file ?? []).toString()).toBe('pxelinux.0')
  expect([66, 67].map(code => Buffer.from(message?.options.get(code) ?? []).toString())).toEqual([
    '198.18.0.8',
    'pxelinux.0',
  ])
  const own = {
    mac: '02:00:00:00:00:01',
    address: '198.18.0.9',
    boot: { file: 'own', serverName: 'me' },
  }
  expect(clientOf({ boot, reservations: [own] }).discover()?.message).toMatchObject({
    siaddr: ip('198.18.0.1'),
    file: Uint8Array.from(Buffer.from('own')),
    sname: Uint8Array.from(Buffer.from('me')),
  })
})

test('a DHCPINFORM gets the options and no address in reply', () => {
  const ack = clientOf().inform('198.18.0.7', requesting(6, 3))
  expect(ack).toMatchObject({ type: DHCPACK, address: '0.0.0.0', seconds: undefined })
  expect([...(ack?.message.options.keys() ?? [])]).toEqual([53, 54, 6, 3])
  expect(ack?.reply).toMatchObject({ address: ip('198.18.0.7'), port: 68 })
  expect(clientOf().inform('0.0.0.0')).toBeUndefined()
  expect(clientOf().inform('192.0.2.7')).toBeUndefined()
})

describe('the name of a client', () => {
  const named = (options: Fields['options']) => {
    const bed = new DhcpBed()
    new DhcpClient(bed, 1).lease(options)
    return bed.server.leases()[0]?.hostname
  }
  const ascii = (value: string) => [...Buffer.from(value)]

  test('the name of a client becomes one label in lower case, if it is valid', () => {
    expect(named([[12, ascii('Box-1')]])).toBe('box-1')
    expect(named([[12, ascii('box.example.org')]])).toBe('box')
    for (const good of ['a', '9', '3com-9']) {
      expect(named([[12, ascii(good)]])).toBe(good)
    }
    for (const bad of ['', '-a', 'a b', 'a\n', 'ä', 'a'.repeat(64), '*']) {
      expect(named([[12, ascii(bad)]])).toBeUndefined()
    }
  })

  test('the name of a client is taken from the full name first, in ASCII or in DNS wire format', () => {
    expect(
      named([
        [12, ascii('one')],
        [81, [0, 0, 0, ...ascii('two.lan')]],
      ]),
    ).toBe('two')
    expect(named([[81, [4, 0, 0, 3, ...ascii('two'), 3, ...ascii('lan'), 0]]])).toBe('two')
    expect(named([[81, [4, 0, 0, 200, 1]]])).toBeUndefined()
  })

  test('the name of a client moves to the client that took it last, but a reserved name to no other client', () => {
    const bed = new DhcpBed({
      reservations: [{ mac: '02:00:00:00:00:09', address: '198.18.0.9', hostname: 'nine' }],
    })
    new DhcpClient(bed, 1).lease([[12, ascii('box')]])
    new DhcpClient(bed, 2).lease([[12, ascii('box')]])
    new DhcpClient(bed, 3).lease([[12, ascii('nine')]])
    expect(bed.server.leases().map(({ hostname }) => hostname)).toEqual([
      undefined,
      'box',
      undefined,
    ])
  })
})
