/** Elements of a page, and the editor of a driver: a text area, until a better one has loaded. */

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

export const button = (text: string, onclick: () => void): HTMLButtonElement =>
  element('button', { type: 'button', onclick }, text)

/** Returns the text of an error for the page. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Milliseconds for which a saved file is kept for the browser to read. */
const SAVED_MS = 60_000

/** Saves a file, as if the visitor had followed a link to it. */
export function save(blob: Blob, download: string): void {
  const href = URL.createObjectURL(blob)
  element('a', { href, download }).click()
  setTimeout(() => URL.revokeObjectURL(href), SAVED_MS)
}

/** A line to mark, from 1, and the reason. */
export type Mark = Readonly<{ line: number; message: string }>

/**
 * An editor of a driver. Its maker puts `element` into the page, and calls close() when the page is
 * left.
 */
export interface Editor {
  readonly element: HTMLElement
  readonly text: string
  replace(text: string): void
  /** Marks these lines instead of those before. */
  mark(marks: readonly Mark[]): void
  /** Moves the cursor to the start of a line, from 1. */
  goTo(line: number): void
  /** Scrolls to a line, from 1, without the page. Call it when the editor is in the page. */
  show(line: number): void
  /** Releases what belongs to it; the element remains. */
  close(): void
}

/** The first text of an editor, and its listeners. */
export interface EditorOptions {
  readonly text: string
  readonly label: string
  /** The id of the element that describes the keys. */
  readonly describedBy: string
  /** Called after each change of the text, also by `replace`. */
  onChange(): void
  /** Called for Ctrl-Enter. */
  onCheck(): void
}

/** Returns an editor that is not in the page yet. */
export type MakeEditor = (options: EditorOptions) => Editor

/** An editor without marks. */
export function plainEditor({
  text,
  label,
  describedBy,
  onChange,
  onCheck,
}: EditorOptions): Editor {
  const area = document.createElement('textarea')
  Object.assign(area, {
    value: text,
    spellcheck: false,
    wrap: 'off',
    // As high as the editor that takes its place, so that nothing below moves.
    rows: text.split('\n').length,
    autocapitalize: 'off',
  })
  area.setAttribute('aria-label', label)
  area.setAttribute('aria-describedby', describedBy)
  area.addEventListener('input', onChange)
  area.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    onCheck()
  })
  return {
    element: area,
    get text() {
      return area.value
    },
    replace(replacement) {
      area.value = replacement
      onChange()
    },
    mark: () => {},
    goTo(line) {
      const before = area.value.split('\n', line - 1)
      const at = before.join('\n').length + Math.min(before.length, 1)
      area.focus()
      area.setSelectionRange(at, at)
    },
    show(line) {
      area.scrollTop = ((line - 1) * area.scrollHeight) / area.value.split('\n').length
    },
    close: () => {},
  }
}

/** Milliseconds in sight after which a visitor has come to an element, and does not scroll past. */
const SEEN_MS = 1000

/** Resolves when the visitor has come to an element. Never resolves if the signal aborts before. */
export function comesInSight(seen: Element, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const observer = new IntersectionObserver(entries => {
      clearTimeout(timer)
      if (entries.at(-1)?.isIntersecting) {
        timer = setTimeout(end, SEEN_MS)
      }
    })
    const end = () => {
      observer.disconnect()
      clearTimeout(timer)
      if (!signal.aborted) {
        resolve()
      }
    }
    signal.addEventListener('abort', end)
    observer.observe(seen)
  })
}

/**
 * Puts another editor in the place of one, once that does not have the focus, so that typing is not
 * interrupted. `make` gets the editor before, for its text, and returns the new one. `onReplaced`
 * is called when the new editor is in the page. Nothing happens if the page has been left, which
 * aborts the signal.
 */
export function replaceEditor(
  before: Editor,
  signal: AbortSignal,
  make: (before: Editor) => Editor,
  onReplaced: () => void = () => {},
): void {
  const replace = () => {
    if (!signal.aborted) {
      before.element.replaceWith(make(before).element)
      onReplaced()
    }
  }
  if (before.element !== document.activeElement) {
    replace()
  } else {
    before.element.addEventListener('blur', replace, { once: true })
  }
}
