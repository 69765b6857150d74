/**
 * Numbers with units, as tc(8) writes them: durations in ns, shares from 0 to 1, rates in bit/s,
 * sizes in bytes. The parsers throw a UsageError; the formatters return what they parse.
 */
import { UsageError } from '../base/usage-error.ts'

const DURATIONS: Readonly<Record<string, number>> = {
  ...{ ns: 1, nsec: 1, nsecs: 1, us: 1e3, usec: 1e3, usecs: 1e3 },
  ...{ ms: 1e6, msec: 1e6, msecs: 1e6, s: 1e9, sec: 1e9, secs: 1e9 },
}

/** Bit/s; with `bps` bytes per second. Powers of 1000, with an `i` of 1024. */
const RATES: Readonly<Record<string, number>> = Object.fromEntries(
  ['', 'k', 'm', 'g', 't'].flatMap((prefix, i) => [
    [`${prefix}bit`, 1000 ** i],
    [`${prefix}bps`, 8 * 1000 ** i],
    ...(i === 0
      ? []
      : [
          [`${prefix}ibit`, 1024 ** i],
          [`${prefix}ibps`, 8 * 1024 ** i],
        ]),
  ]),
)

/** Bytes, in powers of 1024 as in tc. */
const SIZES: Readonly<Record<string, number>> = {
  ...{ b: 1, k: 1024, kb: 1024, m: 1024 ** 2, mb: 1024 ** 2, g: 1024 ** 3, gb: 1024 ** 3 },
  ...{ kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 },
  ...{ kbit: 128, mbit: 128 * 1024, gbit: 128 * 1024 ** 2 },
}

/** Returns a duration in ns: `20ms`, `1.5s`; a number without a unit is microseconds, as in tc. */
export function parseDuration(text: string): number {
  const ns = parsed(text, DURATIONS, 1e3)
  if (ns === undefined) throw new UsageError(`'${text}' is not a duration: a number with ns, us, ms or s`)
  return Math.round(ns)
}

/** Returns a share from 0 to 1 of a percentage, with or without its sign, as in tc: `1%`, `1`. */
export function parseShare(text: string): number {
  const percent = parsed(text, { '%': 1 }, 1)
  if (percent === undefined || percent > 100) throw new UsageError(`'${text}' is not a percentage from 0% to 100%`)
  return percent / 100
}

/** Returns a rate in bit/s: `10mbit`, `1.5gbit`, `100kbps` (kilobytes per second), `9600`. */
export function parseRate(text: string): number {
  const bits = parsed(text, RATES, 1)
  if (bits === undefined || bits < 1) {
    throw new UsageError(`'${text}' is not a rate: a number with bit, kbit, mbit or gbit (bps: bytes per second)`)
  }
  return Math.round(bits)
}

/** Returns a size in bytes: `1500`, `64kb` (of 1024). */
export function parseSize(text: string): number {
  const bytes = parsed(text, SIZES, 1)
  if (bytes === undefined) throw new UsageError(`'${text}' is not a size: a number of bytes, or one with kb, mb or gb`)
  return Math.round(bytes)
}

/** Returns a duration in ns that is a number, or written with a unit. */
export function durationOf(value: number | string): number {
  if (typeof value === 'string') return parseDuration(value)
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) throw new UsageError(`${value} is not a duration in ns`)
  return value
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

/** Returns the text of a duration in the largest unit that leaves a short number: `1.5ms`. */
export function formatDuration(ns: number): string {
  return formatted(ns, ['s', 'ms', 'us'], DURATIONS) ?? `${ns}ns`
}

/** Returns the percentage of a share: `0.1%`. */
export function formatShare(share: number): string {
  return `${Number((100 * share).toPrecision(15))}%`
}

/** Returns the text of a rate: `10mbit`. */
export function formatRate(bits: number): string {
  return formatted(bits, ['gbit', 'mbit', 'kbit'], RATES) ?? `${bits}bit`
}

/** Returns the text of a size with a unit: `64kb`, `1500b`. */
export function formatSize(bytes: number): string {
  if (bytes !== 0 && bytes % 1024 ** 2 === 0) return `${bytes / 1024 ** 2}mb`
  return bytes !== 0 && bytes % 1024 === 0 ? `${bytes / 1024}kb` : `${bytes}b`
}

/** Returns a number in the largest unit that is not larger, if that is read as the same number. */
function formatted(n: number, names: readonly string[], units: Readonly<Record<string, number>>): string | undefined {
  const unit = names.find(name => n >= units[name] && Math.round((n / units[name]) * units[name]) === n)
  return unit && `${n / units[unit]}${unit}`
}

/** Returns undefined unless the text is a finite number with one of the units. */
function parsed(text: string, units: Readonly<Record<string, number>>, bare: number): number | undefined {
  const [, number, unit = ''] = /^((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(%|[a-z]+)?$/i.exec(text) ?? []
  const factor = unit === '' ? bare : Object.hasOwn(units, unit.toLowerCase()) ? units[unit.toLowerCase()] : undefined
  const n = number === undefined || factor === undefined ? Number.NaN : Number(number) * factor
  return Number.isFinite(n) ? n : undefined
}
