/** Numbers with a unit, as people write and read them. */

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
  const name = unit.toLowerCase()
  const factor = unit === '' ? bare : Object.hasOwn(units, name) ? units[name] : Number.NaN
  const n = number === undefined ? Number.NaN : Number(number) * factor
  return Number.isFinite(n) ? n : undefined
}

/** Returns the text of exactly `n`, in the first of the units `names` that fits, or undefined. */
export function formatQuantity(n: number, names: readonly string[], units: Units): string | undefined {
  const unit = names.find(name => n >= units[name] && Math.round((n / units[name]) * units[name]) === n)
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
  const text = Math.abs(scaled) >= 100 ? `${Math.round(scaled)}` : `${Number(scaled.toPrecision(3))}`
  return `${text}${space}${PREFIXES[prefix]}${unit}`
}
