/** A command line in the page, with a button that copies it. */
import { h, setText } from './dom.ts'

/** Milliseconds for which the button reports that it has copied. */
const COPIED_MS = 1500

export class CommandBox {
  readonly element: HTMLElement
  readonly #line = h('code', {})

  constructor() {
    const button = copyButton('Copy', () => this.#line.textContent ?? '')
    button.setAttribute('aria-label', 'Copy the command line')
    this.element = h('div', { class: 'command-box', hidden: true }, this.#line, button)
  }

  /** Shows a command line; undefined shows none. */
  set(line: string | undefined): void {
    this.element.hidden = line === undefined
    if (line !== undefined) setText(this.#line, line)
  }
}

/** Returns a button that copies the result of `text`. */
export function copyButton(title: string, text: () => string): HTMLButtonElement {
  let timer: ReturnType<typeof setTimeout> | undefined
  const click = async () => {
    const copied = await copy(text())
    setText(button, copied ? 'Copied' : 'Not allowed')
    clearTimeout(timer)
    timer = setTimeout(() => setText(button, title), COPIED_MS)
  }
  const button = h('button', { type: 'button', class: 'copy', on: { click } }, title)
  return button
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Pages from another machine have no clipboard without TLS.
    return copySelected(text)
  }
}

function copySelected(text: string): boolean {
  const focused = document.activeElement
  const area = h('textarea', { class: 'offscreen', value: text, readOnly: true })
  document.body.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  if (focused instanceof HTMLElement) focused.focus()
  return copied
}
