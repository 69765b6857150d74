/**
 * The spec of a wire: groups of stages. A stage is one file of stages/, whose StageKind reads and
 * prints its words and builds the impairment; stages.ts lists them. In a spec times are in ns,
 * shares from 0 to 1, rates in bit/s and sizes in bytes. It has no part of the program in it: it
 * can be printed and compared.
 */
import type { WireResources } from '../../netdev/device-wire.ts'
import { formatSize } from '../units.ts'
import type { Impairment, LimitSpec } from '../wire.ts'
import type { Cursor } from './cursor.ts'
import { pointing, type Span } from './error.ts'
import { join } from './print.ts'
import { noResources } from './resources.ts'

/** A kind of stage. `S` is what its words say. */
export interface StageKind<S = unknown> {
  readonly kind: string
  /** The words that only this stage starts with; by default `kind`. */
  readonly words?: readonly string[]
  /** The words inside it, each with the hint for one that stands elsewhere. */
  readonly inner?: Readonly<Record<string, string>>
  /** Words beside it in its group that complete it. */
  readonly part?: Part
  /** True if it holds packets, which the limit of its group bounds. */
  readonly holds?: boolean
  /** True if a group may have several. They stay in the order in which they were written. */
  readonly repeats?: boolean
  /**
   * True if the stage starts here; by default the token here is `kind`. A filter without quotes is
   * none of `words`, with which stages start.
   */
  starts?(c: Cursor, words: ReadonlySet<string>): boolean
  /** Reads what follows its first word. `branch` reads `( ... )`. */
  read(c: Cursor, branch: (missing: string) => readonly Group[]): S
  /** Prints it in the shortest form that is read as the same. */
  print(spec: S): string
  /** Returns the impairment. Throws a UsageError if a value is out of range. */
  build(spec: S, building: Building): Impairment
}

/** What a stage is built with besides its spec. */
export interface Building {
  /** The words of the stage. */
  readonly words: string
  /** Shared with the stages of the group; undefined is the default of the stage. */
  readonly limit: LimitSpec | undefined
  readonly resources: WireResources
}

/** Words that complete a stage, wherever they stand in its group: `reorder` a delay. */
export interface Part {
  /** The property of the spec that takes it. */
  readonly key: string
  /** What each of its words is: `queue discipline`. */
  readonly name: string
  /** Reads what follows each word. */
  readonly words: Readonly<Record<string, (c: Cursor) => unknown>>
  /** Returns the error for a word without a stage that it completes. */
  missing(word: string): string
}

/** Stages written in one go, in their order. */
export interface Group {
  readonly items: readonly Item[]
  /** What `limit` says; undefined without it. */
  readonly limit: LimitSpec | undefined
}

/** A stage, and where in which words it was read. */
export interface Item extends Span {
  readonly kind: StageKind
  readonly spec: unknown
  readonly words: string
}

/** Returns the words of groups. */
export function printGroups(groups: readonly Group[]): string {
  return groups.map(group => printGroup(group).join(' ')).join(' | ')
}

/** Returns the words of each stage of a group. The last that the limit bounds has its word. */
function printGroup({ items, limit }: Group): string[] {
  const last = items.findLastIndex(({ kind }) => kind.holds)
  return items.map(({ kind, spec }, i) => join([kind.print(spec), i === last && printLimit(limit)]))
}

function printLimit(limit: LimitSpec | undefined): string | undefined {
  if (limit === undefined) return undefined
  return limit.packets === undefined ? `limit ${formatSize(limit.bytes ?? 0)}` : `limit ${limit.packets}`
}

/** Returns the stages of groups. Throws a UsageError that points at the words of a wrong stage. */
export function buildGroups(groups: readonly Group[], resources: WireResources): Impairment[] {
  return groups.flatMap(group => {
    const words = printGroup(group)
    const holders = group.items.filter(({ kind }) => kind.holds)
    // Stages of a group share a limit; a single stage has its own by default.
    const limit = group.limit ?? (holders.length > 1 ? { packets: 1000 } : undefined)
    return group.items.map((item, i) => {
      const build = () => item.kind.build(item.spec, { words: words[i], limit, resources })
      const stage = pointing(item.words, item, build)
      // A whole GSO frame could exceed a limit that was asked for.
      return group.limit === undefined ? stage : Object.assign(stage, { takesGso: false })
    })
  })
}

/** Returns the stage of a spec that a program made. */
export function stageOf<S>(kind: StageKind<S>, spec: S, { words, limit }: Partial<Building> = {}): Impairment {
  return kind.build(spec, { words: words ?? kind.print(spec), limit, resources: noResources })
}
