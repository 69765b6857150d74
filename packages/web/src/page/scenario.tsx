/** The timeline of a scenario: its steps, and a cursor that moves with the time, all in ms. */
import { useMemo } from 'preact/hooks'
import type { ScenarioInfo } from '../feed-types.ts'
import { Label } from './shapes.tsx'
import { useNow, useWidth } from './table.tsx'

const HEIGHT = 64
/** Space for half a label at both ends of the axis. */
const MARGIN = 20
const AXIS_Y = 40
/** Pixels that the number of a step and the time of a mark need. */
const STEP_ROOM = 20
const MARK_ROOM = 64
/** Milliseconds between moves of the cursor, the second ones with reduced motion. */
const MOVE_MS = 100
const CALM_MS = 1000

/** `time` is the server's time of the last statistics, in milliseconds since 1970. */
export function ScenarioTimeline({ scenario, time }: { readonly scenario: ScenarioInfo; readonly time: number }) {
  const { file, repeat, steps } = scenario
  const [ref, whole] = useWidth<SVGSVGElement>()
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches
  const now = useNow(isCalm ? CALM_MS : MOVE_MS)
  const ahead = useMemo(() => time - Date.now(), [time])
  const how = progress(scenario, now + ahead)
  const width = Math.max(0, whole - 2 * MARGIN)
  const axis = useMemo(() => width > 0 && axisOf(scenario, width), [scenario, width])
  const spans = useMemo(() => width > 0 && spansOf(scenario, width, how.step), [scenario, width, how.step])
  const list = useMemo(() => listOf(steps, how.step), [steps, how.step])
  const x = Math.min(1, how.at / lengthOf(scenario)) * width
  const rounds = repeat === undefined ? 'runs once' : `repeats every ${formatTime(repeat)}`
  const cut = steps.some(({ text }) => /\bcarrier off$/.test(text)) ? '. “carrier off” cuts the cable' : ''
  return (
    <section class="panel">
      <h2>Scenario</h2>
      <p class="muted">{`${file}: ${steps.length} ${steps.length === 1 ? 'step' : 'steps'}, ${rounds}${cut}`}</p>
      <svg class="timeline" height={HEIGHT} role="img" aria-label="Timeline" ref={ref}>
        <g transform={`translate(${MARGIN} 0)`}>
          {spans}
          {axis}
          <line
            class={how.state === 'running' ? 'line' : 'outline'}
            y1={4}
            y2={AXIS_Y + 8}
            transform={`translate(${x.toFixed(1)} 0)`}
          />
        </g>
      </svg>
      <p role="timer">{wordsOf(how)}</p>
      {list}
    </section>
  )
}

/** The effect of each step lasts until the next one. */
function spansOf(scenario: ScenarioInfo, width: number, now: number | undefined) {
  const placed = place(scenario.steps, lengthOf(scenario), width, STEP_ROOM)
  return placed.map(({ x }, i) => (
    <rect
      key={i}
      class={i === now ? 'span now' : 'span'}
      x={x}
      y={20}
      width={Math.max(1, (placed[i + 1]?.x ?? width) - x)}
      height={AXIS_Y - 20}
    >
      <title>{`${i + 1}: ${scenario.steps[i].text}`}</title>
    </rect>
  ))
}

function axisOf(scenario: ScenarioInfo, width: number) {
  const length = lengthOf(scenario)
  const times = marks(length, Math.max(2, width / MARK_ROOM)).map(time => ({ time, x: (time / length) * width }))
  return (
    <>
      <line class="axis" x1={0} x2={width} y1={AXIS_Y} y2={AXIS_Y} />
      {times.map(({ time, x }) => (
        <g key={time}>
          <line class="axis" x1={x} x2={x} y1={AXIS_Y} y2={AXIS_Y + 4} />
          <Label class="muted" x={x} y={AXIS_Y + 20} anchor="middle" text={formatTime(time)} />
        </g>
      ))}
      {place(scenario.steps, length, width, STEP_ROOM).map(({ x, step, hasLabel }) => (
        <g key={step}>
          <line class="axis" x1={x} x2={x} y1={hasLabel ? 16 : 20} y2={AXIS_Y} />
          {hasLabel && <Label x={x} y={12} anchor="middle" text={`${step + 1}`} />}
        </g>
      ))}
    </>
  )
}

function listOf(steps: ScenarioInfo['steps'], now: number | undefined) {
  return (
    <ol class="steps stack tight">
      {steps.map(({ at, text }, i) => (
        <li key={i} aria-current={i === now ? 'step' : undefined}>
          <span class="number">{formatTime(at)}</span>
          <code>{text}</code>
        </li>
      ))}
    </ol>
  )
}

/** Returns `round 3, 12.0 s: step 2 of the list; step 3 in 4.5 s`. */
function wordsOf({ state, round, at, step, next }: ScenarioProgress): string {
  if (state === 'waiting') return 'Waits until the first interface comes up.'
  if (state === 'ended') return 'Has ended: what its last step did stays.'
  const where = `${round > 1 ? `Round ${round}, ` : ''}${formatTime(at - (at % 1000))}`
  const current = step === undefined ? '' : `, step ${step + 1}`
  const coming = next && `; step ${next.step + 1} in ${formatTime(Math.ceil(next.wait / 1000) * 1000)}`
  return `${where}${current}${coming ?? ''}`
}

type Scenario = Pick<ScenarioInfo, 'started' | 'repeat' | 'steps'>

interface ScenarioProgress {
  readonly state: 'waiting' | 'running' | 'ended'
  /** Counted from 1; 0 while it waits. */
  readonly round: number
  /** In the round. */
  readonly at: number
  /** The index of the last step that was taken; undefined before the first of the first round. */
  readonly step: number | undefined
  /** The index of the next step and the time until then; undefined after the last step. */
  readonly next: { readonly step: number; readonly wait: number } | undefined
}

/** Returns how far it is at the time `now`, in milliseconds since 1970. */
export function progress({ started, repeat, steps }: Scenario, now: number): ScenarioProgress {
  if (started === undefined || now < started)
    return { state: 'waiting', round: 0, at: 0, step: undefined, next: undefined }
  const round = repeat === undefined ? 1 : Math.floor((now - started) / repeat) + 1
  const at = now - started - (round - 1) * (repeat ?? 0)
  const following = steps.findIndex(step => step.at > at)
  const taken = following < 0 ? steps.length - 1 : following - 1
  // The last step of a round applies until the first step of the next round.
  const step = taken >= 0 ? taken : round > 1 ? steps.length - 1 : undefined
  const next =
    following >= 0
      ? { step: following, wait: steps[following].at - at }
      : repeat === undefined || steps.length === 0
        ? undefined
        : { step: 0, wait: repeat - at + steps[0].at }
  return { state: next === undefined ? 'ended' : 'running', round, at, step, next }
}

/** Returns the length of the drawing: of a round, or a bit more than the time of the last step. */
export const lengthOf = ({ repeat, steps }: Scenario): number => repeat ?? Math.max(1000, (steps.at(-1)?.at ?? 0) * 1.1)

const STEPS = [1, 2, 5]
  .flatMap(n => [n, n * 10, n * 100])
  .concat([1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000])
  .sort((a, b) => a - b)
const HOUR = 3_600_000

/** Returns the times at which the axis has a mark: at most `most`, at round times from 0. */
export function marks(length: number, most: number): number[] {
  const step = STEPS.find(step => length / step < most) ?? Math.ceil(length / most / HOUR) * HOUR
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, i) => i * step)
}

/** Returns `0 s`, `500 ms`, `2.5 s`, `1:30` in minutes and seconds, or `1:02:03`. */
export function formatTime(ms: number): string {
  if (ms > 0 && ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${Math.floor(ms / 100) / 10} s`
  const seconds = Math.floor(ms / 1000)
  const two = (n: number) => `${n}`.padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

/** Places the steps on `width` pixels. A label needs `room` pixels beside the earlier ones. */
export function place(steps: Scenario['steps'], length: number, width: number, room: number) {
  let free = Number.NEGATIVE_INFINITY
  return steps.map(({ at }, step) => {
    const x = (at / length) * width
    const hasLabel = x >= free
    if (hasLabel) free = x + room
    return { step, x, hasLabel }
  })
}
