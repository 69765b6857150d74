/** SIGHUP applies the file of --config and keeps leases and ports, or changes nothing. */
import { describe, expect, test, vi } from 'vitest'
import { FileError, UsageError } from '#src/base/usage-error.ts'
import type { Frame } from '#src/bed/memory-port.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { formatAddress } from '#src/packet/address.ts'
import {
  DHCPDISCOVER,
  DHCPREQUEST,
  DHO_REQUESTED_ADDRESS,
  DHO_SERVER_IDENTIFIER,
  parse,
} from '#src/packet/dhcp.ts'
import { octetsOfMessage } from '#support/dhcp.ts'
import { addDriver, memoryNets } from '#support/memory-net.ts'
import { address } from '../../../../test/packet/frames.ts'
import { driver as exported, lan } from '../../src/driver.ts'
import { type LanDriver, lanDrivers, powerless } from '../lan-driver.ts'
import {
  BROADCAST,
  CLIENT,
  CLIENT_MAC,
  datagram,
  type End,
  GATEWAY,
  ICMPV6,
  ping,
  seen,
  udp,
  word16,
} from '../packets.ts'

vi.mock('#src/linux/native.ts', async original => ({
  ...(await original<object>()),
  loadNative: () => powerless,
}))

const makeNet = memoryNets()
const makeLan = lanDrivers(makeNet)

const WEB = 'hosts: [{ name: web, mac: "02:00:00:00:07:07", ip: 198.18.0.7 }]\n'
const MAIL = 'hosts: [{ name: mail, mac: "02:00:00:00:08:08", ip: 198.18.0.8 }]\n'
const NO6 = 'network6: false\n'
const web: End = { mac: [2, 0, 0, 0, 7, 7], ip: address('198.18.0.7') }
const mail: End = { mac: [2, 0, 0, 0, 8, 8], ip: address('198.18.0.8') }

/** Sends a DHCP message, and returns the type and address of the reply. */
function dhcp(lan: LanDriver, type: number, options: [number, string][] = []) {
  const isIpv4 = ({ bytes }: Frame) => bytes[12] === 8 && bytes[13] === 0
  // An address is probed before it is offered.
  return answerIn([...lan.ask(dhcpFrame(type, options)), ...lan.wait(0.3)].filter(isIpv4))
}

function dhcpFrame(type: number, options: [number, string][]): Uint8Array {
  const message = octetsOfMessage(type, Uint8Array.from(CLIENT_MAC), { options })
  const from = { mac: CLIENT_MAC, ip: [0, 0, 0, 0] }
  return udp({ mac: BROADCAST, ip: [255, 255, 255, 255] }, 67, [...message], {
    from,
    sourcePort: 68,
  })
}

function answerIn([reply]: readonly Frame[]) {
  const answer = reply && parse(Uint8Array.from(datagram(reply).data))
  return (
    answer && {
      type: answer.options.get(53)?.[0],
      address: formatAddress(Uint8Array.of(...octets(answer.yiaddr))),
    }
  )
}
const octets = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]

async function lease(lan: LanDriver): Promise<string> {
  const offer = dhcp(lan, DHCPDISCOVER)
  const chosen: [number, string][] = [
    [DHO_REQUESTED_ADDRESS, offer!.address],
    [DHO_SERVER_IDENTIFIER, '198.18.0.1'],
  ]
  expect(answerIn(await lan.askLater(dhcpFrame(DHCPREQUEST, chosen)))).toEqual({
    type: 5,
    address: offer!.address,
  })
  return offer!.address
}

/** Returns the lifetime, source and length of each router advertisement among `frames`. */
function advertised(frames: readonly Frame[]) {
  return frames
    .map(seen)
    .filter(({ protocol, transport }) => protocol === ICMPV6 && transport[0] === 134)
    .map(({ transport, from }) => ({
      lifetime: word16(transport, 6),
      from: from[5],
      octets: transport.length,
    }))
}

describe('a valid file', () => {
  test('a reload adds and removes hosts, and the port is unchanged', async () => {
    const lan = await makeLan(NO6 + WEB)
    expect([lan.ask(ping(web)).length, lan.ask(ping(mail)).length]).toEqual([1, 0])
    lan.write(NO6 + MAIL)
    lan.driver.reload?.()
    expect([lan.ask(ping(web)).length, lan.ask(ping(mail)).length]).toEqual([0, 1])
    expect(lan.entries('host').map(({ name }) => name)).toEqual(['gateway', 'mail'])
    expect([lan.port.carrier, lan.entries('station').map(({ name }) => name)]).toEqual([
      true,
      ['eth9'],
    ])
  })

  test('a reload keeps leases, and clients renew them', async () => {
    const lan = await makeLan(NO6)
    const had = await lease(lan)
    const before = lan.entries('lease')
    lan.write(`${NO6}dhcp: { leaseTime: 60 }\n`)
    lan.driver.reload?.()
    expect([before.length, lan.entries('lease')]).toEqual([1, before])
    expect(dhcp(lan, DHCPREQUEST, [[DHO_REQUESTED_ADDRESS, had]])).toEqual({
      type: 5,
      address: had,
    })
    expect(lan.entries('lease')[0]!.expires).toBeLessThan(before[0]!.expires)
  })

  test('a reload may turn DHCP off, and on again with the former leases', async () => {
    const lan = await makeLan(NO6)
    const had = await lease(lan)
    lan.write(`${NO6}dhcp: false\n`)
    lan.driver.reload?.()
    expect([dhcp(lan, DHCPDISCOVER), lan.entries('lease')]).toEqual([undefined, []])
    lan.write(NO6)
    lan.driver.reload?.()
    expect(lan.entries('lease').map(({ address }) => formatAddress(address))).toEqual([had])
    expect(dhcp(lan, DHCPREQUEST, [[DHO_REQUESTED_ADDRESS, had]])).toEqual({
      type: 5,
      address: had,
    })
  })

  test('a reload keeps neighbours and counters', async () => {
    const lan = await makeLan(NO6 + WEB)
    const arp = [0, 1, 8, 0, 6, 4, 0, 1, ...CLIENT.mac, ...CLIENT.ip, 0, 0, 0, 0, 0, 0, ...web.ip]
    lan.ask(Uint8Array.from([...BROADCAST, ...CLIENT.mac, 8, 6, ...arp]))
    const [neighbours, answered] = [lan.entries('neighbour'), lan.entries('counter')]
    expect(neighbours.map(({ address }) => formatAddress(address))).toEqual(['198.18.0.50'])
    lan.write(NO6 + MAIL)
    lan.driver.reload?.()
    expect([lan.entries('neighbour'), lan.entries('counter')]).toEqual([neighbours, answered])
  })

  test('a reload with the same router does not advertise its end', async () => {
    const lan = await makeLan('ra: { maxInterval: 4 }\n')
    lan.wait(20)
    const before = lan.port.received.length
    lan.write('ra: { maxInterval: 1000, lifetime: 9000, mtu: 1400 }\n')
    lan.driver.reload?.()
    const after = lan.wait(60)
    const adverts = advertised(lan.port.received.slice(before))
    expect(adverts.length).toBeGreaterThan(0)
    expect(new Set(adverts.map(({ lifetime }) => lifetime))).toEqual(new Set([9000]))
    // The first ones are at most 16 s apart; one every 4 s would be 15.
    expect(advertised(after).length).toBeLessThan(6)
  })

  test.each([
    ['there is no router', 'ra: false\n', [0]],
    ['there is another router', 'gateway: { mac: "02:00:00:00:00:77" }\n', [0, 1800]],
  ])('a reload after which %s advertises the end of the former', async (_, text, lifetimes) => {
    const lan = await makeLan('')
    lan.wait(20)
    const before = lan.port.received.length
    lan.write(text)
    lan.driver.reload?.()
    lan.memory.net.flush()
    const adverts = advertised(lan.port.received.slice(before))
    expect(adverts.map(({ lifetime }) => lifetime)).toEqual(lifetimes)
    expect(adverts.map(({ from }) => from)).toEqual([1, 0x77].slice(0, lifetimes.length))
    lan.ask(
      ping({ ...GATEWAY, mac: text.startsWith('gateway') ? [2, 0, 0, 0, 0, 0x77] : GATEWAY.mac }),
    )
  })
})

describe('an invalid file', () => {
  test.each([
    ['with a syntax error', 'hosts: [\n', /^.*\/lan\.yaml:2:1: /],
    ['with an unknown key', `${WEB}nmae: x\n`, /^.*\/lan\.yaml:2:1: nmae: unknown key/],
    [
      'with an invalid DHCP option',
      `${WEB}dhcp:\n  options:\n    router: [198.18.0]\n`,
      /^.*\/lan\.yaml:4:13: dhcp\.options\.router: the option .*198\.18\.0/,
    ],
    [
      'with conflicting hosts',
      'network6: 2001:db8:0:1::/64\nhosts: [{ ip: 198.18.0.7 }, { ip6: "2001:db8:0:1::12:7" }]\n',
      /^.*\/lan\.yaml: host 02:4c:4e:12:00:07: another host has that hardware address$/,
    ],
  ])('a reload of a file %s throws its position, and changes nothing', async (_, text, message) => {
    const lan = await makeLan(NO6 + WEB)
    const had = await lease(lan)
    const hosts = lan.entries('host')
    lan.write(text)
    expect(() => lan.driver.reload?.()).toThrow(
      expect.objectContaining({ message: expect.stringMatching(message) }),
    )
    expect(() => lan.driver.reload?.()).toThrow(FileError)
    expect([lan.ask(ping(web)).length, lan.ask(ping(GATEWAY)).length]).toEqual([1, 1])
    expect([lan.entries('host'), lan.entries('lease').length]).toEqual([hosts, 1])
    expect(dhcp(lan, DHCPREQUEST, [[DHO_REQUESTED_ADDRESS, had]])).toEqual({
      type: 5,
      address: had,
    })
    expect(lan.entries('station').map(({ name }) => name)).toEqual(['eth9'])
  })

  test('an invalid file at the start is rejected with the same message', async () => {
    await expect(makeLan('nmae: x\n')).rejects.toThrow(/^.*\/lan\.yaml:1:1: nmae: unknown key/)
  })
})

describe('without a file', () => {
  test('a lan without a file cannot reload, even if the previous run had a file', async () => {
    const memory = makeNet()
    const { file, memory: first } = await makeLan(NO6)
    expect(lan().reload).toBeUndefined()
    const leases = `${file}.leases`
    const run = async (params: object) => {
      const { devices } = await addDriver(memory, exported, { leases, network6: 'none', ...params })
      const has = exported.reload !== undefined
      for (const dev of devices) {
        await unregisterNetdev(dev)
      }
      await exported.exit?.()
      return has
    }
    expect([await run({ config: file, network6: undefined }), await run({})]).toEqual([true, false])
    expect(first.net.devices).toHaveLength(1)
  })

  test('without a file, problems are one line without positions', async () => {
    const made = addDriver(makeNet(), lan(), {
      network: '198.18.0.7/24',
      network6: '2001:db8::/200',
    })
    await expect(made).rejects.toThrow(UsageError)
    await expect(made).rejects.not.toThrow(FileError)
    await expect(made).rejects.toThrow(
      /^network: expected an IPv4 network .*got '198\.18\.0\.7\/24'; network6: expected an IPv6 .*got '2001:db8::\/200'$/,
    )
  })
})
