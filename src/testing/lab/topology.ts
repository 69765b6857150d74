/** Topologies: a whole network of a lab as one object. */
import { UsageError } from '../../base/usage-error.ts'
import type { Lab, LabCableOptions } from './lab.ts'
import type { LabLan, LabLanOptions } from './lan.ts'
import type { LabLink } from './link.ts'
import type { LabNamespace } from './namespace.ts'
import { checkForm, checkOptions, type Forms, LIST, OBJECT } from './options.ts'
import type { LabRouter, LabRouterOptions } from './router.ts'

/** A cable between two namespaces or routers, by their names. */
export interface CableEntry extends LabCableOptions {
  readonly ends: readonly [string, string]
}

/** A segment with namespaces or routers as its ports, by their names. */
export interface LanEntry extends LabLanOptions {
  readonly ports: readonly string[]
}

/** A router, and the names of what it is joined to. */
export interface RouterEntry extends Omit<LabRouterOptions, 'inside' | 'outside'> {
  readonly inside?: readonly string[]
  readonly outside?: string
}

/** A network. Routers may be joined to routers that come before them. */
export interface Topology {
  readonly namespaces: readonly string[]
  readonly routers?: Readonly<Record<string, RouterEntry>>
  readonly cables?: Readonly<Record<string, CableEntry>>
  readonly lans?: Readonly<Record<string, LanEntry>>
}

type Named<Entries, Value> = { readonly [K in keyof NonNullable<Entries>]: Value }

/** What a topology has made, by the names that it gives. */
export interface Made<T extends Topology> {
  readonly namespaces: { readonly [K in T['namespaces'][number]]: LabNamespace }
  readonly routers: Named<T['routers'], LabRouter>
  readonly cables: Named<T['cables'], LabLink>
  readonly lans: Named<T['lans'], LabLan>
}

const TOPOLOGY: Forms<Topology> = { namespaces: LIST, routers: OBJECT, cables: OBJECT, lans: OBJECT }

/** Makes a topology in a lab. Rejects with a UsageError for a name that it does not have. */
export async function makeTopology<const T extends Topology>(lab: Lab, topology: T): Promise<Made<T>> {
  checkOptions('topology', topology, TOPOLOGY)
  if (topology.namespaces === undefined) throw new UsageError('a topology needs `namespaces`, a list of names')
  const { namespaces: names, routers = {}, cables = {}, lans = {} } = topology
  for (const [kind, entries] of Object.entries({ router: routers, cable: cables, lan: lans })) {
    for (const [name, entry] of Object.entries(entries)) checkForm(`${kind} ${name}`, entry, OBJECT)
  }
  const known = new Map<string, LabNamespace>(lab.namespaces(...names).map(each => [each.name, each]))
  const found = (name: string): LabNamespace => {
    const namespace = known.get(name)
    if (namespace !== undefined) return namespace
    throw new UsageError(`the topology has no namespace ${name} here; it has ${[...known.keys()].join(', ')}`)
  }
  const namespaces = Object.fromEntries(known)
  const made: Record<string, LabRouter> = {}
  // One after another: a router may be outside another.
  for (const [name, { inside = [], outside, ...options }] of Object.entries(routers)) {
    const ends = {
      inside: namesIn(inside, `router ${name}: \`inside\``).map(found),
      ...(outside !== undefined && { outside: found(outside) }),
    }
    const router = await lab.router(name, { ...options, ...ends })
    known.set(name, router)
    made[name] = router
  }
  const join = ({ ends, ...options }: CableEntry, name: string) => {
    const [a, b, ...more] = namesIn(ends, `cable ${name}: \`ends\``)
    if (a === undefined || b === undefined || more.length > 0)
      throw new UsageError(`cable ${name}: it has two \`ends\``)
    return lab.cable(found(a), found(b), options)
  }
  const attach = ({ ports, ...options }: LanEntry, name: string) =>
    lab.lan(options, ...namesIn(ports, `lan ${name}: \`ports\``).map(found))
  const [allCables, allLans] = await Promise.all([all(cables, join), all(lans, attach)])
  return { namespaces, routers: made, cables: allCables, lans: allLans } as Made<T>
}

function namesIn(names: readonly string[], what: string): readonly string[] {
  if (Array.isArray(names)) return names
  throw new UsageError(`${what} is a list of names`)
}

async function all<Entry, Value>(
  entries: Readonly<Record<string, Entry>>,
  make: (entry: Entry, name: string) => Promise<Value>,
): Promise<Record<string, Value>> {
  const made = Object.entries(entries).map(async ([name, entry]) => [name, await make(entry, name)] as const)
  return Object.fromEntries(await Promise.all(made))
}
