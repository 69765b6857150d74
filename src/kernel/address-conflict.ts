/** The protocol addresses that interfaces have, and what stands in the way of another one. */
import { formatAddress, formatCidr, toCidr } from './cidr.ts'
import { getAddresses, getLink, getRoutes, overlappingRoute, type RouteSocket } from './rtnetlink.ts'

/** The addresses of an interface, `198.18.0.1/24`, but for link-local ones; none when it is not there. */
export function addressesOf(sock: RouteSocket, name: string): string[] {
  const link = getLink(sock, { name })
  const all = link === undefined ? [] : getAddresses(sock, link.ifindex)
  return all.map(formatCidr).filter(cidr => !cidr.startsWith('fe80:'))
}

/**
 * What stands in the way of an address, in a few words; undefined when nothing does. The routes of the interface `except` do
 * not. VnetError EINVAL for what is no address.
 */
export function conflictWith(sock: RouteSocket, address: string, except: string): string | undefined {
  const route = overlappingRoute(getRoutes(sock), toCidr(address), getLink(sock, { name: except })?.ifindex)
  if (route === undefined) return undefined
  const holder = route.oif === undefined ? undefined : getLink(sock, { ifindex: route.oif })?.name
  return `${holder ?? 'no interface'} has a route to ${formatAddress(route.dst)}/${route.prefixLen}`
}
