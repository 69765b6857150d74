/** Sets: the faults that are tried together, as points of a report. */
import type { PlannedFault } from '../lab/watch/packet-name.ts'
import type { FaultKind } from './fault-text.ts'
import { type ExploredPacket, faultOf } from './points.ts'
import type { Point } from './report.ts'

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

/** Returns all pairs of faults of different packets, those of the nearest packets first. */
export function pairTrials(singles: readonly Trial[]): Trial[] {
  const pairs = singles.flatMap((one, i) =>
    singles.slice(i + 1).flatMap(({ packet, kind, faults }) => {
      if (packet === one.packet) return []
      return [{ ...one, second: { packet, kind }, faults: [...one.faults, ...faults] }]
    }),
  )
  const distance = ({ packet, second }: Trial) => Math.abs((second?.packet ?? packet) - packet)
  return pairs.sort((a, b) => distance(a) - distance(b))
}
