/**
 * Groups of stages. Each kind of stage is one file of stages/ with a StageKind, which reads and
 * prints the text of a stage and builds its impairment; stages.ts lists them and words.ts describes
 * them. Between text and impairment is the spec of the stage: plain values that can be printed and
 * compared. Its times are in ns, shares from 0 to 1, rates in bit/s, sizes in bytes.
 */
import { formatDuration, NSEC_PER_SEC, UsageError } from '../../base/index.ts'
import type { WireResources } from '../../netdev/device-wire.ts'
import { formatSize, join } from '../units.ts'
import type { Direction, Impairment, LimitSpec } from '../wire.ts'
import { type Cursor, pointing, type Span } from './cursor.ts'

/** A kind of stage. `S` is its spec. */
export interface StageKind<S = unknown> {
  readonly kind: string
  /** The keywords that only this kind starts with; by default `kind`. */
  readonly keywords?: readonly string[]
  /** The keywords inside its text, each with the error message for the keyword elsewhere. */
  readonly inner?: Readonly<Record<string, string>>
  /** Keywords elsewhere in the group that complete it. */
  readonly part?: StagePart
  /** True if it holds packets, which the group's limit bounds. */
  readonly holds?: boolean
  /** True if a group may have several, which keep their order. */
  readonly repeats?: boolean
  /** Whether a stage starts here; by default at `kind`. A bare filter is not in `keywords`. */
  starts?(c: Cursor, keywords: ReadonlySet<string>): boolean
  /** Reads the text after its first keyword. `branch` reads `( ... )`. */
  read(c: Cursor, branch: (missing: string) => readonly Group[]): S
  /** Returns the spec for a direction, if each has its own. Direction ab uploads. */
  directed?(spec: S, direction: Direction): S
  filters?(spec: S): readonly string[]
  /** Returns how many packets one packet becomes at most; by default 1. */
  copies?(spec: S): number
  /** Returns the rate in bit/s by which a limit in time becomes bytes, if the stage has one. */
  bits?(spec: S): number
  print(spec: S): string
  /** Returns the impairment. Throws a UsageError if a value is out of range. */
  build(spec: S, building: Building): Impairment
}

/** The surroundings of a stage that is built. */
export interface Building {
  readonly text: string
  /** Shared with the stages of the group; undefined is the default of the stage. */
  readonly limit: LimitSpec | undefined
  /** True if a rate or a trace of the group sends packets one after another. */
  readonly isPaced: boolean
  readonly resources: WireResources
}

/**
 * A part that completes a stage of the same group from elsewhere in it, such as the queue of a
 * rate.
 */
export interface StagePart {
  /** The property of the spec that they set. */
  readonly key: string
  /** The noun for error messages: `queue discipline`. */
  readonly name: string
  readonly keywords: Readonly<Record<string, (c: Cursor) => unknown>>
  /** Returns the message for a keyword in a group without such a stage. */
  missing(word: string): string
}

/** Stages written in one go, in their order. */
export interface Group {
  readonly items: readonly Item[]
  readonly limit: GroupLimit | undefined
  /** The groups of a preset, which has no items of its own. */
  readonly preset?: Readonly<Record<Direction, readonly Group[]>>
}

/** A limit as it is written. `time` is in ns, of the group's rate. */
export interface GroupLimit extends LimitSpec {
  readonly time?: number
}

/** A stage, and its position in the text that it was read from. */
export interface Item extends Span {
  readonly kind: StageKind
  readonly spec: unknown
  readonly text: string
}

/** Returns groups as they are in one direction: presets and links differ. */
export function directed(groups: readonly Group[], direction: Direction): Group[] {
  return groups.flatMap(group => {
    if (group.preset !== undefined) return group.preset[direction]
    const items = group.items.map(item => {
      const { kind, spec } = item
      return kind.directed === undefined ? item : { ...item, spec: kind.directed(spec, direction) }
    })
    return { ...group, items }
  })
}

export function filtersOf(groups: readonly Group[]): string[] {
  return groups.flatMap(({ items }) =>
    items.flatMap(({ kind, spec }) => kind.filters?.(spec) ?? []),
  )
}

/** Returns how many packets one packet becomes at most in stages that the grammar knows. */
export function copiesOf(groups: readonly Group[]): number {
  return groups
    .flatMap(({ items }) => items)
    .reduce((product, { kind, spec }) => product * (kind.copies?.(spec) ?? 1), 1)
}

export function printGroups(groups: readonly Group[]): string {
  return groups.map(group => printGroup(group).join(' ')).join(' | ')
}

/** Returns the text of each stage of a group. The last stage that holds packets has the limit. */
function printGroup({ items, limit }: Group): string[] {
  const last = items.findLastIndex(({ kind }) => kind.holds)
  return items.map(({ kind, spec }, i) => join([kind.print(spec), i === last && printLimit(limit)]))
}

export function printLimit({ packets, bytes, time }: GroupLimit = {}): string {
  return join([
    time !== undefined && `limit ${formatDuration(time)}`,
    packets !== undefined && `limit ${packets}`,
    bytes !== undefined && `limit ${formatSize(bytes)}`,
  ])
}

/** Returns the stages of groups of one direction. Throws a UsageError that points at one. */
export function buildGroups(groups: readonly Group[], resources: WireResources): Impairment[] {
  return groups.flatMap(group => {
    const text = printGroup(group)
    const holders = group.items.filter(({ kind }) => kind.holds)
    // Stages of a group share a limit; a single stage has the default of its kind.
    const limit = limitOf(group) ?? (holders.length > 1 ? { packets: 1000 } : undefined)
    const isPaced = group.items.some(({ kind }) => kind.part?.key === 'queue')
    return group.items.map((item, i) => {
      const build = () =>
        buildStage(item.kind, item.spec, { text: text[i], limit, isPaced, resources })
      const stage = pointing(item.text, item, build)
      // A whole GSO frame could exceed a requested limit.
      return group.limit === undefined ? stage : Object.assign(stage, { takesGso: false })
    })
  })
}

/** Returns the limit of a group. A time means the bytes that the group's rate sends in it. */
export function limitOf({ limit, items }: Group): LimitSpec | undefined {
  if (limit?.time === undefined) return limit
  const [bits = 0] = items.flatMap(({ kind, spec }) => kind.bits?.(spec) ?? [])
  return { bytes: Math.round((limit.time * bits) / (8 * NSEC_PER_SEC)) }
}

/** Returns a stage that a program made, not the grammar. */
export function stageOf<S>(
  kind: StageKind<S>,
  spec: S,
  { text, limit }: Partial<Building> = {},
): Impairment {
  return buildStage(kind, spec, {
    text: text ?? kind.print(spec),
    limit,
    isPaced: false,
    resources: noResources,
  })
}

function buildStage<S>(kind: StageKind<S>, spec: S, building: Building): Impairment {
  const stage = kind.build(spec, building)
  return kind.holds ? Object.assign(stage, { holds: true }) : stage
}

/** There are neither filters nor files. */
export const noResources: WireResources = {
  filter: text => {
    throw new UsageError(`filter '${text}': filters cannot be compiled here`)
  },
  file: path => {
    throw new UsageError(`${path}: files cannot be read here`)
  },
}

/** Parses a file. Errors name the file; `needs` is put before the error of an unreadable one. */
export function fromFile<T>(
  path: string,
  resources: WireResources,
  parse: (text: string) => T,
  needs = '',
): T {
  const asked = (prefix: string, error: unknown) =>
    error instanceof UsageError
      ? new UsageError(prefix + error.message, { cause: error.cause })
      : error
  let text: string
  try {
    text = resources.file(path)
  } catch (error) {
    throw asked(needs, error)
  }
  try {
    return parse(text)
  } catch (error) {
    throw asked(`${path}: `, error)
  }
}
