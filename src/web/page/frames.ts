/** The frames of a device as they pass: a table with a filter, and captures from now on. */
import type { FeedMessage, FrameRow } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { h, setText } from './dom.ts'
import { PageCapture } from './frames-capture.ts'
import { FrameDetails } from './frames-details.ts'
import { FilterError, parseFilter } from './frames-filter.ts'
import { FrameLog } from './frames-log.ts'
import { FrameTable } from './frames-table.ts'
import { keptBody } from './kept.tsx'
import { isCommandKey } from './keys.ts'
import { Redraw } from './redraw.ts'

/** The syntax of a filter, as frames-filter.ts reads it. */
const HELP: readonly (readonly [words: string, meaning: string])[] = [
  ['tx  rx', 'frames that the kernel sends, receives'],
  ['dropped  passed', 'what became of them'],
  ['queue 1', 'also < <= = != >= >'],
  ['len > 100', 'the length in bytes'],
  ['port 80', 'a port of TCP or UDP, of either side'],
  ['192.0.2.1  198.18.0.0/15', 'an IP address in a header, or a prefix'],
  ['02:00:00:00:00:01', 'a hardware address'],
  ['arp  "any text"', 'in the text, the names of headers, or the reason of a drop'],
  ['not X   X or Y   ( X Y )', 'combine them; words beside each other must all match'],
]
const KEYS: typeof HELP = [
  ['/', 'to the filter'],
  ['p', 'pause, and follow the newest frame again'],
  ['↑ ↓ Page Home', 'choose a frame'],
  ['Enter', 'open it; Escape closes it'],
  ['End', 'to the newest frame, and follow'],
]

const numbers = new Intl.NumberFormat('en-US')

export function framesView(app: App): View {
  return new FramesView(app)
}

class FramesView implements View {
  readonly Body = keptBody(this)
  readonly name = 'frames'
  readonly title = 'Frames'
  readonly wants = ['frames'] as const
  readonly element: HTMLElement
  readonly #app: App
  readonly #log = new FrameLog()
  readonly #table: FrameTable
  readonly #details: FrameDetails
  readonly #capture: PageCapture
  readonly #filter: HTMLInputElement
  readonly #error = h('p', { class: 'drop', id: 'frames-error', hidden: true, attrs: { role: 'alert' } })
  readonly #follow: HTMLButtonElement
  readonly #counts = h('span', { class: 'muted' })
  #id = ''
  readonly #redraw = new Redraw(() => this.#draw())
  #selected: FrameRow | undefined

  constructor(app: App) {
    this.#app = app
    this.#table = new FrameTable({
      scrolledUp: () => this.#hold(),
      selected: frame => this.#select(frame),
      opened: frame => this.#open(frame),
    })
    this.#details = new FrameDetails(() => this.#close())
    this.#capture = new PageCapture(app)
    this.#filter = h('input', {
      type: 'search',
      class: 'mono',
      placeholder: 'Filter: dropped, tx, port 80, 192.0.2.1',
      spellcheck: false,
      attrs: { 'aria-label': 'Filter of the table', 'aria-describedby': 'frames-error', autocapitalize: 'off' },
      on: { input: () => this.#filtered(), keydown: event => this.#keyInFilter(event) },
    })
    this.#follow = h('button', { attrs: { 'aria-keyshortcuts': 'p' }, on: { click: () => this.#toggle() } }, 'Follow')
    const help = [...HELP, ...KEYS].map(([words, meaning]) =>
      h('div', {}, h('dt', { class: 'mono' }, words), h('dd', {}, meaning)),
    )
    this.element = h(
      'div',
      { class: 'frames' },
      h('div', { class: 'row' }, this.#filter, this.#follow, this.#counts),
      this.#error,
      h('details', { class: 'frames-help' }, h('summary', {}, 'Filters and keys'), h('dl', {}, ...help)),
      this.#capture.element,
      this.#table.element,
      this.#details.element,
    )
    new ResizeObserver(() => this.#table.resized()).observe(this.#table.element)
    this.#table.element.addEventListener('keydown', event => this.#keyInTable(event))
    document.addEventListener('keydown', event => this.#key(event))
    document.addEventListener('visibilitychange', () => this.#redraw.soon())
  }

  receive(message: FeedMessage): void {
    if (message.type !== 'frames' || message.id !== this.#id) return
    this.#log.add(message.frames, message.skipped)
    this.#redraw.soon()
  }

  deviceChanged(): void {
    const { device } = this.#app
    this.#capture.update()
    this.#redraw.soon()
    if (this.#id === (device?.id ?? '')) return
    this.#id = device?.id ?? ''
    this.#log.clear()
    this.#selected = undefined
    this.#table.select(undefined)
    this.#details.show(undefined)
  }

  shown(): void {
    this.#redraw.isShown = true
  }

  hidden(): void {
    this.#redraw.isShown = false
  }

  #draw(): void {
    const { frames, isHeld, seen, seenSinceHeld, skipped } = this.#log
    this.#table.note = this.#note
    this.#table.show(frames, !isHeld)
    this.#follow.setAttribute('aria-pressed', `${!isHeld}`)
    const texts = [
      `${numbers.format(frames.length)} shown of ${numbers.format(seen)}`,
      isHeld && `${numbers.format(seenSinceHeld)} since the pause`,
      skipped > 0 && `${numbers.format(skipped)} more not listed`,
    ]
    setText(this.#counts, texts.filter(Boolean).join(', '))
  }

  /** The reason for an empty table. */
  get #note(): string {
    if (!this.#app.mayChange) return 'Frames are shown with the token only: open the address that vnet printed.'
    return this.#log.seen === 0 ? 'No frames yet.' : 'No frame passes the filter.'
  }

  #hold(): void {
    this.#log.hold()
    this.#redraw.soon()
  }

  #toggle(): void {
    if (this.#log.isHeld) this.#log.release()
    else this.#log.hold()
    this.#redraw.soon()
  }

  #filtered(): void {
    try {
      const text = this.#filter.value
      this.#log.setFilter(text.trim() === '' ? undefined : parseFilter(text))
      this.#error.hidden = true
    } catch (error) {
      if (!(error instanceof FilterError)) throw error
      this.#error.hidden = false
      setText(this.#error, `At character ${error.at + 1}: ${error.message}`)
    }
    this.#filter.setAttribute('aria-invalid', `${!this.#error.hidden}`)
    this.#redraw.soon()
  }

  /** A frame that is chosen must not run away. */
  #select(frame: FrameRow): void {
    this.#log.hold()
    this.#selected = frame
    this.#table.select(frame)
    if (!this.#details.element.hidden) this.#details.show(frame)
    this.#redraw.soon()
  }

  /** Shows the details of a frame, or closes them if they are open. */
  #open(frame: FrameRow): void {
    if (frame === this.#selected && !this.#details.element.hidden) this.#close()
    else {
      this.#select(frame)
      this.#details.show(frame)
      this.#table.element.focus({ preventScroll: true })
    }
  }

  #close(): void {
    if (this.#details.element.hidden) return
    this.#details.show(undefined)
    this.#table.element.focus({ preventScroll: true })
  }

  #keyInFilter(event: KeyboardEvent): void {
    if (event.key === 'Enter' || event.key === 'ArrowDown') this.#table.element.focus()
    if (event.key !== 'Escape') return
    this.#filter.value = ''
    this.#filtered()
  }

  #keyInTable(event: KeyboardEvent): void {
    const action = this.#actions[event.key]
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    action()
  }

  readonly #actions: Readonly<Record<string, () => void>> = {
    ArrowUp: () => this.#table.move(-1),
    ArrowDown: () => this.#table.move(1),
    PageUp: () => this.#table.move(-this.#table.page),
    PageDown: () => this.#table.move(this.#table.page),
    Home: () => this.#table.move(Number.NEGATIVE_INFINITY),
    End: () => this.#toEnd(),
    Enter: () => this.#selected && this.#open(this.#selected),
  }

  /** The end of the list is where it follows. */
  #toEnd(): void {
    this.#log.release()
    this.#redraw.soon()
  }

  #key(event: KeyboardEvent): void {
    if (!this.#redraw.isShown || !isCommandKey(event)) return
    if (event.key === 'p') this.#toggle()
    if (event.key === 'Escape') this.#close()
    if (event.key !== '/') return
    // Elsewhere this key leads to the search for interfaces.
    event.stopPropagation()
    event.preventDefault()
    this.#filter.select()
  }
}
