/** Hosts in memory on a fake clock, and segments that join them, for the tests of IP and UDP. */
import { random } from '#src/base/random.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { parseAddress, parsePrefix, sameBytes } from '#src/packet/address.ts'
import type { Endpoint, UdpBinding } from '../src/contract.ts'
import { fillChecksum } from '../src/ip/checksum.ts'
import type { StackInterface } from '../src/ip/interface.ts'
import { IpStack } from '../src/ip/stack.ts'
import { versionOf } from '../src/ip/version.ts'
import { Udp } from '../src/udp.ts'

const MS = 1e6

export const address = (text: string) => parseAddress(text) as Uint8Array
export const bytes = (n: number) => Uint8Array.from({ length: n }, (_, i) => i % 251)
export const endpoint = (text: string, port: number): Endpoint => ({ address: address(text), port })

export interface Host {
  readonly stack: IpStack
  readonly udp: Udp
}

/** Hosts, and segments that pass each frame to all other ports after a millisecond. */
export class Network {
  readonly clock = new FakeClock()
  readonly frames: Uint8Array[] = []
  /** Drops a frame if it returns true. */
  lose: (frame: Uint8Array) => boolean = () => false
  #hosts = 0
  #macs = 0

  host(): Host {
    const stack = new IpStack({ clock: this.clock, random: random(++this.#hosts) })
    return { stack, udp: new Udp(stack) }
  }

  /** Joins stacks; each has its addresses on the segment. */
  join(
    ends: readonly (readonly [IpStack, ...string[]])[],
    mtu = 1500,
  ): readonly [StackInterface, StackInterface] {
    const ports: StackInterface[] = ends.map(([stack, ...cidrs]) => {
      const dev: StackInterface = stack.addInterface({
        name: `eth${stack.interfaces.length}`,
        mac: Uint8Array.of(2, 0, 0, 0, 0, ++this.#macs),
        mtu,
        transmit: frame => {
          this.frames.push(frame)
          if (!this.lose(frame)) {
            this.#carry(frame, ports, dev)
          }
        },
      })
      for (const cidr of cidrs) {
        dev.addAddress(cidr)
      }
      return dev
    })
    return ports as [StackInterface, StackInterface]
  }

  run(ms = 10_000): void {
    this.clock.advance(ms * MS)
  }

  #carry(frame: Uint8Array, ports: readonly StackInterface[], from: StackInterface): void {
    const arrive = () => {
      // The frame is lent in the middle of other bytes, and changes after the call.
      const lent = new Uint8Array(frame.length + 40).fill(0xee)
      lent.set(frame, 7)
      for (const port of ports) {
        if (port !== from) {
          port.receive(lent, 7, frame.length)
        }
      }
      lent.fill(0xdd)
    }
    this.clock.alarm(arrive).at(this.clock.now() + MS)
  }
}

/** Two hosts on a segment. */
export function pair(mtu = 1500) {
  const network = new Network()
  const [a, b] = [network.host(), network.host()]
  const [devA, devB] = network.join(
    [
      [a.stack, '198.18.1.1/24', '2001:db8::1/64'],
      [b.stack, '198.18.1.2/24', '2001:db8::2/64'],
    ],
    mtu,
  )
  return { network, a, b, devA, devB }
}

export function route(stack: IpStack, dev: StackInterface, to: string, via: string): void {
  const prefix = parsePrefix(to)
  if (prefix !== undefined) {
    stack.addRoute({ prefix, via: address(via), dev })
  }
}

/** client - router - server, with an MTU of 1400 after the router. */
export function routed(mtu = 1400) {
  const network = new Network()
  const [client, router, server] = [network.host(), network.host(), network.host()]
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
    mtu,
  )
  route(client.stack, near, '0.0.0.0/0', '198.18.1.2')
  route(client.stack, near, '::/0', '2001:db8:1::2')
  route(server.stack, far, '198.18.1.0/24', '198.18.2.1')
  route(server.stack, far, '2001:db8:1::/64', '2001:db8:2::1')
  return { network, client, router, server, near, gate, behind, far }
}

/** A UDP socket with its received messages and errors. */
export function bound(
  { udp }: Host,
  family: 4 | 6,
  port: number,
  host?: string,
  options: Partial<UdpBinding> = {},
) {
  const messages: [data: string, address: string, port: number][] = []
  const errors: number[] = []
  const events = {
    onMessage: (data: Uint8Array, from: Endpoint) => {
      messages.push([
        Buffer.from(data).toString('latin1'),
        Buffer.from(from.address).toString('hex'),
        from.port,
      ])
    },
    onError: (errno: number) => void errors.push(errno),
  }
  const binding = {
    address: host === undefined ? undefined : address(host),
    family,
    port,
    ...options,
  }
  const socket = udp.bind(binding, events)
  socket.canBroadcast = true
  return { socket, messages, errors }
}

interface EchoReply {
  readonly source: Uint8Array
  readonly payload: Uint8Array
}

/** Sends an echo request. `onReply` is called with its first reply. */
export function ping(
  stack: IpStack,
  to: Uint8Array,
  { payload = bytes(56), id = 1, seq = 1 } = {},
  onReply?: (reply: EchoReply) => void,
): void {
  const { icmp } = stack
  const [number, request, reply] = to.length === 4 ? [1, 8, 0] : [58, 128, 129]
  const header = Uint8Array.of(request, 0, 0, 0, id >>> 8, id, seq >>> 8, seq)
  const receive = icmp.receive.bind(icmp)
  let isDone = false
  icmp.receive = (version, dev, packet, nh) => {
    const { bytes, at, length, source } = packet
    if (
      !isDone &&
      bytes[at] === reply &&
      sameBytes(bytes.subarray(at + 4, at + 8), header.subarray(4))
    ) {
      isDone = true
      onReply?.({ source, payload: bytes.slice(at + 8, at + length) })
    }
    receive(version, dev, packet, nh)
  }
  stack.send(number, stack.sourceFor(to) ?? to, to, Uint8Array.of(...header, ...payload))
}

/** The errors that a host reports to protocol 99, which `send` uses. */
export function probe({ stack }: Host) {
  const errors: { errno: number; isFatal: boolean; mtu: number }[] = []
  stack.use(99, {
    receive: () => {},
    hasSent: () => true,
    error: ({ errno, isFatal, mtu }) => errors.push({ errno, isFatal, mtu }),
  })
  const send = (to: string, length: number, options = {}) =>
    stack.send(99, stack.sourceFor(address(to)) ?? address(to), address(to), bytes(length), options)
  return { errors, send }
}

/** Makes an interface receive a packet. `bits` are the flags and the fragment offset of IPv4. */
export function receive(
  dev: StackInterface,
  from: string,
  to: string,
  protocol: number,
  payload: Uint8Array,
  { life = 64, mac = dev.mac, bits = 0, isSummed = true } = {},
): void {
  const version = versionOf(address(to))
  const h = 14 + version.header
  const frame = new Uint8Array(h + payload.length)
  frame.set(mac)
  frame.set([version.etherType >>> 8, version.etherType & 0xff], 12)
  version.create(frame, 14, protocol, payload.length, life, 1, false)
  frame.set(address(from), version.sourceAt(14))
  frame.set(address(to), version.destinationAt(14))
  if (version.header === 20) {
    frame.set([bits >>> 8, bits & 0xff], 20)
  }
  version.finish(frame, 14)
  frame.set(payload, h)
  if (isSummed) {
    fillChecksum(version, protocol, 14, { bytes: frame, at: h, length: payload.length })
  }
  dev.receive(frame, 0, frame.length)
}

/** A UDP header with its payload. */
export function datagram(from: number, to: number, payload: Uint8Array): Uint8Array {
  const length = 8 + payload.length
  return Uint8Array.of(
    from >>> 8,
    from & 0xff,
    to >>> 8,
    to & 0xff,
    length >>> 8,
    length & 0xff,
    0,
    0,
    ...payload,
  )
}
