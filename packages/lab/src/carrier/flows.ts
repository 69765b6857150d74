/**
 * Flows: names the packets of a link by flow and position, so that a name means the same packet in
 * each run of a test. Ephemeral ports change from run to run: they are written `*`, and flows that
 * then look the same are numbered in the order in which they appear. Only a SYN gives a TCP
 * connection its number. Other connections, such as one that an earlier run has left and that sends
 * its data again, are `#old`: they do not change the numbers of this run.
 */

import { ETH_P_IP, ETH_P_IPV6, formatAddress, icmpv6, ipv4, ipv6, tcp, vlan } from 'vnet'
import { get16, UpperHeader } from 'vnet/kit/packet'
import type { PacketPart } from '../model/packet-name.ts'

/** net.ipv4.ip_local_port_range, which a new namespace has. */
const EPHEMERAL_MIN = 32768
const EPHEMERAL_MAX = 60999

/** The first type of MLD. The types of neighbour discovery and MLDv2 (RFC 3810) follow it. */
const ICMPV6_MLD_QUERY = 130
const ICMPV6_MLD2_REPORT = 143

/** Marks connections without a SYN on the link. */
const OLD = 'old'

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [ipv4.IPPROTO_TCP, 'tcp'],
  [ipv4.IPPROTO_UDP, 'udp'],
  [ipv4.IPPROTO_ICMP, 'icmp'],
  [ipv6.NEXTHDR_ICMP, 'icmp6'],
])

/** One direction of a flow, and the state by which its packets are numbered. */
export interface HalfFlow {
  /** From the source of its packets: `tcp client:* > server:80`. */
  readonly text: string
  /** The sequence number that counts as 0. */
  base: number
  /** The highest sequence number sent, relative to `base`. */
  sent: number
  /** Start and end of each segment that was sent. */
  readonly segments: [start: number, end: number][]
  /** The packets up to now, in all and by kind. */
  packets: number
  acks: number
  rsts: number
}

interface Flow {
  readonly forward: HalfFlow
  readonly backward: HalfFlow
  /** The source address and port of `forward`. */
  readonly from: string
  /** The sequence number of its first SYN; NaN without one. */
  syn: number
}

/**
 * The name of a packet within its link and direction, as PacketName describes it, and the flow that
 * counted it.
 */
export interface NamedPacket {
  half: HalfFlow
  number: number
  part: PacketPart
  n: number
  end: number
  copy: number
}

/**
 * Names the packets of one link. Each packet must be named once, in the order in which the link
 * carries them, because the names count.
 */
export class Flows {
  readonly #hosts: ReadonlyMap<string, string>
  readonly #upper = new UpperHeader()
  readonly #flows = new Map<string, Flow>()
  /** Flows that look the same, by their text. */
  readonly #alike = new Map<string, number>()

  /** `hosts` has the name of each address, and may grow. */
  constructor(hosts: ReadonlyMap<string, string>) {
    this.#hosts = hosts
  }

  /**
   * Names the Ethernet frame of `length` bytes at `at`. Returns undefined for a frame that is not
   * IP, and for neighbour discovery, MLD and IGMP, which the kernel sends at its own times.
   */
  name(bytes: Uint8Array, at: number, length: number): NamedPacket | undefined {
    const network = vlan.networkOffset(bytes, at, length)
    const type = network < 0 ? 0 : get16(bytes, at + network - 2)
    if (type !== ETH_P_IP && type !== ETH_P_IPV6) return undefined
    const nh = at + network
    const upper = this.#upper
    const version = upper.find(bytes, nh, at + length)
    if (version === 0) return undefined
    const protocol = upper.h < 0 ? -1 : upper.protocol
    if (
      protocol === ipv4.IPPROTO_IGMP ||
      (protocol === ipv6.NEXTHDR_ICMP && isOfKernel(bytes, upper.h, upper.end))
    ) {
      return undefined
    }
    const half = this.#halfOf(bytes, nh, version, protocol)
    half.packets++
    const isTcp =
      protocol === ipv4.IPPROTO_TCP && tcp.parse(bytes, upper.h, upper.end - upper.h) >= 0
    if (isTcp) return nameSegment(bytes, upper, half)
    return { half, number: half.packets, part: 'packet', n: half.packets, end: 0, copy: 1 }
  }

  #halfOf(bytes: Uint8Array, nh: number, version: number, protocol: number): HalfFlow {
    const { h, end } = this.#upper
    const hasPorts =
      (protocol === ipv4.IPPROTO_TCP || protocol === ipv4.IPPROTO_UDP) && end - h >= 4
    const [source, destination] =
      version === 4 ? [ipv4.sourceAt(nh), ipv4.destinationAt(nh)] : v6(nh)
    const size = version === 4 ? ipv4.IPV4_ALEN : ipv6.IPV6_ALEN
    const from = `${formatAddress(bytes.subarray(source, source + size))} ${hasPorts ? get16(bytes, h) : ''}`
    const to = `${formatAddress(bytes.subarray(destination, destination + size))} ${hasPorts ? get16(bytes, h + 2) : ''}`
    const key = `${protocol} ${from < to ? `${from} ${to}` : `${to} ${from}`}`
    const syn =
      hasPorts && protocol === ipv4.IPPROTO_TCP && end - h >= tcp.TCP_HLEN
        ? synOf(bytes, h)
        : Number.NaN
    const known = this.#flows.get(key)
    // A SYN of another number opens another connection between the same ports.
    const isNew = known === undefined || (!Number.isNaN(syn) && known.syn !== syn)
    const flow = isNew ? this.#add(key, protocol, from, to, syn) : known
    return flow.from === from ? flow.forward : flow.backward
  }

  #add(key: string, protocol: number, from: string, to: string, syn: number): Flow {
    const name = PROTOCOLS.get(protocol) ?? (protocol < 0 ? 'fragment' : `ip-${protocol}`)
    const [source, destination] = [this.#end(from), this.#end(to)]
    const kind = protocol === ipv4.IPPROTO_TCP && Number.isNaN(syn) ? OLD : ''
    const alike = `${name} ${source}${kind} > ${destination}`
    const number = (this.#alike.get(alike) ?? 0) + 1
    this.#alike.set(alike, number)
    const mark = `${kind}${number === 1 ? '' : number}`
    const first = mark === '' ? source : `${source}#${mark}`
    const half = (text: string): HalfFlow => {
      return { text, base: Number.NaN, sent: 0, segments: [], packets: 0, acks: 0, rsts: 0 }
    }
    const forward = half(`${name} ${first} > ${destination}`)
    const flow = { forward, backward: half(`${name} ${destination} > ${first}`), from, syn }
    this.#flows.set(key, flow)
    return flow
  }

  /** Returns an address and a port for people: `client:*`. */
  #end(text: string): string {
    const [address = '', port = ''] = text.split(' ')
    const host = this.#hosts.get(address) ?? (address.includes(':') ? `[${address}]` : address)
    if (port === '') return host
    return `${host}:${isEphemeral(Number(port)) ? '*' : port}`
  }
}

export const isEphemeral = (port: number): boolean => port >= EPHEMERAL_MIN && port <= EPHEMERAL_MAX

const v6 = (nh: number): [number, number] => [ipv6.sourceAt(nh), ipv6.destinationAt(nh)]

function isOfKernel(bytes: Uint8Array, h: number, end: number): boolean {
  if (h >= end) return false
  const type = bytes[h] as number
  return (type >= ICMPV6_MLD_QUERY && type <= icmpv6.NDISC_REDIRECT) || type === ICMPV6_MLD2_REPORT
}

/** Whether the segment with its header at `h` opens a connection: a SYN without ACK. */
export const opensConnection = (bytes: Uint8Array, h: number): boolean =>
  (tcp.flags(bytes, h) & (tcp.TCP_SYN | tcp.TCP_ACK)) === tcp.TCP_SYN

/** Returns the sequence number of a SYN that opens a connection; NaN for other segments. */
const synOf = (bytes: Uint8Array, h: number): number =>
  opensConnection(bytes, h) ? tcp.sequenceNumber(bytes, h) : Number.NaN

function nameSegment(bytes: Uint8Array, { h, end }: UpperHeader, half: HalfFlow): NamedPacket {
  const flags = tcp.flags(bytes, h)
  const control = ((flags & tcp.TCP_SYN) !== 0 ? 1 : 0) + ((flags & tcp.TCP_FIN) !== 0 ? 1 : 0)
  const taken = end - h - tcp.dataOffset(bytes, h) + control
  const sequence = tcp.sequenceNumber(bytes, h)
  const number = half.packets
  // The first segment that was seen of a connection that is older than the link.
  if (Number.isNaN(half.base)) {
    half.base = (flags & tcp.TCP_SYN) !== 0 ? sequence : sequence - 1
  }
  if ((flags & tcp.TCP_RST) !== 0) {
    return { half, number, part: 'rst', n: ++half.rsts, end: 0, copy: 1 }
  }
  if (taken === 0) return { half, number, part: 'ack', n: ++half.acks, end: 0, copy: 1 }
  const n = (sequence - half.base) >>> 0
  const copy =
    n >= half.sent ? 1 : half.segments.filter(([from, to]) => from <= n && n < to).length + 1
  half.segments.push([n, n + taken])
  half.sent = Math.max(half.sent, n + taken)
  return { half, number, part: 'seq', n, end: n + taken, copy }
}
