/** A device's parts in the order in which frames pass them, and the texts of parts and numbers. */
import { formatNumber } from 'vnet/internal/base/duration'
import type { DeviceRow, PartInfo, StageReport, VnetRow, WireInfo } from '../feed-types.ts'
import { stageName } from './traffic-history.ts'

/** A part of the device, many parts of one kind folded into one, or a stage of a wire. */
export type DrawnItem =
  | { readonly kind: 'part'; readonly id: string; readonly part: PartInfo }
  | { readonly kind: 'fold'; readonly id: string; readonly name: string; readonly parts: readonly PartInfo[] }
  | { readonly kind: 'stage'; readonly id: string; readonly stage: StageReport }
  | { readonly kind: 'direct'; readonly id: string }

/** Away from the kernel of the device looked at, or toward it. */
export type Lane = 'away' | 'toward'

/** Parts of one kind, or the stages of one direction, in the order in which frames pass them. */
export type DrawnGroup = Readonly<{ id: string; title: string; items: readonly DrawnItem[] }>

/** Groups that are beside each other on the path, one for each direction. */
export interface Column {
  /** The owner of these parts: the device, the wire between, or the peer. */
  readonly owner: 'near' | 'wire' | 'far'
  readonly away: DrawnGroup | undefined
  readonly toward: DrawnGroup | undefined
}

/** The path of frames through a device and its peer, without places. */
export interface Model {
  readonly device: DeviceRow
  readonly peer: DeviceRow | undefined
  /** `driver`: the driver itself, where frames turn around or leave by an unknown path. */
  readonly far: 'peer' | 'segment' | 'driver'
  readonly columns: readonly Column[]
}

/** A group with more parts of one kind shows them as one item. */
export const FOLD_ABOVE = 8

/** The device at the other end of the cable of a device. */
export function peerOf(device: DeviceRow, vnets: readonly VnetRow[]): DeviceRow | undefined {
  const own = vnets.find(({ devices }) => devices.some(({ id }) => id === device.id))
  return own?.devices.find(({ label }) => label === device.peer)
}

/** The namespace of a device, if it is not the vnet's own, and its name. */
export function labelLines({ label }: DeviceRow): readonly string[] {
  const at = label.lastIndexOf('/')
  return at < 0 ? [label] : [label.slice(0, at), label.slice(at + 1)]
}

/** Returns `ab`, or `in (ab)` for an attachment, as the commands name it. */
export function directionName(device: Pick<DeviceRow, 'isAttached'> | undefined, direction: string): string {
  return device?.isAttached ? `${direction === 'ab' ? 'in' : 'out'} (${direction})` : direction
}

interface ShownDriver {
  readonly device: DeviceRow
  readonly vnets: readonly VnetRow[]
  readonly parts: readonly PartInfo[]
  readonly wire: WireInfo | undefined
  /** Empty if they are not known; the end is then drawn without parts. */
  readonly peerParts: readonly PartInfo[]
}

/** Returns the model of a device, from the last messages about it. */
export function modelOf({ device, vnets, parts, wire, peerParts }: ShownDriver): Model {
  const peer = peerOf(device, vnets)
  const near = sortParts('near', parts)
  const far = sortParts('far', peer === undefined ? [] : peerParts)
  const columns: Column[] = [
    { owner: 'near', away: near.queues, toward: near.interrupts },
    { owner: 'near', away: near.tx, toward: near.rx },
    ...(wire === undefined ? [] : [wireColumn(wire, device)]),
    { owner: 'far', away: far.rx, toward: far.tx },
    { owner: 'far', away: far.interrupts, toward: far.queues },
  ]
  return {
    device,
    peer,
    far: peer !== undefined ? 'peer' : device.onSegment ? 'segment' : 'driver',
    columns: columns.filter(({ away, toward }) => away !== undefined || toward !== undefined),
  }
}

function sortParts(owner: 'near' | 'far', parts: readonly PartInfo[]) {
  const of = (...kinds: readonly string[]) => parts.filter(({ kind }) => kinds.includes(kind))
  const known = ['queue', 'irq', 'napi', 'pool']
  const board = parts.filter(({ kind }) => !known.includes(kind))
  const boardOf = (lane: 'tx' | 'rx') => board.filter(({ direction }) => (direction === 'rx') === (lane === 'rx'))
  return {
    queues: group(`${owner} queues`, 'transmit queues', of('queue', 'pool')),
    interrupts: group(`${owner} interrupts`, 'interrupts, polls', of('irq', 'napi')),
    tx: group(`${owner} tx`, 'transmitter', boardOf('tx')),
    rx: group(`${owner} rx`, 'receiver', boardOf('rx')),
  }
}

function group(id: string, title: string, parts: readonly PartInfo[]): DrawnGroup | undefined {
  if (parts.length === 0) return undefined
  const kinds = [...new Set(parts.map(({ kind }) => kind))]
  const items = kinds.flatMap((kind): readonly DrawnItem[] => {
    const ofKind = parts.filter(part => part.kind === kind)
    if (ofKind.length > FOLD_ABOVE)
      return [{ kind: 'fold', id: `${id} ${kind}`, name: foldName(ofKind), parts: ofKind }]
    return ofKind.map(part => ({ kind: 'part', id: `${id} ${kind} ${part.name}`, part }))
  })
  return { id, title, items }
}

/** `tx 0 to 255`, if the names differ only in their number; else the number of names. */
function foldName(parts: readonly PartInfo[]): string {
  const [first, last] = [parts[0].name, parts.at(-1)!.name]
  const [, stem, end] = /^(.*?)(\d+)$/.exec(last) ?? []
  const isSeries = stem !== undefined && parts.every(({ name }) => name.startsWith(stem))
  return isSeries ? `${first} to ${end}` : `${parts.length} × ${parts[0].kind}`
}

/** A wire of an older vnet does not have `outgoing`. */
function wireColumn({ text, stages, outgoing = 'ab' }: WireInfo, device: DeviceRow): Column {
  const direction = (name: 'ab' | 'ba'): DrawnGroup => {
    const items = stages
      .filter(stage => stage.direction === name)
      .map((stage): DrawnItem => ({ kind: 'stage', id: `wire ${stageName(stage)}`, stage }))
    const isDirect = items.length === 0 || text[name] === ''
    return {
      id: `wire ${name}`,
      title: `wire ${directionName(device, name)}`,
      items: isDirect ? [{ kind: 'direct', id: `wire ${name} direct` }] : items,
    }
  }
  return { owner: 'wire', away: direction(outgoing), toward: direction(outgoing === 'ab' ? 'ba' : 'ab') }
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

export const NOTHING_HELD = 'holds no frame'
/** A part with more room is drawn with this many cells, each of which represents several frames. */
export const MOST_CELLS = 32
/** Frames that a queue holds are drawn one by one up to this many. */
const MOST_HELD = 16

/** A number of frames: all digits if they fit. */
export const places = (frames: number): string => (frames < 10_000 ? `${frames}` : formatNumber(frames))

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
    return { ...plain, value: state, note, tone: state === 'stopped' ? 'warn' : 'ok', cells: held, filled: held }
  }
  if (kind === 'irq' || kind === 'napi') {
    const value = perSecond === undefined ? formatNumber(count) : `${formatNumber(perSecond)}/s`
    const tone = state.startsWith('masked') ? 'warn' : state === 'idle' ? 'plain' : 'ok'
    return { ...plain, value, note: state, tone }
  }
  const shown = kind === 'pool' ? `${name === 'frames' ? 'frame' : name} slots` : name
  if (capacity === undefined) return { ...plain, name: shown, value: state, note: `${formatNumber(length)}` }
  const cells = Math.min(capacity, MOST_CELLS)
  const filled = capacity === 0 ? 0 : Math.min(cells, Math.ceil((length * cells) / capacity))
  const tone = length >= capacity ? 'drop' : state !== '' || length > 0.9 * capacity ? 'warn' : 'plain'
  return { name: shown, value: state, note: `${places(length)}/${places(capacity)}`, tone, cells, filled }
}

/** Many parts of one kind: the sum of their frames, and how many are in an unusual state. */
export function describeFold(name: string, parts: readonly PartInfo[]): Description {
  const counts = new Map<string, number>()
  for (const { state = 'idle' } of parts) counts.set(state, (counts.get(state) ?? 0) + 1)
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
  const title = [`${name}, ${note}`, ...marked.slice(0, FOLD_ABOVE).map(part => part.title)].join('\n')
  return { name, title, value: '', note, tone, cells: 0, filled: 0 }
}

const STAGE_COUNTS = ['in', 'out', 'duplicated', 'corrupted', 'reordered', 'marked'] as const

/** A stage of a wire: packets in flight, and packets dropped. */
export function describeStage(stage: StageReport): Description {
  const { text, held, holds, dropped } = stage
  const name = text || stage.stage
  const counts = STAGE_COUNTS.filter(count => stage[count] > 0).map(count => `${stage[count]} ${count}`)
  const reasons = Object.entries(stage.drops).map(([reason, count]) => `${count} dropped: ${reason}`)
  return {
    name,
    value: dropped === 0 ? '' : `−${formatNumber(dropped)}`,
    note: held > 0 ? `${formatNumber(held)} in flight` : holds ? 'none in flight' : '',
    title: [`${stage.path}${name}`, `${held} in flight`, ...counts, ...reasons].join('\n'),
    tone: 'plain',
    cells: 0,
    filled: 0,
  }
}

/** The state of a device, as ip(8) has it, and of its cable. */
export function stateOf({ isUp, isCut, carrier }: DeviceRow): { readonly text: string; readonly tone: Tone } {
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
export const clockText = (seconds: number): string => new Date(seconds * 1000).toLocaleTimeString('en-GB')

/** Returns a whole number as `1,234`. */
export const whole = (number: number): string => number.toLocaleString('en')

/** Returns a lateness in ms as text; empty for undefined. */
export const lateText = (ms: number | undefined): string => (ms === undefined ? '' : formatNumber(ms / 1000, 's'))
