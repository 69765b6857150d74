/** The arithmetic of a scenario's timeline. Times are in milliseconds. */
import type { ScenarioInfo } from '../feed-types.ts'

type Scenario = Pick<ScenarioInfo, 'started' | 'repeat' | 'steps'>

export interface ScenarioProgress {
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
export function lengthOf({ repeat, steps }: Scenario): number {
  return repeat ?? Math.max(1000, (steps.at(-1)?.at ?? 0) * 1.1)
}

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
