/** The router with the NAT that forgets its mappings. */
import { UsageError } from 'vnet/internal/base/usage-error'
import type { LabHost } from '../host.ts'
import type { LabRouter } from '../router.ts'
import { hostOf } from './hit.ts'

/** Returns the named router, or the only one with a NAT that rebinds. Throws a UsageError. */
export function natOf(name: string | undefined, hosts: readonly LabHost[]): LabRouter {
  if (name !== undefined) {
    const host = hostOf(name, hosts)
    if (isRouter(host)) return host
    throw new UsageError(`${name} is not a router: name one with a NAT`)
  }
  const [first, ...others] = hosts.filter(isRouter).filter(({ canRebind }) => canRebind)
  if (first === undefined) throw new UsageError("no router has a NAT that rebinds: make it with nat: 'restricted'")
  if (others.length === 0) return first
  const names = [first, ...others].map(each => each.name)
  throw new UsageError(`the lab has the NATs ${names.join(', ')}: name one: rebind on ${first.name}`)
}

function isRouter(host: LabHost): host is LabRouter {
  return 'canRebind' in host
}
