/** Made packets that a host in memory receives: what it ignores, and how it replies. */
import { expect, test } from 'vitest'
import {
  address,
  bound,
  bytes,
  datagram,
  endpoint,
  pair,
  ping,
  probe,
  receive,
  route,
  routed,
} from './ip-network.ts'

const UDP = 17
const ICMP6 = 58
const GROUP_MAC = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff)

/** A neighbour message with an option that holds an Ethernet address. */
function discovery(
  type: number,
  flags: number,
  target: string,
  option: number,
  mac: Uint8Array,
): Uint8Array {
  return Uint8Array.of(type, 0, 0, 0, flags, 0, 0, 0, ...address(target), option, 1, ...mac)
}

test.each([
  [255, 1],
  [64, 0],
])('a solicitation with a hop limit of %i gets %i replies', (life, replies) => {
  const { network, devA, devB } = pair()
  const message = discovery(135, 0, '2001:db8::2', 1, devA.mac)
  receive(devB, '2001:db8::1', '2001:db8::2', ICMP6, message, { life })
  expect(network.frames.length).toBe(replies)
})

test('a solicitation without a source address is replied to all nodes', () => {
  const { network, devB } = pair()
  const message = Uint8Array.of(135, 0, 0, 0, 0, 0, 0, 0, ...address('2001:db8::2'))
  receive(devB, '::', 'ff02::1:ff00:2', ICMP6, message, {
    life: 255,
    mac: Uint8Array.of(0x33, 0x33, 0xff, 0, 0, 2),
  })
  expect(network.frames.map(frame => [...frame.subarray(0, 6)])).toEqual([[0x33, 0x33, 0, 0, 0, 1]])
  // An advertisement with the override flag, and without the solicited one.
  expect(network.frames[0]?.[58]).toBe(0x20)
})

test('an advertisement replaces a known neighbour only with the override flag', () => {
  const { network, a, devA } = pair()
  const target = '2001:db8::2'
  const to = () => {
    network.frames.length = 0
    ping(a.stack, address(target))
    return network.frames[0]?.[5]
  }
  ping(a.stack, address(target))
  network.run()
  const other = Uint8Array.of(2, 9, 9, 9, 9, 9)
  receive(devA, target, '2001:db8::1', ICMP6, discovery(136, 0x40, target, 2, other), { life: 255 })
  expect(to()).toBe(2)
  receive(devA, target, '2001:db8::1', ICMP6, discovery(136, 0x60, target, 2, other), { life: 255 })
  expect(to()).toBe(9)
})

function arp(op: number, sender: Uint8Array, from: string, to: string, hardware = 1): Uint8Array {
  const body = [
    0,
    hardware,
    8,
    0,
    6,
    4,
    0,
    op,
    ...sender,
    ...address(from),
    0,
    0,
    0,
    0,
    0,
    0,
    ...address(to),
  ]
  return Uint8Array.of(...GROUP_MAC, ...sender, 8, 6, ...body)
}

test('a host replies to ARP for the address of another interface, like Linux', () => {
  const { network, router, gate, near } = routed()
  const frame = arp(1, near.mac, '198.18.1.1', '198.18.2.1')
  gate.receive(frame, 0, frame.length)
  expect(network.frames.length).toBe(1)
  expect(network.frames[0]?.subarray(22, 32)).toEqual(Uint8Array.of(...gate.mac, 198, 18, 2, 1))
  for (const odd of [
    arp(1, near.mac, '198.18.1.1', '198.18.1.77'),
    arp(1, near.mac, '198.18.1.1', '198.18.1.2', 2),
  ]) {
    gate.receive(odd, 0, odd.length)
  }
  expect(network.frames.length).toBe(1)
  expect(router.stack.counters()).toEqual({})
})

test('a request does not replace a permanent neighbour', () => {
  const { network, a, devA, devB } = pair()
  devA.setNeighbour(address('198.18.1.2'), devB.mac)
  const frame = arp(1, Uint8Array.of(2, 9, 9, 9, 9, 9), '198.18.1.2', '198.18.1.1')
  devA.receive(frame, 0, frame.length)
  network.frames.length = 0
  ping(a.stack, address('198.18.1.2'))
  expect(network.frames[0]?.[5]).toBe(2)
})

test('an interface without an address sends from one of another interface', () => {
  const { network, a } = pair()
  const other = network.host()
  const [dev] = network.join([[a.stack], [other.stack, '203.0.113.1/24']])
  route(a.stack, dev, '203.0.113.0/24', '203.0.113.1')
  expect(a.stack.sourceFor(address('203.0.113.1'))).toEqual(address('198.18.1.1'))
})

test('a down interface forgets its neighbours, and drops the packets that wait', () => {
  const { network, a, devA } = pair()
  ping(a.stack, address('198.18.1.2'))
  network.run()
  ping(a.stack, address('198.18.1.9'))
  devA.setUp(false)
  expect(a.stack.counters().TxDropped).toBe(1)
  expect(network.clock.next).toBe(network.clock.now() + 1e6)
  devA.setUp(true)
  network.frames.length = 0
  ping(a.stack, address('198.18.1.2'))
  expect(network.frames.map(frame => frame[13])).toEqual([6])
})

test.each([
  ['127.0.0.1', '198.18.2.2'],
  ['224.0.0.5', '198.18.2.2'],
  ['198.18.1.2', '198.18.2.2'],
  ['::1', '2001:db8:2::2'],
  ['ff02::5', '2001:db8:2::2'],
])('a router drops packets from %s as martians', (from, to) => {
  const { network, router, gate } = routed()
  receive(gate, from, to, 99, bytes(16))
  expect(network.frames).toEqual([])
  expect(router.stack.counters().MartianSource).toBe(1)
})

test.each([
  ['198.18.1.1', '127.0.0.1'],
  ['2001:db8:1::1', '::1'],
  ['198.18.1.1', '198.18.2.255'],
  ['fe80::1', 'fe80::2'],
  ['198.18.1.1', '239.1.2.3'],
])('a packet from %s for %s is neither received nor forwarded', (from, to) => {
  const { network, router, gate } = routed()
  const { messages } = bound(router, 6, 53)
  receive(gate, from, to, UDP, datagram(1, 53, bytes(4)))
  network.run()
  expect([messages, network.frames]).toEqual([[], []])
})

test.each(['198.18.2.2', '2001:db8:2::2'])(
  'a router takes one from the life of a packet for %s',
  to => {
    const { network, behind, gate, far } = routed()
    behind.setNeighbour(address(to), far.mac)
    receive(gate, to.includes(':') ? '2001:db8:1::1' : '198.18.1.1', to, 99, bytes(16), {
      life: 20,
    })
    expect(network.frames[0]?.[to.includes(':') ? 21 : 22]).toBe(19)
  },
)

test('a filter can lead a packet to its own host', () => {
  const { network, client, router, behind } = routed()
  const { messages } = bound(router, 4, 53)
  router.stack.filter = ({ bytes: packet, at, from }) => {
    // The destination becomes the router, and the difference goes into the checksums.
    if (from?.name !== 'eth0' || packet[at + 16] !== 203) return true
    packet.set(address('198.18.1.2'), at + 16)
    packet.fill(0, at + 10, at + 12)
    packet.fill(0, at + 26, at + 28)
    let sum = 0
    for (let i = at; i < at + 20; i += 2) {
      sum += (packet[i] ?? 0) * 256 + (packet[i + 1] ?? 0)
    }
    while (sum > 0xffff) {
      sum = (sum & 0xffff) + (sum >>> 16)
    }
    packet.set([(~sum >>> 8) & 0xff, ~sum & 0xff], at + 10)
    return true
  }
  route(router.stack, behind, '203.0.113.0/24', '198.18.2.2')
  bound(client, 4, 1).socket.send(Buffer.from('hi'), endpoint('203.0.113.9', 53))
  network.run()
  expect(messages).toEqual([['hi', 'c6120101', 1]])
})

test('a datagram ends where its header says', () => {
  const { b, devB } = pair()
  const { messages } = bound(b, 4, 53)
  const whole = datagram(1, 53, bytes(10))
  const short = Uint8Array.of(...whole.subarray(0, 4), 0, 12, ...whole.subarray(6))
  receive(devB, '198.18.1.1', '198.18.1.2', UDP, short, { isSummed: false })
  expect(messages.map(([data]) => data.length)).toEqual([4])
  const long = Uint8Array.of(...whole.subarray(0, 4), 0, 99, ...whole.subarray(6))
  receive(devB, '198.18.1.1', '198.18.1.2', UDP, long)
  expect(b.stack.counters().UdpInErrors).toBe(1)
})

test.each([
  [4, '198.18.1.1', '198.18.1.2', 1],
  [6, '2001:db8::1', '2001:db8::2', 0],
] as const)(
  'a datagram of IPv%i from %s to %s without a checksum is received %i times',
  (family, from, to, times) => {
    const { b, devB } = pair()
    const { messages } = bound(b, family, 53)
    receive(devB, from, to, UDP, datagram(1, 53, bytes(4)), { isSummed: false })
    expect(messages.length).toBe(times)
  },
)

test('a checksum of zero is sent as all ones', () => {
  const { network, a, b } = pair()
  const { messages } = bound(b, 4, 53)
  const { socket } = bound(a, 4, 1)
  const sum = () =>
    network.frames.findLast(frame => frame.length === 44)?.subarray(40, 42) ?? bytes(2)
  socket.send(new Uint8Array(2), endpoint('198.18.1.2', 53))
  network.run()
  // With its own checksum as data a datagram has a sum of all ones.
  socket.send(sum().slice(), endpoint('198.18.1.2', 53))
  network.run()
  expect(sum()).toEqual(Uint8Array.of(0xff, 0xff))
  expect(messages.length).toBe(2)
})

test('fragments outside of their packet end it', () => {
  const { b, devB } = pair()
  const fail = () => b.stack.counters().IpReasmFails ?? 0
  const fragment = (offset: number, more: boolean, length: number) =>
    receive(devB, '198.18.1.1', '198.18.1.2', 99, bytes(length), {
      bits: (offset >> 3) | (more ? 0x2000 : 0),
    })
  // After the last one.
  fragment(16, false, 8)
  fragment(24, true, 8)
  expect(fail()).toBe(1)
  // A last one before others.
  fragment(24, true, 8)
  fragment(8, false, 8)
  expect(fail()).toBe(2)
  // Less than eight bytes.
  fragment(0, true, 7)
  expect(fail()).toBe(3)
  // Together longer than a packet can be, and with another end.
  fragment(0, true, 32_768)
  fragment(65_528, false, 100)
  fragment(32_768, true, 32_760)
  expect(fail()).toBe(4)
  fragment(65_528, false, 100)
  fragment(8, false, 8)
  expect(fail()).toBe(5)
})

test('a fragment header may follow hop-by-hop options', () => {
  const { b, devB } = pair()
  const { messages } = bound(b, 6, 53)
  const { messages: direct } = bound(b, 6, 54)
  const options = (next: number) => [next, 0, 1, 4, 0, 0, 0, 0]
  const payload = Uint8Array.of(...datagram(1, 53, bytes(16)))
  // The checksum for the destination 2001:db8::2.
  receive(devB, '2001:db8::1', '2001:db8::2', UDP, datagram(1, 54, bytes(16)))
  expect(direct.length).toBe(1)
  const sum = [...address('2001:db8::1'), ...address('2001:db8::2'), 0, 17, 0, 24, ...payload]
  let total = 0
  for (let i = 0; i < sum.length; i += 2) {
    total += (sum[i] ?? 0) * 256 + (sum[i + 1] ?? 0)
  }
  while (total > 0xffff) {
    total = (total & 0xffff) + (total >>> 16)
  }
  payload.set([(~total >>> 8) & 0xff, ~total & 0xff], 6)
  const piece = (offset: number, more: number, data: Uint8Array) =>
    receive(
      devB,
      '2001:db8::1',
      '2001:db8::2',
      0,
      Uint8Array.of(...options(44), 17, 0, 0, offset | more, 0, 0, 0, 7, ...data),
    )
  piece(16, 0, payload.subarray(16))
  piece(0, 1, payload.subarray(0, 16))
  expect(messages.map(([data]) => data.length)).toEqual([16])
})

test('broadcasts get no reply: neither to a ping, nor to an unknown protocol', () => {
  const { network, devB } = pair()
  const ping = Uint8Array.of(8, 0, 0, 0, 0, 1, 0, 1)
  for (const to of ['198.18.1.255', '255.255.255.255', '224.0.0.1']) {
    for (const [protocol, payload] of [
      [1, ping],
      [99, bytes(16)],
      [UDP, datagram(1, 9, bytes(1))],
    ] as const) {
      receive(devB, '198.18.1.1', to, protocol, payload, { mac: GROUP_MAC })
    }
  }
  expect(network.frames).toEqual([])
  // Nor does a packet without a source, even with a default route.
  const client = routed()
  receive(client.near, '0.0.0.0', '198.18.1.1', 99, bytes(16))
  expect(client.network.frames).toEqual([])
  receive(devB, '198.18.1.1', '198.18.1.2', 99, bytes(16))
  expect(network.frames.length).toBe(1)
})

test.each(['198.18.1.255', '224.0.0.1', 'ff02::1'])('a segment of TCP for %s is dropped', to => {
  const { b, devB } = pair()
  const received: number[] = []
  b.stack.use(6, {
    receive: ({ length }) => received.push(length),
    hasSent: () => true,
    error: () => {},
  })
  const isV4 = to.includes('.')
  receive(devB, isV4 ? '198.18.1.1' : '2001:db8::1', to, 6, bytes(20), { mac: GROUP_MAC })
  expect(received).toEqual([])
  receive(
    devB,
    isV4 ? '198.18.1.1' : '2001:db8::1',
    isV4 ? '198.18.1.2' : '2001:db8::2',
    6,
    bytes(20),
  )
  expect(received).toEqual([20])
})

test('a ping to a group of the link is replied from the link-local address of the host', () => {
  const { network, a, b, devA, devB } = pair()
  const sources: Uint8Array[] = []
  ping(a.stack, address('ff02::1'), {}, ({ source }) => sources.push(source))
  network.run()
  // A host hears its own request first.
  expect(sources).toEqual([devA.linkLocal])
  expect(b.stack.counters().Icmp6OutEchoReplies).toBe(1)
  expect(network.frames.at(-1)?.subarray(22, 38)).toEqual(devB.linkLocal)
})

/** An ICMP "unreachable" that quotes a packet of protocol 99. */
function quoting(type: number, code: number, info: number, from: string, to: string): Uint8Array {
  const quoted = [
    0x45,
    0,
    5,
    220,
    0,
    0,
    0,
    0,
    64,
    99,
    0,
    0,
    ...address(from),
    ...address(to),
    ...bytes(8),
  ]
  return Uint8Array.of(type, code, 0, 0, 0, 0, info >>> 8, info & 0xff, ...quoted)
}

test('an error about a packet of another host is ignored', () => {
  const { a, devA } = pair()
  const { errors } = probe(a)
  for (const from of ['198.18.1.7', '198.18.1.1']) {
    receive(devA, '198.18.1.2', '198.18.1.1', 1, quoting(3, 1, 0, from, '203.0.113.1'))
  }
  expect(errors).toEqual([{ errno: 113, isFatal: false, mtu: 0 }])
})

test('a forged error about a packet that no socket has sent leaves the MTU of the path', () => {
  const { a, devA } = pair()
  const forge = () => receive(devA, '198.18.1.2', '198.18.1.1', 1, tooBig(17))
  const tooBig = (protocol: number) => {
    const message = quoting(3, 4, 600, '198.18.1.1', '203.0.113.1')
    message[17] = protocol
    message.set([0x30, 0x39, 0, 53], 28)
    return message
  }
  receive(devA, '198.18.1.2', '198.18.1.1', 1, tooBig(99))
  forge()
  expect(a.stack.mtuTo(address('203.0.113.1'))).not.toBe(600)
  bound(a, 4, 12345)
  forge()
  expect(a.stack.mtuTo(address('203.0.113.1'))).toBe(600)
})

test.each([
  [3, 0, 101, false],
  [3, 2, 92, true],
  [3, 3, 111, true],
  [3, 5, 95, false],
  [3, 6, 101, true],
  [3, 7, 112, true],
  [3, 8, 64, true],
  [3, 13, 113, true],
  [11, 0, 113, false],
  [12, 0, 71, true],
])('ICMP type %i code %i is errno %i', (type, code, errno, isFatal) => {
  const { a, devA } = pair()
  const { errors } = probe(a)
  receive(devA, '198.18.1.2', '198.18.1.1', 1, quoting(type, code, 0, '198.18.1.1', '203.0.113.1'))
  expect(errors).toEqual([{ errno, isFatal, mtu: 0 }])
})

test.each([
  [1, 0, 101, false],
  [1, 1, 13, true],
  [1, 3, 113, false],
  [1, 4, 111, true],
  [1, 6, 13, true],
  [3, 0, 113, false],
  [4, 1, 71, true],
])('ICMPv6 type %i code %i is errno %i', (type, code, errno, isFatal) => {
  const { a, devA } = pair()
  const { errors } = probe(a)
  const quoted = [
    0x60,
    0,
    0,
    0,
    5,
    180,
    99,
    64,
    ...address('2001:db8::1'),
    ...address('2001:db8:9::1'),
    ...bytes(8),
  ]
  const message = (kind: number, detail: number, info: number) =>
    Uint8Array.of(kind, detail, 0, 0, 0, 0, info >>> 8, info & 0xff, ...quoted)
  receive(devA, '2001:db8::2', '2001:db8::1', ICMP6, message(type, code, 0))
  expect(errors).toEqual([{ errno, isFatal, mtu: 0 }])
  // A "packet too big" with less than the smallest MTU of IPv6 is ignored (RFC 8201 section 4).
  receive(devA, '2001:db8::2', '2001:db8::1', ICMP6, message(2, 0, 1279))
  expect(errors.length).toBe(1)
  receive(devA, '2001:db8::2', '2001:db8::1', ICMP6, message(2, 0, 1280))
  expect(errors[1]).toMatchObject({ errno: 90, isFatal: false })
})

test('an error about a closed port quotes the header that arrived', () => {
  const { network, devA, devB } = pair()
  devB.setNeighbour(address('198.18.1.1'), devA.mac)
  receive(devB, '198.18.1.1', '198.18.1.2', UDP, datagram(1, 9, bytes(1)), { life: 33 })
  expect(network.frames[0]?.subarray(34, 36)).toEqual(Uint8Array.of(3, 3))
  expect(network.frames[0]?.[42 + 8]).toBe(33)
})

test('an error quotes at most what fits 576 bytes, and all of a shorter packet', () => {
  const { network, devB } = pair()
  receive(devB, '198.18.1.1', '198.18.1.2', 99, bytes(100))
  receive(devB, '198.18.1.1', '198.18.1.2', 99, bytes(1000))
  devB.setNeighbour(address('198.18.1.1'), GROUP_MAC)
  expect(network.frames.slice(1).map(({ length }) => length)).toEqual([14 + 28 + 120, 14 + 576])
})

/** The type, the code and the pointer of a Parameter Problem; undefined for another frame. */
function problemIn(frame: Uint8Array | undefined) {
  if (frame === undefined) return undefined
  return frame[54] === 4 ? [frame[55], frame[61]] : 'another frame'
}

/** A header of 8 bytes before a datagram, and the option or the type in it. */
const option = (type: number) =>
  Uint8Array.of(17, 0, type, 2, 0, 0, 1, 0, ...datagram(1, 53, bytes(4)))
const routing = (left: number) =>
  Uint8Array.of(17, 0, 2, left, 0, 0, 0, 0, ...datagram(1, 53, bytes(4)))

test.each([
  ['an option whose type says skip', 60, option(0x1e), 1, undefined],
  ['an option whose type says discard', 60, option(0x5e), 0, undefined],
  ['an option whose type says report', 60, option(0x9e), 0, [2, 42]],
  [
    'an option whose type says report if the packet is for this host alone',
    0,
    option(0xde),
    0,
    [2, 42],
  ],
  ['a routing header without segments left', 43, routing(0), 1, undefined],
  ['a routing header with segments left', 43, routing(1), 0, [0, 42]],
  [
    'hop-by-hop options after another header',
    60,
    Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0, ...option(1)),
    0,
    [1, 40],
  ],
])('%s is handled as RFC 8200 section 4 has it', (_, next, payload, received, problem) => {
  const { network, b, devA, devB } = pair()
  devB.setNeighbour(address('2001:db8::1'), devA.mac)
  const { messages } = bound(b, 6, 53)
  receive(devB, '2001:db8::1', '2001:db8::2', next, payload, { isSummed: false })
  // The checksum is not filled in: a datagram that is read counts as an error.
  expect([b.stack.counters().Udp6InErrors ?? 0, messages.length]).toEqual([received, 0])
  expect(problemIn(network.frames[0])).toEqual(problem)
})

/** A fragment of IPv6 of a datagram. */
const fragment6 = (offset: number, isLast: boolean, data: Uint8Array, next = 17) =>
  Uint8Array.of(next, 0, offset >> 8, (offset & 0xf8) | (isLast ? 0 : 1), 0, 0, 0, 7, ...data)

test.each([
  ['whose length is no multiple of 8', fragment6(0, false, bytes(33)), [0, 4]],
  ['that ends beyond 65,535 bytes', fragment6(65_528, true, bytes(64)), [0, 42]],
  ['without the header of its datagram', fragment6(0, false, bytes(8), 6), [3, 0]],
])('a fragment of IPv6 %s is reported', (_, payload, problem) => {
  const { network, devA, devB } = pair()
  devB.setNeighbour(address('2001:db8::1'), devA.mac)
  receive(devB, '2001:db8::1', '2001:db8::2', 44, payload)
  expect(problemIn(network.frames[0])).toEqual(problem)
})

test('an atomic fragment is a packet of its own, and leaves fragments of the same packet', () => {
  const { b, devB } = pair()
  const ok = () => b.stack.counters().Ip6ReasmOKs ?? 0
  const piece = (offset: number, isLast: boolean, length: number) =>
    receive(devB, '2001:db8::1', '2001:db8::2', 44, fragment6(offset, isLast, bytes(length)))
  piece(16, true, 8)
  piece(0, true, 32)
  expect(ok()).toBe(1)
  piece(0, false, 16)
  expect([ok(), b.stack.counters().Ip6ReasmFails ?? 0]).toEqual([2, 0])
})

test('a fragment with bytes that have all arrived is ignored', () => {
  const { b, devB } = pair()
  const piece = (offset: number, isMore: boolean, length: number) =>
    receive(devB, '198.18.1.1', '198.18.1.2', 99, bytes(length), {
      bits: (offset >> 3) | (isMore ? 0x2000 : 0),
    })
  piece(0, true, 16)
  piece(16, true, 16)
  piece(8, true, 16)
  piece(32, false, 8)
  const { IpReasmOKs = 0, IpReasmFails = 0 } = b.stack.counters()
  expect([IpReasmOKs, IpReasmFails]).toEqual([1, 0])
})

test.each(['fe80::99', '::', '0.1.2.3'])('a router does not forward from %s', from => {
  const { network, gate, far, behind } = routed()
  const isV4 = from.includes('.')
  behind.setNeighbour(address(isV4 ? '198.18.2.2' : '2001:db8:2::2'), far.mac)
  receive(gate, from, isV4 ? '198.18.2.2' : '2001:db8:2::2', UDP, datagram(1, 9, bytes(1)))
  expect(network.frames).toEqual([])
})

test('a packet for this host in a frame for all gets no ICMP error, and no segment is taken', () => {
  const { network, b, devA, devB } = pair()
  devB.setNeighbour(address('198.18.1.1'), devA.mac)
  const received: number[] = []
  b.stack.use(6, {
    receive: ({ length }) => received.push(length),
    hasSent: () => true,
    error: () => {},
  })
  const send = (mac?: Uint8Array) => {
    receive(devB, '198.18.1.1', '198.18.1.2', UDP, datagram(1, 9, bytes(1)), mac && { mac })
    receive(devB, '198.18.1.1', '198.18.1.2', 6, bytes(20), mac && { mac })
  }
  send(GROUP_MAC)
  expect([network.frames.length, received]).toEqual([0, []])
  send()
  expect([network.frames.length, received]).toEqual([1, [20]])
})
