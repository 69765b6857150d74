/**
 * The routes of a lab: each namespace has one to every network behind the routers next to it, by
 * the way with the fewest routers.
 */
import { getLink, RouteSocket, setNetworkRoute } from '../../linux/rtnetlink.ts'
import { formatPrefix, networkOf, type Prefix, parseAddress, parsePrefix } from '../../packet/address.ts'
import { withoutPrefix } from './hosts.ts'
import type { LabInterface } from './namespace.ts'
import type { SocketPlace } from './sockets.ts'

/** A namespace, as far as routes are concerned. */
export interface Routed {
  readonly interfaces: readonly LabInterface[]
  /** Whether it forwards packets. */
  readonly isRouter?: boolean
  /** The link outside a NAT, from which the IPv4 networks of its other links are hidden. */
  readonly hiddenFrom?: number | undefined
}

/** A route by a gateway on the link of the interface `dev`. */
export interface LabRoute {
  readonly dst: Prefix
  readonly via: Uint8Array
  readonly dev: string
}

/** A router that packets may be sent to. */
interface Way {
  readonly router: Routed
  /** The first router on the way. */
  readonly via: Uint8Array
  readonly dev: string
}

/** Sets the routes of every namespace over `links`, which are up. */
export function setRoutes(
  namespaces: readonly (Routed & { readonly place: SocketPlace })[],
  links: ReadonlySet<number>,
): void {
  if (!namespaces.some(({ isRouter }) => isRouter)) return
  const all = namespaces.map(({ interfaces, isRouter = false, hiddenFrom, place }) => {
    return { interfaces: interfaces.filter(({ link }) => links.has(link)), isRouter, hiddenFrom, place }
  })
  for (const host of all) {
    const { native, nsfd } = host.place
    using sock = RouteSocket.open(native, nsfd)
    for (const { dst, via, dev } of routesOf(host, all)) {
      const oif = getLink(sock, { name: dev })?.ifindex
      if (oif !== undefined) setNetworkRoute(sock, { dst, oif, via })
    }
  }
}

/** Returns the routes of `host` in a lab of these namespaces. */
export function routesOf(host: Routed, all: readonly Routed[]): LabRoute[] {
  return [...routesOfFamily(host, all, 4), ...routesOfFamily(host, all, 16)]
}

function routesOfFamily(host: Routed, all: readonly Routed[], bytes: 4 | 16): LabRoute[] {
  const known = new Set(host.interfaces.flatMap(each => networksOf(each, bytes)).map(formatPrefix))
  const seen = new Set([host])
  const routes: LabRoute[] = []
  const ways = host.interfaces.flatMap(({ link, name }): Way[] => {
    return routersOn(link, all, seen, bytes).flatMap(router => {
      const via = gatewayOf(router, link, bytes)
      return via === undefined ? [] : [{ router, via, dev: name }]
    })
  })
  // Ways are added while it is read: the routers that are nearer come first.
  for (const { router, via, dev } of ways) {
    for (const next of router.interfaces) {
      for (const dst of networksOf(next, bytes)) {
        if (known.has(formatPrefix(dst))) continue
        known.add(formatPrefix(dst))
        routes.push({ dst, via, dev })
      }
      for (const further of routersOn(next.link, all, seen, bytes)) ways.push({ router: further, via, dev })
    }
  }
  return routes
}

/** Returns the routers that lead on from a link and were not seen yet, which then are. */
function routersOn(link: number, all: readonly Routed[], seen: Set<Routed>, bytes: 4 | 16): Routed[] {
  const found = all.filter(each => {
    if (!each.isRouter || seen.has(each) || (bytes === 4 && each.hiddenFrom === link)) return false
    return each.interfaces.some(own => own.link === link)
  })
  for (const router of found) seen.add(router)
  return found
}

function gatewayOf({ interfaces }: Routed, link: number, bytes: 4 | 16): Uint8Array | undefined {
  const addresses = interfaces.filter(each => each.link === link).flatMap(each => each.addresses)
  return addresses.map(text => parseAddress(withoutPrefix(text))).find(address => address?.length === bytes)
}

function networksOf({ addresses }: LabInterface, bytes: 4 | 16): Prefix[] {
  return addresses.flatMap(text => {
    const prefix = parsePrefix(text)
    if (prefix?.bytes.length !== bytes) return []
    return [{ bytes: networkOf(prefix), prefixLen: prefix.prefixLen }]
  })
}
