import { describe, expect, test } from 'vitest'
import { memoryNets, padded } from '#support/memory-net.ts'
import { address, buildFrame, plain, plain6 } from '../../../../test/packet/frames.ts'
import { addLan } from '../lan-net.ts'
import { CLIENT, CLIENT_MAC, CLIENT6, GATEWAY, GATEWAY6, ping, seen } from '../packets.ts'

const makeNet = memoryNets()
const families = [
  ['IPv4', GATEWAY, CLIENT, plain],
  ['IPv6', GATEWAY6, CLIENT6, plain6],
] as const

describe.each(families)('ping over %s', (_, gateway, client, usual) => {
  test('a host sends a ping back with its data unchanged', async () => {
    const { ask, hosts } = await addLan(makeNet())
    const request = ping(gateway, [1, 2, 3], { hops: 9 })
    const [answer, ...more] = ask(request).map(seen)
    expect(answer).toMatchObject({
      to: client.mac,
      from: gateway.mac,
      source: gateway.ip,
      destination: client.ip,
      hops: 64,
    })
    expect(answer?.transport.slice(4)).toEqual([0x77, 0x88, 0, 1, 1, 2, 3])
    expect([answer?.transport[0], more, hosts.counters.echo]).toEqual([
      gateway.ip.length === 4 ? 0 : 129,
      [],
      1,
    ])
  })

  test('a fragmented ping comes back in the same fragments', async () => {
    const { ask } = await addLan(makeNet())
    const whole = {
      ...usual,
      kind: 'icmp',
      payload: Array.from({ length: 100 }, (_, i) => i),
    } as const
    const there = { ...whole, source: client.ip, destination: gateway.ip }
    const back = { ...whole, source: gateway.ip, destination: client.ip, reply: true }
    for (const first of [true, false]) {
      const fragment = { first, at: 64 }
      const frame = (packet: object) => {
        return buildFrame({ packet: { ...there, ...packet, fragment }, tags: [], padding: [] })
      }
      const [request, expected] = [frame({}), frame(back)]
      request.set([...gateway.mac, ...CLIENT_MAC])
      expected.set([...CLIENT_MAC, ...gateway.mac])
      expect(ask(request).map(({ bytes }) => bytes)).toEqual([padded(expected)])
    }
  })

  test('a host does not reply to a ping to another host’s address', async () => {
    const { ask } = await addLan(makeNet(), {
      hosts: [{ ip: '198.18.0.9', ip6: '2001:db8:0:1::9' }],
    })
    const other = gateway.ip.with(-1, 9)
    const [answer] = ask(ping({ mac: [2, 0x4c, 0x4e, 18, 0, 9], ip: gateway.ip }))
    expect(answer).toBeUndefined()
    expect(ask(ping({ mac: [2, 0x4c, 0x4e, 18, 0, 9], ip: other }))).toHaveLength(1)
  })

  test('a ping from a group is dropped', async () => {
    const { ask, drops } = await addLan(makeNet())
    const group = address(gateway.ip.length === 4 ? '224.0.0.1' : 'ff02:0:0:0:0:0:0:1')
    expect(ask(ping(gateway, [], { from: { mac: CLIENT_MAC, ip: group } }))).toEqual([])
    expect(drops()).toEqual({ IP_INADDRERRORS: 1 })
  })
})
