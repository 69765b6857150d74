/** The topology of the running labs, and where each host and link is drawn. */
import type { DeviceId, DeviceRow, VnetRow } from '../feed-types.ts'

/** A host, a router or a segment of a lab. */
export type LabNode = Readonly<{ name: string; kind: 'host' | 'router' | 'segment' }>

/** A cable, or the port of a host on a segment. */
export interface LabLink {
  readonly from: LabNode
  readonly to: LabNode
  /** The interface at `from`. */
  readonly device: DeviceRow
  /** The interface at `to`; undefined for a segment. */
  readonly peer: DeviceRow | undefined
}

/** The topology of a running lab, as far as its interfaces show it. */
export type Lab = Readonly<{ name: string; nodes: readonly LabNode[]; links: readonly LabLink[] }>

/** Finds the labs, with their hosts and links in the order in which they were made. */
export function labsOf(vnets: readonly VnetRow[]): Lab[] {
  const devices = vnets.flatMap(vnet => vnet.devices)
  const names = new Set(devices.flatMap(({ lab }) => lab?.name ?? []))
  return [...names].sort().map(name => labOf(name, devices))
}

function labOf(name: string, all: readonly DeviceRow[]): Lab {
  const nodes = new Map<string, LabNode>()
  const node = (nodeName: string, kind: LabNode['kind']) => {
    // A segment may have the name of a host.
    const key = `${kind === 'segment'} ${nodeName}`
    const found = nodes.get(key) ?? { name: nodeName, kind }
    nodes.set(key, found)
    return found
  }
  const hostOf = ({ host, isRouter }: NonNullable<DeviceRow['lab']>) =>
    node(host, isRouter ? 'router' : 'host')
  const devices = all.filter(({ lab }) => lab?.name === name)
  const byLabel = new Map(devices.map(device => [device.label, device]))
  const drawn = new Set<DeviceId>()
  const links: LabLink[] = []
  for (const device of devices) {
    const { lab, peer: label = '' } = device
    if (lab === undefined || drawn.has(device.id)) continue
    const from = hostOf(lab)
    const peer = byLabel.get(label)
    if (peer?.lab !== undefined) {
      drawn.add(peer.id)
    }
    const to = (peer?.lab && hostOf(peer.lab)) ?? (lab.segment && node(lab.segment, 'segment'))
    // The other end of a cable may be closing.
    if (to) {
      links.push({ from, to, device, peer })
    }
  }
  return { name, nodes: [...nodes.values()], links }
}

type Point = Readonly<{ x: number; y: number }>

/** The place of a node's box. */
export interface NodeBox extends Point {
  readonly node: LabNode
}

/** The point is a point of the line, for its text. */
export interface LinkLine extends Point {
  readonly link: LabLink
  /** The path of SVG. */
  readonly path: string
}

export const BOX = { width: 112, height: 28 } as const
/** With space for the text of a link between two columns. */
const COLUMN = BOX.width + 104
/** Two texts of links to one host are half of this apart. */
const ROW = 48
/** How far parallel links are apart, and how far a link within a column reaches out. */
const BEND = 24
const MARGIN = 4
/** The size of a usual text, and its places on a line, the preferred one first. */
const TEXT = { width: 40, height: 16 } as const
const TEXT_PLACES = [0.5, 0.3, 0.7, 0.15, 0.85] as const

/** Puts hosts in columns by distance from an end of the longest path: links join neighbours. */
export function layoutLab({ nodes, links }: Lab) {
  const near = new Map<LabNode, LabNode[]>(nodes.map(node => [node, []]))
  for (const { from, to } of links) {
    near.get(from)?.push(to)
    near.get(to)?.push(from)
  }
  const places = new Map<LabNode, NodeBox>()
  let [width, height] = [0, 0]
  for (const node of nodes) {
    if (places.has(node)) continue
    const [end] = columnsFrom([[node]], near).at(-1)!
    const columns = columnsFrom([[end]], near)
    const rows = Math.max(...columns.map(({ length }) => length))
    for (const [i, column] of columns.entries()) {
      const top = height + ((rows - column.length) * ROW) / 2 + MARGIN
      for (const [j, placed] of column.entries()) {
        places.set(placed, {
          node: placed,
          x: i * COLUMN + MARGIN,
          y: top + j * ROW + (ROW - BOX.height) / 2,
        })
      }
    }
    width = Math.max(width, columns.length * COLUMN - (COLUMN - BOX.width) + 2 * MARGIN)
    height += rows * ROW
  }
  const lines = linesOf(links, places)
  const right = Math.max(
    0,
    ...lines.map(({ x, link }) => (isInColumn(link, places) ? x + COLUMN - BOX.width : 0)),
  )
  return {
    boxes: [...places.values()],
    lines,
    width: Math.max(width, right),
    height: height + 2 * MARGIN,
  }
}

/** Returns the nodes by their distance from the first. */
function columnsFrom(
  columns: LabNode[][],
  near: ReadonlyMap<LabNode, readonly LabNode[]>,
): LabNode[][] {
  const seen = new Set(columns.flat())
  for (const column of columns) {
    const next = new Set(
      column.flatMap(node => near.get(node) ?? []).filter(node => !seen.has(node)),
    )
    for (const node of next) {
      seen.add(node)
    }
    if (next.size > 0) {
      columns.push([...next])
    }
  }
  return columns
}

const isInColumn = ({ from, to }: LabLink, places: ReadonlyMap<LabNode, NodeBox>) =>
  places.get(from)?.x === places.get(to)?.x

function linesOf(links: readonly LabLink[], places: ReadonlyMap<LabNode, NodeBox>): LinkLine[] {
  const parallel = new Map<string, LabLink[]>()
  const order = new Map([...places.keys()].map((node, i) => [node, i]))
  const keyOf = ({ from, to }: LabLink) =>
    [order.get(from)!, order.get(to)!].sort((a, b) => a - b).join(' ')
  for (const link of links) {
    parallel.set(keyOf(link), [...(parallel.get(keyOf(link)) ?? []), link])
  }
  const texts: Point[] = []
  return links.map(link => {
    const all = parallel.get(keyOf(link))!
    const [a, b] = [places.get(link.from)!, places.get(link.to)!].sort(
      (one, other) => one.x - other.x || one.y - other.y,
    )
    const isVertical = a.x === b.x
    const shift = all.indexOf(link) - (all.length - 1) / 2
    const [x1, y1] = [a.x + BOX.width, a.y + BOX.height / 2]
    const [x2, y2] = [b.x + (isVertical ? BOX.width : 0), b.y + BOX.height / 2]
    // The middle of a quadratic curve is half as far out.
    const bendX = isVertical ? 2 * BEND * (all.indexOf(link) + 1) : 0
    const bendY = isVertical ? 0 : 2 * BEND * shift
    const [cx, cy] = [(x1 + x2) / 2 + bendX, (y1 + y2) / 2 + bendY]
    const path = `M${x1} ${y1}Q${cx} ${cy} ${x2} ${y2}`
    const at = (t: number) => ({
      x: (1 - t) ** 2 * x1 + 2 * t * (1 - t) * cx + t ** 2 * x2,
      y: (1 - t) ** 2 * y1 + 2 * t * (1 - t) * cy + t ** 2 * y2,
    })
    const isFree = ({ x, y }: Point) =>
      texts.every(
        other => Math.abs(other.x - x) >= TEXT.width || Math.abs(other.y - y) >= TEXT.height,
      )
    const text = TEXT_PLACES.map(at).find(isFree) ?? at(TEXT_PLACES[0])
    texts.push(text)
    return { link, path, ...text }
  })
}
