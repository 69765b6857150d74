/** What `vnet run` reports of a run. */
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
}

/** Returns the report of a run in `host`, whose counters were `before`. */
export async function reportOf(
  host: LabHost,
  link: LabLink,
  before: HostCounters,
  run: Pick<RunReport, 'seed' | 'status' | 'seconds'>,
): Promise<RunReport> {
  const counters = host.stats()
  const since = (name: string) => (counters[name] ?? 0) - (before[name] ?? 0)
  const bytes = (way: 'In' | 'Out') => since(`IpExt${way}Octets`) + since(`Ip6${way}Octets`)
  const { a, b, ab, ba } = await link.stats()
  return {
    ...run,
    out: { packets: a.sent, bytes: bytes('Out'), lost: lossesOf(ab, b) },
    in: { packets: b.sent, bytes: bytes('In'), lost: lossesOf(ba, a) },
    retransmissions: since('TcpRetransSegs'),
  }
}

/** The drops of a direction, and of the end that it leads to. */
function lossesOf({ stages, former }: DirectionReport, { drops }: EndReport): Traffic['lost'] {
  const ofStage = ({ dropped, path, text }: StageReport) => ({ packets: dropped, by: `${path}${text}` })
  const ofEnd = Object.entries(drops).filter(([reason]) => !reason.startsWith('WIRE_'))
  const all = [...[...stages, ...former].map(ofStage), ...ofEnd.map(([by, packets]) => ({ packets, by }))]
  return all.filter(({ packets }) => packets > 0).sort((one, other) => other.packets - one.packets)
}

/** Returns the lines of a report for people. */
export function reportLines({ seed, seconds, retransmissions, ...report }: RunReport): string[] {
  const again = retransmissions === 0 ? '' : `; ${retransmissions} TCP segments sent again`
  return [
    `${seconds.toFixed(1)} s, seed ${seed}${again}`,
    ...(['out', 'in'] as const).map(way => {
      const { packets, bytes, lost } = report[way]
      const causes = lost.map(({ packets, by }) => `${packets} by ${by}`)
      return `${way}: ${packets} packets, ${bytes} bytes${causes.length > 0 ? `; lost: ${causes.join(', ')}` : ''}`
    }),
  ]
}
