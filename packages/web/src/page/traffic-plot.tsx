/** One plot: a heading, the lines with their values, and the drawing, which uPlot makes. */
import type { Signal } from '@preact/signals'
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { formatNumber } from 'vnet/kit/base'
import { clockText } from './driver-text.ts'
import type { PageEvent } from './events.tsx'
import { useWidth } from './table.tsx'
import { COLOURS, type LineColour, type PlotContent, type PlotSpec } from './traffic-lines.ts'
import uPlot from './uPlot.js'

/** The times at the ends of the drawing, in seconds. */
export type TimeRange = Readonly<{ from: number; to: number }>

interface PlotProps {
  readonly spec: PlotSpec
  readonly title: string
  readonly content: PlotContent
  /** The labels of lines that the user has switched off. */
  readonly off: Signal<ReadonlySet<string>>
  readonly range: TimeRange
  readonly events: readonly PageEvent[]
  /** Where keys have put the cursor, in seconds; undefined while the mouse moves it. */
  readonly pointed: number | undefined
  /** Changes with the colours of the page. */
  readonly scheme: string
  /** The user has dragged from one time to another, or has clicked twice. */
  readonly zoom: (range: TimeRange | undefined) => void
  /** The mouse has put the cursor at another time, or nowhere. */
  readonly point: (time: number | undefined) => void
}

/** Plots of the same key have one cursor. */
const CURSOR = 'traffic'
/** The same in all plots, so that times are below each other. */
const AXIS_WIDTH = 64
const AXIS_HEIGHT = 28
/** The half of a time at the right end, which is drawn outside. */
const HALF_CLOCK = 32
const DASH = [6, 4]
/** Steps of the axis of time, in seconds. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300]
/** A drag shorter than this, in px, is a click. */
const DRAG_MIN = 8

export function Plot(props: PlotProps) {
  const { spec, title, content } = props
  const { lines, more } = content
  const off = props.off.value
  const { host, index } = useChart(props)
  const isHidden = lines.length === 0 && spec.empty === undefined
  const toggle = (label: string) => {
    const others = new Set(off)
    if (!others.delete(label)) {
      others.add(label)
    }
    props.off.value = others
  }
  return (
    <section class="panel plot" hidden={isHidden}>
      <h2>{title}</h2>
      <div class="plot-legend">
        {lines.map(({ label, colour, isDashed, values }) => {
          const value = values[index ?? values.length - 1]
          return (
            <button
              key={label}
              type="button"
              class="plot-key"
              title={`Show or hide ${label}`}
              aria-pressed={!off.has(label)}
              onClick={() => toggle(label)}
            >
              <span
                class={isDashed ? 'sample dashed' : 'sample'}
                style={{ color: `var(--${colour})` }}
              />
              <span>{label}</span>
              <span class="value">
                {typeof value === 'number' ? formatNumber(value, spec.unit) : '-'}
              </span>
            </button>
          )
        })}
        {lines.length === 0 && <span class="muted">{spec.empty}</span>}
        {more > 0 && <span class="muted">{`${more} more`}</span>}
      </div>
      <div class="plot-drawing" aria-hidden="true" ref={host} />
    </section>
  )
}

/** Draws the chart in the element `host`. `index` is the sample at the cursor. */
function useChart(props: PlotProps) {
  const { content, range, events, pointed, scheme } = props
  const { lines } = content
  const off = props.off.value
  const [host, width] = useWidth<HTMLDivElement>()
  const [index, setIndex] = useState<number>()
  const chart = useRef<uPlot | undefined>(undefined)
  const colours = useMemo(readColours, [scheme])
  const latest = useRef({ ...props, colours })
  latest.current = { ...props, colours }
  const made = JSON.stringify(lines.map(({ label, colour, isDashed }) => [label, colour, isDashed]))
  useLayoutEffect(() => {
    if (width === 0) return
    const moved = ({ cursor: { left = -1, idx, event } }: uPlot) => {
      const at = left < 0 || typeof idx !== 'number' ? undefined : idx
      setIndex(at)
      const { content: drawn, point } = latest.current
      if (event !== undefined) {
        point(at === undefined ? undefined : drawn.times[at])
      }
    }
    const shown = new uPlot(
      { ...optionsOf(latest, width, host.current!.clientHeight), hooks: hooksOf(latest, moved) },
      dataOf(content),
      host.current!,
    )
    chart.current = shown
    return () => shown.destroy()
  }, [made, width, scheme])
  useLayoutEffect(() => {
    for (const [i, { label }] of lines.entries()) {
      if (chart.current?.series[i + 1]?.show === off.has(label)) {
        chart.current.setSeries(i + 1, { show: !off.has(label) })
      }
    }
  }, [made, width, scheme, off])
  useLayoutEffect(() => {
    const shown = chart.current
    shown?.batch(() => {
      shown.setData(dataOf(content), false)
      shown.setScale('x', { min: range.from, max: range.to })
    })
  }, [content, range.from, range.to, events, made, width, scheme])
  useLayoutEffect(() => {
    if (pointed === undefined) return
    chart.current?.setCursor({ left: chart.current.valToPos(pointed, 'x'), top: -10 }, false)
    setIndex(chart.current?.cursor.idx ?? undefined)
  }, [pointed, content, range.from, range.to])
  return { host, index }
}

function dataOf({ times, lines }: PlotContent): uPlot.AlignedData {
  const values = lines.length === 0 ? [times.map(() => null)] : lines.map(line => [...line.values])
  return [[...times], ...values]
}

type Colours = ReturnType<typeof readColours>
interface Latest {
  readonly current: PlotProps & { readonly colours: Colours }
}

function optionsOf(
  { current: { spec, content, zoom, colours } }: Latest,
  width: number,
  height: number,
): uPlot.Options {
  const { unit, floor } = spec
  const font = `13px ${getComputedStyle(document.body).fontFamily}`
  const axis = {
    font,
    stroke: colours.muted,
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
  }
  const series = content.lines.map(({ label, colour, isDashed }): uPlot.Series => {
    const look = { stroke: colours[colour], width: 1.5, points: { size: 4, fill: colours[colour] } }
    return { label, ...look, ...(isDashed && { dash: DASH }) }
  })
  const back = () => {
    zoom(undefined)
    return null
  }
  return {
    width,
    height,
    legend: { show: false },
    scales: {
      x: { time: true, auto: false },
      y: { range: (_, _min, max) => [0, top(max, floor)] },
    },
    axes: [
      { ...axis, size: AXIS_HEIGHT, space: 72, incrs: TIME_STEPS, values: timesOfAxis },
      {
        ...axis,
        values: (_, splits) => splits.map(value => formatNumber(value, unit)),
        size: AXIS_WIDTH,
        space: 28,
      },
    ],
    series: [{}, ...(series.length === 0 ? [{ show: false }] : series)],
    padding: [8, HALF_CLOCK, 0, 0],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: DRAG_MIN },
      bind: { dblclick: () => back },
      sync: {
        key: CURSOR,
        scales: ['x', null],
        filters: { pub: type => /^mouse(move|leave)$/.test(type) },
      },
    },
  }
}

function hooksOf(latest: Latest, moved: (chart: uPlot) => void): uPlot.Hooks.Arrays {
  const dragged = (chart: uPlot) => {
    const { left, width } = chart.select
    if (width < DRAG_MIN) return
    const range = { from: chart.posToVal(left, 'x'), to: chart.posToVal(left + width, 'x') }
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    latest.current.zoom(range)
  }
  return {
    setSelect: [dragged],
    setCursor: [moved],
    draw: [chart => drawEvents(chart, latest.current)],
  }
}

function drawEvents(
  { ctx, bbox, scales, valToPos }: uPlot,
  { events, colours }: Latest['current'],
): void {
  const { min = 0, max = 0 } = scales.x
  ctx.save()
  ctx.lineWidth = devicePixelRatio
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio])
  for (const { time, tone } of events) {
    const at = time / 1000
    if (at < (min ?? 0) || at > (max ?? 0)) continue
    const x = Math.round(valToPos(at, 'x', true))
    ctx.strokeStyle = tone === 'drop' || tone === 'warn' ? colours[tone] : colours.muted
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
  }
  ctx.restore()
}

const top = (max: number | null, floor: number): number =>
  uPlot.rangeNum(0, Math.max(max ?? 0, floor), 0.1, true)[1] ?? floor

const timesOfAxis: uPlot.Axis.DynamicValues = (_, splits, _axis, _space, step) =>
  splits.map(time => clockText(time).slice(0, step >= 60 ? 5 : undefined))

/** A canvas does not know the variables of a style, so an element computes their colours. */
function readColours(): Readonly<Record<LineColour | 'line', string>> {
  const element = document.body.appendChild(document.createElement('i'))
  const colours = [...COLOURS, 'line'].map(name => {
    element.style.color = `var(--${name})`
    return [name, getComputedStyle(element).color]
  })
  element.remove()
  return Object.fromEntries(colours)
}
