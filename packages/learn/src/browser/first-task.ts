/** Where a learner starts in a skeleton. */

/** Lines that remain in view above a task. */
const ABOVE = 4

/**
 * Returns the line at which an editor opens, from 1: a little above the task with the lowest number
 * that the driver still has, or the first line if it has none.
 */
export function openingLine(text: string): number {
  const tasks = text.split('\n').flatMap((line, i) => {
    const [, number] = /\/\/ TODO (\d+)/.exec(line) ?? []
    return number === undefined ? [] : [{ line: i + 1, number: Number(number) }]
  })
  const [first] = tasks.sort((a, b) => a.number - b.number)
  return Math.max(1, (first?.line ?? 1) - ABOVE)
}
