/** Intl.DateTimeFormat without a date, which shows the present one, in the time of a world. */

type Format = (date?: Date | number) => string

/** Makes formats show `now`, in ms since 1970, for good. */
export function patchFormats(now: () => number): void {
  const { prototype } = Intl.DateTimeFormat
  const { formatToParts } = prototype
  const parts = function (this: Intl.DateTimeFormat, date: Date | number = now()) {
    return formatToParts.call(this, date)
  }
  Object.defineProperty(prototype, 'formatToParts', { value: parts, configurable: true, writable: true })
  const real = Object.getOwnPropertyDescriptor(prototype, 'format')?.get as (this: object) => Format
  /** The getter returns the same function each time. */
  const made = new WeakMap<object, Format>()
  const get = function (this: object): Format {
    const nodes = real.call(this)
    const own = made.get(this) ?? ((date = now()) => nodes(date))
    made.set(this, own)
    return own
  }
  Object.defineProperty(prototype, 'format', { get, configurable: true })
}
