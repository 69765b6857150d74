/** Routes of a lab: to every network past neighbouring routers, by the path with the fewest. */
import { formatPrefix, networkOf, type Prefix, parsePrefix, prefixesIntersect } from 'vnet/internal/packet/address'
import { type LabInterface, withoutPrefix } from '../model/hosts.ts'
import { externalNetwork, INTERNAL_NETWORK, NAT64_NETWORK } from '../model/subnet.ts'
import type { Gateway, HostStack, LabRoute, Network } from './host-stack.ts'

export interface Routed {
  readonly interfaces: readonly LabInterface[]
  readonly isRouter?: boolean
  /** The link outside a NAT, from which the IPv4 networks of its other links are hidden. */
  readonly hiddenFrom?: number | undefined
  /** The link outside NPTv6, from which its internal network is hidden. */
  readonly translatedFrom?: number | undefined
  /** Whether this NAT translates IPv6 to IPv4. */
  readonly hasNat64?: boolean
  /** The address families that reach other networks past this router. */
  readonly defaults?: readonly Family[]
}

/** The addresses of one family of an interface. */
type FamilyAddresses = Readonly<{ networks: readonly Network[]; gateway: Gateway | undefined }>

/** The length of an address: IPv4 or IPv6. */
export type Family = 4 | 16

interface NextHop {
  readonly router: Routed
  readonly at: LabInterface
}

/** A router that packets may be sent to, by the first router on the path. */
interface Path extends Pick<LabRoute, 'via' | 'link' | 'dev'>, NextHop {
  /** Whether it leads into an NPTv6 router from outside. */
  readonly isHidden?: boolean
}

/** The network of IPv4 hosts past a NAT64. */
const IPV4_HOSTS = networkNamed(NAT64_NETWORK)
/** All networks of a family. */
const ALL: Readonly<Record<Family, Network>> = {
  4: networkNamed({ bytes: new Uint8Array(4), prefixLen: 0 }),
  16: networkNamed({ bytes: new Uint8Array(16), prefixLen: 0 }),
}

export class Routes {
  readonly #addresses = new WeakMap<LabInterface, Readonly<Record<Family, FamilyAddresses>>>()
  /** The routes that each host has: the next hops of its networks. */
  readonly #known = new WeakMap<object, Map<string, LabRoute>>()

  /** Adds the missing routes over `links`, which are up, to each host. Throws a VnetError. */
  update(
    hosts: readonly (Routed & { readonly stack: Pick<HostStack, 'setRoutes'>; hasDns64: boolean; isOnline: boolean })[],
    links: ReadonlySet<number>,
  ): void {
    if (!hosts.some(({ isRouter }) => isRouter)) return
    const up = hosts.map(
      ({ interfaces, isRouter = false, hiddenFrom, translatedFrom, hasNat64 = false, defaults = [] }): Routed => {
        const own = interfaces.filter(({ link, isShut }) => links.has(link) && isShut !== true)
        return { interfaces: own, isRouter, hiddenFrom, translatedFrom, hasNat64, defaults }
      },
    )
    for (const [i, routes] of this.find(up).entries()) {
      const host = hosts[i] as (typeof hosts)[number]
      const known = this.#known.get(host) ?? new Map<string, LabRoute>()
      this.#known.set(host, known)
      // The number of a link is never used again, so a known route is one that the kernel has.
      const added = routes.filter(({ network, link, via }) => {
        const old = known.get(network.text)
        return old?.link !== link || old.via.text !== via.text
      })
      if (added.length > 0) host.stack.setRoutes(added)
      for (const route of added) known.set(route.network.text, route)
      host.hasDns64 = routes.some(({ network }) => network === IPV4_HOSTS)
      host.isOnline = routes.some(({ network }) => network.prefix.prefixLen === 0)
    }
  }

  /** Forgets the routes of a host by a link, which the kernel has deleted. */
  forget(host: object, link: number): void {
    const known = this.#known.get(host)
    for (const [network, route] of known ?? []) if (route.link === link) known?.delete(network)
  }

  /** Returns the routes of each of these hosts, which must be all hosts of the lab. */
  find(all: readonly Routed[]): LabRoute[][] {
    const routers = new Map<number, NextHop[]>()
    for (const router of all.filter(({ isRouter }) => isRouter)) {
      for (const at of router.interfaces) routers.set(at.link, [...(routers.get(at.link) ?? []), { router, at }])
    }
    return all.map(host => [...this.#routesOf(host, routers, 4), ...this.#routesOf(host, routers, 16)])
  }

  #routesOf(host: Routed, routers: ReadonlyMap<number, readonly NextHop[]>, family: Family): LabRoute[] {
    const known = new Set(host.interfaces.flatMap(own => this.#of(own, family).networks.map(({ text }) => text)))
    const seen = new Set([host])
    const routes: LabRoute[] = []
    /** Returns the routers that lead on from a link and were not seen before. */
    const routersOn = (link: number) => {
      const found = (routers.get(link) ?? []).filter(({ router }) => {
        return !seen.has(router) && !(family === 4 && router.hiddenFrom === link)
      })
      for (const { router } of found) seen.add(router)
      return found
    }
    const paths = host.interfaces.flatMap(({ link, name }): Path[] => {
      return routersOn(link).flatMap(({ router, at }) => {
        const via = this.#of(at, family).gateway
        return via === undefined ? [] : [{ router, at, via, link, dev: name }]
      })
    })
    // The loop also visits the paths that it adds: nearer routers come first.
    for (const { router, at, isHidden = false, via, link, dev } of paths) {
      const hides = isHidden || router.translatedFrom === at.link
      const translated = family === 16 ? translatedBy(router, at.link) : []
      const others = router.defaults?.includes(family) ? [...translated, ALL[family]] : translated
      const add = (network: Network) => {
        if (known.has(network.text) || (hides && isInternal(network))) return
        known.add(network.text)
        routes.push({ network, via, link, dev })
      }
      for (const next of router.interfaces) {
        this.#of(next, family).networks.forEach(add)
        others.forEach(add)
        for (const further of routersOn(next.link)) paths.push({ ...further, via, link, dev, isHidden: hides })
      }
    }
    return routes
  }

  #of(each: LabInterface, family: Family): FamilyAddresses {
    let addresses = this.#addresses.get(each)
    if (addresses === undefined) {
      addresses = { 4: addressesOf(each, 4), 16: addressesOf(each, 16) }
      this.#addresses.set(each, addresses)
    }
    return addresses[family]
  }
}

/** Returns the networks that a router translates packets for, if they come from `link`. */
function translatedBy({ hasNat64, hiddenFrom, translatedFrom }: Routed, link: number): Network[] {
  const external = translatedFrom === undefined ? [] : [networkNamed(externalNetwork(translatedFrom))]
  return hasNat64 && hiddenFrom !== link ? [IPV4_HOSTS, ...external] : external
}

function isInternal({ prefix }: Network): boolean {
  return prefix.bytes.length === 16 && prefixesIntersect(prefix, INTERNAL_NETWORK)
}

function networkNamed(prefix: Prefix): Network {
  return { prefix, text: formatPrefix(prefix) }
}

function addressesOf({ addresses }: LabInterface, family: Family): FamilyAddresses {
  const found = addresses.flatMap(text => {
    const prefix = parsePrefix(text)
    return prefix?.bytes.length === family ? [{ text: withoutPrefix(text), prefix }] : []
  })
  const networks = found.map(({ prefix: { bytes, prefixLen } }) => {
    return networkNamed({ bytes: networkOf({ bytes, prefixLen }), prefixLen })
  })
  const [first] = found
  return { networks, gateway: first && { address: first.prefix.bytes, text: first.text } }
}
