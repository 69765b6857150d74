/** One plot: a heading, the lines with their values, and the drawing, which uPlot makes. */

import { formatNumber } from '../../base/quantity.ts'
import { h, setText } from './dom.ts'
import { COLOURS, type LineColour, type PlotContent, type PlotLine, type PlotSpec } from './traffic-lines.ts'
import { clockText } from './traffic-units.ts'
import uPlot from './uPlot.js'

/** The times at the ends of the drawing, in seconds. */
export interface TimeRange {
  readonly from: number
  readonly to: number
}

export interface PlotEvents {
  /** The user has dragged from one time to another. */
  zoom(range: TimeRange): void
  /** The user has clicked twice. */
  back(): void
  /** The cursor is at another time, or nowhere. */
  cursor(time: number | undefined): void
}

/** Plots of the same key have one cursor. */
const CURSOR = 'traffic'
const HEIGHT = 160
/** The same in all plots, so that times are below each other. */
const AXIS_WIDTH = 64
const AXIS_HEIGHT = 28
const DASH = [6, 4]
/** Steps of the axis of time, in seconds. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300]
/** A drag shorter than this, in px, is a click. */
const DRAG_MIN = 8

interface Key {
  readonly button: HTMLButtonElement
  readonly value: HTMLElement
}

export class Plot {
  readonly element: HTMLElement
  readonly #spec: PlotSpec
  readonly #events: PlotEvents
  readonly #host = h('div', { class: 'plot-drawing', attrs: { 'aria-hidden': 'true' } })
  readonly #legend = h('div', { class: 'plot-legend' })
  #chart: uPlot | undefined
  #content: PlotContent = { times: [], lines: [], more: 0 }
  #range: TimeRange = { from: 0, to: 1 }
  /** Which lines the chart was made for. */
  #made = ''
  #keys: Key[] = []
  /** The labels of lines that the user has switched off. */
  readonly #off = new Set<string>()

  constructor(spec: PlotSpec, events: PlotEvents) {
    this.#spec = spec
    this.#events = events
    this.element = h('section', { class: 'panel plot' }, h('h2', {}, spec.title), this.#legend, this.#host)
  }

  /** The element in which it is drawn, which determines its size. */
  get host(): HTMLElement {
    return this.#host
  }

  draw(content: PlotContent, range: TimeRange): void {
    this.#content = content
    this.#range = range
    this.element.hidden = content.lines.length === 0 && this.#spec.empty === undefined
    if (this.element.hidden) return
    const made = JSON.stringify([
      content.more,
      ...content.lines.map(({ label, colour, isDashed }) => [label, colour, isDashed]),
    ])
    if (made !== this.#made || this.#chart === undefined) this.#make(made)
    const chart = this.#chart as uPlot | undefined
    chart?.batch(() => {
      chart.setData(this.#data, false)
      chart.setScale('x', { min: range.from, max: range.to })
    })
    this.#showValues()
  }

  /** Draws it again in the colours of the page. */
  recolour(): void {
    this.#destroy()
  }

  resize(): void {
    const width = this.#host.clientWidth
    if (this.#chart === undefined) this.#make(this.#made)
    else if (width > 0 && width !== this.#chart.width) this.#chart.setSize({ width, height: HEIGHT })
  }

  /** Moves the cursor to a time. */
  point(time: number | undefined): void {
    const left = time === undefined ? -10 : (this.#chart?.valToPos(time, 'x') ?? -10)
    this.#chart?.setCursor({ left, top: -10 }, false)
    this.#showValues()
  }

  get #data(): uPlot.AlignedData {
    const { times, lines } = this.#content
    const values = lines.length === 0 ? [times.map(() => null)] : lines.map(({ values }) => [...values])
    return [[...times], ...values]
  }

  #make(made: string): void {
    this.#destroy()
    this.#made = made
    this.#makeLegend()
    const width = this.#host.clientWidth
    // Without a size it is not shown. The size observer calls this again.
    if (width === 0) return
    this.#chart = new uPlot(this.#options(width), this.#data, this.#host)
    this.#chart.setScale('x', { min: this.#range.from, max: this.#range.to })
    this.#showValues()
  }

  #destroy(): void {
    this.#chart?.destroy()
    this.#chart = undefined
  }

  #options(width: number): uPlot.Options {
    const colours = readColours()
    const { unit, floor } = this.#spec
    const { lines } = this.#content
    const font = `13px ${colours.sans}`
    const axis: uPlot.Axis = {
      font,
      stroke: colours.muted,
      grid: { stroke: colours.line, width: 1 },
      ticks: { show: false },
    }
    const series = lines.map(({ label, colour, isDashed }): uPlot.Series => {
      const look = { stroke: colours[colour], width: 1.5, points: { size: 4, fill: colours[colour] } }
      return { label, show: !this.#off.has(label), ...look, ...(isDashed && { dash: DASH }) }
    })
    return {
      width,
      height: HEIGHT,
      legend: { show: false },
      scales: { x: { time: true, auto: false }, y: { range: (_, _min, max) => [0, top(max, floor)] } },
      axes: [
        {
          ...axis,
          size: AXIS_HEIGHT,
          space: 72,
          incrs: TIME_STEPS,
          values: (_, splits, _axis, _space, step) => splits.map(time => timeOfAxis(time, step)),
        },
        { ...axis, values: (_, splits) => splits.map(value => formatNumber(value, unit)), size: AXIS_WIDTH, space: 28 },
      ],
      series: [{}, ...(series.length === 0 ? [{ show: false }] : series)],
      padding: [8, 16, 0, 0],
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false, dist: DRAG_MIN },
        bind: { dblclick: () => () => this.#back() },
        sync: {
          key: CURSOR,
          scales: ['x', null],
          filters: { pub: type => type === 'mousemove' || type === 'mouseleave' },
        },
      },
      hooks: {
        setSelect: [chart => this.#dragged(chart)],
        setCursor: [chart => this.#moved(chart)],
      },
    }
  }

  #dragged(chart: uPlot): void {
    const { left, width } = chart.select
    if (width < DRAG_MIN) return
    const range = { from: chart.posToVal(left, 'x'), to: chart.posToVal(left + width, 'x') }
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    this.#events.zoom(range)
  }

  #back(): null {
    this.#events.back()
    return null
  }

  #moved(chart: uPlot): void {
    this.#showValues()
    const { left = -1, idx } = chart.cursor
    const time = left < 0 || typeof idx !== 'number' ? undefined : this.#content.times[idx]
    if (chart.cursor.event !== undefined) this.#events.cursor(time)
  }

  #makeLegend(): void {
    const { lines, more } = this.#content
    this.#keys = lines.map(line => this.#makeKey(line))
    const empty = lines.length === 0 ? this.#spec.empty : undefined
    const left = more > 0 ? `${more} more` : undefined
    const notes = [empty, left].flatMap(text => (text === undefined ? [] : h('span', { class: 'muted' }, text)))
    this.#legend.replaceChildren(...this.#keys.map(({ button }) => button), ...notes)
  }

  #makeKey({ label, colour, isDashed }: PlotLine): Key {
    const value = h('span', { class: 'value' })
    const sample = h('span', { class: isDashed ? 'sample dashed' : 'sample' })
    sample.style.color = `var(--${colour})`
    const click = () => this.#toggle(label)
    const button = h(
      'button',
      { class: 'plot-key', title: `Show or hide ${label}`, on: { click } },
      sample,
      label,
      value,
    )
    button.setAttribute('aria-pressed', `${!this.#off.has(label)}`)
    return { button, value }
  }

  #toggle(label: string): void {
    if (!this.#off.delete(label)) this.#off.add(label)
    const index = this.#content.lines.findIndex(line => line.label === label)
    this.#keys[index]?.button.setAttribute('aria-pressed', `${!this.#off.has(label)}`)
    this.#chart?.setSeries(index + 1, { show: !this.#off.has(label) })
  }

  /** Writes the values at the cursor, or the newest ones. */
  #showValues(): void {
    const { idx, left = -1 } = this.#chart?.cursor ?? {}
    this.#content.lines.forEach(({ values }, i) => {
      const value = values[left >= 0 && typeof idx === 'number' ? idx : values.length - 1]
      setText(this.#keys[i].value, typeof value === 'number' ? formatNumber(value, this.#spec.unit) : '-')
    })
  }
}

function top(max: number | null, floor: number): number {
  return uPlot.rangeNum(0, Math.max(max ?? 0, floor), 0.1, true)[1] ?? floor
}

function timeOfAxis(time: number, step: number): string {
  const text = clockText(time)
  return step >= 60 ? text.slice(0, 5) : text
}

function readColours(): Readonly<Record<LineColour | 'line' | 'sans', string>> {
  const style = getComputedStyle(document.documentElement)
  const names = [...COLOURS, 'line', 'sans'] as const
  return Object.fromEntries(names.map(name => [name, style.getPropertyValue(`--${name}`).trim()])) as never
}
