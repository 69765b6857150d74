/**
 * Durations. A text has a number and a unit: 50us, 1.5ms, 10s, 2min, 1h. A number that a user
 * passes is in milliseconds. Inside the program durations are in nanoseconds, like Clock.
 */
import { UsageError } from './usage-error.ts'

/** Nanoseconds, by the names of tc(8); minutes and hours are vnet's. */
const UNITS: Units = {
  ns: 1,
  nsec: 1,
  nsecs: 1,
  us: 1e3,
  usec: 1e3,
  usecs: 1e3,
  ms: 1e6,
  msec: 1e6,
  msecs: 1e6,
  s: 1e9,
  sec: 1e9,
  secs: 1e9,
  min: 60e9,
  h: 3600e9,
}
const NS_PER_MS = 1e6

/** How parseDuration reads a number without a unit. */
export interface DurationOptions {
  /** True takes a number without a unit as microseconds, like tc(8). Otherwise only 0 has none. */
  readonly bareUs?: boolean | undefined
}

/** Returns a duration in ns: `20ms`, `1.5s`, `0`. Throws a UsageError of one line. */
export function parseDuration(text: string, { bareUs = false }: DurationOptions = {}): number {
  const ns = parseQuantity(text, UNITS, bareUs ? UNITS.us : 0)
  if (ns === undefined) {
    const advice = /^[\d.]+m$/.test(text)
      ? `write ${text}in for minutes`
      : 'a number with us, ms, s, min or h'
    throw new UsageError(`'${text}' is not a duration: ${advice}`)
  }
  if (ns === 0 && Number(text) > 0) {
    throw new UsageError(
      `the time '${text}' has no unit: write ${text}ms, or ${text}us as tc takes it`,
    )
  }
  return Math.round(ns)
}

/** Returns a duration in ns of a number of milliseconds, or of a text with a unit. */
export function durationOf(value: number | string): number {
  if (typeof value === 'string') return parseDuration(value)
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
    throw new UsageError(`${value} is not a duration in ms`)
  }
  return Math.round(value * NS_PER_MS)
}

/** Returns the shortest text of a duration in ns, such as `1.5ms`; rounded only to `digits`. */
export function formatDuration(ns: number, { digits }: { readonly digits?: number } = {}): string {
  const rounded = digits === undefined ? ns : Number(ns.toPrecision(digits))
  return formatQuantity(rounded, ['s', 'ms', 'us'], UNITS) ?? `${rounded}ns`
}

/** The size of each unit, by its name in lower case. */
export type Units = Readonly<Record<string, number>>

const PREFIXES = ['n', 'µ', 'm', '', 'k', 'M', 'G', 'T'] as const
const NO_PREFIX = PREFIXES.indexOf('')

/**
 * Returns the number in a text times the size of its unit, in upper or lower case; without a unit,
 * times `bare`. Returns undefined unless the text is a finite number with one of the units.
 */
export function parseQuantity(text: string, units: Units, bare = Number.NaN): number | undefined {
  const [, number, unit = ''] = /^((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(%|[a-z]+)?$/i.exec(text) ?? []
  const factor = unit === '' ? bare : sizeOf(unit.toLowerCase(), units)
  const n = number === undefined ? Number.NaN : Number(number) * factor
  return Number.isFinite(n) ? n : undefined
}

/** Returns the size of a unit in lower case, or NaN for an unknown one. */
function sizeOf(unit: string, units: Units): number {
  return Object.hasOwn(units, unit) ? units[unit] : Number.NaN
}

/** Returns the text of exactly `n`, in the first of the units `names` that fits, or undefined. */
export function formatQuantity(
  n: number,
  names: readonly string[],
  units: Units,
): string | undefined {
  const unit = names.find(
    name => n >= units[name] && Math.round((n / units[name]) * units[name]) === n,
  )
  return unit && `${n / units[unit]}${unit}`
}

/**
 * Returns a number for people, with three digits and a prefix of the SI: `12.3 Mbit/s`, `340 µs`,
 * `1.23k`; `-` without a finite number. A number without a unit counts whole things: it has no
 * prefix below 1, and two digits below 10.
 */
export function formatNumber(value: number | undefined, unit = ''): string {
  if (value === undefined || !Number.isFinite(value)) return '-'
  const space = unit === '' ? '' : ' '
  if (value === 0) return `0${space}${unit}`
  if (unit === '' && Math.abs(value) < 10) return `${Number(value.toPrecision(2))}`
  const digits = Math.abs(Number(value.toPrecision(3)))
  const power = Math.floor(Math.log10(digits) / 3 + 1e-9)
  const prefix = Math.min(Math.max(power + NO_PREFIX, 0), PREFIXES.length - 1)
  const scaled = value / 1000 ** (prefix - NO_PREFIX)
  // Without an exponent, however large it is.
  const text =
    Math.abs(scaled) >= 100 ? `${Math.round(scaled)}` : `${Number(scaled.toPrecision(3))}`
  return `${text}${space}${PREFIXES[prefix]}${unit}`
}

/** The longest delay of a timer of Node in milliseconds: after a longer one, it fires directly. */
export const TIMER_MAX_MS = 0x7fff_ffff

/** Returns a delay that a timer of Node takes: `ms`, or 24.8 days if that is longer. */
export function timerMs(ms: number): number {
  return Math.min(ms, TIMER_MAX_MS)
}
