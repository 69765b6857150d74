/**
 * Describes a failing set of faults: reduces it, runs it again, recorded and as a wire, and writes
 * what repeats it: the fault of a link, the spec of a wire, and a test.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatDuration } from 'vnet/internal/base/duration'
import { withErrno } from 'vnet/internal/base/errno'
import { print } from 'vnet/internal/packet/print'
import type { Direction } from 'vnet/internal/wire/wire'
import type { PlannedFault } from '../watch/packet-name.ts'
import type { WorldName } from '../world.ts'
import { formatFault } from './fault-text.ts'
import type { Judge, Judgement } from './judge.ts'
import { type ExploredPacket, isOpenTo, packetOf } from './points.ts'
import type { Failure, WireFault } from './result.ts'
import type { RunResult } from './run-once.ts'
import type { ExploreOptions } from './scenario.ts'

/** How often a set runs that a larger one, which fails only sometimes, contains. */
const TRIES = 3

export interface Describing {
  readonly judge: Judge
  readonly module: string | undefined
  /** The options that the printed test needs. */
  readonly test: Omit<TestOptions, 'timeout'>
  /** The directory of captures; false for none. */
  readonly captures: string | false
  readonly clean: readonly ExploredPacket[]
  readonly known: Set<string>
  /** Runs faults in the kernel; undefined where that is not possible, or they were found there. */
  readonly inKernel?: ((faults: readonly PlannedFault[], limit: number) => Promise<Failure['kernel']>) | undefined
  readonly world: WorldName
}

/**
 * Returns the smallest failing part of a failing set; undefined if it is described already. If the
 * exploration is stopped meanwhile, it is the smallest one up to then.
 */
export async function describeFailure(
  set: readonly PlannedFault[],
  judgement: Judgement,
  { judge, module, test, captures, clean, known, inKernel, world }: Describing,
): Promise<Failure | undefined> {
  const [faults, own] = await smallestOf(set, judgement, judge)
  const texts = faults.map(formatFault)
  const key = texts.join('\n')
  if (known.has(key)) return undefined
  known.add(key)
  const directory = captures === false ? undefined : mkdtempSync(join(captures, 'vnet-explore-'))
  const recorded = await judge.runUnlessStopped(faults, { captures: directory })
  if (recorded === undefined && directory !== undefined) rmSync(directory, { recursive: true })
  // A run whose process was killed has no packets.
  const packets = own.packets.length > 0 ? own.packets : clean
  const { failed, runs, error = '', output = '' } = own
  const files = directory === undefined || recorded === undefined ? [] : readdirSync(directory, { recursive: true })
  const wire = wireFaultsOf(faults, packets)
  const limit = judge.limit(faults)
  const kernel = await inKernel?.(faults, limit)
  const wires = wire.map(({ link, direction, wire }) => ({ link, ab: '', ba: '', [direction]: wire }))
  const wired = wires.length === 0 ? undefined : await judge.runUnlessStopped(faults, { wires })
  return {
    faults: texts,
    world,
    kernel,
    from: set.length,
    failed,
    runs,
    error,
    output,
    packets: faults.flatMap(fault => packetOf(fault, packets) ?? []).map(packetText),
    wire,
    wireFailed: wired !== undefined && judge.errorOf(wired) !== undefined,
    captures: files.map(name => join(directory ?? '', String(name))).filter(name => name.endsWith('.pcapng')),
    recordedFailed: recorded !== undefined && judge.errorOf(recorded) !== undefined,
    stopped: recorded === undefined || (wires.length > 0 && wired === undefined),
    limit,
    test: testText(module, faults, { ...test, timeout: limit }),
  }
}

async function smallestOf(
  set: readonly PlannedFault[],
  judgement: Judgement,
  judge: Judge,
): Promise<[readonly PlannedFault[], Judgement]> {
  if (set.length === 1) return [set, judgement]
  const tries = judgement.failed === judgement.runs ? 1 : TRIES
  let last: RunResult | undefined
  const faults = await ddmin(set, async subset => {
    for (let i = 0; i < tries; i++) {
      const run = await judge.runUnlessStopped(subset)
      if (run === undefined) return false
      if (judge.errorOf(run) === undefined) continue
      last = run
      return true
    }
    return false
  })
  if (last === undefined) return [set, judgement]
  const own = await judge.confirm(faults, judge.judgementOf(faults, last))
  return own.failed === 1 && own.runs > 1 ? [set, judgement] : [faults, own]
}

/** Returns the directory of captures, and makes it; false for none. */
export function capturesIn(captures: string | false | undefined): string | false {
  if (typeof captures === 'string') withErrno(['mkdir', captures], () => mkdirSync(captures, { recursive: true }))
  return captures ?? tmpdir()
}

/**
 * Returns a subset of `set` for which `fails` settles with true, and no element of which can be
 * left out: ddmin (Zeller and Hildebrandt, 2002). `set` itself is known to fail. The order of
 * elements is kept.
 */
export async function ddmin<T>(
  set: readonly T[],
  fails: (subset: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let smallest = set
  let parts = 2
  while (smallest.length > 1) {
    const chunks = split(smallest, Math.min(parts, smallest.length))
    const chunk = await firstOf(chunks, fails)
    if (chunk !== undefined) {
      smallest = chunk
      parts = 2
      continue
    }
    // With two chunks, what is left without one of them is the other.
    const rests = chunks.length === 2 ? [] : chunks.map(left => smallest.filter(each => !left.includes(each)))
    const rest = await firstOf(rests, fails)
    if (rest !== undefined) {
      smallest = rest
      parts = Math.max(2, chunks.length - 1)
    } else if (chunks.length === smallest.length) break
    else parts = 2 * chunks.length
  }
  return smallest
}

async function firstOf<T>(sets: readonly T[], test: (set: T) => Promise<boolean>): Promise<T | undefined> {
  for (const set of sets) if (await test(set)) return set
  return undefined
}

function split<T>(set: readonly T[], parts: number): T[][] {
  const from = (part: number) => Math.floor((part * set.length) / parts)
  return Array.from({ length: parts }, (_, part) => set.slice(from(part), from(part + 1)))
}

export function bareText({ head, length }: ExploredPacket): string {
  const long = new Uint8Array(Math.max(head.length, length))
  long.set(head)
  return print(long, 0, length)
}

/** Returns the same after the seconds since the first packet, and the link. */
function packetText(packet: ExploredPacket): string {
  const { at, link, direction } = packet
  return `${(at / 1000).toFixed(6)} ${link} ${direction} ${bareText(packet)}`
}

/** Returns wires for faults of packets that `packets`, a run, have. */
export function wireFaultsOf(faults: readonly PlannedFault[], packets: readonly ExploredPacket[]): WireFault[] {
  const found = faults.flatMap(fault => {
    const target = packetOf(fault, packets)
    return target === undefined ? [] : [{ fault, target }]
  })
  // A fault counts the packets that the stage before it has let pass, so the last packet is first.
  found.sort((a, b) => packets.indexOf(b.target) - packets.indexOf(a.target))
  const wires = new Map<string, { link: string; direction: Direction; wire: string; code: string[] }>()
  for (const { fault, target } of found) {
    const { link, direction } = fault
    const { wire, code } = countedFault(fault, target, packets)
    const before = wires.get(`${link} ${direction}`)
    const joined = before === undefined ? wire : `${before.wire} | ${wire}`
    wires.set(`${link} ${direction}`, { link, direction, wire: joined, code: [...(before?.code ?? []), code] })
  }
  return [...wires.values()]
}

/** Returns a fault that counts the packets of a run that its filter matches. */
function countedFault(fault: PlannedFault, target: ExploredPacket, packets: readonly ExploredPacket[]) {
  const { verb, time, link, direction } = fault
  const { text, matches } = filterOf(fault.flow)
  const counted = packets.filter(
    each => each.link === link && each.direction === direction && matches(each.flow) && isOpenTo(verb, each),
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
  if (protocol === 'fragment') return { text: 'ip[6:2] & 0x1fff != 0 or ip6 proto 44', matches: isAlike }
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
  const portOf = (end: string) => /:(\d+)(?:#\d+)?$/.exec(end)?.[1]
  return { protocol, source: portOf(from), destination: portOf(to) }
}

/** The options of a printed test. The timeout is in ms. */
interface TestOptions {
  readonly seed?: number | undefined
  readonly world?: WorldName | undefined
  readonly rtoMin?: ExploreOptions['rtoMin'] | undefined
  readonly timeout: number
  readonly invariant: boolean
}

/** Returns a vitest test that fails until the program is mended. */
export function testText(module: string | undefined, faults: readonly PlannedFault[], options: TestOptions): string {
  const [first] = faults
  const title = faults.length === 1 && first !== undefined ? formatFault(first) : `${faults.length} faults`
  const scenario = module === undefined ? 'scenario' : quote(pathOf(module))
  const timeout = Math.round(options.timeout)
  const { seed, world, rtoMin, invariant } = options
  const given = [
    `timeout: ${timeout}`,
    ...(seed === undefined ? [] : [`seed: ${seed}`]),
    ...(world === undefined ? [] : [`world: ${quote(world)}`]),
    ...(rtoMin === undefined ? [] : [`rtoMin: ${typeof rtoMin === 'string' ? quote(rtoMin) : rtoMin}`]),
    ...(invariant ? ['invariant'] : []),
  ]
  return [
    "import { test } from 'vitest'",
    "import { explore } from '@vnet/lab'",
    ...(module === undefined ? ['', '// const scenario = async ({ lab, signal }) => { ... }'] : []),
    ...(invariant ? ['// const invariant = async lab => { ... }'] : []),
    '',
    `test(${quote(`survives: ${title}`)}, async () => {`,
    `  await explore.repeat(${scenario}, [`,
    ...faults.map(fault => `    ${quote(formatFault(fault))},`),
    `  ], { ${given.join(', ')} })`,
    `}, ${2 * timeout + 10_000})`,
  ].join('\n')
}

/** Returns the path of a module from the current directory, in which vitest runs. */
function pathOf(module: string): string {
  if (!module.startsWith('file:')) return module
  const path = fileURLToPath(module)
  const here = relative(process.cwd(), path)
  return here.startsWith('..') ? path : here
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}
