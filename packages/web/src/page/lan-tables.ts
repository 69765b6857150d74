/** The lists of a segment as rows of text, and the search in them. */
import type { SegmentPicture } from './lan-picture.ts'

export type SegmentPart = 'hosts' | 'leases' | 'neighbours' | 'stations'
export const PARTS: readonly SegmentPart[] = ['hosts', 'leases', 'neighbours', 'stations']

export const COLUMNS: Readonly<Record<SegmentPart, readonly string[]>> = {
  hosts: ['host', 'mac', 'addresses'],
  leases: ['address', 'mac', 'name', 'time left'],
  neighbours: ['address', 'mac'],
  stations: ['port', 'mac'],
}

const CELLS: {
  readonly [P in SegmentPart]: (entry: SegmentPicture[P][number], now: number) => readonly string[]
} = {
  hosts: ({ name = '-', mac, addresses, router }) => [router ? `${name} (router)` : name, mac, addresses.join('  ')],
  leases: ({ address, mac, hostname = '-', expires }, now) => [address, mac, hostname, timeLeft(expires, now)],
  neighbours: ({ address, mac }) => [address, mac],
  stations: ({ name, mac = '-' }) => [name, mac],
}

/** Returns the cells of a row. `now` is in milliseconds since 1970. */
export function cellsOf<P extends SegmentPart>(segment: Pick<SegmentPicture, P>, part: P, row: number, now: number) {
  return CELLS[part](segment[part][row], now)
}

/** Returns the rows that contain every word of `search`, ignoring case; undefined for all rows. */
export function found(segment: SegmentPicture, part: SegmentPart, search: string): number[] | undefined {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return undefined
  return [...segment[part].keys()].filter(row => {
    const text = cellsOf(segment, part, row, 0).join(' ').toLowerCase()
    return words.every(word => text.includes(word))
  })
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const

/**
 * Returns `2 d 4 h`, `3 h 59 min`, `4 min 12 s`, `12 s`, `ended`, or `no end`. A lease without an
 * end has null here, because JSON has no Infinity.
 */
export function timeLeft(expires: number | null, now: number): string {
  if (expires === null || expires === Number.POSITIVE_INFINITY) return 'no end'
  const seconds = Math.ceil((expires - now) / 1000)
  if (seconds <= 0) return 'ended'
  const first = UNITS.findIndex(([, size]) => seconds >= size)
  const [large, small] = [UNITS[first], UNITS[first + 1]]
  const text = `${Math.floor(seconds / large[1])} ${large[0]}`
  if (small === undefined) return text
  return `${text} ${Math.floor((seconds % large[1]) / small[1])} ${small[0]}`
}
