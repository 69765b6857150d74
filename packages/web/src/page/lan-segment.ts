/** A segment as lists of rows, with a search, and its DHCP conversations. */
import type { FrameRow, SegmentInfo } from '../feed-types.ts'

/** A list of a segment. */
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
  hosts: ({ name = '-', mac, addresses, router }) => [
    router ? `${name} (router)` : name,
    mac,
    addresses.join('  '),
  ],
  leases: ({ address, mac, hostname = '-', expires }, now) => [
    address,
    mac,
    hostname,
    timeLeft(expires, now),
  ],
  neighbours: ({ address, mac }) => [address, mac],
  stations: ({ name, mac = '-' }) => [name, mac],
}

/** Returns the cells of a row. `now` is in milliseconds since 1970. */
export function cellsOf<P extends SegmentPart>(
  segment: Pick<SegmentInfo, P>,
  part: P,
  row: number,
  now: number,
) {
  return CELLS[part](segment[part][row], now)
}

/** Returns the rows that contain every word of `search`, ignoring case; undefined for all rows. */
export function found(
  segment: SegmentInfo,
  part: SegmentPart,
  search: string,
): number[] | undefined {
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

/** The messages of one client with one transaction id, the oldest first. */
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
  const isSame = (each: DhcpTransaction) =>
    each.client === client && each.transaction === transaction
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
