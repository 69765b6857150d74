/** The texts of a device's parts and of numbers. */
import { formatNumber } from 'vnet/kit/base'
import type { DeviceRow, PartInfo, StageReport } from '../feed-types.ts'

/** The namespace of a device, if it is not the vnet's own, and its name. */
export function labelLines({ label }: DeviceRow): readonly string[] {
  const at = label.lastIndexOf('/')
  return at < 0 ? [label] : [label.slice(0, at), label.slice(at + 1)]
}

/** Returns `ab`, or `in (ab)` for an attachment, as the commands name it. */
export function directionName(
  device: Pick<DeviceRow, 'isAttached'> | undefined,
  direction: string,
): string {
  return device?.isAttached ? `${direction === 'ab' ? 'in' : 'out'} (${direction})` : direction
}

/** The colour of a text: neutral, good, a warning, or a loss. */
export type Tone = 'plain' | 'ok' | 'warn' | 'drop'

/** A name, a value beside it and a note below it; `title` has all of it. */
export interface Description extends Readonly<Record<'name' | 'value' | 'note' | 'title', string>> {
  readonly tone: Tone
  /** Cells, and how many of them are filled; none for a part without a capacity. */
  readonly cells: number
  readonly filled: number
}

/** A group with more parts of one kind shows them as one item. */
export const FOLD_ABOVE = 8
export const NOTHING_HELD = 'holds no frame'
/** A part with more room is drawn with this many cells, each of which represents several frames. */
export const MOST_CELLS = 32
/** Frames that a queue holds are drawn one by one up to this many. */
const MOST_HELD = 16

/** A number of frames: all digits if they fit. */
export const places = (frames: number): string =>
  frames < 10_000 ? `${frames}` : formatNumber(frames)

/** `perSecond` is the rate of `part.count`: interrupts taken, polls run. */
export function describePart(part: PartInfo, perSecond: number | undefined): Description {
  const shown = describeKind(part, perSecond)
  return { ...shown, title: [shown.name, shown.value, shown.note].filter(Boolean).join(', ') }
}

function describeKind(part: PartInfo, perSecond: number | undefined): Omit<Description, 'title'> {
  const { kind, name, length = 0, capacity, state = '', count = 0 } = part
  const plain = { name, value: '', note: '', tone: 'plain', cells: 0, filled: 0 } as const
  if (kind === 'queue') {
    const held = Math.min(length, MOST_HELD)
    const note = length === 0 ? NOTHING_HELD : `holds ${formatNumber(length)}`
    return {
      ...plain,
      value: state,
      note,
      tone: state === 'stopped' ? 'warn' : 'ok',
      cells: held,
      filled: held,
    }
  }
  if (kind === 'irq' || kind === 'napi') {
    const value = perSecond === undefined ? formatNumber(count) : `${formatNumber(perSecond)}/s`
    const unmasked = state === 'idle' ? 'plain' : 'ok'
    const tone = state.startsWith('masked') ? 'warn' : unmasked
    return { ...plain, value, note: state, tone }
  }
  const shown = kind === 'pool' ? `${name === 'frames' ? 'frame' : name} slots` : name
  if (capacity === undefined) {
    return { ...plain, name: shown, value: state, note: `${formatNumber(length)}` }
  }
  const cells = Math.min(capacity, MOST_CELLS)
  const filled = capacity === 0 ? 0 : Math.min(cells, Math.ceil((length * cells) / capacity))
  const notFull = state !== '' || length > 0.9 * capacity ? 'warn' : 'plain'
  const tone = length >= capacity ? 'drop' : notFull
  return {
    name: shown,
    value: state,
    note: `${places(length)}/${places(capacity)}`,
    tone,
    cells,
    filled,
  }
}

/** Many parts of one kind: the sum of their frames, and how many are in an unusual state. */
export function describeFold(name: string, parts: readonly PartInfo[]): Description {
  const counts = new Map<string, number>()
  for (const { state = 'idle' } of parts) {
    counts.set(state, (counts.get(state) ?? 0) + 1)
  }
  const unusual = [...counts].filter(([state]) => state !== 'running' && state !== 'idle')
  const states = unusual.map(([state, count]) => `${count} ${state}`)
  const frames = parts.reduce((sum, { length = 0 }) => sum + length, 0)
  const hasFrames = parts.some(({ length }) => length !== undefined)
  const held = frames === 0 ? 'no frame held' : `${formatNumber(frames)} held`
  const note = [...(hasFrames ? [held] : []), ...states].join(', ') || 'all idle'
  const shown = parts.map(part => describePart(part, undefined))
  const marked = shown.filter(part => part.tone === 'drop' || part.tone === 'warn')
  const usual = marked.length > 0 ? 'warn' : 'plain'
  const tone = marked.some(part => part.tone === 'drop') ? 'drop' : usual
  const title = [`${name}, ${note}`, ...marked.slice(0, FOLD_ABOVE).map(part => part.title)].join(
    '\n',
  )
  return { name, title, value: '', note, tone, cells: 0, filled: 0 }
}

const STAGE_COUNTS = ['in', 'out', 'duplicated', 'corrupted', 'reordered', 'marked'] as const

/** A stage of a wire: packets in flight, and packets dropped. */
export function describeStage(stage: StageReport): Description {
  const { text, held, holds, dropped } = stage
  const name = text || stage.stage
  const counts = STAGE_COUNTS.filter(count => stage[count] > 0).map(
    count => `${stage[count]} ${count}`,
  )
  const empty = holds ? 'none in flight' : ''
  const reasons = Object.entries(stage.drops).map(
    ([reason, count]) => `${count} dropped: ${reason}`,
  )
  return {
    name,
    value: dropped === 0 ? '' : `−${formatNumber(dropped)}`,
    note: held > 0 ? `${formatNumber(held)} in flight` : empty,
    title: [`${stage.path}${name}`, `${held} in flight`, ...counts, ...reasons].join('\n'),
    tone: 'plain',
    cells: 0,
    filled: 0,
  }
}

/** The state of a device, as ip(8) has it, and of its cable. */
export function stateOf({ isUp, isCut, carrier }: DeviceRow): {
  readonly text: string
  readonly tone: Tone
} {
  if (!isUp) return { text: 'down', tone: 'plain' }
  if (isCut) return { text: 'cable cut', tone: 'drop' }
  return carrier ? { text: 'carrier', tone: 'ok' } : { text: 'no carrier', tone: 'drop' }
}

/** Up to this rate each frame is a dot. */
export const MOST_DOTS = 10

/** The width of a line for a rate, in pixels: 2 more for each power of ten. 0 without frames. */
export const flowWidth = (rate: number): number =>
  rate < 0.05 ? 0 : Math.min(15, Math.max(3, Math.round(1 + 2 * Math.log10(rate))))

/** The width of a character in a monospaced font of 13 px. */
export const CHARACTER = 7.83

/** Shortens text in that font to a width. */
export function clip(text: string, width: number): string {
  const most = Math.max(1, Math.floor(width / CHARACTER))
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}

/** The explanation for more drops, and more received frames, than sent frames. */
export const GSO_NOTE =
  'One large frame of TCP or UDP (GSO) counts as 1 sent, but as many received or dropped once a wire splits it.'

/** Returns `16:03:09`, in local time. */
export const clockText = (seconds: number): string =>
  new Date(seconds * 1000).toLocaleTimeString('en-GB')

/** Making one takes longer than it formats a thousand numbers. */
const NUMBERS = new Intl.NumberFormat('en')

/** Returns a whole number as `1,234`. */
export const whole = (number: number): string => NUMBERS.format(number)

/** Returns a lateness in ms as text; empty for undefined. */
export const lateText = (ms: number | undefined): string =>
  ms === undefined ? '' : formatNumber(ms / 1000, 's')
