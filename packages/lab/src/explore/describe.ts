/** Describes a failing set of faults: reduces it, and runs it again, recorded and as a wire. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withErrno } from 'vnet/internal/base/errno'
import type { PlannedFault } from '../watch/packet-name.ts'
import { formatFault } from './fault-text.ts'
import type { Judge, Judgement } from './judge.ts'
import { type ExploredPacket, packetOf } from './points.ts'
import { packetText, type TestOptions, testText, wireFaultsOf } from './reproduce.ts'
import type { Failure } from './result.ts'
import type { RunResult } from './run-once.ts'

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
}

/**
 * Returns the smallest failing part of a failing set; undefined if it is described already. If the
 * exploration is stopped meanwhile, it is the smallest one up to then.
 */
export async function describeFailure(
  set: readonly PlannedFault[],
  judgement: Judgement,
  { judge, module, test, captures, clean, known }: Describing,
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
  const wires = wire.map(({ link, direction, wire }) => ({ link, ab: '', ba: '', [direction]: wire }))
  const wired = wires.length === 0 ? undefined : await judge.runUnlessStopped(faults, { wires })
  return {
    faults: texts,
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
