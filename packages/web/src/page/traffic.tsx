/** The traffic of a device: plots of the last ten minutes, and the stages of its wire. */
import { effect, signal } from '@preact/signals'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { DeviceRow, StageReport } from '../feed-types.ts'
import { type App, draftOf, type View } from './app.ts'
import { clockText, directionName, GSO_NOTE, lateText, whole } from './driver-text.ts'
import { Events } from './events.tsx'
import { type Column, numbers, SCROLLABLE, Table, troubles, useKeys } from './table.tsx'
import { stageName } from './traffic-history.ts'
import { PLOTS } from './traffic-lines.ts'
import { Plot, type TimeRange } from './traffic-plot.tsx'
import { WINDOW } from './traffic-samples.ts'

/** How much is shown, in seconds, unless the user zooms. */
const WINDOWS = [60, 300, WINDOW] as const
/** The shortest time that can be zoomed into. */
const ZOOM_MIN = 5
const ZOOM_STEP = 0.5
/** The distance that an arrow key with Shift moves, as a fraction of the range shown. */
const PAN_STEP = 0.25

export function trafficView(app: App): View {
  const state = newState(app)
  return {
    name: 'traffic',
    title: 'Traffic',
    wants: ['parts', 'wire'],
    receive(message) {
      if (message.type === 'stats' && !state.isPaused.value) {
        state.version.value++
      }
    },
    Body: () => <Traffic app={app} state={state} />,
  }
}

type State = ReturnType<typeof newState>

/** State that is kept while other views are shown. */
function newState(app: App) {
  const id = signal('')
  effect(() => {
    id.value = app.device?.id ?? id.peek()
  })
  return {
    /** Grows with each sample that is to be drawn. */
    version: signal(0),
    /** A deleted device keeps its last samples until another one is selected. */
    id,
    isPaused: signal(false),
    length: signal<number>(WINDOWS[0]),
    zoom: draftOf<TimeRange | undefined>(app, undefined),
    /** The lines that are switched off in each plot, for all devices. */
    off: PLOTS.map(() => signal<ReadonlySet<string>>(new Set())),
  }
}

function Traffic({ app, state }: { readonly app: App; readonly state: State }) {
  const { history, device } = app
  const id = state.id.value
  const wire = app.last('wire')?.wire
  /** The drawn samples, until the next one, or while the drawing is paused. */
  const { end, contents, stages } = useMemo(() => {
    const until = history.device(id)?.end ?? Date.now() / 1000
    const plots = PLOTS.map(spec => spec.content(history, id, until - WINDOW))
    return { end: until, contents: plots, stages: wire?.stages }
  }, [id, state.version.value])
  const { range, zoomTo, cursor, setCursor } = useRange(state, end, contents[0].times)
  const pointed = cursor?.isPointed ? cursor.time : undefined
  const point = (time: number | undefined) => setCursor({ time, isPointed: false })
  const scheme = useScheme()
  const events = useMemo(() => app.events.filter(event => event.id === id), [app.events, id])
  return (
    <div class="traffic stack close">
      <Toolbar {...{ state, end, range, zoomTo, cursor }} />
      <p class="muted keys">
        Drag or + − to zoom, double click or 0 to zoom out, ← → for values, p to pause
      </p>
      <div class="plots">
        {PLOTS.map((spec, i) => (
          <Plot
            key={i}
            {...{ spec, range, events, scheme, pointed, point }}
            title={spec.title(device)}
            content={contents[i]}
            off={state.off[i]}
            zoom={zoomTo}
          />
        ))}
        <Events events={events} most={50} />
        <Stages stages={stages ?? wire?.stages ?? []} device={device} />
      </div>
      <p class="small muted">{GSO_NOTE}</p>
    </div>
  )
}

/** Returns the range shown and the cursor, which keys change. The recorded time ends at `end`. */
function useRange(state: State, end: number, times: readonly number[]) {
  const { length, zoom } = state
  /** The time at the cursor, and whether keys have moved it there, so that it remains there. */
  const [cursor, setCursor] = useState<{
    readonly time: number | undefined
    readonly isPointed: boolean
  }>()
  const range = zoom.value ?? { from: end - length.value, to: end }
  /** A zoom keeps its place while time advances. It cannot leave the recorded time. */
  const zoomTo = (next: TimeRange | undefined) => {
    const { from, to } = next ?? { from: end, to: end }
    const by = Math.max(end - WINDOW - from, 0) + Math.min(end - to, 0)
    zoom.value = next && { from: from + by, to: to + by }
  }
  /** Zooms about the cursor, or about the end of the range shown. */
  const scale = (by: number) => {
    const span = Math.max((range.to - range.from) * by, ZOOM_MIN)
    const fixed = cursor?.time ?? range.to
    const part = (fixed - range.from) / (range.to - range.from)
    zoomTo(
      span >= WINDOW ? undefined : { from: fixed - part * span, to: fixed + (1 - part) * span },
    )
  }
  const pan = (direction: -1 | 1) => {
    const by = direction * (range.to - range.from) * PAN_STEP
    zoomTo({ from: range.from + by, to: range.to + by })
  }
  /** Moves the cursor to the sample before or after, in all plots. */
  const step = (direction: -1 | 1) => {
    const shown = times.filter(time => time >= range.from && time <= range.to)
    const at = shown.indexOf(cursor?.time ?? Number.NaN)
    const next =
      at === -1 ? shown.length - 1 : Math.min(Math.max(at + direction, 0), shown.length - 1)
    setCursor({ time: shown[next], isPointed: true })
  }
  const actions: Readonly<Record<string, (isShifted: boolean) => void>> = {
    '+': () => scale(ZOOM_STEP),
    '=': () => scale(ZOOM_STEP),
    '-': () => scale(1 / ZOOM_STEP),
    '0': () => zoomTo(undefined),
    Escape: () => zoomTo(undefined),
    ArrowLeft: isShifted => (isShifted ? pan(-1) : step(-1)),
    ArrowRight: isShifted => (isShifted ? pan(1) : step(1)),
  }
  useKeys(event => {
    if (event.key === 'p') {
      pause(state)
    }
    // Other keys belong to the focused element.
    const { target } = event
    const action = actions[event.key]
    if (
      action === undefined ||
      (target instanceof Element && target.closest('nav, header') !== null)
    ) {
      return
    }
    event.preventDefault()
    action(event.shiftKey)
  })
  return { range, zoomTo, cursor, setCursor }
}

function pause({ isPaused, version }: State): void {
  isPaused.value = !isPaused.value
  if (!isPaused.value) {
    version.value++
  }
}

type ToolbarProps = Pick<ReturnType<typeof useRange>, 'range' | 'zoomTo' | 'cursor'> & {
  readonly state: State
  readonly end: number
}

function Toolbar({ state, end, range, zoomTo, cursor }: ToolbarProps) {
  const { isPaused, length, zoom } = state
  const status = [
    zoom.value && `${clockText(range.from)} to ${clockText(range.to)}`,
    isPaused.value && `paused at ${clockText(end)}`,
  ]
  return (
    <div class="row">
      <fieldset class="row" aria-label="Time shown">
        {WINDOWS.map(seconds => (
          <button
            key={seconds}
            type="button"
            aria-pressed={zoom.value === undefined && length.value === seconds}
            onClick={() => {
              length.value = seconds
              zoomTo(undefined)
            }}
          >
            {`${seconds / 60} min`}
          </button>
        ))}
      </fieldset>
      <button
        type="button"
        aria-keyshortcuts="p"
        aria-pressed={isPaused.value}
        onClick={() => pause(state)}
      >
        Pause
      </button>
      <button type="button" hidden={zoom.value === undefined} onClick={() => zoomTo(undefined)}>
        Zoom out
      </button>
      <span class="muted" role="status">
        {status.filter(Boolean).join(', ')}
      </span>
      <span class="muted">
        {cursor?.time !== undefined && `values of ${clockText(cursor.time)}`}
      </span>
    </div>
  )
}

/** Returns `dark` or `light`, whichever colours the page has. */
function useScheme(): string {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const [isDark, setDark] = useState(dark.matches)
  useEffect(() => {
    const changed = () => setDark(dark.matches)
    dark.addEventListener('change', changed)
    return () => dark.removeEventListener('change', changed)
  }, [])
  return isDark ? 'dark' : 'light'
}

const COLUMNS: readonly Column<StageReport>[] = [
  { title: 'asked', cell: stage => stage.text },
  numbers('late p50', ({ late }) => lateText(late?.p50)),
  numbers('late p99', ({ late }) => lateText(late?.p99)),
  troubles('dropped', droppedText),
  ...(['in', 'out', 'held', 'duplicated', 'corrupted', 'reordered', 'marked'] as const).map(title =>
    numbers<StageReport>(title, stage => whole(stage[title])),
  ),
]

function Stages({
  stages,
  device,
}: {
  readonly stages: readonly StageReport[]
  readonly device: DeviceRow | undefined
}) {
  if (stages.length === 0) return null
  const cell = (stage: StageReport) =>
    stageName({ ...stage, direction: directionName(device, stage.direction) })
  return (
    <section class="panel plot-wide">
      <h2>Wire: stages</h2>
      <section class="scroll" aria-label="Stages" {...SCROLLABLE}>
        <Table
          class="stages"
          columns={[{ title: 'stage', cell }, ...COLUMNS]}
          rows={stages}
          keyOf={stageName}
        />
      </section>
      <p class="small muted">
        late: how long after the requested time packets left, since the stage was set. p50: half of
        them at most so late, p99: 99 %.
      </p>
    </section>
  )
}

function droppedText({ dropped, drops }: StageReport): string {
  if (dropped === 0) return '0'
  const reasons = Object.entries(drops).map(([reason, packets]) => `${reason} ${whole(packets)}`)
  return reasons.length === 0 ? whole(dropped) : reasons.join(', ')
}
