import { inspect } from 'node:util'
import { UsageError } from '../base/usage-error.ts'
import type { LinkRoute } from '../netdev/port.ts'
import { formatPrefix, networkOf, parseAddress, parsePrefix, sameBytes } from '../packet/address.ts'

/** Throws a UsageError unless `addresses` is a list of addresses with their prefixes. */
export function checkAddresses(addresses: readonly string[]): void {
  if (!Array.isArray(addresses)) {
    throw new UsageError(`addresses ${inspect(addresses)}: give a list, such as ['198.18.0.1/24']`)
  }
  const wrong = addresses.find(text => typeof text !== 'string' || parsePrefix(text) === undefined)
  if (wrong !== undefined) {
    throw new UsageError(
      `addresses: ${inspect(wrong)} is not an address with its prefix, such as 198.18.0.1/24`,
    )
  }
}

/** Parses routes such as `192.0.2.0/24 via 198.18.0.1`, of a list. Throws a UsageError. */
export function parseRoutes(routes: readonly string[]): LinkRoute[] {
  return routes.map(text => {
    const [, network = '', router] = /^(\S+)(?: via (\S+))?$/.exec(String(text)) ?? []
    const to = parsePrefix(network)
    const via = router === undefined ? undefined : parseAddress(router)
    const isSound = to !== undefined && (router === undefined || via?.length === to.bytes.length)
    if (isSound) {
      const bytes = networkOf(to)
      if (sameBytes(bytes, to.bytes)) return { to, via }
      const meant = formatPrefix({ ...to, bytes })
      throw new UsageError(
        `routes: ${inspect(text)} has bits after its prefix; the network is '${meant}'`,
      )
    }
    throw new UsageError(
      `routes: ${inspect(text)} is not a route, such as '192.0.2.0/24' or '0.0.0.0/0 via 198.18.0.1'`,
    )
  })
}
