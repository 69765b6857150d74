/**
 * The current state of a device's parts: its queues, rings, interrupts and polls, and its share of
 * the frame memory. It is made when it is read, and costs nothing otherwise.
 */
import { describeException } from '../base/exception.ts'
import { Ring } from '../skb/ring.ts'
import { type ExceptionLog, logBadReturn } from './ndo.ts'

const KINDS = ['queue', 'ring', 'buffers', 'irq', 'napi', 'pool'] as const
/** The kinds of parts. `buffers` hold frames in any order, unlike a ring. */
export type PartKind = (typeof KINDS)[number]

/** A part of a device. Absent fields mean nothing to its kind. */
export interface Part {
  readonly kind: PartKind
  /** Unique among the parts of its kind, at most 200 characters: `rx ring`, `tx 0`. */
  readonly name: string
  /** The direction of the frames that pass it; undefined if both do, or none. */
  readonly direction?: 'tx' | 'rx'
  /** Frames in it, and how many it has room for: at most 2^32 - 1. */
  readonly length?: number
  readonly capacity?: number
  /** Its current state in a word or two: `stopped`, `masked 0x3`, `scheduled`. */
  readonly state?: string
  /** The number of uses: interrupts taken, polls run. */
  readonly count?: number
}

const TEXT_MAX = 200
const isText = (value: unknown) => typeof value === 'string' && value.length <= TEXT_MAX
const isUpTo = (most: number) => (value: unknown) =>
  value === undefined ||
  (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most)

/** Returns true if a driver's value is valid for the field. */
const FIELDS: Readonly<Record<keyof Part, (value: unknown) => boolean>> = {
  kind: value => KINDS.some(kind => kind === value),
  name: isText,
  direction: value => value === undefined || value === 'tx' || value === 'rx',
  length: isUpTo(0xffff_ffff),
  capacity: isUpTo(0xffff_ffff),
  state: value => value === undefined || isText(value),
  count: isUpTo(Number.MAX_SAFE_INTEGER),
}

/** A part that reports itself, such as an Irq or a Napi. */
export interface PartSource {
  /** Returns the part, the `index`-th of its kind on the device. */
  part(index: number): Part
}

interface PartOwner<Device> extends ExceptionLog {
  readonly priv: unknown
  readonly tx: readonly {
    readonly index: number
    readonly stopped: boolean
    readonly held: number
  }[]
  readonly partSources: Iterable<PartSource>
  readonly slots: { readonly used: number; readonly quota: number }
  readonly netdevOps: { ndoGetParts?(dev: Device): readonly Part[] }
}

/** Returns the parts of a device: the framework's, then its driver's, or the driver's rings. */
export function partsOf<Device extends PartOwner<Device>>(dev: Device): Part[] {
  const queues = dev.tx.map(({ index, stopped, held }): Part => {
    const state = stopped ? 'stopped' : 'running'
    return { kind: 'queue', name: `tx ${index}`, direction: 'tx', length: held, state }
  })
  const indices = new Map<unknown, number>()
  const sources = [...dev.partSources].map(source => {
    const index = indices.get(source.constructor) ?? 0
    indices.set(source.constructor, index + 1)
    return source.part(index)
  })
  const { used, quota } = dev.slots
  return [
    ...queues,
    ...driverParts(dev),
    ...sources,
    { kind: 'pool', name: 'frames', length: used, capacity: quota },
  ]
}

function driverParts<Device extends PartOwner<Device>>(dev: Device): Part[] {
  try {
    const parts: unknown = dev.netdevOps.ndoGetParts?.(dev) ?? ringsIn(dev.priv, '', 2)
    if (Array.isArray(parts)) return parts.filter(part => isPart(dev, part))
    logBadReturn(dev, 'ndoGetParts', parts, 'a list of parts')
  } catch (error) {
    dev.logException('ndoGetParts', error)
  }
  return []
}

/** Elements of an array among which rings are looked for. */
const ELEMENTS_MAX = 256

/** Returns the rings of a driver's data up to a depth, by their paths: `ring`, `lanes[1].ring`. */
function ringsIn(value: unknown, name: string, depth: number): Part[] {
  if (value instanceof Ring) {
    const [, direction] = /(?:^|\.)(tx|rx)[^.]*$/.exec(name) ?? []
    const { length, capacity } = value
    return [
      {
        kind: 'ring',
        name,
        length,
        capacity,
        ...(direction && { direction: direction as 'tx' | 'rx' }),
      },
    ]
  }
  if (Array.isArray(value)) {
    return value.slice(0, ELEMENTS_MAX).flatMap((each, i) => ringsIn(each, `${name}[${i}]`, depth))
  }
  if (depth === 0 || typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) {
    return []
  }
  return Object.entries(value).flatMap(([key, each]) =>
    ringsIn(each, name === '' ? key : `${name}.${key}`, depth - 1),
  )
}

function isPart(dev: ExceptionLog, part: unknown): part is Part {
  const fields = (part ?? {}) as Record<string, unknown>
  const wrong = Object.keys(FIELDS).find(name => !FIELDS[name as keyof Part](fields[name]))
  if (wrong !== undefined) {
    dev.logException(
      'ndoGetParts',
      `returned a part whose ${wrong} is ${describeException(fields[wrong])}`,
    )
  }
  return wrong === undefined
}
