/** A device's parts in the order in which frames pass them: what the picture of it shows. */
import type { DeviceRow, PartInfo, StageReport, VnetRow, WireInfo } from '../feed-types.ts'
import { directionName, FOLD_ABOVE } from './driver-text.ts'
import { stageName } from './traffic-history.ts'

/** A part of the device, many parts of one kind folded into one, or a stage of a wire. */
export type DrawnItem =
  | { readonly kind: 'part'; readonly id: string; readonly part: PartInfo }
  | {
      readonly kind: 'fold'
      readonly id: string
      readonly name: string
      readonly parts: readonly PartInfo[]
    }
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

/** The device at the other end of the cable of a device. */
export function peerOf(device: DeviceRow, vnets: readonly VnetRow[]): DeviceRow | undefined {
  const own = vnets.find(({ devices }) => devices.some(({ id }) => id === device.id))
  return own?.devices.find(({ label }) => label === device.peer)
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
  const withoutPeer = device.onSegment ? 'segment' : 'driver'
  return {
    device,
    peer,
    far: peer === undefined ? withoutPeer : 'peer',
    columns: columns.filter(({ away, toward }) => away !== undefined || toward !== undefined),
  }
}

function sortParts(owner: 'near' | 'far', parts: readonly PartInfo[]) {
  const of = (...kinds: readonly string[]) => parts.filter(({ kind }) => kinds.includes(kind))
  const known = ['queue', 'irq', 'napi', 'pool']
  const board = parts.filter(({ kind }) => !known.includes(kind))
  const boardOf = (lane: 'tx' | 'rx') =>
    board.filter(({ direction }) => (direction === 'rx') === (lane === 'rx'))
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
    if (ofKind.length > FOLD_ABOVE) {
      return [{ kind: 'fold', id: `${id} ${kind}`, name: foldName(ofKind), parts: ofKind }]
    }
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
  return {
    owner: 'wire',
    away: direction(outgoing),
    toward: direction(outgoing === 'ab' ? 'ba' : 'ab'),
  }
}
