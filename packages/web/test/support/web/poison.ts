/** Markup in every name and text of the messages of a server. */

/** Runs if it becomes an element, and so makes a dialog, or a violation of the page's policy. */
export const POISON = '<img src=x onerror=alert(1)><script>alert(2)</script>'

/** Keys with values of the page's own, not texts of others: they choose its behaviour. */
const FIXED = ['type', 'id', 'direction', 'mode', 'kind', 'bytes', 'do', 'event']
/** Counts by names of others. */
const NAMED = ['tx', 'rx', 'drops', 'dropped', 'answered', 'frames']

/** Returns a message with markup in front of each text. */
export function poisoned<T>(message: T): T {
  return poison(message, '') as T
}

function poison(value: unknown, key: string): unknown {
  if (typeof value === 'string') return FIXED.includes(key) ? value : `${POISON} ${value}`
  if (Array.isArray(value)) return value.map(each => poison(each, key))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([inner, each]) => {
    const isNamed = NAMED.includes(key) && typeof each === 'number'
    return [isNamed ? `${POISON} ${inner}` : inner, poison(each, inner)]
  })
  return Object.fromEntries(entries)
}
