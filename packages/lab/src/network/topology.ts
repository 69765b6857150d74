/** Topologies: a whole network of a lab as one object. */

import { UsageError } from 'vnet'
import { checkName } from '../model/hosts.ts'
import { checkForm, checkForms, type Forms, LIST, namesFor, OBJECT } from '../model/options.ts'
import type { LabHost } from './host.ts'
import { LAN_OPTIONS, type LabLan, type LabLanOptions } from './lan.ts'
import type { LabLink } from './link.ts'
import { checkCableOptions, type LabCableOptions } from './links.ts'
import { checkRouterOptions, type LabRouter, type LabRouterOptions } from './router.ts'

/** A cable between two hosts or routers, by their names. */
export interface CableEntry extends LabCableOptions {
  readonly ends: readonly [string, string]
}

/** A segment with hosts or routers as its ports, by their names. */
export interface LanEntry extends LabLanOptions {
  readonly ports: readonly string[]
}

/** A router, and the names of its neighbours. */
export interface RouterEntry extends Omit<LabRouterOptions, 'inside' | 'outside'> {
  readonly inside?: readonly string[]
  readonly outside?: string
}

/**
 * A network as one object, for lab.topology and lab files. Hosts and routers have different names.
 * A router may be joined to routers that come before it.
 */
export interface Topology {
  readonly hosts: readonly string[]
  readonly routers?: Readonly<Record<string, RouterEntry>>
  readonly cables?: Readonly<Record<string, CableEntry>>
  readonly lans?: Readonly<Record<string, LanEntry>>
}

type Named<Entries, Value> = { readonly [K in keyof NonNullable<Entries>]: Value }

/** The parts that a topology has made, by name. */
export interface Made<T extends Topology> {
  readonly hosts: { readonly [K in T['hosts'][number]]: LabHost }
  readonly routers: Named<T['routers'], LabRouter>
  readonly cables: Named<T['cables'], LabLink>
  readonly lans: Named<T['lans'], LabLan>
}

const TOPOLOGY: Forms<Topology> = { hosts: LIST, routers: OBJECT, cables: OBJECT, lans: OBJECT }

/** Reports a mistake in the part of a topology at `path`, such as `routers.home.outside`. */
export type ReportProblem = (path: string, error: UsageError) => void

/**
 * Reports the mistakes that can be found without making the topology. Throws a UsageError for a
 * topology that is not an object with lists and objects.
 */
export function checkTopology(topology: Topology, report: ReportProblem): void {
  checkForms('topology', topology, TOPOLOGY)
  if (topology.hosts === undefined) {
    throw new UsageError('a topology needs `hosts`, a list of names')
  }
  const { hosts, routers = {}, cables = {}, lans = {} } = topology
  const known: string[] = []
  const reporting = (path: string, check: () => void) => {
    try {
      check()
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      report(path, error)
    }
  }
  const add = (path: string, name: string) => {
    reporting(path, () => checkName(name, known))
    known.push(name)
  }
  const checkEnd = (path: string, name: string, before: readonly string[]) => {
    reporting(path, () => {
      if (before.includes(name)) throw new UsageError(`${name} is named twice`)
      if (known.includes(name)) return
      throw new UsageError(`the topology has no host ${name} here; it has ${namesFor(name, known)}`)
    })
  }
  const checkEnds = (path: string, names: readonly string[]) => {
    for (const [i, name] of names.entries()) {
      checkEnd(`${path}[${i}]`, name, names.slice(0, i))
    }
  }
  const checkAll = <E>(
    kind: string,
    entries: Readonly<Record<string, E>>,
    check: (entry: E, name: string) => void,
  ) => {
    for (const [name, entry] of Object.entries(entries)) {
      reporting(`${kind}s.${name}`, () => {
        checkForm(`${kind} ${name}`, entry, OBJECT)
        check(entry, name)
      })
    }
  }
  for (const [i, name] of hosts.entries()) {
    add(`hosts[${i}]`, name)
  }
  checkAll('router', routers, ({ inside = [], outside, ...options }, name) => {
    checkEnds(`routers.${name}.inside`, namesIn(inside, `router ${name}: \`inside\``))
    if (outside !== undefined) {
      checkEnd(`routers.${name}.outside`, outside, inside)
    }
    add(`routers.${name}`, name)
    checkRouterOptions(name, {
      ...options,
      ...(outside !== undefined && { outside: outside as never }),
    })
  })
  checkAll('cable', cables, ({ ends, ...options }, name) => {
    checkEnds(`cables.${name}.ends`, namesIn(ends, `cable ${name}: \`ends\``))
    if (ends.length !== 2) throw new UsageError(`cable ${name}: it has two \`ends\``)
    checkCableOptions(options)
  })
  checkAll('lan', lans, ({ ports, ...options }, name) => {
    checkEnds(`lans.${name}.ports`, namesIn(ports, `lan ${name}: \`ports\``))
    checkForms('lan', options, LAN_OPTIONS)
  })
}

function namesIn(names: readonly string[], what: string): readonly string[] {
  if (Array.isArray(names)) return names
  throw new UsageError(`${what} is a list of names`)
}
