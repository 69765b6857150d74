/** IP, ICMP, ARP, neighbour discovery and UDP of hosts in memory, on a fake clock. */
import { expect, test } from 'vitest'
import { random } from '../../../../src/base/random.ts'
import { FakeClock } from '../../../../src/bed/fake-clock.ts'
import { parseAddress, parsePrefix } from '../../../../src/packet/address.ts'
import type { Endpoint } from '../../src/memory/stack/contract.ts'
import type { StackInterface } from '../../src/memory/stack/ip-interface.ts'
import { IpStack } from '../../src/memory/stack/ip-stack.ts'
import { Udp } from '../../src/memory/stack/udp.ts'

const MS = 1e6
const address = (text: string) => parseAddress(text) as Uint8Array
const bytes = (n: number) => Uint8Array.from({ length: n }, (_, i) => i % 251)

/** Hosts by name, and segments whose frames arrive after a millisecond at all other ports. */
class Network {
  readonly clock = new FakeClock()
  readonly frames: Uint8Array[] = []
  /** Drops a frame if it returns true. */
  lose: (frame: Uint8Array) => boolean = () => false
  #macs = 0

  host(seed = 1) {
    const stack = new IpStack({ clock: this.clock, random: random(seed) })
    return { stack, udp: new Udp(stack) }
  }

  /** Joins stacks; each has its addresses on the segment. */
  join(ends: readonly (readonly [IpStack, ...string[]])[], mtu = 1500): StackInterface[] {
    const ports: StackInterface[] = ends.map(([stack, ...cidrs]) => {
      const dev: StackInterface = stack.addInterface({
        name: `eth${stack.interfaces.length}`,
        mac: Uint8Array.of(2, 0, 0, 0, 0, ++this.#macs),
        mtu,
        transmit: frame => {
          this.frames.push(frame)
          if (this.lose(frame)) return
          const others = ports.filter(port => port !== dev)
          this.clock
            .alarm(() => {
              for (const other of others) other.receive(frame, 0, frame.length)
            })
            .at(this.clock.now() + MS)
        },
      })
      for (const cidr of cidrs) dev.addAddress(cidr)
      return dev
    })
    return ports
  }

  run(ms = 10_000): void {
    this.clock.advance(ms * MS)
  }
}

function bound(udp: Udp, family: 4 | 6, port: number, host?: string) {
  const messages: [string, string, number][] = []
  const errors: number[] = []
  const events = {
    onMessage: (data: Uint8Array, from: Endpoint) => {
      messages.push([Buffer.from(data).toString('latin1'), Buffer.from(from.address).toString('hex'), from.port])
    },
    onError: (errno: number) => void errors.push(errno),
  }
  const socket = udp.bind({ address: host === undefined ? undefined : address(host), family, port }, events)
  return { socket, messages, errors }
}

function pair(mtu = 1500) {
  const network = new Network()
  const [a, b] = [network.host(1), network.host(2)]
  network.join(
    [
      [a.stack, '198.18.1.1/24', '2001:db8::1/64'],
      [b.stack, '198.18.1.2/24', '2001:db8::2/64'],
    ],
    mtu,
  )
  return { network, a, b }
}

/** client - router - server, with an MTU of 1400 behind the router. */
function routed() {
  const network = new Network()
  const [client, router, server] = [network.host(1), network.host(2), network.host(3)]
  router.stack.forwarding = true
  const [near, gate] = network.join([
    [client.stack, '198.18.1.1/24', '2001:db8:1::1/64'],
    [router.stack, '198.18.1.2/24', '2001:db8:1::2/64'],
  ])
  const [behind, far] = network.join(
    [
      [router.stack, '198.18.2.1/24', '2001:db8:2::1/64'],
      [server.stack, '198.18.2.2/24', '2001:db8:2::2/64'],
    ],
    1400,
  )
  const route = (stack: IpStack, dev: StackInterface | undefined, to: string, via: string) => {
    const prefix = parsePrefix(to)
    if (prefix && dev) stack.addRoute({ prefix, via: address(via), dev })
  }
  route(client.stack, near, '198.18.2.0/24', '198.18.1.2')
  route(client.stack, near, '2001:db8:2::/64', '2001:db8:1::2')
  route(server.stack, far, '198.18.1.0/24', '198.18.2.1')
  route(server.stack, far, '2001:db8:1::/64', '2001:db8:2::1')
  return { network, client, router, server, gate, behind }
}

test.each(['198.18.1.2', '2001:db8::2', '198.18.1.1', '127.0.0.1', '::1'])('a host pings %s', to => {
  const { network, a } = pair()
  const replies: [number, Uint8Array][] = []
  const ping = a.stack.icmp.ping(7, (sequence, data) => replies.push([sequence, data]))
  expect(ping.send(address(to), 1, bytes(56))).toBe(0)
  expect(replies).toEqual([])
  network.run()
  expect(replies).toEqual([[1, bytes(56)]])
})

test('a neighbour that does not answer is asked three times, and the sender then gets an error', () => {
  const { network, a } = pair()
  const { socket, errors } = bound(a.udp, 4, 0)
  socket.connect({ address: address('198.18.1.9'), port: 9 })
  expect(socket.send(bytes(1))).toBe(0)
  network.run(2_900)
  expect(network.frames.length).toBe(3)
  network.run()
  expect(network.frames.length).toBe(3)
  expect(a.stack.counters().IcmpOutDestUnreachs).toBe(1)
  // EHOSTUNREACH is not fatal, so Linux does not report it to a UDP socket.
  expect(errors).toEqual([])
})

test.each([
  [4, '198.18.1.2', 'c6120101'],
  [6, '2001:db8::2', '20010db8000000000000000000000001'],
  [4, '127.0.0.1', '7f000001'],
] as const)('a datagram of IPv%i to %s arrives with its sender', (family, to, from) => {
  const { network, a, b } = pair()
  const receiver = bound(to === '127.0.0.1' ? a.udp : b.udp, family, 53)
  const sender = bound(a.udp, family, 1234)
  expect(sender.socket.send(Buffer.from('hello'), { address: address(to), port: 53 })).toBe(0)
  network.run()
  expect(receiver.messages).toEqual([['hello', from, 1234]])
})

test.each([4, 6] as const)('a datagram of IPv%i larger than the MTU arrives in fragments, in any order', family => {
  const { network, a, b } = pair()
  const to = { address: address(family === 4 ? '198.18.1.2' : '2001:db8::2'), port: 53 }
  const receiver = bound(b.udp, family, 53)
  const { socket } = bound(a.udp, family, 1234)
  socket.send(bytes(5000), to)
  network.run()
  expect(receiver.messages.map(([data]) => data.length)).toEqual([5000])
  expect(receiver.messages[0]?.[0]).toBe(Buffer.from(bytes(5000)).toString('latin1'))
  // One lost fragment costs the datagram, and the next one is whole.
  let lost = 0
  network.lose = frame => frame.length > 1400 && lost++ === 1
  socket.send(bytes(5000), to)
  socket.send(bytes(3000), to)
  network.run(100_000)
  expect(receiver.messages.map(([data]) => data.length)).toEqual([5000, 3000])
})

test.each([
  [4, '198.18.1.2'],
  [6, '2001:db8::2'],
] as const)('a closed port refuses a connected socket of IPv%i', (family, to) => {
  const { network, a, b } = pair()
  const { socket, errors } = bound(a.udp, family, 0)
  socket.send(bytes(1), { address: address(to), port: 9 })
  network.run()
  expect(errors).toEqual([])
  socket.connect({ address: address(to), port: 9 })
  socket.send(bytes(1))
  network.run()
  expect(errors).toEqual([111])
  expect(b.stack.counters()[family === 4 ? 'UdpNoPorts' : 'Udp6NoPorts']).toBe(2)
})

test('a socket of IPv6 serves IPv4 too, with mapped addresses', () => {
  const { network, a, b } = pair()
  const server = bound(b.udp, 6, 53)
  const client = bound(a.udp, 4, 1234)
  client.socket.send(Buffer.from('hi'), { address: address('198.18.1.2'), port: 53 })
  network.run()
  expect(server.messages).toEqual([['hi', '00000000000000000000ffffc6120101', 1234]])
  server.socket.send(Buffer.from('ho'), { address: address('::ffff:198.18.1.1'), port: 1234 })
  network.run()
  expect(client.messages).toEqual([['ho', 'c6120102', 53]])
})

test('a port is taken once, unless both sockets allow more', () => {
  const { a } = pair()
  const open = (options: { family?: 4 | 6; host?: string; reuseAddr?: boolean; ipv6Only?: boolean }) => {
    const { family = 4, host, ...rest } = options
    const binding = { family, port: 53, address: host === undefined ? undefined : address(host), ...rest }
    try {
      a.udp.bind(binding, { onMessage: () => {}, onError: () => {} })
      return 0
    } catch (error) {
      return (error as { errno: number }).errno
    }
  }
  expect(open({})).toBe(0)
  expect(open({})).toBe(98)
  expect(open({ host: '198.18.1.1' })).toBe(98)
  expect(open({ family: 6 })).toBe(98)
  expect(open({ family: 6, ipv6Only: true })).toBe(0)
  expect(open({ host: '198.18.1.7' })).toBe(99)
})

test('a broadcast reaches every host of a segment', () => {
  const network = new Network()
  const hosts = [network.host(1), network.host(2), network.host(3)] as const
  network.join(hosts.map(({ stack }, i) => [stack, `198.18.1.${i + 1}/24`]))
  const receivers = hosts.slice(1).map(({ udp }) => bound(udp, 4, 67))
  const { socket } = bound(hosts[0].udp, 4, 68)
  for (const to of ['255.255.255.255', '198.18.1.255']) socket.send(Buffer.from(to), { address: address(to), port: 67 })
  network.run()
  for (const { messages } of receivers)
    expect(messages.map(([data]) => data)).toEqual(['255.255.255.255', '198.18.1.255'])
})

test.each(['198.18.2.2', '2001:db8:2::2'])('a router forwards packets for %s', to => {
  const { network, client, router } = routed()
  let replies = 0
  client.stack.icmp.ping(1, () => replies++).send(address(to), 1, bytes(8))
  network.run()
  expect(replies).toBe(1)
  const { IpForwDatagrams = 0, Ip6OutForwDatagrams = 0 } = router.stack.counters()
  expect(IpForwDatagrams + Ip6OutForwDatagrams).toBe(2)
})

test.each(['198.18.2.2', '2001:db8:2::2'])('a packet to %s whose life ends is reported', to => {
  const { network, client, server } = routed()
  const errors: [number, boolean][] = []
  client.stack.use(99, { receive: () => {}, error: ({ errno, isFatal }) => errors.push([errno, isFatal]) })
  const from = client.stack.sourceFor(address(to)) as Uint8Array
  client.stack.send(99, from, address(to), bytes(16), { ttl: 1 })
  network.run()
  expect(errors).toEqual([[113, false]])
  expect(server.stack.counters()).toEqual({})
})

test.each([
  ['198.18.2.2', 20],
  ['2001:db8:2::2', 40],
] as const)('the sender of packets to %s learns the MTU of the path', (to, header) => {
  const { network, client } = routed()
  const mtus: number[] = []
  client.stack.use(99, { receive: () => {}, error: ({ mtu }) => mtus.push(mtu) })
  const target = address(to)
  const from = client.stack.sourceFor(target) as Uint8Array
  const send = (length: number) => client.stack.send(99, from, target, bytes(length - header), { dontFragment: true })
  expect(client.stack.mtuTo(target)).toBe(1500)
  expect(send(1500)).toBe(0)
  network.run()
  expect(mtus).toEqual([1400])
  expect(client.stack.mtuTo(target)).toBe(1400)
  expect(send(1401)).toBe(-90)
  // Ten minutes later the path is tried again.
  network.run(600_000)
  expect(client.stack.mtuTo(target)).toBe(1500)
})

test('a router cuts packets of IPv4 that may be cut', () => {
  const { network, client, server } = routed()
  const receiver = bound(server.udp, 4, 53)
  const { socket } = bound(client.udp, 4, 0)
  socket.send(bytes(1450), { address: address('198.18.2.2'), port: 53 })
  network.run()
  expect(receiver.messages.map(([data]) => data.length)).toEqual([1450])
})

test('a network without a route is reported, by the host itself and by a router', () => {
  const { network, client, gate } = routed()
  const { socket } = bound(client.udp, 4, 0)
  const to = { address: address('203.0.113.1'), port: 1 }
  expect(socket.send(bytes(1), to)).toBe(-101)
  const [dev] = client.stack.interfaces
  client.stack.addRoute({
    prefix: { bytes: new Uint8Array(4), prefixLen: 0 },
    via: address('198.18.1.2'),
    dev: dev as StackInterface,
  })
  expect(socket.send(bytes(1), to)).toBe(0)
  network.run()
  expect(gate?.name).toBe('eth0')
  const unreachable = network.frames.filter(frame => frame[23] === 1 && frame[34] === 3)
  expect(unreachable.map(frame => frame[35])).toEqual([0])
})

test('a filter decides about forwarded packets', () => {
  const { network, client, router, server } = routed()
  router.stack.filter = ({ from, to }) => !(from?.name === 'eth0' && to?.name === 'eth1')
  const receiver = bound(server.udp, 4, 53)
  bound(client.udp, 4, 0).socket.send(bytes(1), { address: address('198.18.2.2'), port: 53 })
  network.run()
  expect(receiver.messages).toEqual([])
})

test('an interface that is down or has no carrier passes no frame', () => {
  const { network, a, b } = pair()
  const receiver = bound(b.udp, 4, 53)
  const { socket } = bound(a.udp, 4, 0)
  const [dev] = a.stack.interfaces
  const to = { address: address('198.18.1.2'), port: 53 }
  dev?.setUp(false)
  expect(socket.send(bytes(1), to)).toBe(-101)
  dev?.setUp(true)
  if (dev) dev.carrier = false
  expect(socket.send(bytes(1), to)).toBe(0)
  network.run()
  expect(receiver.messages).toEqual([])
  expect(a.stack.counters().TxDropped).toBe(1)
})

test('random and damaged frames are ignored', () => {
  const { network, a, b } = pair()
  const { below } = random(7)
  bound(b.udp, 6, 53)
  const { socket } = bound(a.udp, 4, 0)
  socket.send(bytes(100), { address: address('198.18.1.2'), port: 53 })
  a.stack.icmp.ping(1, () => {}).send(address('2001:db8::2'), 1, bytes(9))
  network.run()
  const [dev] = b.stack.interfaces as [StackInterface]
  const seen = [...network.frames]
  for (let i = 0; i < 5000; i++) {
    const frame = (seen[below(seen.length)] as Uint8Array).slice()
    for (let n = below(4); n >= 0; n--) frame[below(frame.length)] = below(256)
    frame.set(dev.mac)
    dev.receive(frame, 0, below(frame.length + 1))
    if (i % 100 === 0) network.run(1)
  }
  network.run(100_000)
})
