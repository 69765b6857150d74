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
  const isVertical = endWidth === undefined
  const heightOf = (group: DrawnGroup | undefined) => (group === undefined ? 0 : groupHeight(group))
  const acrossOf = (lane: Lane) =>
    isVertical
      ? columnWidth
      : Math.max(END_HEIGHT, ...columns.map(column => heightOf(column[lane])))
  const across = { away: acrossOf('away'), toward: acrossOf('toward') }
  const first = EDGE + (isVertical ? PAD : TITLE + PAD)
  const starts = { away: first, toward: first + across.away + LANE_GAP }
  const whole = across.away + LANE_GAP + across.toward
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
  const total = next + endSize + EDGE

  const rect = (start: number, side: number, length: number, breadth: number): Rect =>
    isVertical
      ? { x: side, y: start, width: breadth, height: length }
      : { x: start, y: side, width: length, height: breadth }
  const frames: DriverBox[] = []
  const groups: DriverBox[] = []
  const items: DriverBox[] = []
  const arrows: Arrow[] = []
  const ends: DriverBox[] = [
    { kind: 'near', id: 'near', ...rect(EDGE, first, endSize, whole) },
    { kind: 'far', id: 'far', ...rect(next, first, endSize, whole) },
  ]
  for (const owner of ['near', 'far'] as const) {
    const own = columns.flatMap((column, i) => (column.owner === owner ? [i] : []))
    if (own.length === 0) continue
    const [start, end] = [at[own[0]], at[own.at(-1)!] + along[own.at(-1)!]]
    const before = isVertical ? TITLE : PAD
    const breadth = (isVertical ? 2 * PAD : TITLE + 2 * PAD) + whole
    frames.push({
      kind: `${owner} frame`,
      id: `${owner} frame`,
      ...rect(start - before, EDGE, end - start + before + PAD, breadth),
    })
  }
  for (const lane of ['away', 'toward'] as const) {
    const middle = starts[lane] + across[lane] / 2
    let from = EDGE + endSize
    let last = 'end' as Column['owner'] | 'end'
    const join = (to: number, owner: Column['owner'] | 'end', isFarSide: boolean) => {
      const [a, b] = lane === 'away' ? [from, to] : [to, from]
      const points = isVertical
        ? { x1: middle, y1: a, x2: middle, y2: b }
        : { x1: a, y1: middle, x2: b, y2: middle }
      const isCable = owner === 'wire' || last === 'wire' || (owner === 'end' && last !== 'far')
      const touchesFar = owner === 'end' ? 'far' : undefined
      const touches = last === 'end' ? 'near' : touchesFar
      arrows.push({
        id: `${lane} ${to}`,
        lane,
        side: isFarSide ? 'far' : 'near',
        isCable,
        touches,
        ...points,
      })
      last = owner
    }
    let isFar = false
    for (const [i, column] of columns.entries()) {
      const group = column[lane]
      if (group === undefined) continue
      const [length, breadth] = isVertical
        ? [heightOf(group), columnWidth]
        : [columnWidth, heightOf(group)]
      const start = at[i] + (along[i] - length) / 2
      const box = rect(start, middle - breadth / 2, length, breadth)
      isFar ||= last === 'wire'
      join(start, column.owner, isFar)
      from = start + length
      groups.push({ kind: 'group', id: group.id, group, lane, ...box })
      let y = box.y + TITLE + PAD
      for (const item of group.items) {
        const height = itemHeight(item, group)
        const inner = { x: box.x + PAD, y, width: columnWidth - 2 * PAD, height }
        items.push({ kind: 'item', id: item.id, item, group, lane, ...inner })
        y += height + gapOf(group)
      }
    }
    join(next, 'end', isFar || last === 'wire')
  }
  return {
    isVertical,
    width: isVertical ? whole + 2 * (PAD + EDGE) : total,
    height: isVertical ? total : first + whole + PAD + EDGE,
    boxes: [...frames, ...ends, ...groups, ...items],
    arrows,
  }
}
