/**
 * ConnectionTable: the connections that a router in memory has forwarded, like nf_conntrack of the
 * kernel. A firewall admits the packets of these connections in both directions.
 */

import type { ForwardedPacket } from '@vnet/inet'
import { IP4, IP6, type IpVersion, keyOf } from '@vnet/inet/kit'
import { type Clock, icmp, icmpv6, ipv4, NSEC_PER_SEC } from 'vnet'
import { get16, UpperHeader } from 'vnet/kit/packet'

// nf_conntrack_tcp_timeout_established, nf_conntrack_udp_timeout_stream and the generic one.
const TCP_NS = 432_000 * NSEC_PER_SEC
const UDP_NS = 120 * NSEC_PER_SEC
const OTHER_NS = 600 * NSEC_PER_SEC

/** nf_conntrack_max of a machine with 1 GiB. */
export const CONNECTIONS_MAX = 65_536

const LASTS_NS: ReadonlyMap<number, number> = new Map([
  [ipv4.IPPROTO_TCP, TCP_NS],
  [ipv4.IPPROTO_UDP, UDP_NS],
])

/** A packet with the parts that rules look at. */
export interface Seen extends ForwardedPacket {
  readonly version: IpVersion
  readonly protocol: number
  /** Position of the upper header. */
  readonly h: number
  readonly source: Uint8Array
  readonly destination: Uint8Array
  /** 0 for other protocols than TCP and UDP; both are the identifier of an echo. */
  readonly sourcePort: number
  readonly port: number
}

export class ConnectionTable {
  readonly #clock: Clock
  readonly #upper = new UpperHeader()
  /** The moments at which connections end, by the direction of their first packet. */
  readonly #known = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether a packet belongs to a connection, or is an ICMP error about one. */
  has(seen: Seen): boolean {
    const now = this.#clock.now()
    const isOpen = (key: string) => (this.#known.get(key) ?? 0) > now
    return [seen, this.#quotedBy(seen)].some(each => each && keysOf(each).some(isOpen))
  }

  /** Notes a packet of a connection. Returns false if the table is full, as the kernel's can be. */
  add(seen: Seen): boolean {
    const { protocol } = seen
    const lasts = LASTS_NS.get(protocol) ?? OTHER_NS
    const [own, other] = keysOf(seen)
    const now = this.#clock.now()
    const key = this.#known.has(other) ? other : own
    if (this.#known.size >= CONNECTIONS_MAX && !this.#known.has(key)) {
      for (const [known, until] of this.#known) {
        if (until <= now) {
          this.#known.delete(known)
        }
      }
      if (this.#known.size >= CONNECTIONS_MAX) return false
    }
    this.#known.set(key, now + lasts)
    return true
  }

  /** Returns the packet that an ICMP error is about. */
  #quotedBy({ bytes, at, length, h, version, protocol }: Seen): Seen | undefined {
    if (protocol !== version.icmp) return undefined
    const type = bytes[h] as number
    const isError = version === IP4 ? icmp.isError(type) : icmpv6.isError(type)
    const quote = h + icmp.ICMP_HLEN
    if (!isError || quote >= at + length) return undefined
    return this.see({
      bytes,
      at: quote,
      length: at + length - quote,
      from: undefined,
      to: undefined,
    })
  }

  /** Returns undefined for a packet without a whole upper header. */
  see(packet: ForwardedPacket): Seen | undefined {
    const { bytes, at, length } = packet
    const found = this.#upper.find(bytes, at, at + length)
    const { h, protocol } = this.#upper
    if (found === 0 || h < 0 || h + 8 > at + length) return undefined
    const version = found === 4 ? IP4 : IP6
    const address = (from: number) => bytes.slice(from, from + version.address)
    const hasPorts = protocol === ipv4.IPPROTO_TCP || protocol === ipv4.IPPROTO_UDP
    const id = protocol === version.icmp ? get16(bytes, h + 4) : 0
    return {
      ...packet,
      version,
      protocol,
      h,
      source: address(version.sourceAt(at)),
      destination: address(version.destinationAt(at)),
      sourcePort: hasPorts ? get16(bytes, h) : id,
      port: hasPorts ? get16(bytes, h + 2) : id,
    }
  }
}

/** Returns the keys of a packet's connection: in its own direction, and in the other. */
function keysOf({
  protocol,
  source,
  sourcePort,
  destination,
  port,
}: Seen): [own: string, other: string] {
  const [from, to] = [`${keyOf(source)}${sourcePort}`, `${keyOf(destination)}${port}`]
  return [`${protocol} ${from} ${to}`, `${protocol} ${to} ${from}`]
}
