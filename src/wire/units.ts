/**
 * The text of stages: numbers with units, as tc(8) writes them, quotes and lists. Shares are from 0
 * to 1, rates in bit/s, sizes in bytes. The parsers throw a UsageError; the formatters return text
 * that is parsed as the same value.
 */
import { formatQuantity, parseQuantity, type Units, UsageError } from '../base/index.ts'

/** Bit/s; with `bps` bytes per second. Powers of 1000, with an `i` of 1024. */
const RATES: Units = {
  bit: 1,
  bps: 8,
  kbit: 1000,
  kbps: 8 * 1000,
  kibit: 1024,
  kibps: 8 * 1024,
  mbit: 1000 ** 2,
  mbps: 8 * 1000 ** 2,
  mibit: 1024 ** 2,
  mibps: 8 * 1024 ** 2,
  gbit: 1000 ** 3,
  gbps: 8 * 1000 ** 3,
  gibit: 1024 ** 3,
  gibps: 8 * 1024 ** 3,
  tbit: 1000 ** 4,
  tbps: 8 * 1000 ** 4,
  tibit: 1024 ** 4,
  tibps: 8 * 1024 ** 4,
}

/** Sizes in bytes, in powers of 1024 as in tc. */
const SIZES: Units = {
  b: 1,
  k: 1024,
  kb: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  kbit: 128,
  mbit: 128 * 1024,
  gbit: 128 * 1024 ** 2,
}

/** Returns a share from 0 to 1 of a percentage, with or without its sign, as in tc: `1%`, `1`. */
export function parseShare(text: string): number {
  const percent = parseQuantity(text, { '%': 1 }, 1)
  if (percent === undefined || percent > 100) {
    throw new UsageError(`'${text}' is not a percentage from 0% to 100%`)
  }
  return percent / 100
}

/** Returns a rate in bit/s: `10mbit`, `1.5gbit`, `100kbps` (kilobytes per second), `9600`. */
export function parseRate(text: string): number {
  const bits = parseQuantity(text, RATES, 1)
  if (bits === undefined || bits < 1) {
    throw new UsageError(
      `'${text}' is not a rate: a number with bit, kbit, mbit or gbit (bps: bytes per second)`,
    )
  }
  return Math.round(bits)
}

/** Returns a size in bytes: `1500`, `64kb` (of 1024). */
export function parseSize(text: string): number {
  const bytes = parseQuantity(text, SIZES, 1)
  if (bytes === undefined) {
    throw new UsageError(`'${text}' is not a size: a number of bytes, or one with kb, mb or gb`)
  }
  return Math.round(bytes)
}

/** Returns a share that is a number from 0 to 1, or a percentage. */
export function shareOf(value: number | string): number {
  if (typeof value === 'string') return parseShare(value)
  if (!(value >= 0 && value <= 1)) throw new UsageError(`${value} is not a share from 0 to 1`)
  return value
}

/** Returns a size in bytes that is a number, or written with a unit. */
export function sizeOf(value: number | string): number {
  if (typeof value === 'string') return parseSize(value)
  if (!Number.isFinite(value)) throw new UsageError(`${value} is not a size in bytes`)
  return value
}

/** Returns a rate in bit/s that is a number, or written with a unit. `what` starts the error. */
export function rateOf(value: number | string, what: string): number {
  const bits = typeof value === 'number' ? value : parseRate(value)
  if (bits > 0 && bits < Number.POSITIVE_INFINITY) return bits
  throw new UsageError(`${what} ${value}: it must be more than 0 and finite`)
}

/** Returns the percentage of a share: `0.1%`. */
export const formatShare = (share: number): string => `${Number((100 * share).toPrecision(15))}%`

export function formatRate(bits: number): string {
  return formatQuantity(bits, ['gbit', 'mbit', 'kbit'], RATES) ?? `${bits}bit`
}

/** Returns the text of a size with a unit: `64kb`, `1500b`. */
export function formatSize(bytes: number): string {
  if (bytes !== 0 && bytes % 1024 ** 2 === 0) return `${bytes / 1024 ** 2}mb`
  return bytes !== 0 && bytes % 1024 === 0 ? `${bytes / 1024}kb` : `${bytes}b`
}

/** Returns a text as one token: in quotes if it needs them. */
export const quote = (text: string): string => (/^[^\s()|'"]+$/.test(text) ? text : quoted(text))

/** Returns a text in quotes, so that it cannot be another word. */
export const quoted = (text: string): string => (text.includes("'") ? `"${text}"` : `'${text}'`)

export function join(parts: readonly (string | false | undefined)[]): string {
  return parts.filter(part => part !== false && part !== undefined && part !== '').join(' ')
}

/** Prints numbers after a word, up to the last that is not its default. */
export function trimmed(
  word: string,
  values: readonly number[],
  defaults: readonly (number | undefined)[],
  format: (value: number) => string,
): string {
  const last = values.findLastIndex((value, i) => value !== defaults[i])
  return [word, ...values.slice(0, last + 1).map(format)].join(' ')
}
