/** Prints the text of stages. */

/** Returns a text as one token: in quotes if it needs them. */
export function quote(text: string): string {
  return /^[^\s()|'"]+$/.test(text) ? text : quoted(text)
}

/** Returns a text in quotes, so that it cannot be another word. */
export function quoted(text: string): string {
  return text.includes("'") ? `"${text}"` : `'${text}'`
}

/** Joins parts, without the absent and empty ones. */
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
