/** What `vnet run` reports of a run. */
import { formatNumber } from 'vnet/internal/base/quantity'
import type { StageReport } from 'vnet/internal/netdev/device-wire'
import { ETH_HLEN } from 'vnet/internal/packet/ethernet'
import { type HostCounters, unsentBy } from '../counters.ts'
import type { LabFault } from '../fault.ts'
import type { LabHost } from '../host.ts'
import type { LabLink } from '../link.ts'
import type { DirectionReport, EndReport } from '../protocol.ts'
import { type LabRouter, tooLongLine } from '../router.ts'

/**
 * The packets of a direction, from the start of the link or of a repetition. Without a wire they
 * are the kernel's frames, of up to 64 KiB.
 */
interface Traffic {
  readonly packets: number
  /** Without Ethernet headers. */
  readonly bytes: number
  /** How many were lost, by their cause, the most first. */
  readonly lost: readonly { readonly packets: number; readonly by: string }[]
  /** How many were lost outside of the link, because they were longer than the MTU. */
  readonly tooLong: number
}

export interface RunReport {
  readonly seed: number
  /** The exit status of the command; 128 plus the number of a signal. */
  readonly status: number
  readonly seconds: number
  readonly out: Traffic
  readonly in: Traffic
  /** The TCP segments that the command's side sent again. */
  readonly retransmissions: number
  /** The DNS queries that the command's side sent again. */
  readonly repeatedQueries: number
  /** The text of --drop if it hit no packet. */
  readonly missed?: string | undefined
}

/** The link of a run, and the hosts at its ends. */
export interface RunPath {
  readonly host: LabHost
  readonly router: LabRouter
  readonly link: LabLink
}

/** The counters at the start of a run. */
export interface CountsBefore {
  readonly host: HostCounters
  readonly unsent: InAndOut
  readonly tooLong: InAndOut
}

/** How many packets were lost before the link, or past it, at each end. */
interface InAndOut {
  readonly out: number
  readonly in: number
}

export function countsBefore(path: RunPath): CountsBefore {
  return { host: path.host.stats(), unsent: unsentAt(path), tooLong: path.router.tooLong }
}

/** An interface has the name of the host at its other end. */
const unsentAt = ({ host, router }: RunPath): InAndOut => ({
  out: unsentBy(host.place, router.name),
  in: unsentBy(router.place, host.name),
})

/** Returns the report of a run. `faults` are the faults of --drop. */
export async function reportOf(
  path: RunPath,
  before: CountsBefore,
  faults: readonly LabFault[],
  run: Pick<RunReport, 'seed' | 'status' | 'seconds' | 'repeatedQueries'>,
): Promise<RunReport> {
  const counters = path.host.stats()
  const since = (name: string) => (counters[name] ?? 0) - (before.host[name] ?? 0)
  const unsent = unsentAt(path)
  const { tooLong } = path.router
  const { a, b, ab, ba } = await path.link.stats()
  return {
    ...run,
    out: { ...trafficOf(ab, a, unsent.out - before.unsent.out), tooLong: tooLong.out - before.tooLong.out },
    in: { ...trafficOf(ba, b, unsent.in - before.unsent.in), tooLong: tooLong.in - before.tooLong.in },
    retransmissions: since('TcpRetransSegs'),
    // Faults come before the stages of the wire.
    missed: faults.length > 0 && faults.every(({ hits }) => hits === 0) ? ab.stages[0]?.text : undefined,
  }
}

function trafficOf(direction: DirectionReport, end: EndReport, unsent: number): Omit<Traffic, 'tooLong'> {
  const { extra } = direction
  const packets = end.sent + extra.packets
  const bytes = end.sentBytes + extra.bytes - packets * ETH_HLEN
  return { packets, bytes, lost: lossesOf(direction, end, unsent) }
}

/** Drops of an end that no stage of its wire counts: of a cut cable, and of a closed interface. */
const OF_END: readonly string[] = ['TX_CARRIER', 'DEV_READY']
/** The kernel's counter of packets that it dropped before the link. */
const UNSENT = 'tx_dropped'

/** The drops of a direction, and of the end that sends in it. */
function lossesOf({ stages, former }: DirectionReport, { drops }: EndReport, unsent: number): Traffic['lost'] {
  const ofStage = ({ dropped, path, text }: StageReport) => ({ packets: dropped, by: `${path}${text}` })
  const ofEnd = OF_END.map(by => ({ packets: drops[by] ?? 0, by }))
  const all = [...[...stages, ...former].map(ofStage), ...ofEnd, { packets: unsent, by: UNSENT }]
  return all.filter(({ packets }) => packets > 0).sort((one, other) => other.packets - one.packets)
}

/** Returns the lines of a report for people. */
export function reportLines({
  seed,
  seconds,
  retransmissions,
  repeatedQueries,
  missed,
  ...report
}: RunReport): string[] {
  const again = [
    ...(retransmissions > 0 ? [`TCP segments sent again: ${retransmissions}`] : []),
    ...(repeatedQueries > 0 ? [`DNS queries sent again: ${repeatedQueries}`] : []),
  ]
  return [
    [`${seconds.toFixed(1)} s, seed ${seed}`, ...again].join('; '),
    ...(['out', 'in'] as const).map(way => {
      const { packets, bytes, lost } = report[way]
      const causes = lost.map(({ packets, by }) => `${packets} by ${by}`)
      const losses = causes.length > 0 ? `; lost: ${causes.join(', ')}` : ''
      return `${way}: ${packets} packets, ${formatNumber(bytes, 'B')}${losses}`
    }),
    ...(['out', 'in'] as const).flatMap(way => {
      const { tooLong } = report[way]
      return tooLong > 0 ? [`${way}: ${tooLongLine(way, tooLong)}`] : []
    }),
    ...(missed === undefined ? [] : [`${missed} hit no packet`]),
  ]
}
