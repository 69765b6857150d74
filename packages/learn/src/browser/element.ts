/** Makes elements of a page. */

type Child = Node | string

/** Returns a new element. A property is set as in JavaScript, `className` or `onclick`. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

export function button(text: string, onclick: () => void): HTMLButtonElement {
  return element('button', { type: 'button', onclick }, text)
}

/** Returns the text of an error for the page. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Milliseconds for which a saved file is kept for the browser to read. */
const SAVED_MS = 60_000

/** Saves a file, as if the visitor had followed a link to it. */
export function save(blob: Blob, download: string): void {
  const href = URL.createObjectURL(blob)
  element('a', { href, download }).click()
  setTimeout(() => URL.revokeObjectURL(href), SAVED_MS)
}
