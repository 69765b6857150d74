/** The traffic of a device: plots of the last ten minutes, and the stages of its wire. */
import type { FeedMessage } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { h, setText } from './dom.ts'
import { GSO_NOTE } from './driver-text.ts'
import { keptBody } from './kept.tsx'
import { isCommandKey } from './keys.ts'
import { Redraw } from './redraw.ts'
import { History } from './traffic-history.ts'
import { PLOTS, type PlotContent } from './traffic-lines.ts'
import { Plot, type TimeRange } from './traffic-plot.ts'
import { WINDOW } from './traffic-samples.ts'
import { StageTable } from './traffic-stages.ts'
import { clockText } from './traffic-units.ts'

/** How much is shown, in seconds, unless the user zooms. */
const WINDOWS = [60, 300, WINDOW] as const
/** The shortest time that can be zoomed into. */
const ZOOM_MIN = 5
const ZOOM_STEP = 0.5
/** The distance that an arrow key with Shift moves, as a fraction of the range shown. */
const PAN_STEP = 0.25

export function trafficView(app: App): View {
  return new TrafficView(app)
}

class TrafficView implements View {
  readonly Body = keptBody(this)
  readonly name = 'traffic'
  readonly title = 'Traffic'
  readonly wants = ['parts', 'wire'] as const
  readonly element: HTMLElement
  readonly #app: App
  readonly #history = new History()
  readonly #plots: readonly Plot[]
  readonly #stages = new StageTable()
  #wire: Extract<FeedMessage, { type: 'wire' }> | undefined
  #id = ''
  #isPaused = false
  readonly #redraw = new Redraw(() => this.#draw())
  #length: number = WINDOWS[0]
  #zoom: TimeRange | undefined
  /** The time of the newest sample in the drawing, and the contents up to it. */
  #end: number | undefined
  #contents: readonly PlotContent[] = []
  /**
   * The time at the cursor, and whether it was moved there by keys, so that it remains at its time.
   */
  #cursor: number | undefined
  #isPointed = false
  readonly #lengths: readonly HTMLButtonElement[]
  readonly #pause: HTMLButtonElement
  readonly #back: HTMLButtonElement
  readonly #status = h('span', { class: 'muted', attrs: { role: 'status' } })
  readonly #at = h('span', { class: 'muted' })

  constructor(app: App) {
    this.#app = app
    const events = {
      zoom: (range: TimeRange) => this.#zoomTo(range),
      back: () => this.#zoomTo(undefined),
      cursor: (time: number | undefined) => {
        this.#isPointed = false
        this.#showCursor(time)
      },
    }
    this.#plots = PLOTS.map(spec => new Plot(spec, events))
    this.#lengths = WINDOWS.map(length =>
      h('button', { on: { click: () => this.#setLength(length) } }, `${length / 60} min`),
    )
    this.#pause = h(
      'button',
      { attrs: { 'aria-keyshortcuts': 'p' }, on: { click: () => this.#togglePause() } },
      'Pause',
    )
    this.#back = h('button', { hidden: true, on: { click: () => this.#zoomTo(undefined) } }, 'Zoom out')
    const lengths = h(
      'div',
      { class: 'choices', attrs: { role: 'group', 'aria-label': 'Time shown' } },
      ...this.#lengths,
    )
    const keys = 'Drag or + − to zoom, double click or 0 to zoom out, ← → for values, p to pause'
    this.element = h(
      'div',
      { class: 'traffic' },
      h('div', { class: 'row' }, lengths, this.#pause, this.#back, this.#status, this.#at),
      h('p', { class: 'muted keys' }, keys),
      h('div', { class: 'plots' }, ...this.#plots.map(({ element }) => element), this.#stages.element),
      h('p', { class: 'small muted' }, GSO_NOTE),
    )
    const sizes = new ResizeObserver(() => this.#redraw.soon())
    for (const { host } of this.#plots) sizes.observe(host)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#recolour())
    document.addEventListener('keydown', event => this.#key(event))
    document.addEventListener('visibilitychange', () => this.#redraw.soon())
    this.#showState()
  }

  receive(message: FeedMessage): void {
    this.#history.receive(message)
    const isWire = message.type === 'wire' && message.id === this.#id
    // The wire of another device comes after it, and must not wait until a pause ends.
    const isFirst = isWire && this.#wire === undefined
    if (isWire) this.#wire = message
    if (isFirst || (message.type === 'stats' && !this.#isPaused)) {
      this.#end = undefined
      this.#redraw.soon()
    }
  }

  /**
   * Another device is drawn in its present state, also while the drawing is paused. A deleted
   * device keeps its last samples until another device is selected.
   */
  deviceChanged(): void {
    const id = this.#app.device?.id
    if (id === undefined || id === this.#id) return
    this.#id = id
    this.#wire = undefined
    this.#zoom = undefined
    this.#end = undefined
    this.#showState()
    this.#redraw.soon()
  }

  shown(): void {
    this.#redraw.isShown = true
  }

  hidden(): void {
    this.#redraw.isShown = false
  }

  #draw(): void {
    if (this.#end === undefined) this.#take()
    const range = this.#range
    this.#plots.forEach((plot, i) => {
      plot.resize()
      plot.draw(this.#contents[i], range)
      if (this.#isPointed) plot.point(this.#cursor)
    })
    this.#showStatus()
  }

  /** Takes the contents that are drawn until the next sample, or while the drawing is paused. */
  #take(): void {
    const newest = this.#history.device(this.#id)?.end
    this.#end = newest ?? Date.now() / 1000
    const from = this.#end - WINDOW
    this.#contents = PLOTS.map(spec => spec.content(this.#history, this.#id, from))
    this.#stages.update(this.#wire?.wire)
  }

  get #range(): TimeRange {
    const end = this.#end ?? Date.now() / 1000
    return this.#zoom ?? { from: end - this.#length, to: end }
  }

  #recolour(): void {
    for (const plot of this.#plots) plot.recolour()
    this.#redraw.soon()
  }

  #setLength(length: number): void {
    this.#length = length
    this.#zoomTo(undefined)
  }

  #togglePause(): void {
    this.#isPaused = !this.#isPaused
    if (!this.#isPaused) this.#end = undefined
    this.#showState()
    this.#redraw.soon()
  }

  /** A zoom keeps its place while time advances. It cannot leave the recorded time. */
  #zoomTo(range: TimeRange | undefined): void {
    const end = this.#end ?? 0
    const { from, to } = range ?? { from: end, to: end }
    const by = Math.max(end - WINDOW - from, 0) + Math.min(end - to, 0)
    this.#zoom = range && { from: from + by, to: to + by }
    this.#showState()
    this.#redraw.soon()
  }

  #showState(): void {
    this.#lengths.forEach((button, i) => {
      const isChosen = this.#zoom === undefined && WINDOWS[i] === this.#length
      button.setAttribute('aria-pressed', `${isChosen}`)
    })
    this.#pause.setAttribute('aria-pressed', `${this.#isPaused}`)
    this.#back.hidden = this.#zoom === undefined
    this.#showStatus()
  }

  #showStatus(): void {
    const { from, to } = this.#range
    const shown = this.#zoom === undefined ? undefined : `${clockText(from)} to ${clockText(to)}`
    const paused = this.#isPaused && this.#end !== undefined ? `paused at ${clockText(this.#end)}` : undefined
    setText(this.#status, [shown, paused].filter(text => text !== undefined).join(', '))
  }

  #showCursor(time: number | undefined): void {
    this.#cursor = time
    setText(this.#at, time === undefined ? '' : `values of ${clockText(time)}`)
  }

  #key(event: KeyboardEvent): void {
    const { target, key } = event
    if (!this.#redraw.isShown || !isCommandKey(event)) return
    if (key === 'p') this.#togglePause()
    // Other keys belong to the focused element.
    const isElsewhere = target !== document.body && target instanceof Node && !this.element.contains(target)
    if (isElsewhere && !(target instanceof Element && target.contains(this.element))) return
    const action = this.#actions[key]
    if (action === undefined) return
    event.preventDefault()
    action(event.shiftKey)
  }

  readonly #actions: Readonly<Record<string, (isShifted: boolean) => void>> = {
    '+': () => this.#scale(ZOOM_STEP),
    '=': () => this.#scale(ZOOM_STEP),
    '-': () => this.#scale(1 / ZOOM_STEP),
    '0': () => this.#zoomTo(undefined),
    Escape: () => this.#zoomTo(undefined),
    ArrowLeft: isShifted => (isShifted ? this.#pan(-1) : this.#step(-1)),
    ArrowRight: isShifted => (isShifted ? this.#pan(1) : this.#step(1)),
  }

  /** Zooms about the cursor, or about the end of the range shown. */
  #scale(by: number): void {
    const { from, to } = this.#range
    const span = Math.max((to - from) * by, ZOOM_MIN)
    const fixed = this.#cursor ?? to
    const part = (fixed - from) / (to - from)
    const isWhole = span >= WINDOW
    this.#zoomTo(isWhole ? undefined : { from: fixed - part * span, to: fixed + (1 - part) * span })
  }

  #pan(direction: -1 | 1): void {
    const { from, to } = this.#range
    const by = direction * (to - from) * PAN_STEP
    this.#zoomTo({ from: from + by, to: to + by })
  }

  /** Moves the cursor to the sample before or after, in all plots. */
  #step(direction: -1 | 1): void {
    const { from, to } = this.#range
    const times = (this.#contents[0]?.times ?? []).filter(time => time >= from && time <= to)
    const at = times.indexOf(this.#cursor ?? Number.NaN)
    const next = at === -1 ? times.length - 1 : Math.min(Math.max(at + direction, 0), times.length - 1)
    this.#isPointed = true
    for (const plot of this.#plots) plot.point(times[next])
    this.#showCursor(times[next])
  }
}
