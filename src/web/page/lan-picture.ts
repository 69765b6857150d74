/**
 * The picture of a segment as numbers: a trunk at the left, a rail for each row, and below each
 * rail the boxes of ports or hosts that hang on it. It fits any width.
 */
import type { FeedMessage } from '../feed-types.ts'
import { whole } from './traffic-units.ts'

export type SegmentPicture = NonNullable<Extract<FeedMessage, { type: 'segment' }>['segment']>

export interface Box {
  readonly kind: 'port' | 'gateway' | 'host' | 'more'
  /** Its name, then addresses. */
  readonly lines: readonly string[]
}

/** Boxes of one kind, and the number of boxes that are not drawn. */
export interface BoxGroup {
  readonly title: string
  readonly boxes: readonly Box[]
}

const MOST_PORTS = 24
const MOST_ADDRESSES = 3

/**
 * Returns the parts of a segment to draw: ports, the gateway, and at most `most` of the hosts.
 * There may be more hosts, `allHosts`, than are listed.
 */
export function groupsOf(segment: SegmentPicture, most: number, allHosts: number = segment.hosts.length): BoxGroup[] {
  const { hosts, leases, neighbours, stations } = segment
  const addresses = addressesByMac([...neighbours, ...leases])
  const ports = new Map<string, string[]>()
  for (const { name, mac } of stations) {
    const macs = ports.get(name) ?? []
    if (mac !== undefined) macs.push(mac)
    ports.set(name, macs)
  }
  const portBoxes = [...ports].map(([name, macs]): Box => {
    const lines = macs.flatMap(mac => [mac, ...(addresses.get(mac) ?? [])])
    return { kind: 'port', lines: [name, ...firstOf(lines, MOST_ADDRESSES)] }
  })
  // The gateway is the first.
  const sorted = [...hosts.filter(({ router }) => router), ...firstHosts(hosts, most)]
  const hostBoxes = sorted.map(({ name, mac, addresses, router }): Box => {
    const shown = addresses.filter(isGlobal)
    return { kind: router ? 'gateway' : 'host', lines: [name ?? mac, ...firstOf(shown, MOST_ADDRESSES)] }
  })
  return [
    { title: count(ports.size, 'port'), boxes: cut(portBoxes, MOST_PORTS, ports.size, 'ports') },
    { title: count(allHosts, 'host'), boxes: cut(hostBoxes, most, allHosts, 'hosts') },
  ]
}

function addressesByMac(entries: readonly { readonly mac: string; readonly address: string }[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { mac, address } of entries) {
    const known = found.get(mac) ?? []
    if (isGlobal(address) && !known.includes(address)) found.set(mac, [...known, address])
  }
  return found
}

function firstHosts(hosts: SegmentPicture['hosts'], most: number): SegmentPicture['hosts'][number][] {
  const found: SegmentPicture['hosts'][number][] = []
  for (const host of hosts) {
    if (found.length >= most) break
    if (!host.router) found.push(host)
  }
  return found
}

/** Every host with IPv6 has a link-local address, made from its MAC address. */
function isGlobal(address: string): boolean {
  return !address.startsWith('fe80:')
}

function firstOf(lines: readonly string[], most: number): readonly string[] {
  return lines.length <= most ? lines : [...lines.slice(0, most - 1), `${lines.length - most + 1} more`]
}

function cut(boxes: readonly Box[], most: number, all: number, what: string): readonly Box[] {
  if (all <= most) return boxes
  const shown = boxes.slice(0, most - 1)
  return [...shown, { kind: 'more', lines: [`${whole(all - shown.length)} more ${what}`, 'in the list below'] }]
}

export function count(n: number, noun: string): string {
  return `${whole(n)} ${noun}${n === 1 ? '' : 's'}`
}

export interface PlacedBox extends Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface Picture {
  readonly height: number
  readonly boxes: readonly PlacedBox[]
  /** One for each row of boxes. */
  readonly rails: readonly { readonly x: number; readonly end: number; readonly y: number }[]
  readonly titles: readonly { readonly text: string; readonly x: number; readonly y: number }[]
  /** Joins the rails at the left. */
  readonly trunk: { readonly x: number; readonly y: number; readonly end: number }
}

const TRUNK = 8
const LEFT = 24
const GAP = 8
const BOX_MIN = 156
const BOX_MAX = 240
/** From a rail down to its boxes, and from these to the next rail. */
export const STUB = 12
const BELOW = 20
const TITLE = 28
export const LINE = 18
export const PADDING = 8

/** Returns how many boxes fit beside each other into `width` pixels. */
export function columnsIn(width: number): number {
  return Math.max(1, Math.floor((width - LEFT + GAP) / (BOX_MIN + GAP)))
}

/** Places the groups in `width` pixels. */
export function layout(groups: readonly BoxGroup[], width: number): Picture {
  const room = Math.max(BOX_MIN, width - LEFT)
  const columns = columnsIn(width)
  const boxWidth = Math.min(BOX_MAX, Math.floor((room + GAP) / columns) - GAP)
  const boxes: PlacedBox[] = []
  const rails: { x: number; end: number; y: number }[] = []
  const titles: { text: string; x: number; y: number }[] = []
  let y = 0
  for (const group of groups) {
    titles.push({ text: group.title, x: LEFT, y: y + TITLE - 10 })
    y += TITLE
    for (let from = 0; from < group.boxes.length; from += columns) {
      const row = group.boxes.slice(from, from + columns)
      const height = Math.max(...row.map(({ lines }) => lines.length)) * LINE + 2 * PADDING
      const placed = row.map((box, i) => ({
        ...box,
        x: LEFT + i * (boxWidth + GAP),
        y: y + STUB,
        width: boxWidth,
        height,
      }))
      rails.push({ x: TRUNK, end: (placed.at(-1)?.x ?? LEFT) + boxWidth / 2, y })
      boxes.push(...placed)
      y += STUB + height + BELOW
    }
  }
  const trunk = { x: TRUNK, y: rails[0]?.y ?? 0, end: rails.at(-1)?.y ?? 0 }
  return { height: Math.max(0, y - BELOW + 1), boxes, rails, titles, trunk }
}
