/** IP, ICMP echo, ARP and neighbour discovery of hosts in memory, on a fake clock. */
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { IpStack } from '../src/ip/stack.ts'
import {
  address,
  bound,
  bytes,
  endpoint,
  Network,
  pair,
  ping,
  probe,
  route,
  routed,
} from './ip-network.ts'

const isArp = (frame: Uint8Array) => frame[12] === 8 && frame[13] === 6
const isSolicitation = (frame: Uint8Array) =>
  frame[12] === 0x86 && frame[20] === 58 && frame[54] === 135

test.each(['198.18.1.2', '2001:db8::2', '198.18.1.1', '2001:db8::1', '127.0.0.1', '::1'])(
  'a host pings %s',
  to => {
    const { network, a } = pair()
    const replies: { source: Uint8Array; payload: Uint8Array }[] = []
    ping(a.stack, address(to), { payload: bytes(56), id: 7, seq: 3 }, reply => replies.push(reply))
    expect(replies).toEqual([])
    network.run()
    expect(replies).toEqual([{ source: address(to), payload: bytes(56) }])
  },
)

test.each([4, 6])(
  'hosts ask once for a neighbour of IPv%i, and the asked one learns the asking one',
  family => {
    const { network, a, b } = pair()
    let replies = 0
    for (let seq = 0; seq < 5; seq++) {
      const to = address(family === 4 ? '198.18.1.2' : '2001:db8::2')
      ping(a.stack, to, { seq }, () => replies++)
    }
    network.run()
    ping(b.stack, address(family === 4 ? '198.18.1.1' : '2001:db8::1'), {}, () => replies++)
    network.run()
    expect(replies).toBe(6)
    const asked = network.frames.filter(family === 4 ? isArp : isSolicitation)
    expect(asked.length).toBe(family === 4 ? 2 : 1)
  },
)

test.each(['198.18.1.9', '2001:db8::9'])(
  'a neighbour %s that does not reply is asked three times',
  to => {
    const { network, a } = pair()
    const { errors, send } = probe(a)
    expect(send(to, 16)).toBe(0)
    expect(send(to, 16)).toBe(0)
    network.run(1_999)
    expect(network.frames.length).toBe(2)
    network.run(1)
    expect(network.frames.length).toBe(3)
    network.run(999)
    expect(errors).toEqual([])
    network.run(2)
    // EHOSTUNREACH, for each packet
    expect(errors).toEqual(Array(2).fill({ errno: 113, isFatal: false, mtu: 0 }))
    network.run()
    expect(network.frames.length).toBe(3)
    send(to, 16)
    expect(network.frames.length).toBe(4)
  },
)

test('packets for an unknown neighbour wait in a bounded queue, and the newest are sent', () => {
  const { network, a, b } = pair()
  const { messages } = bound(b, 4, 53)
  const { socket } = bound(a, 4, 0)
  // Linux charges 2304 bytes for each of these, and has room for 212992.
  for (let i = 0; i < 100; i++) {
    socket.send(bytes(1300 + i), endpoint('198.18.1.2', 53))
  }
  network.run()
  expect(messages.map(([data]) => data.length)).toEqual(
    Array.from({ length: 92 }, (_, i) => 1308 + i),
  )
  expect(a.stack.counters().NeighUnresolvedDiscards).toBe(8)
})

test('a set neighbour is never asked for, nor replaced by what others claim', () => {
  const { network, a, b, devA, devB } = pair()
  devA.setNeighbour(address('198.18.1.2'), devB.mac)
  let replies = 0
  ping(a.stack, address('198.18.1.2'), {}, () => replies++)
  network.run()
  expect(replies).toBe(1)
  const other = network.host()
  const [, devC] = network.join([[b.stack], [other.stack, '198.18.1.2/24']])
  const claim = Uint8Array.from([
    ...devA.mac,
    ...devC.mac,
    8,
    6,
    0,
    1,
    8,
    0,
    6,
    4,
    0,
    2,
    ...devC.mac,
    198,
    18,
    1,
    2,
  ])
  devA.receive(Uint8Array.from([...claim, ...devA.mac, 198, 18, 1, 1]), 0, 42)
  ping(a.stack, address('198.18.1.2'), { seq: 2 }, () => replies++)
  network.run()
  expect(replies).toBe(2)
})

test('a gratuitous ARP packet moves the address of a known neighbour, and adds no other', () => {
  const { network, a, devA, devB } = pair()
  ping(a.stack, address('198.18.1.2'))
  network.run()
  const moved = Uint8Array.of(2, 9, 9, 9, 9, 9)
  for (const last of [2, 3]) {
    const body = [
      0,
      1,
      8,
      0,
      6,
      4,
      0,
      1,
      ...moved,
      198,
      18,
      1,
      last,
      0,
      0,
      0,
      0,
      0,
      0,
      198,
      18,
      1,
      last,
    ]
    devA.receive(Uint8Array.from([...Array(6).fill(0xff), ...moved, 8, 6, ...body]), 0, 42)
  }
  network.frames.length = 0
  ping(a.stack, address('198.18.1.2'))
  ping(a.stack, address('198.18.1.3'))
  expect(network.frames.map(frame => [...frame.subarray(0, 6)])).toEqual([
    [...moved],
    Array(6).fill(0xff),
  ])
  expect(devB.isUp).toBe(true)
})

test('the first of two ARP replies holds for a second, unless a gratuitous packet follows', () => {
  const { network, a, devA } = pair()
  const macs = [1, 2, 3].map(last => Uint8Array.of(2, 9, 9, 9, 9, last)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const reply = (mac: Uint8Array) => {
    const body = [0, 1, 8, 0, 6, 4, 0, 2, ...mac, 198, 18, 1, 9, ...devA.mac, 198, 18, 1, 1]
    devA.receive(Uint8Array.from([...devA.mac, ...mac, 8, 6, ...body]), 0, 42)
  }
  const announce = (mac: Uint8Array) => {
    const body = [0, 1, 8, 0, 6, 4, 0, 1, ...mac, 198, 18, 1, 9, 0, 0, 0, 0, 0, 0, 198, 18, 1, 9]
    devA.receive(Uint8Array.from([...Array(6).fill(0xff), ...mac, 8, 6, ...body]), 0, 42)
  }
  const pinged = () => {
    ping(a.stack, address('198.18.1.9'))
    return network.frames.at(-1)?.subarray(0, 6)
  }
  pinged()
  reply(macs[0])
  network.run(1000)
  reply(macs[1])
  expect(pinged()).toEqual(macs[0])
  network.run(1)
  reply(macs[1])
  expect(pinged()).toEqual(macs[1])
  network.run(500)
  announce(macs[1])
  network.run(501)
  reply(macs[2])
  expect(pinged()).toEqual(macs[2])
  announce(macs[0])
  expect(pinged()).toEqual(macs[0])
})

test('an interface without ARP sends to its own hardware address, and echo replies are reported', () => {
  const { clock } = new Network()
  const stack = new IpStack({ clock, random: random(1) })
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 1)
  const sent: Uint8Array[] = []
  const transmit = (frame: Uint8Array) => void sent.push(frame)
  const dev = stack.addInterface({ name: 'eth0', mac, mtu: 1500, isNoArp: true, transmit })
  dev.addAddress('198.18.0.1/24')
  const replies: number[] = []
  stack.onEchoReply = ({ bytes, at }) => replies.push(bytes[at + 7] as number)
  const request = Uint8Array.of(8, 0, 0, 0, 0, 1, 0, 9)
  expect(stack.send(1, address('198.18.0.1'), address('198.18.0.2'), request)).toBe(0)
  expect(sent.map(frame => [...frame.subarray(0, 14)])).toEqual([[...mac, ...mac, 8, 0]])
  const [frame] = sent as [Uint8Array]
  frame.copyWithin(26, 30, 34)
  frame.set([198, 18, 0, 1], 30)
  frame[33] = 1
  frame[29] = 2
  // The sums of the headers remain right: the addresses were exchanged, and the type counts.
  frame[34] = 0
  frame[36] = (frame[36] as number) + 8
  dev.receive(frame, 0, frame.length)
  expect(replies).toEqual([9])
})

test('an interface has a link-local address, which pings reach and sockets do not use', () => {
  const { network, a, devB } = pair()
  expect(devB.linkLocal).toEqual(address('fe80::ff:fe00:2'))
  expect(devB.addresses.length).toBe(2)
  let replies = 0
  ping(a.stack, devB.linkLocal, {}, () => replies++)
  network.run()
  expect(replies).toBe(1)
  expect(a.stack.sourceFor(address('2001:db8::2'))).toEqual(address('2001:db8::1'))
})

test('a packet leaves from the address in the network of its next hop', () => {
  const { network, a, devA } = pair()
  devA.addAddress('203.0.113.5/24')
  route(a.stack, devA, '192.0.2.0/24', '203.0.113.1')
  route(a.stack, devA, '198.51.100.0/24', '198.18.1.2')
  expect(a.stack.sourceFor(address('203.0.113.9'))).toEqual(address('203.0.113.5'))
  expect(a.stack.sourceFor(address('192.0.2.1'))).toEqual(address('203.0.113.5'))
  expect(a.stack.sourceFor(address('198.51.100.1'))).toEqual(address('198.18.1.1'))
  expect(a.stack.sourceFor(address('8.8.8.8'))).toBeUndefined()
  expect(network.frames).toEqual([])
})

test('an IPv6 packet leaves from an address of the scope of its destination, whatever the router', () => {
  const { a, devA } = pair()
  route(a.stack, devA, '::/0', 'fe80::9')
  expect(a.stack.sourceFor(address('2001:db8:9::1'))).toEqual(address('2001:db8::1'))
  route(a.stack, devA, '::/0', '2001:db8::9')
  expect(a.stack.sourceFor(address('2001:db8:9::1'))).toEqual(address('2001:db8::1'))
  for (const to of ['::', 'fe80::9', 'ff02::1', 'ff01::1']) {
    expect(a.stack.sourceFor(address(to))).toEqual(devA.linkLocal)
  }
  for (const to of ['ff05::2', 'ff0e::1']) {
    expect(a.stack.sourceFor(address(to))).toEqual(address('2001:db8::1'))
  }
})

test('the longest prefix wins, and a new route to a network replaces the old one', () => {
  const { a, devA } = pair()
  const via = (to: string) => a.stack.routeTo(address(to))?.via
  route(a.stack, devA, '0.0.0.0/0', '198.18.1.10')
  route(a.stack, devA, '203.0.113.0/25', '198.18.1.11')
  route(a.stack, devA, '203.0.113.0/24', '198.18.1.12')
  expect([via('8.8.8.8'), via('203.0.113.1'), via('203.0.113.200')]).toEqual(
    ['198.18.1.10', '198.18.1.11', '198.18.1.12'].map(address),
  )
  route(a.stack, devA, '203.0.113.7/25', '198.18.1.13')
  expect(via('203.0.113.1')).toEqual(address('198.18.1.13'))
  expect(via('198.18.1.77')).toBeUndefined()
  a.stack.removeRoutesOf(devA)
  expect(a.stack.routeTo(address('8.8.8.8'))).toBeUndefined()
  expect(a.stack.routeTo(address('198.18.1.77'))?.dev).toBe(devA)
})

test('an interface that is down or has no carrier passes no frame', () => {
  const { network, a, b, devA, devB } = pair()
  const { messages } = bound(b, 4, 53)
  const { socket } = bound(a, 4, 0)
  const to = endpoint('198.18.1.2', 53)
  devA.setUp(false)
  expect(socket.send(bytes(1), to)).toBe(-101)
  devA.setUp(true)
  devA.carrier = false
  expect(socket.send(bytes(1), to)).toBe(0)
  expect(a.stack.counters().TxDropped).toBe(1)
  devA.carrier = true
  devB.setUp(false)
  socket.send(bytes(1), to)
  network.run()
  expect(messages).toEqual([])
  devB.setUp(true)
  socket.send(bytes(1), to)
  network.run()
  expect(messages.length).toBe(1)
  devA.remove()
  expect(socket.send(bytes(1), to)).toBe(-101)
  expect(a.stack.interfaces).toEqual([])
})

test('an interface with an MTU below 1280 passes no IPv6', () => {
  const { a, devA } = pair(1279)
  expect(a.stack.sourceFor(address('2001:db8::2'))).toBeUndefined()
  expect(a.stack.sourceFor(address('198.18.1.2'))).toEqual(address('198.18.1.1'))
  devA.mtu = 1280
  expect(a.stack.sourceFor(address('2001:db8::2'))).toEqual(address('2001:db8::1'))
})

test('a network of 31 bits has two hosts and no broadcast', () => {
  const network = new Network()
  const [a, b] = [network.host(), network.host()]
  network.join([
    [a.stack, '198.18.1.0/31'],
    [b.stack, '198.18.1.1/31'],
  ])
  let replies = 0
  ping(a.stack, address('198.18.1.1'), {}, () => replies++)
  network.run()
  expect(replies).toBe(1)
})

test('a host does not take packets for a removed address, and its network has no route', () => {
  const { a, devA } = pair()
  expect(a.stack.isOwn(address('198.18.1.1'))).toBe(true)
  devA.removeAddress('198.18.1.1/24')
  expect(a.stack.isOwn(address('198.18.1.1'))).toBe(false)
  expect(a.stack.routeTo(address('198.18.1.2'))).toBeUndefined()
})

test.each(['198.18.1.2', '2001:db8::2'])('a protocol that %s does not have is refused', to => {
  const { network, a, b } = pair()
  const { errors, send } = probe(a)
  send(to, 16)
  network.run()
  // ENOPROTOOPT, EPROTO
  expect(errors).toEqual([{ errno: to.includes(':') ? 71 : 92, isFatal: true, mtu: 0 }])
  expect(b.stack.counters()[to.includes(':') ? 'Ip6InUnknownProtos' : 'IpInUnknownProtos']).toBe(1)
})

test('packets with wrong checksums, or a source that cannot be, are dropped', () => {
  const { network, a, b, devB } = pair()
  const { messages } = bound(b, 4, 53)
  bound(a, 4, 0).socket.send(bytes(10), endpoint('198.18.1.2', 53))
  network.run()
  const sent = network.frames.at(-1) as Uint8Array
  const change = (at: number, value: number, fix = false) => {
    const frame = sent.slice()
    frame[at] = value
    // Keeps the sum of the header.
    if (fix) {
      frame[at + 2] = (frame[at + 2] as number) + (sent[at] as number) - value
    }
    devB.receive(frame, 0, frame.length)
  }
  change(50, 77)
  change(22, 3)
  change(26, 127)
  change(0, 6)
  expect(messages.length).toBe(1)
  const { UdpInCsumErrors, IpInHdrErrors } = b.stack.counters()
  expect([UdpInCsumErrors, IpInHdrErrors]).toEqual([1, 2])
})

test('counters have the names of nstat', () => {
  const { network, client, router, server } = routed()
  bound(server, 4, 53)
  const { socket } = bound(client, 4, 0)
  socket.send(bytes(10), endpoint('198.18.2.2', 53))
  socket.send(bytes(10), endpoint('198.18.2.2', 54))
  network.run()
  expect(client.stack.counters()).toMatchObject({
    IpOutRequests: 2,
    UdpOutDatagrams: 2,
    IcmpInDestUnreachs: 1,
  })
  expect(router.stack.counters()).toMatchObject({ IpInReceives: 3, IpForwDatagrams: 3 })
  const { counters } = server.stack
  expect(counters.call(server.stack)).toMatchObject({
    IpInReceives: 2,
    IpInDelivers: 2,
    UdpInDatagrams: 1,
    UdpNoPorts: 1,
    IcmpOutDestUnreachs: 1,
  })
})

test('a closed stack leaves no alarm', () => {
  const clock = new FakeClock()
  const stack = new IpStack({ clock, random: random(1) })
  const network = new Network()
  const dev = stack.addInterface({
    name: 'eth0',
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    mtu: 1500,
    transmit() {},
  })
  dev.addAddress('198.18.1.1/24')
  ping(stack, address('198.18.1.1'))
  ping(stack, address('198.18.1.2'))
  expect(clock.armed).toBe(2)
  stack.close()
  expect(clock.armed).toBe(0)
  expect(network.frames).toEqual([])
})
