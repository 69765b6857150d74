/**
 * The parts of a device as they are at this moment: its queues, rings, interrupts and polls, and
 * its share of the frame memory. They are made when they are looked at, and cost nothing otherwise.
 */
import type { NetDevice } from './net-device.ts'

/** What a part is. `buffers` are places for frames in no order, unlike those of a ring. */
export type PartKind = 'queue' | 'ring' | 'buffers' | 'irq' | 'napi' | 'pool'

/** A part of a device. Absent fields mean nothing to its kind. */
export interface Part {
  readonly kind: PartKind
  /** Unique among the parts of its kind: `rx ring`, `tx 0`. */
  readonly name: string
  /** Frames in it, and how many it has room for. */
  readonly length?: number
  readonly capacity?: number
  /** What it does at this moment, in a word or two: `stopped`, `masked 0x3`, `scheduled`. */
  readonly state?: string
  /** How often it was used: interrupts taken, polls run. */
  readonly count?: number
}

/** A part that reports itself, such as an Irq or a Napi. */
export interface PartSource {
  /** Returns the part, the `index`-th of its kind on the device. */
  part(index: number): Part
}

/** Returns the parts of a device: the framework's, then those of its driver (ndoGetParts). */
export function partsOf(dev: NetDevice): Part[] {
  const queues = dev.tx.map(({ index, stopped, held }): Part => {
    return { kind: 'queue', name: `tx ${index}`, length: held, state: stopped ? 'stopped' : 'running' }
  })
  const indices = new Map<unknown, number>()
  const sources = [...dev.partSources].map(source => {
    const index = indices.get(source.constructor) ?? 0
    indices.set(source.constructor, index + 1)
    return source.part(index)
  })
  const { used, quota } = dev.slots
  return [...queues, ...driverParts(dev), ...sources, { kind: 'pool', name: 'frames', length: used, capacity: quota }]
}

function driverParts(dev: NetDevice): readonly Part[] {
  try {
    return dev.netdevOps.ndoGetParts?.(dev) ?? []
  } catch (error) {
    dev.logException('ndoGetParts', error)
    return []
  }
}
