/** Numbers with a unit, as people write them. */

/** The size of each unit, by its name in lower case. */
export type Units = Readonly<Record<string, number>>

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

/**
 * Returns the text that parseQuantity reads as exactly `n`, in the first of the units `names` that
 * is not larger; undefined if no unit gives the same number.
 */
export function formatQuantity(n: number, names: readonly string[], units: Units): string | undefined {
  const unit = names.find(name => n >= units[name] && Math.round((n / units[name]) * units[name]) === n)
  return unit && `${n / units[unit]}${unit}`
}
