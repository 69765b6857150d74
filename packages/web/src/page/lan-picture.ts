/** The boxes in the picture of a segment: its ports and hosts, each with its addresses. */
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
  const found = [...neighbours, ...leases].filter(({ address }) => isGlobal(address))
  const addresses = valuesByKey(found.map(({ mac, address }) => [mac, address]))
  const ports = valuesByKey(stations.map(({ name, mac }) => [name, mac]))
  const portBoxes = [...ports].map(([name, macs]): Box => {
    const lines = [...macs].flatMap(mac => [mac, ...(addresses.get(mac) ?? [])])
    return { kind: 'port', lines: [name, ...firstOf(lines, MOST_ADDRESSES)] }
  })
  // The gateway is the first.
  const sorted = hosts.toSorted((a, b) => Number(b.router) - Number(a.router)).slice(0, most)
  const hostBoxes = sorted.map(({ name, mac, addresses, router }): Box => {
    const shown = addresses.filter(isGlobal)
    return { kind: router ? 'gateway' : 'host', lines: [name ?? mac, ...firstOf(shown, MOST_ADDRESSES)] }
  })
  return [
    { title: count(ports.size, 'port'), boxes: cut(portBoxes, MOST_PORTS, ports.size, 'ports') },
    { title: count(allHosts, 'host'), boxes: cut(hostBoxes, most, allHosts, 'hosts') },
  ]
}

/** Returns the values of each key, each once. */
function valuesByKey(entries: readonly (readonly [key: string, value: string | undefined])[]) {
  const found = new Map<string, Set<string>>()
  for (const [key, value] of entries) {
    const values = found.get(key) ?? new Set<string>()
    found.set(key, value === undefined ? values : values.add(value))
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

function count(n: number, noun: string): string {
  return `${whole(n)} ${noun}${n === 1 ? '' : 's'}`
}
