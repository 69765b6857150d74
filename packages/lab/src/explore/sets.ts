/** Sets: the faults that are tried together, as points of a report. */
import type { PlannedFault } from '../watch/packet-name.ts'
import type { FaultKind } from './fault-text.ts'
import { type ExploredPacket, faultOf } from './points.ts'
import type { Point } from './table.ts'

export type Trial = Pick<Point, 'packet' | 'kind' | 'second' | 'faults'>

interface Table {
  readonly packets: readonly ExploredPacket[]
  readonly kinds: readonly FaultKind[]
  readonly roundTrip: number
}

/** Returns each fault of each packet, and each burst of lost packets. */
export function singleTrials({ packets, kinds, roundTrip }: Table): Trial[] {
  return packets.flatMap((packet, i) =>
    kinds.flatMap((kind, k) => {
      const together = kind.count === 1 ? [packet] : burstOf(packets, i, kind.count)
      const faults = together.flatMap(each => faultOf(each, kind, roundTrip, packets) ?? [])
      return faults.length === kind.count ? [{ packet: i, kind: k, faults }] : []
    }),
  )
}

/** Returns up to `count` packets of one direction of a link, from a packet on. */
function burstOf(packets: readonly ExploredPacket[], from: number, count: number): readonly ExploredPacket[] {
  const { link, direction } = packets[from] as ExploredPacket
  return packets
    .slice(from)
    .filter(each => each.link === link && each.direction === direction)
    .slice(0, count)
}

/** Returns the faults of the packets from index `from` on, which appear only after `before`. */
export function deepTrials(
  { packets, kinds, roundTrip }: Table,
  from: number,
  before: readonly PlannedFault[],
): Trial[] {
  return packets.slice(from).flatMap((packet, i) =>
    kinds.flatMap((kind, k) => {
      const fault = kind.count === 1 ? faultOf(packet, kind, roundTrip, packets) : undefined
      return fault === undefined ? [] : [{ packet: from + i, kind: k, faults: [...before, fault] }]
    }),
  )
}

/** All pairs of faults of different packets, the nearest packets first. */
export class Pairs implements Iterable<Trial> {
  /** The faults of each packet, by its index. */
  readonly #packets: readonly (readonly Trial[])[]
  readonly size: number

  /** `singles` are in the order of their packets. */
  constructor(singles: readonly Trial[]) {
    const packets = Array.from({ length: (singles.at(-1)?.packet ?? -1) + 1 }, (): Trial[] => [])
    for (const each of singles) packets[each.packet]?.push(each)
    this.#packets = packets
    this.size = packets.reduce((sum, { length }) => sum + (length * (singles.length - length)) / 2, 0)
  }

  *[Symbol.iterator](): Iterator<Trial> {
    for (let distance = 1; distance < this.#packets.length; distance++) {
      for (const [i, ones] of this.#packets.entries()) {
        for (const one of ones) {
          for (const { packet, kind, faults } of this.#packets[i + distance] ?? []) {
            yield { ...one, second: { packet, kind }, faults: [...one.faults, ...faults] }
          }
        }
      }
    }
  }
}
