/** Names and sizes of the files of a ring, as dumpcap has them. */
import type { Moment } from './packet.ts'

/** A ring of files: at most `files` are kept, of at most `bytes` bytes each. */
export interface FileRing {
  readonly files: number
  readonly bytes: number
}

/** dumpcap counts to 99,999 and restarts at 0. */
const NUMBERS = 100_000

/**
 * Returns the name of file `number` of a ring, counted from 1, for a file started at `moment` in
 * local time: `a/b_00001_20261121083000.pcapng` for `a/b.pcapng`.
 */
export function ringName(path: string, number: number, { seconds }: Moment): string {
  const dot = path.lastIndexOf('.')
  const at = dot > path.lastIndexOf('/') + 1 ? dot : path.length
  const date = new Date(seconds * 1000)
  const fields = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()]
  const time = `${date.getFullYear()}${fields.map(field => String(field).padStart(2, '0')).join('')}`
  return `${path.slice(0, at)}_${String(number % NUMBERS).padStart(5, '0')}_${time}${path.slice(at)}`
}
