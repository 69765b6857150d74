/** UDP of hosts in memory, on a fake clock. What Linux does was seen on Linux 6.18. */
import { expect, test } from 'vitest'
import type { UdpBinding } from '../src/contract.ts'
import {
  address,
  bound,
  bytes,
  endpoint,
  type Host,
  Network,
  pair,
  route,
  routed,
} from './ip-network.ts'

test.each([
  [4, '198.18.1.2', 'c6120101'],
  [6, '2001:db8::2', '20010db8000000000000000000000001'],
  [4, '127.0.0.1', '7f000001'],
  [4, '0.0.0.0', '7f000001'],
  [6, '::', '00000000000000000000000000000001'],
] as const)('a datagram of IPv%i to %s arrives with its sender', (family, to, from) => {
  const { network, a, b } = pair()
  const receivers = [bound(b, family, 53), bound(a, family, 53)]
  const sender = bound(a, family, 1234)
  expect(sender.socket.send(Buffer.from('hello'), endpoint(to, 53))).toBe(0)
  expect(receivers.flatMap(({ messages }) => messages)).toEqual([])
  network.run()
  expect(receivers.flatMap(({ messages }) => messages)).toEqual([['hello', from, 1234]])
})

test('the receiver owns a message, which later datagrams do not change', () => {
  const { network, a, b } = pair()
  const received: Uint8Array[] = []
  b.udp.bind(
    { address: undefined, family: 4, port: 53 },
    { onMessage: data => received.push(data), onError: () => {} },
  )
  const { socket } = bound(a, 4, 0)
  for (let i = 0; i < 3; i++) {
    socket.send(Uint8Array.of(i), endpoint('198.18.1.2', 53))
  }
  network.run()
  expect(received).toEqual([Uint8Array.of(0), Uint8Array.of(1), Uint8Array.of(2)])
})

test.each([
  [4, '198.18.1.2', 65_507],
  [6, '2001:db8::2', 65_527],
] as const)('the longest datagram of IPv%i to %s has %i bytes', (family, to, longest) => {
  const { network, a, b } = pair()
  const { messages } = bound(b, family, 53)
  const { socket } = bound(a, family, 0)
  expect(socket.send(bytes(longest), endpoint(to, 53))).toBe(0)
  expect(socket.send(bytes(longest + 1), endpoint(to, 53))).toBe(-90)
  network.run()
  expect(messages.map(([data]) => data.length)).toEqual([longest])
})

test.each([
  [4, '198.18.1.2'],
  [6, '2001:db8::2'],
  [4, '127.0.0.1'],
] as const)(
  'a closed port of IPv%i at %s refuses a connected socket, and no other',
  (family, to) => {
    const { network, a } = pair()
    const { socket, errors } = bound(a, family, 0)
    socket.send(bytes(1), endpoint(to, 9))
    network.run()
    expect(errors).toEqual([])
    socket.connect(endpoint(to, 9))
    socket.send(bytes(1))
    network.run()
    expect(errors).toEqual([111])
  },
)

test('an unreachable host is not reported to a UDP socket, like on Linux', () => {
  const { network, a } = pair()
  const { socket, errors } = bound(a, 4, 0)
  socket.connect(endpoint('198.18.1.9', 9))
  expect(socket.send(bytes(1))).toBe(0)
  network.run()
  expect(a.stack.counters().IcmpOutDestUnreachs).toBe(1)
  expect(errors).toEqual([])
})

test('errors of sending have the numbers of Linux', () => {
  const { a } = pair()
  const { socket } = bound(a, 4, 0)
  const send = (to: string, port = 9) => socket.send(bytes(1), endpoint(to, port))
  expect([send('203.0.113.1'), send('2001:db8::2'), send('198.18.1.2', 0)]).toEqual([
    -101, -101, -22,
  ])
  expect(socket.send(bytes(1))).toBe(-89)
  const local = bound(a, 4, 0, '127.0.0.1').socket
  expect(local.send(bytes(1), endpoint('198.18.1.2', 9))).toBe(-22)
  expect(local.connect(endpoint('198.18.1.2', 9))).toBe(-22)
  const only6 = bound(a, 6, 0, undefined, { ipv6Only: true }).socket
  expect(only6.send(bytes(1), endpoint('::ffff:198.18.1.2', 9))).toBe(-101)
  expect(only6.connect(endpoint('2001:db9::2', 9))).toBe(-101)
})

test('a connected socket has an address, and takes datagrams of its peer alone', () => {
  const { network, a, b } = pair()
  const [one, other] = [bound(b, 4, 53), bound(b, 4, 54)]
  const { socket, messages } = bound(a, 4, 1234)
  expect(socket.local).toEqual(endpoint('0.0.0.0', 1234))
  expect(socket.connect(endpoint('198.18.1.2', 53))).toBe(0)
  expect(socket.local).toEqual(endpoint('198.18.1.1', 1234))
  expect(socket.remote).toEqual(endpoint('198.18.1.2', 53))
  socket.send(Buffer.from('to the peer'))
  for (const { socket: from } of [one, other]) {
    from.send(Buffer.from('back'), endpoint('198.18.1.1', 1234))
  }
  network.run()
  expect(one.messages.length).toBe(1)
  expect(messages).toEqual([['back', 'c6120102', 53]])
  expect(other.errors).toEqual([])
  socket.connect(undefined)
  expect([socket.local, socket.remote]).toEqual([endpoint('0.0.0.0', 1234), undefined])
  other.socket.send(Buffer.from('again'), endpoint('198.18.1.1', 1234))
  network.run()
  expect(messages.length).toBe(2)
})

test('a socket of IPv6 serves IPv4 too, with mapped addresses', () => {
  const { network, a, b } = pair()
  const server = bound(b, 6, 53)
  const client = bound(a, 4, 1234)
  client.socket.send(Buffer.from('hi'), endpoint('198.18.1.2', 53))
  network.run()
  expect(server.messages).toEqual([['hi', '00000000000000000000ffffc6120101', 1234]])
  server.socket.send(Buffer.from('ho'), endpoint('::ffff:198.18.1.1', 1234))
  network.run()
  expect(client.messages).toEqual([['ho', 'c6120102', 53]])
  server.socket.connect(endpoint('::ffff:198.18.1.1', 1234))
  expect(server.socket.local).toEqual(endpoint('::ffff:198.18.1.2', 53))
  server.socket.send(Buffer.from('connected'))
  network.run()
  expect(client.messages.length).toBe(2)
})

test('the most specific socket takes a datagram: connected, bound, of the family, the newest', () => {
  const { network, a, b } = pair()
  const shared = { reuseAddr: true }
  const sockets = {
    dual: bound(b, 6, 53, undefined, shared),
    old: bound(b, 4, 53, undefined, shared),
    any: bound(b, 4, 53, undefined, shared),
    exact: bound(b, 4, 53, '198.18.1.2', shared),
    connected: bound(b, 4, 53, '198.18.1.2', shared),
  }
  sockets.connected.socket.connect(endpoint('198.18.1.1', 1))
  const takers: string[] = []
  for (const name of ['connected', 'exact', 'any', 'old', 'dual'] as const) {
    const sender = bound(a, 4, 1)
    sender.socket.send(bytes(1), endpoint('198.18.1.2', 53))
    network.run()
    sender.socket.close()
    takers.push(
      ...Object.entries(sockets).flatMap(([key, { messages }]) =>
        messages.splice(0).map(() => key),
      ),
    )
    sockets[name].socket.close()
  }
  expect(takers).toEqual(['connected', 'exact', 'any', 'old', 'dual'])
})

function errnoOf(
  { udp }: Host,
  options: Partial<Omit<UdpBinding, 'address'>> & { host?: string },
): number {
  const { host, ...rest } = options
  try {
    const binding = {
      family: 4,
      port: 53,
      address: host === undefined ? undefined : address(host),
      ...rest,
    } as const
    udp.bind(binding, { onMessage: () => {}, onError: () => {} })
    return 0
  } catch (error) {
    return (error as { errno: number }).errno
  }
}

test('a port is taken once, unless both sockets allow more', () => {
  const { a } = pair()
  const open = (options: Parameters<typeof errnoOf>[1]) => errnoOf(a, options)
  expect(open({})).toBe(0)
  expect(open({})).toBe(98)
  expect(open({ reuseAddr: true })).toBe(98)
  expect(open({ host: '198.18.1.1' })).toBe(98)
  expect(open({ family: 6 })).toBe(98)
  expect(open({ family: 6, host: '::ffff:198.18.1.1' })).toBe(98)
  expect(open({ family: 6, host: '2001:db8::1' })).toBe(0)
  expect(open({ family: 6, ipv6Only: true })).toBe(98)
  expect(open({ family: 6, ipv6Only: true, port: 54 })).toBe(0)
  expect(open({ port: 54 })).toBe(0)
  expect(open({ host: '198.18.1.1', port: 55 })).toBe(0)
  expect(open({ host: '127.0.0.1', port: 55 })).toBe(0)
  expect(open({ family: 6, port: 55 })).toBe(98)
  expect([open({ reuseAddr: true, port: 56 }), open({ reuseAddr: true, port: 56 })]).toEqual([0, 0])
  expect(open({ host: '198.18.1.7' })).toBe(99)
  expect(open({ host: '198.18.1.255', port: 57 })).toBe(0)
})

test('port 0 takes a free port of the ephemeral range, until none is left', () => {
  const { a } = pair()
  const ports = new Set<number>()
  for (let i = 0; i < 1000; i++) {
    ports.add(bound(a, 4, 0).socket.local.port)
  }
  expect(ports.size).toBe(1000)
  expect(Math.min(...ports)).toBeGreaterThanOrEqual(32_768)
  expect(Math.max(...ports)).toBeLessThanOrEqual(60_999)
  for (let port = 32_768; port <= 60_999; port++) {
    if (!ports.has(port)) {
      bound(a, 4, port)
    }
  }
  expect(errnoOf(a, { port: 0 })).toBe(98)
})

test('a closed socket receives nothing, and frees its port', () => {
  const { network, a, b } = pair()
  const { socket, messages } = bound(b, 4, 53)
  bound(a, 4, 0).socket.send(bytes(1), endpoint('198.18.1.2', 53))
  socket.close()
  network.run()
  expect(messages).toEqual([])
  expect(b.stack.counters().UdpNoPorts).toBe(1)
  expect(errnoOf(b, {})).toBe(0)
})

test('a router on the path reports its MTU to a connected socket, and later datagrams are cut', () => {
  const { network, client, server } = routed()
  const { messages } = bound(server, 4, 53)
  const { socket, errors } = bound(client, 4, 0)
  socket.connect(endpoint('198.18.2.2', 53))
  socket.send(bytes(1450))
  network.run()
  expect([messages.length, errors]).toEqual([0, [90]])
  socket.send(bytes(1450))
  network.run()
  expect(messages.map(([data]) => data.length)).toEqual([1450])
})

function segment() {
  const network = new Network()
  const hosts = [network.host(), network.host(), network.host()] as const
  const devs = network.join(
    hosts.map(({ stack }, i) => [stack, `198.18.1.${i + 1}/24`, `2001:db8::${i + 1}/64`]),
  )
  return { network, hosts, dev: devs[0] }
}

test('a broadcast reaches every socket of its port, on the host that sends it too', () => {
  const { network, hosts } = segment()
  const receivers = hosts.map(host => bound(host, 4, 67, undefined, { reuseAddr: true }))
  const exact = bound(hosts[1], 4, 67, '198.18.1.255', { reuseAddr: true })
  expect(exact.socket.local.port).toBe(67)
  const { socket } = bound(hosts[0], 4, 68, '198.18.1.1')
  for (const to of ['255.255.255.255', '198.18.1.255']) {
    expect(socket.send(Buffer.from(to), endpoint(to, 67))).toBe(0)
  }
  network.run()
  for (const { messages } of receivers) {
    expect(messages.map(([data]) => data)).toEqual(['255.255.255.255', '198.18.1.255'])
  }
  expect(exact.messages.map(([data]) => data)).toEqual(['198.18.1.255'])
})

test('a broadcast to a closed port is not refused', () => {
  const { network, hosts } = segment()
  const { socket } = bound(hosts[0], 4, 68)
  socket.send(bytes(1), endpoint('198.18.1.255', 67))
  network.run()
  expect(network.frames.length).toBe(1)
})

test('a limited broadcast needs an address or a route, and passes no router', () => {
  const { network, hosts, dev } = segment()
  const { messages } = bound(hosts[1], 4, 67)
  const { socket } = bound(hosts[0], 4, 68)
  const to = endpoint('255.255.255.255', 67)
  expect(socket.send(bytes(1), to)).toBe(-101)
  route(hosts[0].stack, dev, '0.0.0.0/0', '198.18.1.3')
  expect(socket.send(bytes(1), to)).toBe(0)
  network.run()
  expect(messages.map(([, from]) => from)).toEqual(['c6120101'])
  expect(network.frames[0]?.subarray(0, 6)).toEqual(new Uint8Array(6).fill(0xff))
})

test.each([
  [4, '224.1.2.3', '01005e010203'],
  [4, '239.129.2.3', '01005e010203'],
  [6, 'ff02::1:5', '333300010005'],
] as const)('sockets of IPv%i receive group %s on hosts that joined it', (family, group, mac) => {
  const { network, hosts, dev } = segment()
  const receivers = hosts.map(host => bound(host, family, 5353))
  const { socket } = bound(hosts[0], family, 1, family === 4 ? '198.18.1.1' : '2001:db8::1')
  const to = endpoint(group, 5353)
  const lengths = () => receivers.map(({ messages }) => messages.splice(0).length)
  const [, one] = receivers
  expect(one?.socket.joinGroup(to.address, 'eth0')).toBe(0)
  expect(one?.socket.joinGroup(to.address, 'eth0')).toBe(-98)
  socket.send(bytes(1), to)
  network.run()
  expect(lengths()).toEqual([0, 1, 0])
  expect(Buffer.from(network.frames[0]?.subarray(0, 6) ?? []).toString('hex')).toBe(mac)
  // The default TTL of groups.
  expect(network.frames[0]?.[family === 4 ? 22 : 21]).toBe(1)
  receivers[0]?.socket.joinGroup(to.address, dev.name)
  one?.socket.leaveGroup(to.address, 'eth0')
  socket.send(bytes(1), to)
  network.run()
  expect(lengths()).toEqual([1, 0, 0])
  receivers[0]?.socket.close()
  socket.send(bytes(1), to)
  network.run()
  expect(lengths()).toEqual([0, 0, 0])
})

test('errors of groups have the numbers of Linux', () => {
  const { hosts, dev } = segment()
  const { socket } = bound(hosts[0], 4, 0)
  const group = address('224.1.2.3')
  expect(socket.send(bytes(1), endpoint('224.1.2.3', 9))).toBe(-101)
  expect(socket.joinGroup(group)).toBe(-19)
  expect(socket.joinGroup(address('198.18.1.9'), dev.name)).toBe(-22)
  expect(socket.leaveGroup(group)).toBe(-19)
  expect(socket.leaveGroup(group, dev.name)).toBe(-99)
})

test.each(['224.1.2.3', 'ff02::1:5'])(
  'a datagram to group %s with a TTL of 0 remains on its host',
  group => {
    const { network, hosts, dev } = segment()
    const family = group.includes('.') ? 4 : 6
    const [own, other] = [hosts[0], hosts[1]].map(host => {
      const receiver = bound(host, family, 5353)
      receiver.socket.joinGroup(address(group), 'eth0')
      return receiver
    })
    const { socket } = bound(hosts[0], family, 0)
    socket.setMulticastInterface(dev.name)
    socket.multicastTtl = 0
    expect(socket.send(bytes(1), endpoint(group, 5353))).toBe(0)
    network.run()
    expect([own?.messages.length, other?.messages.length]).toEqual([1, 0])
    expect(network.frames).toEqual([])
  },
)

test('a group that two sockets joined is received until both have left it', () => {
  const { network, hosts } = segment()
  const dev = hosts[1].stack.interfaces[0]?.name
  const group = endpoint('239.1.2.3', 53)
  const sockets = [bound(hosts[1], 4, 53, undefined, { reuseAddr: true }), bound(hosts[1], 4, 54)]
  const { socket } = bound(hosts[0], 4, 0, '198.18.1.1')
  const [first, second] = sockets as [(typeof sockets)[0], (typeof sockets)[0]]
  for (const each of sockets) {
    each.socket.joinGroup(group.address, dev)
  }
  const heard = () => {
    socket.send(bytes(1), group)
    network.run()
    return first.messages.splice(0).length
  }
  expect(heard()).toBe(1)
  first.socket.leaveGroup(group.address, dev)
  expect(heard()).toBe(1)
  second.socket.close()
  expect(heard()).toBe(0)
})

test('a socket that another closes gets no more of a broadcast', () => {
  const { network, hosts } = segment()
  const second = bound(hosts[1], 4, 67, undefined, { reuseAddr: true })
  const onMessage = () => second.socket.close()
  hosts[1].udp.bind(
    { address: undefined, family: 4, port: 67, reuseAddr: true },
    { onMessage, onError: () => {} },
  )
  bound(hosts[0], 4, 0, '198.18.1.1').socket.send(bytes(1), endpoint('198.18.1.255', 67))
  network.run()
  expect(second.messages).toEqual([])
})

test('a broadcast larger than the MTU is cut', () => {
  const { network, hosts } = segment()
  const { messages } = bound(hosts[1], 4, 67)
  const { socket } = bound(hosts[0], 4, 0, '198.18.1.1')
  expect(socket.send(bytes(3000), endpoint('255.255.255.255', 67))).toBe(0)
  network.run()
  expect(messages.map(([data]) => data.length)).toEqual([3000])
})

test('a socket that is bound to a group sends from an address of the host', () => {
  const { network, hosts, dev } = segment()
  const { messages } = bound(hosts[1], 4, 53)
  const { socket } = bound(hosts[0], 4, 5353, '239.1.2.3')
  socket.joinGroup(address('239.1.2.3'), dev.name)
  socket.send(bytes(1), endpoint('198.18.1.2', 53))
  network.run()
  expect(messages.map(([, from]) => from)).toEqual(['c6120101'])
})

test('a socket sends nothing from an IPv4 address that its host has lost, but from one of IPv6', () => {
  const { network, a, b, devA } = pair()
  const { messages } = bound(b, 6, 53)
  const [four, six] = [bound(a, 4, 0, '198.18.1.1').socket, bound(a, 6, 0, '2001:db8::1').socket]
  const connected = bound(a, 4, 0).socket
  connected.connect(endpoint('198.18.1.2', 53))
  for (const [lost, other] of [
    ['198.18.1.1/24', '198.18.1.3/24'],
    ['2001:db8::1/64', '2001:db8::3/64'],
  ] as const) {
    devA.addAddress(other)
    devA.removeAddress(lost)
  }
  expect(four.send(bytes(1), endpoint('198.18.1.2', 53))).toBe(-101)
  expect(four.send(bytes(1), endpoint('198.18.1.3', 53))).toBe(-101)
  expect(connected.send(bytes(1))).toBe(-101)
  expect(six.send(bytes(1), endpoint('2001:db8::2', 53))).toBe(0)
  network.run()
  expect(messages.map(([, from]) => from)).toEqual(['20010db8000000000000000000000001'])
  devA.addAddress('198.18.1.1/24')
  expect(four.send(bytes(1), endpoint('198.18.1.2', 53))).toBe(0)
})

test('a socket without SO_BROADCAST sends and connects to no broadcast address', () => {
  const { hosts } = segment()
  const { socket } = bound(hosts[0], 4, 0, '198.18.1.1')
  socket.canBroadcast = false
  const tried = (to: string) => [
    socket.send(bytes(1), endpoint(to, 9)),
    socket.connect(endpoint(to, 9)),
  ]
  expect([tried('198.18.1.255'), tried('255.255.255.255')]).toEqual([
    [-13, -13],
    [-13, -13],
  ])
  expect([tried('239.1.2.3'), tried('198.18.1.2')]).toEqual([
    [0, 0],
    [0, 0],
  ])
})

test.each([
  [4, '239.1.2.3', '203.0.113.1', 'cb007101'],
  [6, 'ff05::1:5', '2001:db8:7::1', '20010db8000700000000000000000001'],
] as const)(
  'a socket of IPv%i sends to group %s on the interface that it chose',
  (family, group, own, source) => {
    const { network, hosts } = segment()
    const other = network.host()
    network.join([
      [hosts[0].stack, '203.0.113.1/24', '2001:db8:7::1/64'],
      [other.stack, '203.0.113.2/24', '2001:db8:7::2/64'],
    ])
    const receivers = [hosts[1], other, hosts[0]].map(host => bound(host, family, 53))
    const to = endpoint(group, 53)
    for (const [i, { socket }] of receivers.entries()) {
      expect(socket.joinGroup(to.address, i < 2 ? 'eth0' : 'eth1')).toBe(0)
    }
    const { socket } = bound(hosts[0], family, 0)
    expect(socket.setMulticastInterface(address('198.51.100.1'))).toBe(-99)
    expect(socket.setMulticastInterface(address(own))).toBe(0)
    expect(socket.send(bytes(1), to)).toBe(0)
    network.run()
    expect(receivers.map(({ messages }) => messages.splice(0).map(([, from]) => from))).toEqual([
      [],
      [source],
      [source],
    ])
    socket.multicastLoop = false
    socket.send(bytes(1), to)
    network.run()
    expect(receivers.map(({ messages }) => messages.length)).toEqual([0, 1, 0])
    const near = bound(hosts[0], family, 0, family === 4 ? '198.18.1.1' : '2001:db8::1').socket
    near.setMulticastInterface('eth1')
    near.send(bytes(1), to)
    network.run()
    expect(receivers.map(({ messages }) => messages.length)).toEqual([0, 2, 1])
    expect(receivers[1]?.socket.leaveGroup(to.address, 'eth7')).toBe(-99)
    expect(receivers[1]?.socket.leaveGroup(to.address, 'eth0')).toBe(0)
  },
)
