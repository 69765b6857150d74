/** How checks put what they saw into words. */

/** `NOT_SPECIFIED 3, UNHANDLED_PROTO 2`; `nothing` if there is none. */
export function counts(all: Readonly<Record<string, number>>): string {
  const words = Object.entries(all).map(([name, n]) => `${name} ${n}`)
  return words.length === 0 ? 'nothing' : words.join(', ')
}
