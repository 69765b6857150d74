/** What repeats a set of faults: wires, the faults of a link, and a test. */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatDuration } from 'vnet/kit/base'
import type { Direction } from 'vnet/wire'
import { isMeant, type PlannedFault } from '../model/packet-name.ts'
import { mayReject } from '../model/verbs.ts'
import type { Hit, HostNames } from '../nemesis/hit.ts'
import type { WorldName } from '../world/world.ts'
import { formatFault } from './fault-text.ts'
import { type ExploredPacket, isOpenTo, packetOf } from './points.ts'
import type { WireFault } from './result.ts'
import type { ExploreOptions } from './scenario.ts'

/** Returns wires for faults of packets that `packets`, a run, have. */
export function wireFaultsOf(
  faults: readonly PlannedFault[],
  packets: readonly ExploredPacket[],
): WireFault[] {
  const found = faults.flatMap(fault => {
    const target = packetOf(fault, packets)
    return target === undefined ? [] : [{ fault, target }]
  })
  // A fault counts the packets that the stage before it has let pass, so the last packet is first.
  found.sort((a, b) => packets.indexOf(b.target) - packets.indexOf(a.target))
  const wires = new Map<
    string,
    { link: string; direction: Direction; wire: string; code: string[] }
  >()
  for (const { fault, target } of found) {
    const { link, direction } = fault
    const { wire, code } = countedFault(fault, target, packets)
    const before = wires.get(`${link} ${direction}`)
    const joined = before === undefined ? wire : `${before.wire} | ${wire}`
    wires.set(`${link} ${direction}`, {
      link,
      direction,
      wire: joined,
      code: [...(before?.code ?? []), code],
    })
  }
  return [...wires.values()]
}

/** Returns a fault that counts the packets of a run that its filter matches. */
function countedFault(
  fault: PlannedFault,
  target: ExploredPacket,
  packets: readonly ExploredPacket[],
) {
  const { verb, time, link, direction } = fault
  const { text, matches } = filterOf(fault.flow)
  if (fault.part === 'byte') {
    // The connections that reach the byte are counted.
    const reached = packets.filter(
      each =>
        matches(each.flow) && each.link === link && isMeant(each, { ...fault, flow: each.flow }),
    )
    const nth = [...new Set(reached.map(({ flow }) => flow))].indexOf(fault.flow) + 1
    const { n } = fault
    const code = `await link.${direction}.fault('${verb}', '${text}', { byte: ${n}, nth: ${nth} })`
    return { wire: `${verb} "${text}" byte ${n} nth ${nth}`, code }
  }
  const counted = packets.filter(
    each =>
      each.link === link &&
      each.direction === direction &&
      matches(each.flow) &&
      isOpenTo(verb, each),
  )
  const nth = counted.indexOf(target) + 1
  const wire = `${verb}${verb === 'delay' ? ` ${formatDuration(time)}` : ''} "${text}" nth ${nth}`
  const action = verb === 'delay' ? `{ delay: '${formatDuration(time)}' }` : `'${verb}'`
  return { wire, code: `await link.${direction}.fault(${action}, '${text}', { nth: ${nth} })` }
}

interface FlowFilter {
  readonly text: string
  /** Returns whether the packets of a flow with a name match. */
  matches(flow: string): boolean
}

/** ICMPv6 without neighbour discovery and MLD, which have no names. */
const ICMPV6 = 'icmp6 and (ip6[40] < 130 or ip6[40] > 137) and ip6[40] != 143'

function filterOf(flow: string): FlowFilter {
  const { protocol, source, destination } = partsOf(flow)
  const isAlike = (other: string) => partsOf(other).protocol === protocol
  if (protocol.startsWith('ip-')) {
    const number = protocol.slice(3)
    return { text: `ip proto ${number} or ip6 proto ${number}`, matches: isAlike }
  }
  if (protocol === 'fragment') {
    return { text: 'ip[6:2] & 0x1fff != 0 or ip6 proto 44', matches: isAlike }
  }
  if (protocol === 'icmp6') return { text: ICMPV6, matches: isAlike }
  if (destination !== undefined) {
    const matches = (other: string) => isAlike(other) && partsOf(other).destination === destination
    return { text: `${protocol} dst port ${destination}`, matches }
  }
  if (source === undefined) return { text: protocol, matches: isAlike }
  const matches = (other: string) => isAlike(other) && partsOf(other).source === source
  return { text: `${protocol} src port ${source}`, matches }
}

/** Returns the protocol of a flow, and its ports; undefined for an ephemeral one. */
function partsOf(flow: string) {
  const [protocol = '', from = '', , to = ''] = flow.split(' ')
  const portOf = (end: string) => /:(\d+)(?:#\w+)?$/.exec(end)?.[1]
  return { protocol, source: portOf(from), destination: portOf(to) }
}

/** The options of a printed test. The timeout is in ms. */
export interface TestOptions {
  readonly seed?: number | undefined
  readonly world?: WorldName | undefined
  readonly rtoMin?: ExploreOptions['rtoMin'] | undefined
  readonly hit?: Hit | undefined
  readonly timeout: number
  readonly invariant: boolean
  readonly compare?: boolean | undefined
  /** False if a run may reject in time. True by default. */
  readonly strict?: boolean | undefined
}

/** A scenario in the file of its test, and its title if the test passes with the faults. */
export type OwnScenario = Readonly<{
  imports: readonly string[]
  text: string
  title?: string | undefined
}>

/** Returns a vitest test that fails until the program is mended. */
export function testText(
  module: string | undefined,
  faults: readonly PlannedFault[],
  options: TestOptions,
  own?: OwnScenario,
): string {
  const [first] = faults
  const kinds =
    faults.length === 1 && first !== undefined ? formatFault(first) : `${faults.length} faults`
  const title = own?.title ?? `survives: ${kinds}`
  const scenario = module === undefined ? 'scenario' : quote(pathOf(module))
  const timeout = Math.round(options.timeout)
  const { seed, world, rtoMin, invariant, strict, compare = false } = options
  // Another host may have the role in the next run, so that the names of this one may not fail.
  const hit = faults.some(({ isAsked }) => isAsked) ? options.hit : undefined
  const givenWorld = world === undefined ? [] : [`world: ${quote(world)}`]
  const given = [
    `timeout: ${timeout}`,
    ...(compare ? ['compare: true'] : []),
    ...(strict === false && mayReject(faults) ? ['strict: false'] : []),
    ...(seed === undefined ? [] : [`seed: ${seed}`]),
    ...(own === undefined ? givenWorld : ['world']),
    ...(rtoMin === undefined
      ? []
      : [`rtoMin: ${typeof rtoMin === 'string' ? quote(rtoMin) : rtoMin}`]),
    ...(hit === undefined ? [] : [typeof hit === 'function' ? 'hit' : `hit: ${namesText(hit)}`]),
    ...(invariant ? ['invariant'] : []),
  ]
  return [
    ...(own?.imports ?? []),
    "import { test } from 'vitest'",
    "import { explore } from '@vnet/lab'",
    ...(own === undefined && module === undefined
      ? ['', '// const scenario = async ({ lab, signal }) => { ... }']
      : []),
    ...(own === undefined ? [] : ['', ...WORLD, '', own.text]),
    ...(typeof hit === 'function' ? ["// const hit = lab => ['server']"] : []),
    ...(invariant ? ['// const invariant = async lab => { ... }'] : []),
    '',
    `test(${quote(title)}, async () => {`,
    `  await explore.repeat(${scenario}, [`,
    ...faults.map(fault => `    ${quote(formatFault(fault))},`),
    `  ], { ${given.join(', ')} })`,
    `}, ${2 * timeout + 10_000})`,
  ].join('\n')
}

const WORLD = [
  '// In memory time is virtual. With VNET_WORLD=kernel the same runs in real time, by root.',
  "const world = process.env.VNET_WORLD === 'kernel' ? 'kernel' : 'memory'",
]

/** Returns the path of a module from the current directory, in which vitest runs. */
function pathOf(module: string): string {
  if (!module.startsWith('file:')) return module
  const path = fileURLToPath(module)
  const here = relative(process.cwd(), path)
  return here.startsWith('..') ? path : here
}

function namesText(names: HostNames): string {
  return typeof names === 'string' ? quote(names) : `[${names.map(quote).join(', ')}]`
}

export const quote = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`
