/** The results of checks as a list of a page. */
import { type Result, titleOf, VERDICTS } from '../exercise.ts'
import { button, element, type Mark } from './element.ts'

/** The page around a list. */
export interface Page {
  /** The file that the results name, `drop.js`. */
  readonly driver: string
  /** Returns where a heading of the page is. */
  hrefOf(heading: string): string | undefined
  goTo(line: number): void
}

/** A place in the driver, as stacks and the log have it: `/drop.js:22:30`. */
const placeIn = (driver: string) =>
  new RegExp(`(?:file://)?/${driver.replaceAll('.', '\\.')}:(\\d+)(?::\\d+)?`, 'g')

/** Returns the lines of the driver that a result names. */
export function marksOf({ title, seen = '', logged = [] }: Result, driver: string): Mark[] {
  return [seen, ...logged].flatMap(text =>
    [...text.matchAll(placeIn(driver))].map(([, line]) => ({
      line: Number(line),
      message: `${title}: ${text}`,
    })),
  )
}

/**
 * Returns a list with an item for each result; its places in the driver, and headings, are links.
 */
export const verdictList = (results: readonly Result[], page: Page): HTMLElement =>
  element('ul', { className: 'verdicts' }, ...results.map(result => verdict(result, page)))

function verdict(found: Result, page: Page): HTMLElement {
  const { result, seen, expected, read, logged = [] } = found
  const item = element('li', {}, element('b', {}, VERDICTS[result]), ' ', titleOf(found))
  item.dataset.result = result.replace(' ', '-')
  const lines: [string, ...(Node | string)[]][] = []
  if (seen !== undefined) {
    lines.push(['seen', ...withPlaces(seen, page)], ['expected', `${expected}`])
  }
  if (read !== undefined) {
    lines.push(['read', headingLink(read, page)])
  }
  for (const text of logged) {
    lines.push(['logged', ...withPlaces(text, page)])
  }
  const terms = lines.flatMap(([name, ...shown]) => [
    element('dt', {}, name),
    element('dd', {}, ...shown),
  ])
  if (terms.length > 0) {
    item.append(element('dl', {}, ...terms))
  }
  return item
}

function headingLink(heading: string, page: Page): Node | string {
  const href = page.hrefOf(heading)
  return href === undefined ? heading : element('a', { href }, heading)
}

/** Returns the text with buttons for the lines of the driver. */
function withPlaces(text: string, page: Page): (Node | string)[] {
  let end = 0
  const parts: (Node | string)[] = []
  for (const { 0: place, 1: line, index } of text.matchAll(placeIn(page.driver))) {
    const goTo = button(place.replace(/^.*\//, ''), () => page.goTo(Number(line)))
    parts.push(text.slice(end, index), goTo)
    end = index + place.length
  }
  return [...parts, text.slice(end)]
}
