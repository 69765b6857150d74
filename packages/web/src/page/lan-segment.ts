/** A segment as boxes, one for each port and host, and as lists of rows, with a search. */
import type { FrameRow, SegmentInfo } from '../feed-types.ts'
import { whole } from './driver-text.ts'

/** The lines of a box are its name, then addresses. */
type Box = Readonly<{ kind: 'port' | 'gateway' | 'host' | 'more'; lines: readonly string[] }>

export type BoxGroup = Readonly<{ title: string; boxes: readonly Box[] }>

const MOST_PORTS = 24
const MOST_ADDRESSES = 3

/** Returns the parts to draw: ports, the gateway, and at most `most` of the `allHosts` hosts. */
export function groupsOf(segment: SegmentInfo, most: number, allHosts: number = segment.hosts.length): BoxGroup[] {
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
const isGlobal = (address: string): boolean => !address.startsWith('fe80:')

const firstOf = (lines: readonly string[], most: number): readonly string[] =>
  lines.length <= most ? lines : [...lines.slice(0, most - 1), `${lines.length - most + 1} more`]

function cut(boxes: readonly Box[], most: number, all: number, what: string): readonly Box[] {
  if (all <= most) return boxes
  const shown = boxes.slice(0, most - 1)
  return [...shown, { kind: 'more', lines: [`${whole(all - shown.length)} more ${what}`, 'in the list below'] }]
}

const count = (n: number, noun: string): string => `${whole(n)} ${noun}${n === 1 ? '' : 's'}`

export type SegmentPart = 'hosts' | 'leases' | 'neighbours' | 'stations'
export const PARTS: readonly SegmentPart[] = ['hosts', 'leases', 'neighbours', 'stations']

export const COLUMNS: Readonly<Record<SegmentPart, readonly string[]>> = {
  hosts: ['host', 'mac', 'addresses'],
  leases: ['address', 'mac', 'name', 'time left'],
  neighbours: ['address', 'mac'],
  stations: ['port', 'mac'],
}

const CELLS: {
  readonly [P in SegmentPart]: (entry: SegmentInfo[P][number], now: number) => readonly string[]
} = {
  hosts: ({ name = '-', mac, addresses, router }) => [router ? `${name} (router)` : name, mac, addresses.join('  ')],
  leases: ({ address, mac, hostname = '-', expires }, now) => [address, mac, hostname, timeLeft(expires, now)],
  neighbours: ({ address, mac }) => [address, mac],
  stations: ({ name, mac = '-' }) => [name, mac],
}

/** Returns the cells of a row. `now` is in milliseconds since 1970. */
export function cellsOf<P extends SegmentPart>(segment: Pick<SegmentInfo, P>, part: P, row: number, now: number) {
  return CELLS[part](segment[part][row], now)
}

/** Returns the rows that contain every word of `search`, ignoring case; undefined for all rows. */
export function found(segment: SegmentInfo, part: SegmentPart, search: string): number[] | undefined {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return undefined
  return [...segment[part].keys()].filter(row => {
    const text = cellsOf(segment, part, row, 0).join(' ').toLowerCase()
    return words.every(word => text.includes(word))
  })
}

const UNITS = { d: 86_400, h: 3600, min: 60, s: 1 }

/** Returns `2 d 4 h`, `4 min 12 s`, `ended` or `no end`. Null has no end: JSON has no Infinity. */
export function timeLeft(expires: number | null, now: number): string {
  if (expires === null || expires === Number.POSITIVE_INFINITY) return 'no end'
  const seconds = Math.ceil((expires - now) / 1000)
  if (seconds <= 0) return 'ended'
  const [large, small] = Object.entries(UNITS).filter(([, size]) => seconds >= size)
  const text = `${Math.floor(seconds / large![1])} ${large![0]}`
  if (small === undefined) return text
  return `${text} ${Math.floor((seconds % large![1]) / small[1])} ${small[0]}`
}

interface DhcpRow {
  /** Milliseconds since 1970. */
  readonly time: number
  /** `DISCOVER`, `OFFER`, `REQUEST`, `ACK`, `NAK`, ... */
  readonly type: string
  /** The address that it offers, requests or gives. */
  readonly address: string | undefined
  /** Why the frame was dropped; undefined if it was not. */
  readonly dropped: string | undefined
}

export interface DhcpTransaction {
  readonly client: string
  readonly transaction: string
  readonly hostname: string | undefined
  readonly messages: readonly DhcpRow[]
}

const MOST = 20
/** A client without a server repeats itself. */
const MOST_MESSAGES = 12

/** Returns the conversations, the latest first, with the DHCP messages among more frames. */
export const conversations = (before: readonly DhcpTransaction[], frames: readonly FrameRow[]) =>
  frames.reduce(withFrame, before)

function withFrame(all: readonly DhcpTransaction[], frame: FrameRow): readonly DhcpTransaction[] {
  const fields = dhcpFields(frame)
  if (fields === undefined) return all
  const { client, transaction, hostname, ...message } = fields
  const isSame = (each: DhcpTransaction) => each.client === client && each.transaction === transaction
  const known = all.find(isSame)
  const messages = [...(known?.messages ?? []), message].slice(-MOST_MESSAGES)
  const changed = { client, transaction, hostname: known?.hostname ?? hostname, messages }
  return [changed, ...all.filter(each => !isSame(each))].slice(0, MOST)
}

/** Returns the fields of a frame, from its headers; undefined if it is not a DHCP message. */
function dhcpFields({ time, headers, dropped }: FrameRow) {
  const header = headers.find(({ name }) => name === 'DHCP')
  if (header === undefined) return undefined
  const field = (wanted: string) => header.fields.find(({ name }) => name === wanted)?.value
  // `DISCOVER (1)`
  const type = field('Message type')?.split(' ')[0]
  // A message that is malformed has no type.
  if (type === undefined) return undefined
  const address = field('Your address') ?? field('Requested address') ?? field('Client address')
  const client = field('Client MAC') ?? ''
  const transaction = field('Transaction id') ?? ''
  return { time, type, address, dropped, client, transaction, hostname: field('Host name') }
}
