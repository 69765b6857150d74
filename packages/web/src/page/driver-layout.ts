/** The layout of a driver: a pure function of the model and of the width in CSS pixels. */
import type { Column, DrawnGroup, DrawnItem, Lane, Model } from './driver-model.ts'
import { CHARACTER, labelLines } from './driver-text.ts'

/** A place in the drawing, in CSS pixels. */
export type Rect = Readonly<{ x: number; y: number; width: number; height: number }>

/**
 * A box of the drawing: an end, a frame around one side's groups, a group, or an item of a group.
 */
export type DriverBox = Rect & { readonly id: string } & (
    | { readonly kind: 'near' | 'far' | 'near frame' | 'far frame' }
    | { readonly kind: 'group'; readonly group: DrawnGroup; readonly lane: Lane }
    | {
        readonly kind: 'item'
        readonly item: DrawnItem
        readonly group: DrawnGroup
        readonly lane: Lane
      }
  )

/** A path between two boxes, in the direction of its frames. */
export interface Arrow {
  readonly id: string
  readonly lane: Lane
  /** Whether its frames are counted by the device or by the peer. */
  readonly side: 'near' | 'far'
  /** Whether it is a cable: it leads into a wire or out of it. */
  readonly isCable: boolean
  /** The end that it leads to or starts from. */
  readonly touches: 'near' | 'far' | undefined
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
}

/** All boxes and arrows with their places. */
export interface Drawing {
  readonly isVertical: boolean
  readonly width: number
  readonly height: number
  /** Frames first, then groups, then items: in the order in which they are drawn. */
  readonly boxes: readonly DriverBox[]
  readonly arrows: readonly Arrow[]
}

/** Inside a group and between a frame and its groups. */
export const PAD = 8
/** The title of a group or frame. */
const TITLE = 24
/** A line of text. */
export const LINE = 18
/** The diameter of a ring. */
export const RING = 92

/** Between an end and its neighbour: room for a rate. */
const END_GAP = 72
/** Between two columns. */
const GAP = 36
const ITEM_GAP = 8
const DENSE_GAP = 4
const LANE_GAP = 24
const COLUMN_LEAST = 136
const COLUMN_MOST = 320
/** The ends, where they are at the sides, and where they are above and below. */
const END_LEAST = 88
const END_MOST = 144
const END_HEIGHT = 64
/** Half of the widest line, so that those at the edges are whole. */
const EDGE = 1

/** Rings are drawn as rings while they are few. */
export const isRing = (item: DrawnItem, group: DrawnGroup): boolean =>
  item.kind === 'part' && item.part.kind === 'ring' && group.items.length <= 2

/** Many items have one line each, with a thin bar below it. */
export const isDense = (group: DrawnGroup): boolean => group.items.length > 6

function itemHeight(item: DrawnItem, group: DrawnGroup): number {
  if (item.kind === 'direct') return LINE
  if (isDense(group)) return LINE + 4
  return isRing(item, group) ? LINE + RING : 2 * LINE
}

const gapOf = (group: DrawnGroup): number => (isDense(group) ? DENSE_GAP : ITEM_GAP)

function groupHeight(group: DrawnGroup): number {
  const items = group.items.reduce((sum, item) => sum + itemHeight(item, group) + gapOf(group), 0)
  return TITLE + PAD + items - gapOf(group) + PAD
}

/** Omits parts of the peer that do not fit. Draws downward if the parts of the device do not. */
export function layout(model: Model, width: number): Drawing {
  const near = model.columns.filter(({ owner }) => owner !== 'far')
  for (const columns of [model.columns, near]) {
    const free = width - 2 * (EDGE + END_GAP) - (columns.length - 1) * GAP
    const endWidth = Math.min(
      endWidthOf(model),
      Math.floor((free - columns.length * COLUMN_LEAST) / 2),
    )
    const columnWidth = Math.min(COLUMN_MOST, Math.floor((free - 2 * endWidth) / columns.length))
    if (endWidth >= END_LEAST) return place(columns, columnWidth, endWidth)
  }
  const columnWidth = Math.min(420, (width - LANE_GAP - 2 * (PAD + EDGE)) / 2)
  return place(model.columns, columnWidth)
}

/** Returns the width for the names at the ends, and for namespaces of up to a usual length. */
function endWidthOf({ device, peer }: Model): number {
  const words = [device, peer].flatMap(end => (end === undefined ? [] : labelLines(end)))
  const longest = Math.max(...words.map(({ length }) => length))
  return Math.min(END_MOST, Math.max(END_LEAST, Math.ceil(longest * CHARACTER) + PAD))
}

/**
 * `along` is the path from the kernel to the far end, `across` the other direction: the lane away
 * comes first, then the lane toward. Without `endWidth` the path leads from top to bottom.
 */
function place(columns: readonly Column[], columnWidth: number, endWidth?: number): Drawing {
  const sizes = sizesOf(columns, columnWidth, endWidth)
  const { isVertical, rect, first, whole, endSize, next } = sizes
  const ends: DriverBox[] = [
    { kind: 'near', id: 'near', ...rect(EDGE, first, endSize, whole) },
    { kind: 'far', id: 'far', ...rect(next, first, endSize, whole) },
  ]
  const lanes = [placeLane(columns, 'away', sizes), placeLane(columns, 'toward', sizes)]
  const total = next + endSize + EDGE
  return {
    isVertical,
    width: isVertical ? whole + 2 * (PAD + EDGE) : total,
    height: isVertical ? total : first + whole + PAD + EDGE,
    boxes: [
      ...framesOf(columns, sizes),
      ...ends,
      ...lanes.flatMap(({ groups }) => groups),
      ...lanes.flatMap(({ items }) => items),
    ],
    arrows: lanes.flatMap(({ arrows }) => arrows),
  }
}

/** The sizes and places that both lanes share. */
interface Sizes {
  readonly isVertical: boolean
  readonly columnWidth: number
  /** Where the first lane starts, across the path. */
  readonly first: number
  /** The middle of each lane, across the path. */
  readonly middles: Readonly<Record<Lane, number>>
  /** Both lanes and the gap between them. */
  readonly whole: number
  readonly endSize: number
  /** Where each column starts along the path, and how long it is. */
  readonly at: readonly number[]
  readonly along: readonly number[]
  /** Where the far end starts. */
  readonly next: number
  /** Returns a rectangle from its place and size along the path and across it. */
  rect(start: number, side: number, length: number, breadth: number): Rect
}

const heightOf = (group: DrawnGroup | undefined): number =>
  group === undefined ? 0 : groupHeight(group)

function sizesOf(columns: readonly Column[], columnWidth: number, endWidth?: number): Sizes {
  const isVertical = endWidth === undefined
  const acrossOf = (lane: Lane) =>
    isVertical
      ? columnWidth
      : Math.max(END_HEIGHT, ...columns.map(column => heightOf(column[lane])))
  const across = { away: acrossOf('away'), toward: acrossOf('toward') }
  const first = EDGE + (isVertical ? PAD : TITLE + PAD)
  const second = first + across.away + LANE_GAP
  const endSize = endWidth ?? END_HEIGHT
  const endGap = isVertical ? END_GAP - PAD : END_GAP
  const along = columns.map(({ away, toward }) =>
    isVertical ? Math.max(heightOf(away), heightOf(toward)) : columnWidth,
  )
  const at: number[] = []
  let next = EDGE + endSize + endGap
  for (const size of along) {
    at.push(next)
    next += size + (at.length === along.length ? endGap : GAP)
  }
  return {
    isVertical,
    columnWidth,
    first,
    middles: { away: first + across.away / 2, toward: second + across.toward / 2 },
    whole: across.away + LANE_GAP + across.toward,
    endSize,
    at,
    along,
    next,
    rect: (start, side, length, breadth) =>
      isVertical
        ? { x: side, y: start, width: breadth, height: length }
        : { x: start, y: side, width: length, height: breadth },
  }
}

/** Returns the frames around the groups of the near and of the far side. */
function framesOf(columns: readonly Column[], sizes: Sizes): DriverBox[] {
  const { isVertical, at, along, whole, rect } = sizes
  return (['near', 'far'] as const).flatMap((owner): DriverBox[] => {
    const own = columns.flatMap((column, i) => (column.owner === owner ? [i] : []))
    if (own.length === 0) return []
    const [start, end] = [at[own[0]], at[own.at(-1)!] + along[own.at(-1)!]]
    const before = isVertical ? TITLE : PAD
    const breadth = (isVertical ? 2 * PAD : TITLE + 2 * PAD) + whole
    const box = rect(start - before, EDGE, end - start + before + PAD, breadth)
    return [{ kind: `${owner} frame`, id: `${owner} frame`, ...box }]
  })
}

/** Returns the groups of a lane with their items, and the arrows that join them. */
function placeLane(columns: readonly Column[], lane: Lane, sizes: Sizes) {
  const { isVertical, columnWidth, middles, endSize, at, along, next, rect } = sizes
  const middle = middles[lane]
  const groups: DriverBox[] = []
  const items: DriverBox[] = []
  const arrows: Arrow[] = []
  let from = EDGE + endSize
  let last: Column['owner'] | 'end' = 'end'
  let isFar = false
  const join = (to: number, owner: Column['owner'] | 'end') => {
    isFar ||= last === 'wire'
    const [a, b] = lane === 'away' ? [from, to] : [to, from]
    const points = isVertical
      ? { x1: middle, y1: a, x2: middle, y2: b }
      : { x1: a, y1: middle, x2: b, y2: middle }
    const isCable = owner === 'wire' || last === 'wire' || (owner === 'end' && last !== 'far')
    const touchesFar = owner === 'end' ? 'far' : undefined
    const touches = last === 'end' ? 'near' : touchesFar
    const side = isFar ? 'far' : 'near'
    arrows.push({ id: `${lane} ${to}`, lane, side, isCable, touches, ...points })
    last = owner
  }
  for (const [i, column] of columns.entries()) {
    const group = column[lane]
    if (group === undefined) continue
    const height = heightOf(group)
    const [length, breadth] = isVertical ? [height, columnWidth] : [columnWidth, height]
    const start = at[i] + (along[i] - length) / 2
    const box = rect(start, middle - breadth / 2, length, breadth)
    join(start, column.owner)
    from = start + length
    groups.push({ kind: 'group', id: group.id, group, lane, ...box })
    items.push(...itemsOf(group, lane, box, columnWidth))
  }
  join(next, 'end')
  return { groups, items, arrows }
}

function itemsOf(group: DrawnGroup, lane: Lane, box: Rect, columnWidth: number): DriverBox[] {
  let y = box.y + TITLE + PAD
  return group.items.map((item): DriverBox => {
    const height = itemHeight(item, group)
    const inner = { x: box.x + PAD, y, width: columnWidth - 2 * PAD, height }
    y += height + gapOf(group)
    return { kind: 'item', id: item.id, item, group, lane, ...inner }
  })
}
