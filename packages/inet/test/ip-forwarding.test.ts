/** Routers in memory, and the errors that they report, on a fake clock. */
import { expect, test } from 'vitest'
import { address, bound, bytes, endpoint, ping, probe, routed } from './ip-network.ts'

const SERVERS = ['198.18.2.2', '2001:db8:2::2']

test.each(SERVERS)('a router forwards packets for %s', to => {
  const { network, client, router } = routed()
  let replies = 0
  ping(client.stack, address(to), {}, () => replies++)
  network.run()
  expect(replies).toBe(1)
  const { IpForwDatagrams = 0, Ip6OutForwDatagrams = 0 } = router.stack.counters()
  expect(IpForwDatagrams + Ip6OutForwDatagrams).toBe(2)
})

test.each(SERVERS)('a host that is not a router forwards nothing for %s', to => {
  const { network, client, router } = routed()
  router.stack.forwarding = false
  let replies = 0
  ping(client.stack, address(to), {}, () => replies++)
  network.run()
  expect(replies).toBe(0)
  expect(router.stack.counters()[to.includes(':') ? 'Ip6InAddrErrors' : 'IpInAddrErrors']).toBe(1)
})

test.each(SERVERS)('a router reports a packet for %s at the end of its life', to => {
  const { network, client, server } = routed()
  const { errors, send } = probe(client)
  send(to, 16, { ttl: 1 })
  network.run()
  expect(errors).toEqual([{ errno: 113, isFatal: false, mtu: 0 }])
  expect(server.stack.counters()).toEqual({})
  const received: number[] = []
  server.stack.use(99, {
    receive: ({ length }) => received.push(length),
    hasSent: () => true,
    error: () => {},
  })
  send(to, 16, { ttl: 2 })
  network.run()
  expect(received).toEqual([16])
})

test.each(['203.0.113.1', '2001:db8:9::1'])('a router without a route to %s reports it', to => {
  const { network, client, router } = routed()
  const { errors, send } = probe(client)
  send(to, 16)
  network.run()
  expect(errors).toEqual([{ errno: 101, isFatal: false, mtu: 0 }])
  expect(router.stack.counters()[to.includes(':') ? 'Ip6InNoRoutes' : 'IpExtInNoRoutes']).toBe(1)
})

test.each(['198.18.2.9', '2001:db8:2::9'])(
  'a router reports a neighbour %s that does not reply',
  to => {
    const { network, client } = routed()
    const { errors, send } = probe(client)
    send(to, 16)
    network.run()
    expect(errors).toEqual([{ errno: 113, isFatal: false, mtu: 0 }])
    // It has asked with an address of its own, not with the sender's.
    const asked = network.frames
      .filter(frame => frame[5] === 0xff && frame[13] === 6)
      .map(frame => frame.subarray(28, 32))
    if (to.includes('.')) {
      expect(asked).toContainEqual(address('198.18.2.1'))
    }
  },
)

test.each([
  ['198.18.2.2', 20],
  ['2001:db8:2::2', 40],
] as const)(
  'the sender of packets to %s learns the MTU of the path for ten minutes',
  (to, header) => {
    const { network, client, router } = routed()
    const { errors, send } = probe(client)
    const target = address(to)
    const sendWhole = (length: number) => send(to, length - header, { dontFragment: true })
    expect(client.stack.mtuTo(target)).toBe(1500)
    expect(sendWhole(1501)).toBe(-90)
    expect(sendWhole(1500)).toBe(0)
    network.run()
    expect(errors).toEqual([{ errno: 90, isFatal: false, mtu: 1400 }])
    expect(client.stack.mtuTo(target)).toBe(1400)
    expect(client.stack.mtuTo(address(header === 20 ? '198.18.2.3' : '2001:db8:2::3'))).toBe(1500)
    expect(sendWhole(1401)).toBe(-90)
    expect(router.stack.counters()[header === 20 ? 'IpFragFails' : 'Ip6FragFails']).toBe(1)
    network.run(600_000)
    expect(client.stack.mtuTo(target)).toBe(1500)
  },
)

test('an MTU that the quoted packet fits is taken, as Linux does', () => {
  const { network, client, near } = routed()
  const { errors, send } = probe(client)
  send('198.18.2.2', 1480, { dontFragment: true })
  network.run()
  const report = network.frames.findLast(frame => frame[23] === 1 && frame[34] === 3) as Uint8Array
  // The quoted packet becomes 1000 bytes long; the sums are kept by the identification and unused.
  const forged = report.slice()
  const put = (at: number, value: number) => forged.set([value >>> 8, value & 0xff], at)
  put(44, 1000)
  put(46, (forged[46] as number) * 256 + (forged[47] as number) + 500)
  network.run(600_000)
  near.receive(forged, 0, forged.length)
  expect(errors.length).toBe(2)
  expect(client.stack.mtuTo(address('198.18.2.2'))).toBe(1400)
})

test('a path with an MTU below 552 is believed to have 552, and its packets may be cut', () => {
  const { network, client, server } = routed(400)
  const received: number[] = []
  server.stack.use(99, {
    receive: ({ length }) => received.push(length),
    hasSent: () => true,
    error: () => {},
  })
  const { send } = probe(client)
  send('198.18.2.2', 532, { dontFragment: true })
  network.run()
  expect(client.stack.mtuTo(address('198.18.2.2'))).toBe(552)
  send('198.18.2.2', 532, { dontFragment: true })
  network.run()
  expect(received).toEqual([532])
})

test('a router cuts packets of IPv4 that may be cut', () => {
  const { network, client, router, server } = routed()
  const received: number[] = []
  server.stack.use(99, {
    receive: ({ length }) => received.push(length),
    hasSent: () => true,
    error: () => {},
  })
  probe(client).send('198.18.2.2', 1450)
  network.run()
  expect(received).toEqual([1450])
  expect(router.stack.counters()).toMatchObject({ IpFragOKs: 1, IpFragCreates: 2 })
})

test('a filter decides about forwarded, received and sent packets, and drops are counted', () => {
  const { network, client, router, server } = routed()
  const seen: string[] = []
  router.stack.filter = ({ from, to, bytes: packet, at }) => {
    seen.push(`${from?.name ?? 'own'} ${to?.name ?? 'own'} ${packet[at + 9]}`)
    return packet[at + 9] !== 17
  }
  const receiver = bound(server, 4, 53)
  bound(client, 4, 0).socket.send(bytes(1), endpoint('198.18.2.2', 53))
  ping(client.stack, address('198.18.1.2'))
  ping(client.stack, address('198.18.2.2'))
  network.run()
  expect(receiver.messages).toEqual([])
  expect(seen.sort()).toEqual([
    'eth0 eth1 1',
    'eth0 eth1 17',
    'eth0 own 1',
    'eth1 eth0 1',
    'own eth0 1',
  ])
  expect(router.stack.counters().FilterDropped).toBe(1)
})

test('a diverted packet takes the given route', () => {
  const { network, client, router, near, gate, server } = routed()
  router.stack.divert = ({ bytes: packet, at }) =>
    packet[at + 9] === 17
      ? {
          prefix: { bytes: address('0.0.0.0'), prefixLen: 0 },
          via: near.mac.slice(0, 4),
          dev: gate,
        }
      : undefined
  gate.setNeighbour(near.mac.slice(0, 4), near.mac)
  const receiver = bound(server, 4, 53)
  bound(client, 4, 0).socket.send(bytes(1), endpoint('198.18.2.2', 53))
  network.run()
  expect(receiver.messages).toEqual([])
  expect(router.stack.counters().IpForwDatagrams).toBe(1)
})

test('no error is sent about an error, a fragment that is not the first, a group or a broadcast', () => {
  const { network, client, near, gate } = routed()
  const { send } = probe(client)
  near.setNeighbour(address('198.18.1.2'), gate.mac)
  send('203.0.113.1', 16)
  network.run()
  const [packet] = network.frames as [Uint8Array]
  network.frames.length = 0
  const change = (changes: readonly (readonly [at: number, value: number])[]) => {
    const frame = packet.slice()
    for (const [at, value] of changes) {
      const even = at & ~1
      const before = (frame[even] as number) * 256 + (frame[even + 1] as number)
      frame[at] = value
      const grown = before - (frame[even] as number) * 256 - (frame[even + 1] as number)
      let check = (frame[24] as number) * 256 + (frame[25] as number) + grown
      if (check < 0) {
        check += 0xffff
      }
      if (check > 0xffff) {
        check -= 0xffff
      }
      frame.set([check >>> 8, check & 0xff], 24)
    }
    gate.receive(frame, 0, frame.length)
    network.run()
    return network.frames.splice(0).length
  }
  expect(change([])).toBe(1)
  expect(change([[21, 1]])).toBe(0)
  expect(change([[20, 0x20]])).toBe(1)
  // An "unreachable", and an echo request.
  expect(change([[23, 1]])).toBe(1)
  packet[34] = 3
  expect(change([[23, 1]])).toBe(0)
  expect(change([[30, 224]])).toBe(0)
})
