/** Numbers as people read them, with the prefixes of the SI. */

const PREFIXES = ['n', 'µ', 'm', '', 'k', 'M', 'G', 'T'] as const
const ONE = PREFIXES.indexOf('')

/**
 * Returns `12.3 Mbit/s`, `1.2 k`, `340 µs`, `7`: three digits. A number without a unit is a rate of
 * whole things: it has no prefix below 1, and two digits below 10.
 */
export function si(value: number, unit: string): string {
  if (value === 0 || !Number.isFinite(value)) return spaced(Number.isFinite(value) ? '0' : '-', unit)
  if (unit === '' && Math.abs(value) < 10) return `${Number(value.toPrecision(2))}`
  const digits = Math.abs(Number(value.toPrecision(3)))
  const power = Math.floor(Math.log10(digits) / 3 + 1e-9)
  const prefix = Math.min(Math.max(power + ONE, 0), PREFIXES.length - 1)
  const scaled = value / 1000 ** (prefix - ONE)
  // Without an exponent, however large it is.
  const text = Math.abs(scaled) >= 100 ? `${Math.round(scaled)}` : `${Number(scaled.toPrecision(3))}`
  return spaced(text, `${PREFIXES[prefix]}${unit}`)
}

function spaced(number: string, unit: string): string {
  return unit === '' ? number : `${number} ${unit}`
}

/** Returns `16:03:09`, in local time. */
export function clockText(seconds: number): string {
  const date = new Date(seconds * 1000)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(part => `${part}`.padStart(2, '0')).join(':')
}
