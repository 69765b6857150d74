/** The names of links in a lab file: a cable's own name, ROUTER/HOST, or LAN/HOST. */

import type { LabHost } from '../host.ts'
import type { LabLink } from '../link.ts'
import type { Made, Topology } from '../topology.ts'
import type { WireSpec } from '../wire-spec.ts'

/** Returns the names of all links of a topology. */
export function linkNames({ routers = {}, cables = {}, lans = {} }: Topology): string[] {
  return [
    ...Object.keys(cables),
    ...Object.entries(routers).flatMap(([name, { inside = [], outside = [] }]) =>
      [...inside, ...[outside].flat()].map(host => `${name}/${host}`),
    ),
    ...Object.entries(lans).flatMap(([name, { ports }]) => ports.map(host => `${name}/${host}`)),
  ]
}

/** Returns the wire of a link that linkNames has returned. */
export function wireOf({ routers = {}, cables = {}, lans = {} }: Topology, name: string): WireSpec {
  const [owner = ''] = name.split('/')
  return (cables[name] ?? routers[owner] ?? lans[owner])?.wire ?? ''
}

/** Returns the host or router of a name; undefined if the lab has none. */
export function hostNamed({ hosts, routers }: Made<Topology>, name: string): LabHost | undefined {
  return [hosts, routers].find(each => Object.hasOwn(each, name))?.[name]
}

/** Returns the link of a name that linkNames has returned. */
export function linkNamed(topology: Topology, made: Made<Topology>, name: string): LabLink {
  const cable = made.cables[name]
  if (cable !== undefined) return cable
  const [owner = '', host = ''] = name.split('/')
  const { inside = [], outside = [] } = topology.routers?.[owner] ?? {}
  const isOfRouter = [...inside, ...[outside].flat()].includes(host)
  const end = hostNamed(made, host) as LabHost
  return (isOfRouter ? made.routers[owner]?.linkTo(end) : made.lans[owner]?.portOf(end)) as LabLink
}
