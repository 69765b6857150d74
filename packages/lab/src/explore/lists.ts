/** Lists and texts in a report: the first lines or characters, and counts in place of the rest. */

/** The most elements of a list in a text. JSON has all of them. */
const MOST = 10

/** Returns the first of some lines, and `more` about the rest. */
export function firstOf(
  lines: readonly string[],
  more = (count: number) => `and ${count} more`,
  most = MOST,
): readonly string[] {
  return lines.length <= most ? lines : [...lines.slice(0, most), more(lines.length - most)]
}

/** Returns the first lines of each kind, which is their text up to a colon. */
export function firstOfEach(lines: readonly string[]): string[] {
  const kindOf = (line: string) => line.split(': ', 1)[0] as string
  return [...new Set(lines.map(kindOf))].flatMap(kind => {
    const all = lines.filter(line => kindOf(line) === kind)
    const counts = countsText(all.flatMap(line => / (\S+) (?:ab|ba) /.exec(line)?.[1] ?? []))
    return firstOf(all, count => `${kind}: and ${count} more${counts && `; in all ${counts}`}`)
  })
}

/** Returns the first line of an error without its times, by which errors are alike. */
export function headOf(error: string): string {
  const [line = ''] = error.trimStart().split('\n', 1)
  return line.replace(/[\d.]+ ms\b/g, 'ms')
}

/** Returns the first of the items whose errors are alike; by default the items are errors. */
export function unlike<T>(items: readonly T[], errorOf: (item: T) => string = String): T[] {
  const heads = items.map(item => headOf(errorOf(item)))
  return items.filter((_, i) => heads.indexOf(heads[i] as string) === i)
}

/** Returns a text, or its first `most` characters and `...`. */
export const shortened = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most)}...`

/** Returns how often each link occurs, the rarest first: `client-lan 22, a-lan 202`. */
export function countsText(links: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const link of links) {
    counts.set(link, (counts.get(link) ?? 0) + 1)
  }
  const texts = [...counts].sort(([, a], [, b]) => a - b).map(([link, count]) => `${link} ${count}`)
  return firstOf(texts, count => `and ${count} more links`).join(', ')
}

/** Returns a line about links that could be chosen, of the links of points; none for one link. */
export function choiceOf(links: readonly string[]): string[] {
  const counts = countsText(links)
  const [rarest = ''] = counts.split(' ')
  return links.every(link => link === rarest)
    ? []
    : [`--links ${rarest} tries fewer; the points of each link: ${counts}`]
}
