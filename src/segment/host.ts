/** What a simulated host is: its addresses, and what it does with what it gets. */
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Hosts } from './hosts.ts'

export interface HostDefinition {
  /** By which it is found, and its name in the DNS of the segment. */
  readonly name?: string | undefined
  /** `02:00:00:00:00:01`; made of an address of its own unless given. */
  readonly mac?: string | undefined
  /** Its IPv4 and IPv6 addresses, without a prefix length. With IPv6 it has a link-local one too. */
  readonly ip?: string | readonly string[] | undefined
  readonly ip6?: string | readonly string[] | undefined
  /** It says of itself that it is a router, and that there is no way to what lies behind it. */
  readonly router?: boolean | undefined
  /** Echo, discard, daytime and chargen, over UDP and, with a station for it, over TCP (RFC 862, 863, 867, 864). Default true. */
  readonly services?: boolean | undefined
  readonly on?: HostHandlers | undefined
}

export interface HostHandlers {
  /** By port: what comes for it, to the host's address, or to everybody (a group, a broadcast address: not for a service). */
  readonly udp?: Readonly<Record<number, UdpHandler | SmallService>> | undefined
  /** By message type: what comes for the host or a group, its checksum verified. Echo and neighbour solicitations do not. */
  readonly icmpv6?: Readonly<Record<number, Icmpv6Handler>> | undefined
  /** By port, for those that are open: who serves connections, which `Hosts.services` knows of; what comes goes there. */
  readonly tcp?: Readonly<Record<number, unknown>> | undefined
}

/** What every host does on its own port: RFC 862, 863, 867, 864. */
export type SmallService = 'echo' | 'discard' | 'daytime' | 'chargen'

/** `reply` sends a datagram back to where this one came from, from where it went; false when it could not be sent. */
export type UdpHandler = (message: UdpMessage, reply: (data: Uint8Array) => boolean) => void

export type Icmpv6Handler = (message: Icmpv6Message) => void

/** A datagram. `data` is a view of the frame, good during the call only; the addresses are copies. */
export interface UdpMessage {
  readonly data: Uint8Array
  readonly source: { readonly address: Uint8Array; readonly port: number; readonly mac: Uint8Array }
  readonly destination: { readonly address: Uint8Array; readonly port: number }
  readonly host: SegmentHost
}

/** A message from its type on. `data` is a view of the frame, good during the call only; the addresses are copies. */
export interface Icmpv6Message {
  readonly data: Uint8Array
  readonly source: { readonly address: Uint8Array; readonly mac: Uint8Array }
  readonly destination: { readonly address: Uint8Array }
  readonly hopLimit: number
  readonly host: SegmentHost
}

/** A host that is on a segment, as it is told to others. Octets are copies. */
export interface SegmentHost {
  /** Its number among the hosts of its segment, from 0; it keeps it. */
  readonly index: number
  readonly name: string | undefined
  readonly mac: Uint8Array
  /** The first is the one it sends from; the link-local address comes last. */
  readonly ip: readonly Uint8Array[]
  readonly ip6: readonly Uint8Array[]
  readonly router: boolean
}

/** Many hosts in a row, all alike: addresses that follow each other, and hardware addresses made of them. */
export interface HostRange {
  readonly count: number
  /** The first one's addresses; at least one of the two. */
  readonly ip?: string | undefined
  readonly ip6?: string | undefined
  /** A name with one %d, the number of the host in the range from 1 on. */
  readonly name?: string | undefined
  /** Whether an IPv4 address is to be left out, as the pool's are: it is passed over, with the IPv6 address of the same place. */
  readonly except?: ((address: number) => boolean) | undefined
  readonly services?: boolean | undefined
  /** Handlers get what is for one of the hosts, but no groups and broadcasts: those would go to all. */
  readonly on?: HostHandlers | undefined
}

/**
 * What a host does with a datagram for a port: takes the frame over. `index` is the host's number.
 */
export type UdpService = (hosts: Hosts, skb: SkBuff, datagram: Datagram, index: number) => void

/** Where a UDP datagram is in its frame: the IP header, the UDP header, and behind the last octet that UDP knows of. */
export interface Datagram {
  nh: number
  h: number
  end: number
  isIpv6: boolean
}
