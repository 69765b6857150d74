/** What `vnet run` reports of a run. */
import { formatNumber } from 'vnet/internal/base/quantity'
import type { StageReport } from 'vnet/internal/netdev/device-wire'
import type { HostCounters } from '../counters.ts'
import type { LabHost } from '../host.ts'
import type { LabLink } from '../link.ts'
import type { DirectionReport, EndReport } from '../protocol.ts'

/** The packets of a direction. */
interface Traffic {
  readonly packets: number
  readonly bytes: number
  /** How many were lost, by their cause, the most first. */
  readonly lost: readonly { readonly packets: number; readonly by: string }[]
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
}

/** Returns the report of a run in `host`. `before`: its counters at the start. */
export async function reportOf(
  host: LabHost,
  link: LabLink,
  before: HostCounters,
  run: Pick<RunReport, 'seed' | 'status' | 'seconds' | 'repeatedQueries'>,
): Promise<RunReport> {
  const counters = host.stats()
  const since = (name: string) => (counters[name] ?? 0) - (before[name] ?? 0)
  const bytes = (way: 'In' | 'Out') => since(`IpExt${way}Octets`) + since(`Ip6${way}Octets`)
  const { a, b, ab, ba } = await link.stats()
  return {
    ...run,
    out: { packets: a.sent, bytes: bytes('Out'), lost: lossesOf(ab, a) },
    in: { packets: b.sent, bytes: bytes('In'), lost: lossesOf(ba, b) },
    retransmissions: since('TcpRetransSegs'),
  }
}

/** Drops of an end that no stage of its wire counts: of a cut cable, and of a closed interface. */
const OF_END: readonly string[] = ['TX_CARRIER', 'DEV_READY']

/** The drops of a direction, and of the end that sends in it. */
function lossesOf({ stages, former }: DirectionReport, { drops }: EndReport): Traffic['lost'] {
  const ofStage = ({ dropped, path, text }: StageReport) => ({ packets: dropped, by: `${path}${text}` })
  const ofEnd = OF_END.map(by => ({ packets: drops[by] ?? 0, by }))
  const all = [...[...stages, ...former].map(ofStage), ...ofEnd]
  return all.filter(({ packets }) => packets > 0).sort((one, other) => other.packets - one.packets)
}

/** Returns the lines of a report for people. */
export function reportLines({ seed, seconds, retransmissions, repeatedQueries, ...report }: RunReport): string[] {
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
  ]
}
