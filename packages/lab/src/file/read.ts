/** Reads a lab file, and checks it without running anything. */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { toLanConfig } from '@vnet/lan/kit'
import { FileError, UsageError } from 'vnet'
import { ConfigFile } from 'vnet/kit/config'
import { readTextFile } from 'vnet/kit/linux'
import { compileFilter } from 'vnet/kit/net'
import type { ScenarioList, WireResources } from 'vnet/kit/netdev'
import { checkScenario } from 'vnet/kit/wire'
import type { Direction, Impairment } from 'vnet/wire'
import { faultStages } from '../carrier/cable-fault.ts'
import { parseLabWire } from '../carrier/wire-text.ts'
import { accessOf } from '../model/access.ts'
import { namesFor } from '../model/options.ts'
import { LAN_OPTIONS, planLan } from '../network/lan.ts'
import { CABLE_OPTIONS } from '../network/links.ts'
import { ROUTER_OPTIONS } from '../network/router.ts'
import { checkTopology, type Topology } from '../network/topology.ts'
import { directionsOf, type WireSpec } from '../world/wire-spec.ts'
import * as schema from './schema.ts'

const MAX_BYTES = 1 << 20

/** A lab file that was read and checked, from which labs are made. */
export interface LabPlan {
  readonly seed: number | undefined
  readonly stages: readonly string[]
  /** The size of the disk of each host. */
  readonly disk: string | undefined
  readonly topology: Topology
  /** By name: a cable's own name, ROUTER/HOST, or LAN/HOST. */
  readonly links: ReadonlyMap<string, FileLink>
  readonly services: readonly (schema.Service & { readonly host: string })[]
  readonly faults: readonly schema.FaultEntry[]
  /** A step concerns the link, and makes the changes of hosts, of the same index. */
  readonly scenario:
    | {
        readonly list: ScenarioList<string>
        readonly links: readonly (string | undefined)[]
        readonly hosts: readonly schema.HostChanges[]
      }
    | undefined
}

/** A cable, or the link of a host to a router or a segment. */
type FileLink = Readonly<{ wire: WireSpec; router?: string; lan?: string; host?: string }>

/**
 * Reads the file at `path`. The file `scenario` replaces its scenario. Throws a UsageError if that
 * fails, a FileError if one is invalid.
 */
export function readLabFile(path: string, scenario?: string): LabPlan {
  const read = (name: string) => ({ name, text: readTextFile(name, MAX_BYTES) })
  return parseLabFile(read(path).text, path, scenario === undefined ? undefined : read(scenario))
}

/** Parses the text of the file `name`. Throws a FileError with a line for each mistake. */
export function parseLabFile(
  text: string,
  name: string,
  scenario?: { readonly name: string; readonly text: string },
): LabPlan {
  const problems = new ConfigFile(name)
  const file = problems.read(text, schema.labSchema) as schema.LabFile | undefined
  if (file === undefined) throw new FileError(`${name}: it is empty: a lab needs hosts`)
  const { seed, capture = false, hosts, disk, run = {}, faults = [] } = file
  const stages = file.stages?.map(each => resolve(dirname(name), each)) ?? []
  for (const [i, each] of stages.entries()) {
    if (!existsSync(each)) {
      problems.add(`stages[${i}]`, `${each}: no such file`)
    }
  }
  // Nothing runs here, so a name is checked when its link is made.
  const stage = file.stages === undefined ? noStages : () => anyStage
  const resources: WireResources = { filter: compileFilter, file: readTextFile, stage }
  const check: CheckText = (wire, direction) => parseLabWire(wire, resources, direction)
  const topology = {
    hosts,
    routers: recorded(capture, ROUTER_OPTIONS, file.routers),
    cables: recorded(capture, CABLE_OPTIONS, file.cables),
    lans: recorded(capture, LAN_OPTIONS, file.lans),
  }
  checkLinks(topology, problems, check)
  // Mistakes below would be consequences of mistakes above.
  problems.throwIfAny()
  for (const host of Object.keys(run)) {
    checkKnown(problems, `run.${host}`, host, hostsOf(topology), 'host')
  }
  const links = linksOf(topology)
  checkFaults(faults, [...links.keys()], problems)
  // Mistakes of a scenario in a file of its own are reported with that file.
  problems.throwIfAny()
  return {
    seed,
    stages,
    disk,
    topology,
    links,
    services: Object.entries(run).flatMap(([host, each]) =>
      [each].flat().map(service => ({ ...service, host })),
    ),
    faults,
    scenario:
      scenario === undefined
        ? planScenario(file.scenario, 'scenario', topology, problems, check)
        : readScenario(scenario, topology, check),
  }
}

function readScenario(
  { name, text }: { readonly name: string; readonly text: string },
  topology: LabTopology,
  check: CheckText,
): LabPlan['scenario'] {
  const problems = new ConfigFile(name)
  const changes = problems.read(text, schema.labScenario) as schema.LabFile['scenario']
  if (changes === undefined) throw new FileError(`${name}: it has no steps`)
  return planScenario(changes, '', topology, problems, check)
}

/** Checks a scenario at a path of its file, and throws a FileError for its mistakes. */
function planScenario(
  changes: schema.LabFile['scenario'],
  path: string,
  topology: LabTopology,
  problems: ConfigFile,
  check: CheckText,
): LabPlan['scenario'] {
  const isNested = changes !== undefined && 'steps' in changes
  const steps = isNested ? changes.steps : (changes ?? [])
  checkSteps(steps, isNested ? `${path && `${path}.`}steps` : path, topology, problems)
  const list = checkScenario(changes, path, problems, (text, direction) => {
    check(text, direction)
    return text
  })
  problems.throwIfAny()
  return list && { list, links: steps.map(({ link }) => link), hosts: steps }
}

function checkLinks(topology: LabTopology, problems: ConfigFile, check: CheckText): void {
  const { routers, cables, lans } = topology
  checkTopology(topology, (path, error) => problems.add(path, firstLine(error)))
  for (const [kind, entries] of Object.entries({ routers, cables, lans })) {
    for (const [key, { wire = '' }] of Object.entries(
      entries as Record<string, { readonly wire?: WireSpec }>,
    )) {
      checkWire(wire, `${kind}.${key}.wire`, problems, check)
    }
  }
  for (const [key, { ports, ...options }] of Object.entries(lans)) {
    // Its addresses depend on the number of the link, its mistakes do not.
    reporting(problems, `lans.${key}`, () => {
      const { file, addresses } = planLan(1, ports, options)
      toLanConfig(file, {
        others: Object.fromEntries(ports.map((name, i) => [name, addresses[i] ?? []])),
      })
    })
  }
}

function checkFaults(
  faults: readonly schema.FaultEntry[],
  links: readonly string[],
  problems: ConfigFile,
): void {
  for (const [i, { link, direction: _, action, filter, ...when }] of faults.entries()) {
    checkKnown(problems, `faults[${i}].link`, link, links, 'link')
    reporting(problems, `faults[${i}]`, () => faultStages(action, undefined, whenOf(when)))
    if (filter !== undefined) {
      reporting(problems, `faults[${i}].filter`, () => compileFilter(filter))
    }
  }
}

function checkSteps(
  steps: readonly schema.Step[],
  path: string,
  topology: LabTopology,
  problems: ConfigFile,
): void {
  const { hosts, routers } = topology
  const links = [...linksOf(topology).keys()]
  const portals = Object.keys(routers).filter(
    name => accessOf(routers[name] ?? {}).firewall === 'captive-portal',
  )
  for (const [i, { link, accept, switch: switched, at: _, ...ofLink }] of steps.entries()) {
    const known = (place: string, name: string, names: readonly string[], what: string) =>
      checkKnown(problems, `${path}[${i}].${place}`, name, names, what)
    if (link !== undefined) {
      known('link', link, links, 'link')
    } else if (Object.keys(ofLink).length > 0) {
      problems.add(`${path}[${i}]`, 'link is missing')
    }
    if (accept !== undefined) {
      known('accept.host', accept.host, hostsOf(topology), 'host')
      known('accept.router', accept.router, portals, 'captive portal')
    }
    if (switched !== undefined) {
      const { host, uplink } = switched
      const areKnown = [
        known('switch.host', host, hosts, 'host'),
        known('switch.uplink', uplink, Object.keys(routers), 'router'),
      ]
      if (areKnown.every(Boolean)) {
        checkUplink(problems, `${path}[${i}].switch.uplink`, host, uplink, topology)
      }
    }
  }
}

function checkUplink(
  problems: ConfigFile,
  path: string,
  host: string,
  uplink: string,
  { routers, cables, lans }: LabTopology,
): void {
  const segments = [
    ...Object.entries(routers).flatMap(([name, { inside = [], outside = name }]) =>
      [...inside, outside].map(each => [each, name]),
    ),
    ...Object.values(cables).map(({ ends }) => ends),
    ...Object.values(lans).map(({ ports }) => ports),
  ]
  const own = segments.filter(hosts => hosts.includes(host) && hosts.includes(uplink))
  const other = own.flat().find(each => each !== uplink && Object.hasOwn(routers, each))
  if (own.length === 0) {
    problems.add(path, `${uplink} is not an uplink of ${host}`)
  } else if (other !== undefined) {
    problems.add(
      path,
      `${uplink} and ${other} are on one segment of ${host}: give each uplink a link of its own`,
    )
  }
}

/** Returns whether the lab has this `what`: a host, a link. */
function checkKnown(
  problems: ConfigFile,
  path: string,
  name: string,
  known: readonly string[],
  what: string,
): boolean {
  if (known.includes(name)) return true
  problems.add(path, `the lab has no ${what} ${name}; it has ${namesFor(name, known)}`)
  return false
}

function linksOf({ routers, cables, lans }: LabTopology): LabPlan['links'] {
  return new Map<string, FileLink>([
    ...Object.entries(cables).map(([name, { wire = '' }]) => [name, { wire }] as const),
    ...Object.entries(routers).flatMap(([router, { inside = [], outside = [], wire = '' }]) =>
      [inside, outside].flat().map(host => [`${router}/${host}`, { router, host, wire }] as const),
    ),
    ...Object.entries(lans).flatMap(([lan, { ports, wire = '' }]) =>
      ports.map(host => [`${lan}/${host}`, { lan, host, wire }] as const),
    ),
  ])
}

/** Returns the names of hosts, then routers. */
export function hostsOf({
  hosts,
  routers = {},
}: Pick<Topology, 'hosts' | 'routers'>): readonly string[] {
  return [...hosts, ...Object.keys(routers)]
}

/** The default of faults is every packet that matches. */
export function whenOf<W extends object>(when: W): W | { readonly every: 1 } {
  return Object.keys(when).length === 0 ? { every: 1 } : when
}

/** Records the links of all entries that do not set `capture`, if they have this option. */
function recorded<E>(
  capture: boolean,
  options: object,
  entries: Readonly<Record<string, E>> = {},
): Record<string, E> {
  const given = capture && 'capture' in options ? { capture } : {}
  return Object.fromEntries(
    Object.entries(entries).map(([name, entry]) => [name, { ...given, ...entry }]),
  )
}

type LabTopology = Required<Pick<Topology, 'hosts' | 'routers' | 'cables' | 'lans'>>

type CheckText = (text: string, direction: Direction) => void

const anyStage: Impairment = next => next

function noStages(name: string): never {
  throw new UsageError(`stage ${name}: the lab has no \`stages\`, the files of own stages`)
}

function checkWire(wire: WireSpec, path: string, problems: ConfigFile, check: CheckText): void {
  for (const [direction, text] of Object.entries(directionsOf(wire))) {
    // A text for both directions is reported at itself.
    const place = typeof wire === 'string' ? path : `${path}.${direction}`
    reporting(problems, place, () => check(text, direction as Direction))
  }
}

function reporting(problems: ConfigFile, path: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    problems.add(path, firstLine(error))
  }
}

/** The lines after the first one show the place in the text of a wire. */
const firstLine = ({ message }: UsageError): string => message.split('\n')[0] as string
