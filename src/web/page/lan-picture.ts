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
