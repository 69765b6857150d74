/** The sets of faults that are tried. */

import { NSEC_PER_MSEC, UsageError } from 'vnet'
import { durationOf, stream } from 'vnet/kit/base'
import { nameOf, needsRepair, type PlannedFault } from '../model/index.ts'
import { type FaultKind, LASTS } from './fault-text.ts'
import { type ExploredPacket, faultOf, timeOf } from './points.ts'
import type { ExploreReport, Point } from './report.ts'
import type { ExploreOptions } from './scenario.ts'

/** Faults that are tried together, as a point of a report. */
export type Trial = Pick<Point, 'packet' | 'kind' | 'second' | 'faults'>

/**
 * Returns all items in an order of which each beginning is spread over them: the first, then one of
 * each half that has none yet, then of each quarter, and so on. `seed` draws which one it is,
 * because packets have a rhythm: every 16th may be of one host.
 */
export function spread<T>(items: readonly T[], seed: number): T[] {
  const chance = stream(seed, 'spread')
  const order = new Set(items.length === 0 ? [] : [0])
  for (let size = 2 ** Math.ceil(Math.log2(items.length)); size >= 1; size /= 2) {
    const taken = new Set([...order].map(i => Math.floor(i / size)))
    for (let from = 0; from < items.length; from += size) {
      if (!taken.has(from / size)) {
        order.add(from + chance.below(Math.min(size, items.length - from)))
      }
    }
  }
  return [...order].map(i => items[i] as T)
}

/** The faults that have broken most programs, first (packages/lab/records/hunted.md). */
const PROMISING: readonly FaultKind['verb'][] = [
  'reset',
  'silence',
  'fin',
  'forget',
  'mute',
  'deaf',
  'restart',
  'crash',
]

/**
 * Returns the trials in an order that finds failures early: by the product of the place of the
 * trial and the rank of its fault, so that no fault waits for all packets of another.
 */
export function promisingFirst(trials: readonly Trial[], kinds: readonly FaultKind[]): Trial[] {
  const rank = (kind: number) =>
    PROMISING.indexOf(kinds[kind]?.verb as FaultKind['verb']) + 1 || PROMISING.length + 1
  const rated = trials.map((trial, n) => [(n + 1) * rank(trial.kind), trial] as const)
  return rated.sort(([a], [b]) => a - b).map(([, trial]) => trial)
}

/** Throws a UsageError for a repair that has nothing to end. */
export function checkRepair(kinds: readonly FaultKind[]): void {
  if (kinds.every(({ verb }) => verb !== 'repair') || kinds.some(needsRepair)) return
  throw new UsageError(
    'faults: repair ends faults that last: add one, such as silence forever or crash on server',
  )
}

/** Returns a repair at a packet. */
export function repairAt(packet: ExploredPacket): PlannedFault {
  return { ...nameOf(packet), verb: 'repair', time: 0 }
}

/** Returns each fault of each packet, and each burst of lost packets. */
export const singleTrials = (report: ExploreReport): Trial[] => trialsOf(report, isAlone(report))

/** Returns the faults that last until a repair at a later packet, if faults are repaired. */
export function lastingTrials(report: ExploreReport): Trial[] {
  return hasRepair(report) ? trialsOf(report, needsRepair) : []
}

/** Returns the same faults, which end by themselves: early enough if a run has a `timeout`. */
export function endedOf({ faults, ...trial }: Trial, timeout: ExploreOptions['timeout']): Trial {
  const third = timeout === undefined ? LASTS : timeOf(durationOf(timeout) / NSEC_PER_MSEC / 3)
  const end = (fault: PlannedFault): PlannedFault => {
    return {
      ...fault,
      verb: fault.verb === 'crash' ? 'restart' : fault.verb,
      time: Math.min(LASTS, third),
    }
  }
  return { ...trial, faults: faults.map(end) }
}

const hasRepair = ({ kinds }: ExploreReport): boolean => kinds.some(({ verb }) => verb === 'repair')

/** Returns a function that returns whether a fault is tried without a repair. */
function isAlone(report: ExploreReport): (kind: FaultKind) => boolean {
  const isRepaired = hasRepair(report)
  return kind => kind.verb !== 'repair' && !(isRepaired && needsRepair(kind))
}

/** `before` precedes the faults of the packets from index `from` on. */
function trialsOf(
  { packets, kinds, roundTrip }: ExploreReport,
  isMeant: (kind: FaultKind) => boolean,
  from = 0,
  before: readonly PlannedFault[] = [],
): Trial[] {
  return packets.slice(from).flatMap((packet, i) =>
    kinds.flatMap((kind, k) => {
      if (!isMeant(kind)) return []
      const together = kind.count === 1 ? [packet] : burstOf(packets, from + i, kind.count)
      const faults = together.flatMap(each => faultOf(each, kind, roundTrip, packets) ?? [])
      return faults.length === kind.count
        ? [{ packet: from + i, kind: k, faults: [...before, ...faults] }]
        : []
    }),
  )
}

/** Returns up to `count` packets of one direction of a link, from a packet on. */
function burstOf(
  packets: readonly ExploredPacket[],
  from: number,
  count: number,
): readonly ExploredPacket[] {
  const { link, direction } = packets[from] as ExploredPacket
  return packets
    .slice(from)
    .filter(
      each => each.link === link && each.direction === direction && each.position === undefined,
    )
    .slice(0, count)
}

/** Returns the faults of the packets from index `from` on, which appear only after `before`. */
export function deepTrials(
  report: ExploreReport,
  from: number,
  before: readonly PlannedFault[],
): Trial[] {
  const isMeant = isAlone(report)
  return trialsOf(report, kind => kind.count === 1 && isMeant(kind), from, before)
}

/** Sets that are made one by one. */
export type Sets = Iterable<Trial> & { readonly size: number }

/**
 * Returns all pairs of faults of different packets, the nearest packets first. `singles` are in the
 * order of their packets. `order` returns its numbers in another order.
 */
export function pairsOf(singles: readonly Trial[], order = (all: readonly number[]) => all): Sets {
  /** The faults of each packet, by its index. */
  const packets = Array.from({ length: (singles.at(-1)?.packet ?? -1) + 1 }, (): Trial[] => [])
  for (const each of singles) {
    packets[each.packet]?.push(each)
  }
  /** The indexes of packets, in the order of the pairs of one distance. */
  const starts = order([...packets.keys()])
  return {
    size: packets.reduce((sum, { length }) => sum + (length * (singles.length - length)) / 2, 0),
    *[Symbol.iterator]() {
      for (let distance = 1; distance < packets.length; distance++) {
        for (const i of starts) {
          for (const one of packets[i] ?? []) {
            for (const { packet, kind, faults } of packets[i + distance] ?? []) {
              yield { ...one, second: { packet, kind }, faults: [...one.faults, ...faults] }
            }
          }
        }
      }
    },
  }
}

/** A fault that lasts, and the repairs at the later packets of its run. */
export type Lasting = Readonly<{ trial: Trial; repairs: readonly PlannedFault[] }>

/** Returns faults that last, each with one of its repairs: the nearest packets first. */
export function repairsOf(lasting: readonly Lasting[]): Sets {
  const most = lasting.reduce((longest, { repairs }) => Math.max(longest, repairs.length), 0)
  return {
    size: lasting.reduce((sum, { repairs }) => sum + repairs.length, 0),
    *[Symbol.iterator]() {
      for (let distance = 0; distance < most; distance++) {
        for (const { trial, repairs } of lasting) {
          const repair = repairs[distance]
          if (repair !== undefined) {
            yield { ...trial, faults: [...trial.faults, repair] }
          }
        }
      }
    },
  }
}
