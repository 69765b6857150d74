/**
 * A port carries a device's frames to and from the kernel. A TAP is one (linux/tap/port.ts), and a
 * port in memory is one (bed/memory-port.ts), so all code above a port runs without root. Every
 * Port passes test/support/port-conformance.ts.
 *
 * PortQueue carries the frames. Port, below it, is the administration of the interface, and
 * Platform is the source of ports.
 */
import type { Turns } from '../base/turns.ts'
import type { Prefix } from '../packet/address.ts'
import type { Ring, SkBuff, SlotAccount } from '../skb/index.ts'

/** One queue of a port, in both directions: the reply to a frame from it is written to it. */
export interface PortQueue {
  /**
   * Reads at most `max` waiting frames into `into[0 ..]`, which the caller then owns. Returns how
   * many, 0 if none waits, or -errno: -ENOBUFS if the account has no free slot. Never blocks.
   */
  read(into: SkBuff[], max: number): number
  /**
   * Writes frames from the ring to the kernel, in order, and returns how many left the ring. A
   * frame that the kernel accepted is consumed (`skb.consume()`). A frame that it refused (EINVAL,
   * EIO, EBADFD) is dropped with its reason. If the kernel has no room (EAGAIN), the rest remains
   * in the ring. The frames may be of any pools.
   */
  submit(from: Ring): number
  /**
   * Calls `fn(0)` while frames wait to be read and the queue is not paused (level-triggered), and
   * once with a negative errno at the end: -EBADFD if the interface was deleted, unless the queue
   * is paused, -ECANCELED if the port was closed. `fn` returns true if more frames may wait; it may
   * then be called again without a look at the queue. One listener.
   */
  listen(fn: (status: number) => boolean | void): void
  /** Stops calling the listener. A queue is paused initially. */
  pause(): void
  /** Calls the listener again. */
  resume(): void
}

/** An interface with its queues. */
export interface Port {
  readonly queues: readonly PortQueue[]
  /** The state of the interface when the port was opened, or last changed. */
  readonly link: LinkState
  /** The NETIF_F_* that frames on this port may use, of those requested. */
  readonly features: number
  /** True if the port received the interface's RTM_NEWLINK, and so all later changes too. */
  readonly announced: boolean
  /** False if the interface existed and the port attached to it. */
  readonly created: boolean
  /** Requests other features; returns and keeps in `features` those it got. Throws a VnetError. */
  setFeatures(features: number): number
  /** Reads `link` from the kernel. Throws a VnetError, EBADFD if the interface was deleted. */
  refresh(): LinkState
  /** Calls `fn` with every change from now on. One listener. */
  onChange(fn: (change: LinkChange) => void): void
  /**
   * Changes the interface. The listener is notified of the resulting changes before the promise
   * settles. It is notified of changes that it requests itself after it returns. Rejects with a
   * VnetError, EBADFD if the interface was deleted or the port is closed.
   */
  apply(request: LinkRequest): Promise<void>
  /**
   * The kernel's own counters since the port was opened, as a row of LinkStats64. Undefined if the
   * kernel keeps none or the interface was deleted.
   */
  kernelStats(): Float64Array | undefined
  /**
   * How many frames the kernel dropped in front of the queues because one was full. Drops while the
   * interface was down or had no carrier do not count. As of the last event of the
   * interface or, with `now`, read from the kernel. A port without it never drops any.
   */
  beforeVnet?(now: boolean): number
  /** Closes every descriptor and ends every wait. Idempotent. */
  close(): Promise<void>
}

/** The source of ports: Linux (linux/platform.ts), or memory (bed/memory-port.ts). */
export interface Platform {
  /** Grants time for events of interfaces and the work of the Net, which makes it by default. */
  readonly turns?: Turns
  /**
   * dev_alloc_name: returns `pattern` with %d replaced by the first free number, and a name without
   * %d unchanged. Throws a VnetError, ENFILE if no number is free.
   */
  allocName(pattern: string, netns?: string): string
  /** Opens a port with all its queues. Rejects with a VnetError, and nothing is left open. */
  open(spec: PortSpec): Promise<Port>
}

/** The properties that a device requests when it registers. */
export interface PortSpec {
  /** An interface name, or a pattern with one %d for the first free number. */
  readonly name: string
  /** Queues in each direction. */
  readonly queues: number
  /** The NETIF_F_* that the device offers. */
  readonly features: number
  /** 'tap', the default, carries Ethernet frames; 'tun' IP packets, without a hardware address. */
  readonly layer?: 'tap' | 'tun' | undefined
  /** Network namespace, by name (as for `ip netns`) or path; undefined is the current one. */
  readonly netns?: string | undefined
  /** False if the interface has no carrier from its first moment on. Default true. */
  readonly carrier?: boolean | undefined
  /** The source of the frames' slots. */
  readonly slots: SlotAccount
  /** Follow the multicast list too, for devices with ndoSetRxMode. */
  readonly multicastList?: boolean | undefined
  /** Keep the interface when the port closes. */
  readonly persist?: boolean | undefined
  /** User and group id that may attach to a persistent interface without privileges. */
  readonly owner?: number | undefined
  readonly group?: number | undefined
}

/**
 * The kernel's state of an interface at one moment. A port replaces the whole object when it learns
 * of a change, so a state that was kept does not change.
 */
export interface LinkState {
  readonly name: string
  readonly ifindex: number
  /** IFF_*. A packet socket or a router alone may set IFF_PROMISC and IFF_ALLMULTI. */
  readonly flags: number
  readonly mtu: number
  /** Hardware address, 6 bytes; none on a TUN. */
  readonly address: Uint8Array
  readonly txQueueLen: number
  /** Queues in each direction. */
  readonly queues: number
  /** The queueing discipline; `noop` until the link is first up. tc(8) sends no event. */
  readonly qdisc: string
  /** The kernel's multicast list, 6 bytes each; empty unless requested (PortSpec.multicastList). */
  readonly multicast: readonly Uint8Array[]
  /** The kernel's protocol addresses on it, 4 or 16 bytes each. */
  readonly addresses: readonly Uint8Array[]
}

/**
 * A change of the interface, in the order in which the changes happened. `up` and `down` strictly
 * alternate; nothing follows `gone`.
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
  | {
      readonly kind: 'moved'
      readonly name: string
      readonly ifindex: number
      readonly restricted?: boolean
    }

/** A requested change. Only named properties are changed, and only if they differ. */
export interface LinkRequest {
  readonly up?: boolean
  readonly carrier?: boolean
  readonly mtu?: number
  readonly address?: Uint8Array
  readonly noarp?: boolean
  readonly txQueueLen?: number
  /** Keep the interface when the port closes. */
  readonly persist?: boolean
  /** Protocol addresses to add, `198.18.0.1/24`; one that exists is left alone. */
  readonly addresses?: readonly string[]
  /** What ethtool(8) shows while the link has a carrier; it limits nothing. */
  readonly linkKsettings?: LinkKsettings
  /** Needs a link that is up (ENETDOWN), and is removed when the link goes down. */
  readonly defaultRoute?: DefaultRoute
  /**
   * Routes to add over the link, in order, after it is up; one that exists is left alone. The
   * kernel removes them when the link goes down.
   */
  readonly routes?: readonly LinkRoute[]
}

/** A route to a network: over a router that is reached on the link, or directly. */
export interface LinkRoute {
  readonly to: Prefix
  /** The router's address, of the same family. */
  readonly via?: Uint8Array | undefined
}

/** An IPv4 default route through a router on the link, preferred to all others. */
export interface DefaultRoute {
  /** The router, 4 bytes. */
  readonly via: Uint8Array
  /** True to add the route, false to remove it. */
  readonly there: boolean
}

/** `struct ethtool_link_ksettings`, as much of it as a TAP can show. */
export interface LinkKsettings {
  /** Mbit/s */
  readonly speed: number
  readonly duplex: 'half' | 'full'
  /** Negotiated with the far end: all speeds of twisted pair up to this one are supported. */
  readonly autoneg?: boolean
  /** The kind of cable; default 'tp'. */
  readonly port?: 'tp' | 'fibre'
}
