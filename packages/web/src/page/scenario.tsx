/** The timeline of a scenario: its steps, and a cursor that moves with the time. */
import { useMemo } from 'preact/hooks'
import type { ScenarioInfo } from '../feed-types.ts'
import { useNow, useWidth } from './hooks.ts'
import { formatTime, lengthOf, marks, place, progress, type ScenarioProgress } from './scenario-time.ts'
import { Label } from './shapes.tsx'

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
