/** The addresses of a lab as variables in the environment of its programs. */
import { UsageError } from 'vnet/internal/base/usage-error'
import { withoutPrefix } from './hosts.ts'

export interface AddressedHost {
  readonly name: string
  readonly interfaces: readonly {
    readonly name: string
    /** With their prefix. */
    readonly addresses: readonly string[]
  }[]
}

/**
 * Returns VNET_IP4_HOST and VNET_IP6_HOST, the first addresses of each host, and
 * VNET_IP4_HOST__INTERFACE and VNET_IP6_HOST__INTERFACE. Throws a UsageError for two of one name.
 */
export function addressVariables(hosts: readonly AddressedHost[]): Record<string, string> {
  const variables: Record<string, string> = {}
  const set = (name: string, value: string) => {
    if (name in variables) throw new UsageError(`two addresses would be the variable ${name}: rename a host`)
    variables[name] = value
  }
  for (const { name, interfaces } of hosts) {
    for (const family of [4, 6]) {
      const own = interfaces.map(each => ({
        name: each.name,
        addresses: each.addresses.map(withoutPrefix).filter(text => text.includes(':') === (family === 6)),
      }))
      const host = `VNET_IP${family}_${nameOfVariable(name)}`
      const [first] = own.flatMap(({ addresses }) => addresses)
      if (first !== undefined) set(host, first)
      for (const { name, addresses } of own) {
        if (addresses.length > 0) set(`${host}__${nameOfVariable(name)}`, addresses.join(' '))
      }
    }
  }
  return variables
}

function nameOfVariable(name: string): string {
  return name.toUpperCase().replaceAll('-', '_')
}
