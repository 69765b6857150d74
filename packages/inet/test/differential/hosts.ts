/**
 * The two hosts that get the same frames: one in memory, and the kernel in a namespace. Both have
 * replied when `receive` returns: the kernel processes a frame inside the write to a TAP. Nothing
 * waits for a timer, and what only a timer would send is not seen.
 */
import { execFileSync } from 'node:child_process'
import { readSync, writeSync } from 'node:fs'
import type { Stations } from '@vnet/conform'
import { random } from '#src/base/random.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { check } from '#src/linux/errno.ts'
import { hasSysctl, writeSysctl } from '#src/linux/sysctl.ts'
import * as uapi from '#src/linux/uapi.ts'
import { formatMac, parseAddress } from '#src/packet/address.ts'
import { concat } from '#src/packet/octets.ts'
import { type Netns, OwnNetns } from '#support/netns.ts'
import { InetHost, type StackInterface } from '../../src/index.ts'
import { GROUPS, OPEN_PORT } from './packets.ts'
import { digest, isUnasked } from './replies.ts'

const address = (text: string): Uint8Array => parseAddress(text) as Uint8Array
const mac = (n: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, n)

export const STATIONS: Stations = {
  host: { mac: mac(1), ip: address('198.18.0.1'), ip6: address('2001:db8::1') },
  peer: { mac: mac(2), ip: address('198.18.0.2'), ip6: address('2001:db8::2') },
}
const HOST = ['198.18.0.1/24', '2001:db8::1/64'] as const
const HOST_LOCAL = 'fe80::ff:fe00:1'
const PEER_LOCAL = 'fe80::ff:fe00:2'
const MTU = 1500

export interface Done {
  /** The frames that the host has sent. */
  readonly frames: readonly Uint8Array[]
  /** What its socket has received, as text. */
  readonly delivered: readonly string[]
}

export interface TestedHost {
  receive(frame: Uint8Array): Done
  close(): void
}

const received = (data: Uint8Array): string => `the socket receives ${digest(data)}`

export class MemoryHost implements TestedHost {
  readonly #clock = new FakeClock()
  readonly #host = new InetHost({ clock: this.#clock, random: random(1) })
  readonly #dev: StackInterface
  #frames: Uint8Array[] = []
  #delivered: string[] = []

  constructor() {
    const transmit = (frame: Uint8Array) =>
      void (isUnasked(frame) || this.#frames.push(frame.slice()))
    this.#dev = this.#host.addInterface({ name: 'eth0', mac: mac(1), mtu: MTU, transmit })
    for (const cidr of HOST) {
      this.#dev.addAddress(cidr)
    }
    const { ip, ip6 } = STATIONS.peer
    for (const via of [ip, ip6] as Uint8Array[]) {
      this.#dev.setNeighbour(via, mac(2))
      this.#host.ip.addRoute({
        prefix: { bytes: new Uint8Array(via.length), prefixLen: 0 },
        via,
        dev: this.#dev,
      })
    }
    this.#dev.setNeighbour(address(PEER_LOCAL), mac(2))
    const onMessage = (data: Uint8Array) => void this.#delivered.push(received(data))
    const socket = this.#host.udp.bind(
      { address: undefined, family: 6, port: OPEN_PORT },
      { onMessage, onError() {} },
    )
    for (const group of GROUPS) {
      socket.joinGroup(address(group), 'eth0')
    }
    this.#host.tcp.listen({ address: undefined, port: OPEN_PORT }, 4096, () => {})
  }

  receive(frame: Uint8Array): Done {
    this.#dev.receive(frame, 0, frame.length)
    this.#clock.advance(100)
    const done = { frames: this.#frames, delivered: this.#delivered }
    this.#frames = []
    this.#delivered = []
    return done
  }

  close(): void {
    this.#host.close()
  }
}

/** Without limits, without waiting, and without what rows of linux.md say is missing in memory. */
const SETTINGS = {
  'net/ipv4/icmp_ratelimit': 0,
  'net/ipv4/icmp_ratemask': 0,
  'net/ipv4/icmp_msgs_per_sec': 1_000_000_000,
  'net/ipv4/icmp_msgs_burst': 1_000_000_000,
  'net/ipv6/icmp/ratelimit': 0,
  'net/ipv4/ipfrag_time': 3600,
  'net/ipv6/ip6frag_time': 3600,
  'net/ipv4/ipfrag_max_dist': 0,
  'net/ipv4/tcp_syncookies': 0,
  'net/ipv4/tcp_synack_retries': 0,
  'net/ipv4/tcp_max_syn_backlog': 4096,
  'net/ipv4/tcp_ecn': 0,
  'net/ipv6/auto_flowlabels': 0,
  'net/ipv4/conf/all/rp_filter': 0,
  'net/ipv4/conf/tap0/rp_filter': 0,
  'net/ipv4/conf/all/accept_redirects': 0,
  'net/ipv4/conf/tap0/accept_redirects': 0,
  'net/ipv6/conf/tap0/accept_redirects': 0,
  'net/ipv6/conf/tap0/accept_ra': 0,
  'net/ipv6/conf/tap0/accept_dad': 0,
  'net/ipv6/conf/tap0/router_solicitations': 0,
  'net/ipv4/neigh/tap0/retrans_time_ms': 3_600_000,
  'net/ipv6/neigh/tap0/retrans_time_ms': 3_600_000,
  'net/ipv4/neigh/tap0/delay_first_probe_time': 3600,
  'net/ipv6/neigh/tap0/delay_first_probe_time': 3600,
  'net/ipv4/neigh/tap0/locktime': 360_000,
} as const

const IPPROTO_IP = 0
// include/uapi/linux/in.h, in6.h
const [IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP] = [35, 20]
const POLLIN = 1

export class KernelHost implements TestedHost {
  readonly #own = new OwnNetns()
  readonly #netns: Netns
  readonly #tap: number
  readonly #socket: number
  readonly #into = new Uint8Array(70_000)

  constructor() {
    const { native } = this.#own
    this.#netns = this.#own.add()
    this.#tap = this.#own.tap(this.#netns, 'tap0')[0] as number
    for (const [name, value] of Object.entries(SETTINGS)) {
      if (hasSysctl(native, this.#netns.fd, name)) {
        writeSysctl(native, this.#netns.fd, name, String(value))
      }
    }
    const peer = `lladdr ${formatMac(mac(2))} dev tap0 nud permanent`
    const commands = [
      'link set lo up',
      `link set tap0 address ${formatMac(mac(1))} txqueuelen 10000 up`,
      `addr add ${HOST[0]} dev tap0`,
      `addr add ${HOST[1]} dev tap0 nodad`,
      ...['198.18.0.2', '2001:db8::2', PEER_LOCAL].map(to => `neigh replace ${to} ${peer}`),
      'route add default via 198.18.0.2',
      'route add default via 2001:db8::2',
    ]
    execFileSync('ip', ['-n', this.#netns.name, '-batch', '-'], {
      input: commands.join('\n'),
      stdio: 'pipe',
    })
    this.#own.waitForLocalRoutes(this.#netns, [HOST[1].replace('/64', ''), HOST_LOCAL])
    const any = uapi.sockaddrInet(new Uint8Array(16), OPEN_PORT)
    this.#socket = this.#open(uapi.SOCK_DGRAM, any)
    const index = uapi.int32(Number(this.#netns.exec('cat /sys/class/net/tap0/ifindex')))
    const four = concat([address(GROUPS[0]), STATIONS.host.ip as Uint8Array])
    check(native.setsockopt(this.#socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, four), 'IP_ADD_MEMBERSHIP')
    const six = concat([address(GROUPS[1]), index])
    check(native.setsockopt(this.#socket, 41, IPV6_JOIN_GROUP, six), 'IPV6_JOIN_GROUP')
    check(native.listen(this.#open(uapi.SOCK_STREAM, any), 4096), 'listen')
    this.#read()
  }

  #open(type: number, bound: Uint8Array): number {
    const { native } = this.#own
    const fd = this.#own.own(
      native.socket(uapi.AF_INET6, type | uapi.SOCK_NONBLOCK, 0, this.#netns.fd),
    )
    check(native.bind(fd, bound), 'bind')
    return fd
  }

  receive(frame: Uint8Array): Done {
    writeSync(this.#tap, frame)
    return { frames: this.#read(), delivered: this.#receiveAll() }
  }

  #read(): Uint8Array[] {
    const frames: Uint8Array[] = []
    while ((this.#own.native.poll(this.#tap) & POLLIN) !== 0) {
      const frame = this.#into.slice(0, readSync(this.#tap, this.#into))
      if (!isUnasked(frame)) {
        frames.push(frame)
      }
    }
    return frames
  }

  #receiveAll(): string[] {
    const delivered: string[] = []
    for (;;) {
      const length = this.#own.native.recv(this.#socket, this.#into, uapi.MSG_DONTWAIT)
      if (length < 0) return delivered
      delivered.push(received(this.#into.subarray(0, length)))
    }
  }

  close(): void {
    this.#own.remove()
  }
}
