/** Describes a failing set of faults: reduces it, and runs it again, recorded and as a wire. */
import { readdirSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NSEC_PER_MSEC } from 'vnet'
import { print } from 'vnet/capture'
import { makeDirectories, makeTemporaryDirectory } from 'vnet/kit/linux'
import { isNemesisVerb, type PlannedFault } from '../model/index.ts'
import type { WorldName } from '../world/world.ts'
import { ddmin } from './ddmin.ts'
import { failedRunOf } from './failed-run.ts'
import { formatFault } from './fault-text.ts'
import type { Judge, Judgement } from './judge.ts'
import { type ExploredPacket, packetOf } from './points.ts'
import { type TestOptions, testText, wireFaultsOf } from './repeat-text.ts'
import type { Failure } from './result.ts'
import type { RunResult } from './run-once.ts'

/** A run that is expected to fail, wherever the failure was repeated. */
const AGAIN = { repeat: 2 }

/** How often a set runs that a larger one, which fails only sometimes, contains. */
const TRIES = 3

/** What describeFailure needs besides the failure, the same for all failures of an exploration. */
export interface Describing {
  readonly judge: Judge
  readonly module: string | undefined
  /** The options that the printed test needs. */
  readonly test: Omit<TestOptions, 'timeout'>
  /** The directory of captures; false for none. */
  readonly captures: string | false
  readonly clean: readonly ExploredPacket[]
  readonly known: Set<string>
  readonly world: WorldName
}

/**
 * Reduces a failing set of faults to the smallest part that fails, and records and describes it.
 * Returns undefined if this part is described already. If the exploration is stopped meanwhile, the
 * smallest part up to then is described. `also` has the faults that fail alike, and may grow.
 */
export async function describeFailure(
  set: readonly PlannedFault[],
  judgement: Judgement,
  { judge, module, test, captures, clean, known, world }: Describing,
  also: readonly string[] = [],
): Promise<Failure | undefined> {
  const [faults, own] = await smallestOf(set, judgement, judge)
  const texts = faults.map(formatFault)
  const key = texts.join('\n')
  if (known.has(key)) return undefined
  known.add(key)
  const directory =
    captures === false ? undefined : makeTemporaryDirectory('vnet-explore-', captures)
  const recorded = await judge.runUnlessStopped(faults, { captures: directory, ...AGAIN })
  if (recorded === undefined && directory !== undefined) {
    rmSync(directory, { recursive: true })
  }
  // A run has no packets if its process was killed.
  const packets = own.packets.length > 0 ? own.packets : clean
  const { failed, runs, error = '', output = '' } = own
  const packetText = packetTexts(own.packets.length > 0 ? own.origin : undefined)
  const files =
    directory === undefined || recorded === undefined
      ? []
      : readdirSync(directory, { recursive: true })
  // Wires have none, and their programs in memory are in this process, where the kernel stops none.
  // In memory, only a run with an abort takes a reset for an end.
  const hasNoWire = faults.some(({ verb }) => isNemesisVerb(verb) || verb === 'abort')
  const wire = hasNoWire ? [] : wireFaultsOf(faults, packets)
  const limit = judge.limit(faults)
  const wires = wire.map(({ link, direction, wire: text }) => ({
    link,
    ab: '',
    ba: '',
    [direction]: text,
  }))
  const wired =
    wires.length === 0 ? undefined : await judge.runUnlessStopped(faults, { wires, ...AGAIN })
  return {
    faults: texts,
    also,
    world,
    from: set.length,
    failed,
    runs,
    error,
    output,
    run: failedRunOf(own, packetText),
    packets: faults.flatMap(fault => packetOf(fault, packets) ?? []).map(packetText),
    wire,
    wireFailed: wired !== undefined && judge.failsWithWires(wired, faults),
    captures: files
      .map(name => join(directory ?? '', String(name)))
      .filter(name => name.endsWith('.pcapng')),
    recordedFailed: recorded !== undefined && judge.errorOf(recorded, faults) !== undefined,
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
  const units = unitsOf(set)
  if (units.length === 1) return [set, judgement]
  const tries = judgement.failed === judgement.runs ? 1 : TRIES
  let last: RunResult | undefined
  const smallest = await ddmin(units, async subset => {
    for (let i = 0; i < tries; i++) {
      const plan = subset.flat()
      const run = await judge.runUnlessStopped(plan)
      if (run === undefined) return false
      if (judge.errorOf(run, plan) === undefined) continue
      last = run
      return true
    }
    return false
  })
  if (last === undefined) return [set, judgement]
  const faults = smallest.flat()
  const own = await judge.confirm(faults, judge.judgementOf(faults, last))
  return own.failed === 1 && own.runs > 1 ? [set, judgement] : [faults, own]
}

/** A repair remains with the fault before it: a fault that never ends may break any program. */
function unitsOf(set: readonly PlannedFault[]): PlannedFault[][] {
  const units: PlannedFault[][] = []
  for (const fault of set) {
    const [last] = units.slice(-1)
    if (fault.verb === 'repair' && last !== undefined) {
      last.push(fault)
    } else {
      units.push([fault])
    }
  }
  return units
}

/** Returns the directory of captures, and makes it; false for none. */
export function capturesIn(captures: string | false | undefined): string | false {
  if (typeof captures === 'string') {
    makeDirectories(captures)
  }
  // An exploration would otherwise end without its report, at the first failure.
  if (captures !== false) {
    rmdirSync(makeTemporaryDirectory('vnet-explore-', captures))
  }
  return captures ?? tmpdir()
}

/**
 * Returns a packet as tcpdump prints it, without the time. Bytes that were not recorded count as 0.
 */
export function bareText({ head, length }: ExploredPacket): string {
  const long = new Uint8Array(Math.max(head.length, length))
  long.set(head)
  return print(long, 0, length)
}

/**
 * Returns a function that describes a packet in one line: the milliseconds at which it was sent,
 * its link and direction, and its text. The milliseconds count from `origin`, when the lab was
 * made, as they do in errors; without `origin`, from the first packet.
 */
export function packetTexts(origin: number | undefined): (packet: ExploredPacket) => string {
  return packet => {
    const { link, direction, time } = packet
    const at = origin === undefined ? packet.at : (time - origin) / NSEC_PER_MSEC
    return `at ${at.toFixed(1)} ms ${link} ${direction} ${bareText(packet)}`
  }
}
