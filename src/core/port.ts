/**
 * The contract the whole program hangs on: what carries a device's frames to and from a host. A TAP (kernel/tap-port.ts),
 * memory (testing/memory-port.ts). Everything above it runs without root. test/support/port-conformance.ts is passed by
 * every Port.
 */

import type { SlotAccount } from '../skb/pool.ts'
import type { Ring } from '../skb/ring.ts'
import type { SkBuff } from '../skb/sk-buff.ts'

/** What a device asks of its host when it registers. */
export interface PortSpec {
  /** An interface name, or a pattern with one %d for the first free number. */
  readonly name: string
  /** Queues in each direction: what the host sends on queue q is answered on queue q. */
  readonly queues: number
  /** NETIF_F_* the device offers; the port answers with those it got. */
  readonly features: number
  /** Network namespace by name (as `ip netns`) or path; undefined is the current one. */
  readonly netns?: string | undefined
  /** False for one that begins without a carrier, from its first moment on; true unless given. */
  readonly carrier?: boolean | undefined
  /** Where the frames' slots come from. */
  readonly slots: SlotAccount
  /** Tell of the multicast list too; for devices with ndoSetRxMode. */
  readonly multicastList?: boolean | undefined
  /** Leave the interface there when the port closes. */
  readonly persist?: boolean | undefined
  /** Who may attach to a persistent interface without privileges: user and group id. */
  readonly owner?: number | undefined
  readonly group?: number | undefined
}

/** An interface as the host sees it at one moment. */
export interface LinkState {
  readonly name: string
  readonly ifindex: number
  /** IFF_*; IFF_PROMISC and IFF_ALLMULTI also when a packet socket or a route daemon alone asked for it. */
  readonly flags: number
  readonly mtu: number
  /** Hardware address, 6 octets. */
  readonly address: Uint8Array
  readonly txQueueLen: number
  /** Queues in each direction that the host has. */
  readonly queues: number
  /** The queueing discipline before them: `noop` until the link is first up. A change by tc(8) sends no event. */
  readonly qdisc: string
  /** Hardware addresses of the groups the host wants frames for; empty unless asked for (PortSpec.multicastList). */
  readonly multicast: readonly Uint8Array[]
  /** The host's own protocol addresses on it, 4 or 16 octets each. */
  readonly addresses: readonly Uint8Array[]
}

/**
 * A change on the host's side, in the order in which they happened. `up` and `down` strictly alternate; after `gone`
 * nothing follows.
 */
export type LinkChange =
  | { readonly kind: 'up' | 'down' | 'gone' }
  | { readonly kind: 'mtu'; readonly mtu: number }
  | { readonly kind: 'address'; readonly address: Uint8Array }
  | { readonly kind: 'flags'; readonly flags: number }
  | { readonly kind: 'multicast'; readonly multicast: readonly Uint8Array[] }
  | { readonly kind: 'addresses'; readonly addresses: readonly Uint8Array[] }
  | { readonly kind: 'txqueuelen'; readonly txQueueLen: number }
  | { readonly kind: 'renamed'; readonly name: string }
  | { readonly kind: 'moved'; readonly name: string; readonly ifindex: number; readonly restricted?: boolean }

/** A change asked of the host. Only what is named is touched, and only where it differs. */
export interface LinkRequest {
  readonly up?: boolean
  readonly carrier?: boolean
  readonly mtu?: number
  readonly address?: Uint8Array
  readonly noarp?: boolean
  readonly txQueueLen?: number
  /** Whether the interface stays there when the port closes. */
  readonly persist?: boolean
  /** Protocol addresses to add, `198.18.0.1/24`; one that is there already is left. */
  readonly addresses?: readonly string[]
  /** What ethtool(8) shows of the medium while there is a carrier; it limits nothing. */
  readonly linkKsettings?: LinkKsettings
  /** A default route; it takes a link that is up (ENETDOWN), and goes when that goes down. */
  readonly defaultRoute?: DefaultRoute
}

/** An IPv4 default route by a router on the link, before all others that there are and instead of none; or that it goes. */
export interface DefaultRoute {
  /** The router, 4 octets. */
  readonly via: Uint8Array
  readonly there: boolean
}

/** `struct ethtool_link_ksettings`, as much of it as a TAP can show. */
export interface LinkKsettings {
  /** Mbit/s */
  readonly speed: number
  readonly duplex: 'half' | 'full'
  /** Agreed upon with the other end: all speeds of twisted pair up to this one are shown as supported, by both. */
  readonly autoneg?: boolean
  /** What the cable is; 'tp' unless given. */
  readonly port?: 'tp' | 'fibre'
}

export interface Port {
  /** As when the port was opened, or last changed. */
  readonly link: LinkState
  /** The NETIF_F_* that frames on this port may use, of those asked for. */
  readonly features: number
  /** Whether the host told everybody of the interface (RTM_NEWLINK), and we heard it: then all later changes are heard too. */
  readonly announced: boolean
  /** False when the interface was there before and the port attached to it. */
  readonly created: boolean
  readonly queues: readonly PortQueue[]
  /** Asks for other features; answers, and from then on has, those it got. Throws a VnetError. */
  setFeatures(features: number): number
  /** Reads `link` anew from the host. Throws a VnetError, EBADFD when the interface is gone. */
  refresh(): LinkState
  /** Tells `fn` of every change from here on. One listener. */
  onChange(fn: (change: LinkChange) => void): void
  /**
   * Changes the interface. Changes that follow are told to the listener before the promise settles, but for those that the
   * listener itself asks for: they are told when it returns. Rejects with a VnetError, EBADFD when the interface is gone or
   * the port closed.
   */
  apply(request: LinkRequest): Promise<void>
  /**
   * The host's own counters, LinkStats64 fields since the port was opened; undefined when it keeps none or the
   * interface is gone.
   */
  hostStats(): Float64Array | undefined
  /** Idempotent; ends every wait; no descriptor survives. */
  close(): Promise<void>
}

export interface PortQueue {
  /**
   * Reads frames that wait, at most `max`, into `into[0 ..]`, and answers how many, 0 when none waits, or -errno:
   * -ENOBUFS when the account has no slot. Never blocks. The port takes the slots; the caller owns the frames.
   */
  read(into: SkBuff[], max: number): number
  /**
   * Takes frames from the ring and gives them to the host, in order: each is consumed (`skb.consume()`) when the host has
   * it, or dropped with its reason when the host refuses that one (EINVAL, EIO, EBADFD). When the host has no room
   * (EAGAIN) the rest stays in the ring. Answers how many left the ring.
   */
  submit(from: Ring): number
  /**
   * Calls `fn` whenever frames wait to be read and the queue is not paused: level-triggered, status 0. A negative errno
   * means that the queue is dead (the interface was deleted): told once. One listener. It answers true when there may be
   * more at once, and may then be called again without a look at the queue.
   */
  listen(fn: (status: number) => boolean | void): void
  /** Stops and goes on telling the listener. A queue begins paused. */
  pause(): void
  resume(): void
}

/** Where ports come from: Linux (kernel/host.ts), or memory (testing/memory-port.ts). */
export interface Host {
  /**
   * dev_alloc_name: the name that a pattern becomes, with the first number that is free there; a name without %d as it is.
   * Throws a VnetError, ENFILE when no number is free.
   */
  allocName(pattern: string, netns?: string): string
  /** Opens a port with all its queues, or rejects with a VnetError and leaves nothing behind. */
  open(spec: PortSpec): Promise<Port>
}
