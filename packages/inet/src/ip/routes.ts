/** Routes: the addresses of a host in memory, and the way to every other address. */

import { type Clock, ipv6, type Prefix } from 'vnet'
import { get32, networkOf } from 'vnet/kit/packet'
import type { StackInterface } from './interface.ts'
import type { Neighbour } from './neighbours.ts'
import {
  type AddressKey,
  addressKey,
  IPV6_MIN_MTU,
  isAddressAt,
  isGroup,
  isLoopback,
  keyOf,
} from './version.ts'

/** A route to a network, over a router or directly. */
export interface StackRoute {
  readonly prefix: Prefix
  /** The router; undefined for neighbours. */
  readonly via?: Uint8Array | undefined
  readonly dev: StackInterface
}

/** The next hop to an address. It is valid until routes change. */
export interface Hop {
  readonly route: StackRoute
  readonly neighbour: Neighbour
  /** The own address from which packets leave. */
  readonly source: Uint8Array | undefined
  /** Whether the address is a broadcast of the interface, or a group. */
  readonly isToAll: boolean
}

/** Hops that are kept. A host that scans addresses makes more, and the cache starts again. */
const MAX_HOPS = 1024

const LINK_LOCAL: Prefix = {
  bytes: Uint8Array.of(0xfe, 0x80, ...new Array(14).fill(0)),
  prefixLen: 64,
}
const GROUPS4: Prefix = { bytes: Uint8Array.of(224, 0, 0, 0), prefixLen: 4 }
const GROUPS: Prefix = { bytes: Uint8Array.of(0xff, ...new Array(15).fill(0)), prefixLen: 8 }

/**
 * The routes of one host. The routes to the networks of its addresses follow the interfaces; others
 * are added.
 */
export class Routes {
  /** The oldest first. */
  readonly interfaces: StackInterface[] = []
  /** Whether each interface with an IPv4 address has a route to groups. Call `changed` after it. */
  leadsGroups = false
  /** By their networks. */
  readonly #added = new Map<string, StackRoute>()
  /** All routes with their networks, the longest prefixes first; undefined after a change. */
  #table: StackRoute[] | undefined
  readonly #hops = new Map<AddressKey, Hop | null>()
  readonly #own4 = new Set<number>()
  readonly #own6: Uint8Array[] = []
  #last: Uint8Array | undefined
  #lastHop: Hop | undefined

  /** Adds a route, or replaces the one to the same network. */
  add(route: StackRoute): void {
    const prefix = { bytes: networkOf(route.prefix), prefixLen: route.prefix.prefixLen }
    this.#added.set(`${prefix.prefixLen} ${keyOf(prefix.bytes)}`, { ...route, prefix })
    this.changed()
  }

  /** Removes the added routes over an interface. */
  removeOf(dev: StackInterface): void {
    for (const [network, route] of this.#added) {
      if (route.dev === dev) {
        this.#added.delete(network)
      }
    }
    this.changed()
  }

  /** Interfaces, addresses or routes have changed. */
  changed(): void {
    this.#table = undefined
    this.#last = undefined
    this.#hops.clear()
  }

  /** Whether the bytes at `at` are an address of this host, link-local ones included. */
  isOwn(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#table === undefined) {
      this.#build()
    }
    if (length === 4) return bytes[at] === 127 || this.#own4.has(get32(bytes, at))
    for (const own of this.#own6) {
      if (isAddressAt(bytes, at, own)) {
        return true
      }
    }
    return bytes[at] === 0 && isLoopback(bytes.subarray(at, at + length))
  }

  /** Returns the next hop to an address that is not an own one; undefined without a route. */
  find(to: Uint8Array): Hop | undefined {
    if (
      this.#last !== undefined &&
      this.#last.length === to.length &&
      isAddressAt(to, 0, this.#last)
    ) {
      return this.#lastHop
    }
    const key = addressKey(to, 0, to.length)
    let hop = this.#hops.get(key)
    if (hop === undefined) {
      hop = this.#hopTo(to) ?? null
      if (this.#hops.size >= MAX_HOPS) {
        this.#hops.clear()
      }
      // The interface of a link-local address may become known later.
      if (!ipv6.isLinkLocal(to, 0)) {
        this.#hops.set(key, hop)
      }
    }
    if (ipv6.isLinkLocal(to, 0)) return hop ?? undefined
    this.#last = to.slice()
    this.#lastHop = hop ?? undefined
    return this.#lastHop
  }

  /**
   * Same for a packet from an own address: its interface, or `given`, sends to groups of IPv4, and
   * between link-local addresses.
   */
  from(source: Uint8Array, to: Uint8Array, given?: StackInterface): Hop | undefined {
    const isBySource =
      to.length === 4 ? isGroup(to, 0, 4) : ipv6.isLinkLocal(to, 0) && ipv6.isLinkLocal(source, 0)
    if (given === undefined && !isBySource) return this.find(to)
    const dev = given ?? this.interfaces.find(each => each.owns(source))
    if (dev === undefined) return this.find(to)
    return dev.passes(to.length)
      ? this.over({ prefix: { bytes: to, prefixLen: 8 * to.length }, dev }, to)
      : undefined
  }

  #hopTo(to: Uint8Array): Hop | undefined {
    const route = this.#routeTo(to)
    return route && this.over(route, to)
  }

  /** Returns the next hop to an address over a route. */
  over(route: StackRoute, to: Uint8Array): Hop {
    const { dev } = route
    const isToAll = isGroup(to, 0, to.length) || dev.isBroadcast(to)
    // A broadcast or group address has no router, even if the default route leads to it.
    const next = isToAll ? to : (route.via ?? to)
    // Of IPv6, the source is chosen for the destination (RFC 6724), not for the router.
    const source = dev.sourceFor(to.length === 16 ? to : next) ?? this.#anySource(next.length)
    return { route, neighbour: dev.neighbours.of(next), source, isToAll }
  }

  /** The first address of the family on another interface, as Linux takes one. */
  #anySource(length: number): Uint8Array | undefined {
    for (const { addresses } of this.interfaces) {
      for (const { bytes } of addresses) {
        if (bytes.length === length) {
          return bytes
        }
      }
    }
    return undefined
  }

  #routeTo(to: Uint8Array): StackRoute | undefined {
    const table = this.#table ?? this.#build()
    if (ipv6.isLinkLocal(to, 0) && to.length === 16) {
      const near = this.interfaces.find(dev => dev.passes(16) && dev.neighbours.has(to))
      if (near !== undefined) return { prefix: LINK_LOCAL, dev: near }
    }
    return table.find(({ prefix }) => prefix.bytes.length === to.length && isWithin(to, prefix))
  }

  #build(): StackRoute[] {
    this.#own4.clear()
    this.#own6.length = 0
    const table: StackRoute[] = []
    for (const dev of this.interfaces) {
      this.#own6.push(dev.linkLocal)
      for (const { bytes, prefixLen } of dev.addresses) {
        if (bytes.length === 4) {
          this.#own4.add(get32(bytes, 0))
        } else {
          this.#own6.push(bytes)
        }
        if (dev.passes(bytes.length)) {
          table.push({ prefix: { bytes: networkOf({ bytes, prefixLen }), prefixLen }, dev })
        }
      }
      if (dev.passes(16)) {
        table.push({ prefix: LINK_LOCAL, dev }, { prefix: GROUPS, dev })
      }
      const hasIpv4 = dev.passes(4) && dev.addresses.some(({ bytes }) => bytes.length === 4)
      if (this.leadsGroups && hasIpv4) {
        table.push({ prefix: GROUPS4, dev })
      }
    }
    for (const route of this.#added.values()) {
      if (route.dev.passes(route.prefix.bytes.length)) {
        table.push(route)
      }
    }
    // The sort is stable: of two equal prefixes the connected one, and the oldest, remains first.
    table.sort((a, b) => b.prefix.prefixLen - a.prefix.prefixLen)
    this.#table = table
    return table
  }
}

/** Whether an address is in a network of its family. The host part of `bytes` is clear. */
function isWithin(address: Uint8Array, { bytes, prefixLen }: Prefix): boolean {
  const whole = prefixLen >>> 3
  for (let i = 0; i < whole; i++) {
    if (address[i] !== bytes[i]) {
      return false
    }
  }
  const rest = prefixLen & 7
  return (
    rest === 0 || (((address[whole] as number) ^ (bytes[whole] as number)) & (0xff00 >> rest)) === 0
  )
}

// mtu_expires and min_pmtu of Linux.
const EXPIRES_NS = 600e9
const MIN_PMTU = 552

/** The most paths that are known. The oldest report makes room for a new one. */
const PATHS_MAX = 1024

interface Known {
  readonly mtu: number
  readonly until: number
  /** Packets may be fragmented although they should not: the reported MTU is too small. */
  readonly isLocked: boolean
}

/** The MTUs of paths that routers have reported (RFC 1191, RFC 8201). */
export class PathMtu {
  readonly #clock: Clock
  readonly #known = new Map<AddressKey, Known>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Returns the MTU to an address over an interface with the MTU `link`. */
  to(address: Uint8Array, link: number): number {
    const known = this.#find(address)
    return known === undefined || known.mtu > link ? link : known.mtu
  }

  /** Whether packets to an address may be fragmented although they should not be. */
  isLocked(address: Uint8Array): boolean {
    return this.#find(address)?.isLocked === true
  }

  /**
   * Keeps a reported MTU that is smaller than `current` for EXPIRES_NS. Returns false for an MTU
   * that no link of IPv6 has; it is ignored. An MTU below MIN_PMTU counts as MIN_PMTU, and packets
   * to the address may then be fragmented.
   */
  report(address: Uint8Array, mtu: number, current: number): boolean {
    const isV4 = address.length === 4
    if (!isV4 && mtu < IPV6_MIN_MTU) return false
    if (mtu >= current) return true
    const isLocked = isV4 && mtu < MIN_PMTU
    const key = addressKey(address, 0, address.length)
    this.#known.delete(key)
    const [oldest] = this.#known.keys()
    if (this.#known.size === PATHS_MAX && oldest !== undefined) {
      this.#known.delete(oldest)
    }
    this.#known.set(key, {
      mtu: isLocked ? Math.min(MIN_PMTU, current) : mtu,
      until: this.#clock.now() + EXPIRES_NS,
      isLocked,
    })
    return true
  }

  #find(address: Uint8Array): Known | undefined {
    if (this.#known.size === 0) return undefined
    const key = addressKey(address, 0, address.length)
    const known = this.#known.get(key)
    if (known === undefined || known.until > this.#clock.now()) return known
    this.#known.delete(key)
    return undefined
  }
}
