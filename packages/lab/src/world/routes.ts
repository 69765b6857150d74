/**
 * Routes of a lab: to every network past neighbouring routers, by the path with the fewest. A host
 * with one next hop has one route for all networks that the lab has numbered itself.
 */
import { formatPrefix, type Prefix, parsePrefix } from 'vnet'
import { networkOf, prefixesIntersect } from 'vnet/kit/packet'
import { type LabInterface, withoutPrefix } from '../model/hosts.ts'
import { externalNetwork, INTERNAL_NETWORK, LINK_NETWORKS, NAT64_NETWORK } from '../model/subnet.ts'
import type { Gateway, HostStack, LabRoute, Network } from './host-stack.ts'

/** A host, as far as routes depend on it. */
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
  /** Different for each router. */
  readonly number: number
  readonly at: LabInterface
}

/** A router that packets may be sent to, `by` the first router on the path. */
interface Path<By> extends NextHop {
  readonly by: By
  /** Whether it leads into an NPTv6 router from outside. */
  readonly isHidden?: boolean
}

/** What is past a router. */
interface Past {
  /** Networks, by those to which a host with one next hop has routes. */
  readonly groups: ReadonlyMap<Network, readonly Network[]>
  /** The same for the same routes of hosts that have one network. */
  readonly state: string
}

/** The network of IPv4 hosts past a NAT64. */
const IPV4_HOSTS = networkNamed(NAT64_NETWORK)
/** All networks of a family. */
const ALL: Readonly<Record<Family, Network>> = {
  4: networkNamed({ bytes: new Uint8Array(4), prefixLen: 0 }),
  16: networkNamed({ bytes: new Uint8Array(16), prefixLen: 0 }),
}

const FAMILIES = [4, 16] as const
const NUMBERED = LINK_NETWORKS.map(networkNamed)

/** The networks of interfaces, which keep their addresses. */
type Addresses = WeakMap<LabInterface, Readonly<Record<Family, FamilyAddresses>>>

/**
 * Keeps the routes of all hosts of a lab to its networks. The lab calls `update` when a link, an
 * address or a router was added or has changed.
 */
export class Routes {
  readonly #addresses: Addresses = new WeakMap()
  /** The routes that each host has: the next hops of its networks. */
  readonly #known = new WeakMap<object, Map<string, LabRoute>>()
  /** What the routes of each host depend on. */
  readonly #states = new WeakMap<object, string | undefined>()

  /** Adds the missing routes over `links`, which are up, to each host. Throws a VnetError. */
  update(
    hosts: readonly (Routed & {
      readonly stack: Pick<HostStack, 'setRoutes'>
      hasDns64: boolean
      isOnline: boolean
    })[],
    links: ReadonlySet<number>,
  ): void {
    if (!hosts.some(({ isRouter }) => isRouter)) return
    const up = hosts.map(
      ({
        interfaces,
        isRouter = false,
        hiddenFrom,
        translatedFrom,
        hasNat64 = false,
        defaults = [],
      }): Routed => {
        const own = interfaces.filter(({ link, isShut }) => links.has(link) && isShut !== true)
        return { interfaces: own, isRouter, hiddenFrom, translatedFrom, hasNat64, defaults }
      },
    )
    const graph = new Graph(up, this.#addresses)
    for (const [i, host] of hosts.entries()) {
      const one = up[i] as Routed
      const state = graph.stateOf(one)
      if (state !== undefined && this.#states.get(host) === state) continue
      const routes = graph.routesOf(one)
      const known = this.#known.get(host) ?? new Map<string, LabRoute>()
      this.#known.set(host, known)
      // The number of a link is never used again, so a known route is one that the kernel has.
      const added = routes.filter(({ network, link, via }) => {
        const old = known.get(network.text)
        return old?.link !== link || old.via.text !== via.text
      })
      if (added.length > 0) {
        host.stack.setRoutes(added)
      }
      for (const route of added) {
        known.set(route.network.text, route)
      }
      host.hasDns64 = routes.some(({ network }) => network === IPV4_HOSTS)
      host.isOnline = routes.some(({ network }) => network.prefix.prefixLen === 0)
      this.#states.set(host, state)
    }
  }

  /** Forgets the routes of a host by a link, which the kernel has deleted. */
  forget(host: object, link: number): void {
    const known = this.#known.get(host)
    for (const [network, route] of known ?? []) {
      if (route.link === link) {
        known?.delete(network)
      }
    }
    this.#states.delete(host)
  }
}

/** All hosts of a lab, with the interfaces that are up. */
export class Graph {
  readonly #addresses: Addresses
  readonly #routers = new Map<number, NextHop[]>()
  readonly #past = new Map<string, Past>()

  constructor(all: readonly Routed[], addresses: Addresses = new WeakMap()) {
    this.#addresses = addresses
    for (const [number, router] of all.filter(({ isRouter }) => isRouter).entries()) {
      for (const at of router.interfaces) {
        const there = this.#routers.get(at.link) ?? []
        this.#routers.set(at.link, there)
        there.push({ router, number, at })
      }
    }
  }

  /** Returns a text, the same for the same routes; undefined where routes must be compared. */
  stateOf({ isRouter, interfaces: [own, other] }: Routed): string | undefined {
    if (isRouter || own === undefined || other !== undefined) return undefined
    const [next, another] = this.#routers.get(own.link) ?? []
    const isPlain = FAMILIES.every(
      f => this.#of(own, f).networks.length <= 1 && !this.#isWide(own, f),
    )
    if (another !== undefined || !isPlain) return undefined
    return [
      own.link,
      ...(next ? FAMILIES.map(family => this.#pastOf(next, family).state) : []),
    ].join()
  }

  routesOf(host: Routed): LabRoute[] {
    return FAMILIES.flatMap(family => this.#routesOf(host, family))
  }

  #routesOf(host: Routed, family: Family): LabRoute[] {
    const seen = new Set([host])
    const paths = host.interfaces.flatMap(({ link, name }) => {
      return this.#routersOn(link, family, seen).map((next): Path<Omit<LabRoute, 'network'>> => {
        const via = this.#of(next.at, family).gateway as Gateway
        return { ...next, by: { via, link, dev: name } }
      })
    })
    const [first] = paths
    if (first === undefined) return []
    const known = new Set(
      host.interfaces.flatMap(own => this.#of(own, family).networks.map(({ text }) => text)),
    )
    if (
      host.isRouter ||
      paths.length > 1 ||
      host.interfaces.some(own => this.#isWide(own, family))
    ) {
      return this.#follow(paths, family, seen, known).map(([network, by]) => ({ network, ...by }))
    }
    const groups = [...this.#pastOf(first, family).groups]
    const found = groups.filter(([, networks]) => networks.some(({ text }) => !known.has(text)))
    return found.map(([network]) => ({ network, ...first.by }))
  }

  /** It is the same for all hosts with one next hop on the links inside of a router. */
  #pastOf({ router, number, at }: NextHop, family: Family): Past {
    const key = [
      family,
      number,
      router.hiddenFrom === at.link,
      router.translatedFrom === at.link,
    ].join()
    const known = this.#past.get(key)
    if (known !== undefined) return known
    const isHidden = family === 4 && router.hiddenFrom === at.link
    const paths = isHidden ? [] : [{ router, number, at, by: undefined }]
    const groups = new Map<Network, Network[]>()
    for (const [network] of this.#follow(paths, family, new Set([router]), new Set())) {
      const group = groupOf(network)
      const networks = groups.get(group) ?? []
      groups.set(group, networks)
      networks.push(network)
    }
    const state = [...groups]
      .map(([{ text }, { length, 0: only }]) => (length > 1 ? text : `${text} ${only?.text}`))
      .join()
    const past = { groups, state }
    this.#past.set(key, past)
    return past
  }

  /** Returns the networks along `paths` that are not `known`, by the nearest router of each. */
  #follow<By>(
    paths: Path<By>[],
    family: Family,
    seen: Set<Routed>,
    known: Set<string>,
  ): (readonly [Network, By])[] {
    const found: (readonly [Network, By])[] = []
    // The loop also visits the paths that it adds: nearer routers come first.
    for (const { router, at, isHidden = false, by } of paths) {
      const hides = isHidden || router.translatedFrom === at.link
      const translated = family === 16 ? translatedBy(router, at.link) : []
      const others = router.defaults?.includes(family) ? [...translated, ALL[family]] : translated
      const add = (network: Network) => {
        if (known.has(network.text) || (hides && isInternal(network))) return
        known.add(network.text)
        found.push([network, by])
      }
      for (const next of router.interfaces) {
        this.#of(next, family).networks.forEach(add)
        others.forEach(add)
        for (const further of this.#routersOn(next.link, family, seen)) {
          paths.push({ ...further, by, isHidden: hides })
        }
      }
    }
    return found
  }

  /** Returns routers with an address on a link that lead on from it, and adds them to `seen`. */
  #routersOn(link: number, family: Family, seen: Set<Routed>): readonly NextHop[] {
    const found = (this.#routers.get(link) ?? []).filter(({ router, at }) => {
      return (
        !seen.has(router) &&
        this.#of(at, family).gateway &&
        !(family === 4 && router.hiddenFrom === link)
      )
    })
    for (const { router } of found) {
      seen.add(router)
    }
    return found
  }

  /** Whether a network of an interface may contain others, which then need routes of their own. */
  #isWide(each: LabInterface, family: Family): boolean {
    return this.#of(each, family).networks.some(
      ({ prefix }) => prefix.prefixLen < { 4: 24, 16: 64 }[family],
    )
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

/** Returns the network from which the lab has numbered this one; itself for others. */
function groupOf(network: Network): Network {
  const { prefix } = network
  return (
    NUMBERED.find(
      each => each.prefix.prefixLen <= prefix.prefixLen && prefixesIntersect(each.prefix, prefix),
    ) ?? network
  )
}

/** Returns the networks that a router translates packets for, if they come from `link`. */
function translatedBy({ hasNat64, hiddenFrom, translatedFrom }: Routed, link: number): Network[] {
  const external =
    translatedFrom === undefined ? [] : [networkNamed(externalNetwork(translatedFrom))]
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
