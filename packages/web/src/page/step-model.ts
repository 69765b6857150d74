/** The contents of the step view, without elements. */
import type { Header } from 'vnet/kit/packet'
import type { DeviceId, FlightRow, StepInfo, VnetRow } from '../feed-types.ts'
import type { FrameTest } from './filter-fields.tsx'

/** The path of a frame: a description of its five steps. */
export const STEPS = [
  { title: 'Read', text: 'from the kernel' },
  { title: 'ndoStartXmit', text: 'of the driver' },
  { title: 'Interrupt', text: 'or poll, alarm, wire' },
  { title: 'netifRx', text: 'takes it' },
  { title: 'Write', text: 'to the kernel' },
] as const

/** The choices of milliseconds after which a step runs by itself; 0 is never. */
export const TIMES = [0, 250, 500, 1000, 2000, 5000] as const

/** Returns `never`, `after 250 ms`, `after 2 s`. */
export function timeWords(ms: number): string {
  if (ms === 0) return 'never'
  return ms < 1000 ? `after ${ms} ms` : `after ${ms / 1000} s`
}

/** Returns the label of a device; for an unknown one, its name in the id. */
export function labelOf(id: DeviceId, vnets: readonly VnetRow[]): string {
  const found = vnets.flatMap(({ devices }) => devices).find(device => device.id === id)
  return found?.label ?? id.replace(/^.*\//, '')
}

/** One line about the present state. `before` is the last step that waited, `drop` a reason. */
export function stateWords(
  mode: 'on' | 'off',
  step: StepInfo | undefined,
  vnets: readonly VnetRow[],
  before?: StepInfo,
  drop?: string,
): string {
  if (mode === 'off') return 'Frames pass. Halt them to see each step of their path.'
  if (step === undefined && drop !== undefined) {
    return `The frame went no further: it was dropped: ${drop}.`
  }
  if (step === undefined && before?.frame !== undefined && before.step < 5) {
    return 'The frame went no further: it was dropped, or the driver or the wire keeps it.'
  }
  if (step === undefined) return 'No frame waits. Send one, by ping for instance.'
  return `Step ${step.step} of 5 at ${labelOf(step.id, vnets)}, queue ${step.queue}: ${step.next} is next.`
}

/** Returns why the frame that waited last was dropped, if it was before its last step. */
export function dropAfter(
  before: StepInfo | undefined,
  frames: readonly FlightRow[],
): string | undefined {
  if (before === undefined || before.step >= 5) return undefined
  return frames.findLast(({ dropped }) => dropped !== undefined)?.dropped?.text
}

/** Whether a filter lets a step run by itself: its frame does not pass it, or cannot be seen. */
export function isPassedOver(filter: FrameTest, { id, step, queue, frame }: StepInfo): boolean {
  const direction = step < 4 ? 'tx' : 'rx'
  return (
    frame === undefined ||
    !filter({ ...frame, id, queue, direction, number: 0, time: 0, dropped: undefined })
  )
}

/** Returns the reason for showing no frame. */
export function noFrameWords({ step }: StepInfo, hasToken: boolean): string {
  if (!hasToken) return 'Frames are shown with the token only.'
  if (step === 1) return 'The frame is still in the kernel.'
  return step === 3
    ? 'The frame is through: this completes its transmission.'
    : 'There is no frame.'
}

/** Returns the reason for showing no lines. */
export function noCodeWords({ step, next }: StepInfo, hasToken: boolean): string {
  if (!hasToken) return 'The driver is shown with the token only.'
  if (step === 1 || step === 5) return 'No line of the driver runs in this step: vnet does it.'
  return next === 'wire' ? 'The wire does this step.' : 'The lines of this step are not known.'
}

/** Returns the earlier values of changed fields by `HEADER/FIELD`; empty for another frame. */
export function changes(
  before: StepInfo | undefined,
  now: StepInfo | undefined,
): ReadonlyMap<string, string> {
  const changed = new Map<string, string>()
  if (before?.frame === undefined || now?.frame === undefined || !isLater(now, before)) {
    return changed
  }
  const old = valuesOf(before.frame.headers)
  for (const [key, value] of valuesOf(now.frame.headers)) {
    const was = old.get(key)
    if (was !== undefined && was !== value) {
      changed.set(key, was)
    }
  }
  return changed
}

/** The same on the path of a frame so far: `known` are the changes up to the step before. */
export function onPath(
  known: ReadonlyMap<string, string> | undefined,
  before: StepInfo | undefined,
  now: StepInfo | undefined,
): ReadonlyMap<string, string> {
  return new Map([...changes(before, now), ...((!isNewPath(before, now) && known) || [])])
}

/** Whether the halted frame has begun its path again, or is another frame. */
export const isNewPath = (before: StepInfo | undefined, now: StepInfo | undefined): boolean =>
  before !== undefined && now !== undefined && !isLater(now, before)

/** An interrupt, a poll and an alarm of the same frame all are step 3. */
const isLater = ({ step }: StepInfo, before: StepInfo): boolean =>
  step > before.step || (step === 3 && before.step === 3)

/** Returns the differing places of hex bytes; if lengths differ, all between the common ends. */
export function changedBytes(first: string, now: string): ReadonlySet<number> {
  const bytesOf = (digits: string): readonly string[] => digits.match(/../g) ?? []
  const [old, all] = [bytesOf(first), bytesOf(now)]
  const shift = old.length - all.length
  const start = all.findIndex((byte, i) => byte !== old[i])
  const last = all.findLastIndex((byte, i) => byte !== old[i + shift])
  const end = Math.max(last, start - shift - 1)
  const places = [...all.keys()].filter(
    i => i >= start && i <= end && (shift !== 0 || all[i] !== old[i]),
  )
  return new Set(start < 0 ? [] : places)
}

/** The values of fields by `HEADER/FIELD`; the first value of a field that occurs twice. */
function valuesOf(headers: readonly Header[]): Map<string, string> {
  const all = headers.flatMap(({ name, fields }) =>
    fields.map(each => [`${name}/${each.name}`, each.value] as const),
  )
  return new Map(all.toReversed())
}

/** Returns the lines with their numbers, ` 9  skb.drop()`, and which of them runs next. */
export function numbered({ line, first, lines }: NonNullable<StepInfo['source']>) {
  const width = `${first + lines.length - 1}`.length
  return lines.map((text, i) => ({
    text: `${`${first + i}`.padStart(width)}  ${text}`,
    isNext: first + i === line,
  }))
}
