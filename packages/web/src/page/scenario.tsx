/** A scenario: its steps along the time of a round, and how far the round is, all in ms. */
import { useMemo } from 'preact/hooks'
import type { ScenarioInfo } from '../feed-types.ts'
import { useNow } from './table.tsx'

const REFRESH_MS = 500

/** `time` is the server's time of the last statistics, in milliseconds since 1970. */
export function ScenarioSteps({
  scenario,
  time,
}: {
  readonly scenario: ScenarioInfo
  readonly time: number
}) {
  const { file, repeat, steps } = scenario
  const now = useNow(REFRESH_MS)
  const ahead = useMemo(() => time - Date.now(), [time])
  const how = progress(scenario, now + ahead)
  const list = useMemo(() => listOf(steps, how.step), [steps, how.step])
  const rounds = repeat === undefined ? 'runs once' : `repeats every ${formatTime(repeat)}`
  const cut = steps.some(({ text }) => /\bcarrier off$/.test(text))
    ? '. “carrier off” cuts the cable'
    : ''
  return (
    <section class="panel">
      <h2>Scenario</h2>
      <p class="muted">{`${file}: ${steps.length} ${steps.length === 1 ? 'step' : 'steps'}, ${rounds}${cut}`}</p>
      <Axis scenario={scenario} now={how.step} />
      <progress
        class="round"
        aria-label="Time of the round"
        max={lengthOf(scenario)}
        value={how.at}
      />
      <p role="timer">{wordsOf(how)}</p>
      {list}
    </section>
  )
}

/** The steps on a grid, each as wide as the time until the next one. */
export function Axis({
  scenario,
  now,
}: {
  readonly scenario: Pick<ScenarioInfo, 'repeat' | 'steps'>
  readonly now: number | undefined
}) {
  return (
    <ol class="axis" aria-hidden="true" style={{ '--columns': COLUMNS }}>
      {columnsOf(scenario).map(({ start, end }, i) => (
        <li
          key={i}
          class={i === now ? 'now' : undefined}
          style={{ gridColumn: `${start} / ${end}` }}
          title={scenario.steps[i].text}
        >
          {i + 1}
        </li>
      ))}
    </ol>
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
  const coming =
    next && `; step ${next.step + 1} in ${formatTime(Math.ceil(next.wait / 1000) * 1000)}`
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

/** Columns of the grid; the style sheet has them from the list. */
export const COLUMNS = 60

/** Returns the length of a round, or a little more than the time of the last step. */
export const lengthOf = ({ repeat, steps }: Pick<ScenarioInfo, 'repeat' | 'steps'>): number =>
  repeat ?? Math.max(1000, (steps.at(-1)?.at ?? 0) * 1.1)

/**
 * Returns the lines of the grid, from 1, between which each step lies until the next one. A short
 * step has a whole column; one that meets the step before it goes to another row.
 */
export function columnsOf(
  scenario: Pick<ScenarioInfo, 'repeat' | 'steps'>,
): { start: number; end: number }[] {
  const length = lengthOf(scenario)
  const column = (at: number) => Math.min(COLUMNS - 1, Math.floor((at / length) * COLUMNS))
  return scenario.steps.map(({ at }, i) => {
    const start = column(at) + 1
    const next = scenario.steps[i + 1]
    return { start, end: next === undefined ? COLUMNS + 1 : Math.max(start, column(next.at)) + 1 }
  })
}

/** Returns how far it is at the time `now`, in milliseconds since 1970. */
export function progress({ started, repeat, steps }: Scenario, now: number): ScenarioProgress {
  if (started === undefined || now < started) {
    return { state: 'waiting', round: 0, at: 0, step: undefined, next: undefined }
  }
  const round = repeat === undefined ? 1 : Math.floor((now - started) / repeat) + 1
  const at = now - started - (round - 1) * (repeat ?? 0)
  const following = steps.findIndex(each => each.at > at)
  const taken = following < 0 ? steps.length - 1 : following - 1
  // The last step of a round applies until the first step of the next round.
  const before = round > 1 ? steps.length - 1 : undefined
  const step = taken >= 0 ? taken : before
  const again =
    repeat === undefined || steps.length === 0
      ? undefined
      : { step: 0, wait: repeat - at + steps[0].at }
  const next = following < 0 ? again : { step: following, wait: steps[following].at - at }
  return { state: next === undefined ? 'ended' : 'running', round, at, step, next }
}

/** Returns `0 s`, `500 ms`, `2.5 s`, `1:30` in minutes and seconds, or `1:02:03`. */
export function formatTime(ms: number): string {
  if (ms > 0 && ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${Math.floor(ms / 100) / 10} s`
  const seconds = Math.floor(ms / 1000)
  const two = (n: number) => `${n}`.padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(seconds % 60)}`
    : `${minutes}:${two(seconds % 60)}`
}
