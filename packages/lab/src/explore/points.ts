/** Points: the sets of faults that are tried, made from the packets of the clean runs. */
import { NSEC_PER_MSEC } from 'vnet'
import { ecnOf, payloadMiddle } from 'vnet/kit/wire'
import type { PacketName, PlannedFault, WatchedPacket } from '../model/packet-name.ts'
import { formatName, hostsOfFlow, isMeant, nameOf } from '../model/packet-name.ts'
import { FOREVER, isConnectionVerb, isNemesisVerb, lastingOf } from '../model/verbs.ts'
import type { FaultKind } from './fault-text.ts'
import { backOf, isTriedAt, type Position } from './positions.ts'
import type { RunResult } from './run-once.ts'

/**
 * A packet of a run, with the name by which faults and reports mean it. `at` is in milliseconds
 * since the first packet of the run.
 */
export interface ExploredPacket extends WatchedPacket {
  readonly link: string
  /** Its name, which means the same packet in each run. */
  readonly name: string
  readonly at: number
  /** For a packet that no clean run has, the fault that makes it appear. */
  readonly after?: string
  /** Set for a byte of a stream, which stands in the place of its packet. */
  readonly position?: Position
}

/** Delays are multiples of at least this round trip, so that later packets overtake. */
const RTT_MIN_MS = 2

/** Returns the packets of all links of a run in the order of their times, with their names. */
export function packetsOf({ links }: Pick<RunResult, 'links'>): ExploredPacket[] {
  const all = [...links].flatMap(([link, { packets }]) =>
    packets.map(packet => ({ ...packet, link, name: formatName({ ...packet, link }) })),
  )
  all.sort((a, b) => a.time - b.time)
  const first = all[0]?.time ?? 0
  return all.map(packet => ({ ...packet, at: (packet.time - first) / NSEC_PER_MSEC }))
}

/** The names that do not mean a packet in every one of the runs. */
export function unstableNames(runs: readonly (readonly ExploredPacket[])[]): ReadonlySet<string> {
  const names = runs.map(packets => new Set(packets.map(({ name }) => name)))
  // Another run may have the same bytes in a segment of another name.
  const isIn = (packet: ExploredPacket, run: number) =>
    names[run]?.has(packet.name) === true || packetOf(packet, runs[run] ?? []) !== undefined
  const unstable = runs.flat().filter(packet => !runs.every((_, run) => isIn(packet, run)))
  return new Set(unstable.map(({ name }) => name))
}

/** Returns the packet of a run that a fault means, or that is called like another run's packet. */
export function packetOf(
  fault: PacketName,
  packets: readonly ExploredPacket[],
): ExploredPacket | undefined {
  return packets.find(
    packet => packet.link === fault.link && packet.copy === fault.copy && isMeant(packet, fault),
  )
}

/**
 * Returns the shortest round trip in ms: from a packet that opens a flow to the first packet in
 * reply, and on to the packet of the flow after it. At least RTT_MIN_MS, which is also the result
 * if no packet has a reply.
 */
export function roundTripOf(packets: readonly ExploredPacket[]): number {
  let shortest = Number.POSITIVE_INFINITY
  for (const [i, first] of packets.entries()) {
    if (first.number !== 1) continue
    const back = packets.slice(i + 1).find(each => each.link === first.link && isReply(first, each))
    if (back === undefined) continue
    // In order, since a packet in memory may leave at the moment at which another one arrives.
    const later = packets.slice(packets.indexOf(back) + 1)
    const next = later.find(each => each.link === first.link && each.flow === first.flow)
    shortest = Math.min(
      shortest,
      next === undefined ? 2 * (back.at - first.at) : next.at - first.at,
    )
  }
  return Math.max(RTT_MIN_MS, Number.isFinite(shortest) ? shortest : 0)
}

function isReply({ flow, direction }: ExploredPacket, other: ExploredPacket): boolean {
  return other.direction !== direction && other.flow === backOf(flow)
}

/** Returns a fault of one of these packets; undefined if it does not apply. */
export function faultOf(
  packet: ExploredPacket,
  kind: FaultKind,
  rtt: number,
  packets: readonly ExploredPacket[],
): PlannedFault | undefined {
  const { on, isAsked } = kind
  if (!isTriedAt(kind, packet)) return undefined
  if (!isOpenTo(kind.verb, packet)) return undefined
  if (kind.isOfEnd === true && !hostsOfFlow(packet.flow).includes(on ?? '')) return undefined
  if (kind.verb === 'swap' && !packets.some(other => isLater(other, packet))) return undefined
  const time = kind.rtts > 0 ? timeOf(kind.rtts * rtt) : kind.time
  return {
    ...nameOf(packet),
    verb: kind.verb,
    time,
    ...(on !== undefined && { on }),
    ...(isAsked && { isAsked }),
  }
}

/** Returns ms in ns: whole ms from 1 ms on, which other explorations are likely to have, too. */
export function timeOf(ms: number): number {
  return ms < 1 ? Math.round(ms * NSEC_PER_MSEC) : Math.round(ms) * NSEC_PER_MSEC
}

/** Returns whether a fault can be done to a packet. */
export function isOpenTo(verb: PlannedFault['verb'], { head, flow }: ExploredPacket): boolean {
  const frame = { bytes: head, data: 0, len: head.length }
  if (verb === 'reset' || verb === 'forget' || isConnectionVerb(verb)) {
    return flow.startsWith('tcp ')
  }
  if (isNemesisVerb(verb)) return true
  if (verb === 'tamper') return payloadMiddle(frame) >= 0
  return verb !== 'ce' || ecnOf(frame) !== 0
}

function isLater(
  packet: ExploredPacket,
  { link, direction, flow, number }: ExploredPacket,
): boolean {
  return (
    packet.link === link &&
    packet.direction === direction &&
    packet.flow === flow &&
    packet.number > number
  )
}

/** Milliseconds for TCP to repeat a SYN (1 s, then 2 s), and for anything else to be repeated. */
const HANDSHAKE_MS = 4000
const TCP_MS = 2000
const OTHER_MS = 5000

/** Returns the most milliseconds that a correct program takes longer because of a fault. */
export function costOf(faults: readonly PlannedFault[]): number {
  return faults.reduce((sum, fault) => {
    const isTcp = fault.flow.startsWith('tcp ')
    const isSyn = fault.part === 'byte' ? fault.n < 0 : fault.part === 'seq' && fault.n === 0
    const ofTcp = isSyn ? HANDSHAKE_MS : TCP_MS
    const own = isTcp ? ofTcp : OTHER_MS
    const lasting = lastingOf(fault)
    const ms = lasting === FOREVER ? 0 : lasting / NSEC_PER_MSEC
    // TCP waits up to twice as long as a link was dead.
    return sum + own + (isNemesisVerb(fault.verb) ? OTHER_MS + 2 * ms : ms)
  }, 0)
}

/** Returns the elements of `all` that are not in `before`, as often as there are more of them. */
export function added(all: readonly string[], before: readonly string[]): string[] {
  const rest = [...before]
  return all.filter(each => {
    const at = rest.indexOf(each)
    if (at >= 0) {
      rest.splice(at, 1)
    }
    return at < 0
  })
}
