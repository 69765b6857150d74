/** What `vnet run` reports of a run. */

import { ETH_HLEN } from 'vnet'
import type { StageReport } from 'vnet/control'
import { formatNumber } from 'vnet/kit/base'
import { BEFORE_VNET } from 'vnet/kit/netdev'
import type { DirectionReport, EndReport } from '../carrier/protocol.ts'
import { unsentBy } from '../kernel/counters.ts'
import type { LabFault } from '../network/fault.ts'
import type { LabHost } from '../network/host.ts'
import type { LabLink } from '../network/link.ts'
import { type LabRouter, refusedLine, tooLongLine } from '../network/router.ts'

type Causes = readonly { readonly packets: number; readonly by: string }[]

/** What the wire does to packets besides dropping them. `marked` is ECN's. */
const CHANGES = ['duplicated', 'corrupted', 'reordered', 'marked'] as const

/**
 * The packets of a direction, from the start of the link or of a repetition. They are the kernel's
 * frames, of up to 64 KiB, unless a wire cuts them.
 */
interface Traffic extends Readonly<Record<(typeof CHANGES)[number], Causes>> {
  readonly packets: number
  /** Without Ethernet headers. */
  readonly bytes: number
  /** How many were lost, by their cause, the most first. What else the wire did is likewise. */
  readonly lost: Causes
  /** How many were lost outside of the link, because they were longer than the MTU. */
  readonly tooLong: number
}

/**
 * The report of one run of a command. `out` is the direction from the command to the network, and
 * `in` the direction back.
 */
export interface RunReport {
  readonly seed: number
  /** The exit status of the command; 128 plus the number of a signal. */
  readonly status: number
  readonly seconds: number
  readonly out: Traffic
  readonly in: Traffic
  /** The TCP segments that the command's side sent again. */
  readonly retransmissions: number
  /** The TCP segments that the router sent again, at the other end of the wire. */
  readonly routerRetransmissions: number
  /** The SYNs of TCP connections that were dropped because there were too many connections. */
  readonly refused: number
  /** The DNS queries that the command's side sent again. */
  readonly repeatedQueries: number
  /** The text of --drop if it hit no packet. */
  readonly missed?: string | undefined
}

/** The link of a run, and the hosts at its ends. */
export type RunPath = Readonly<{ host: LabHost; router: LabRouter; link: LabLink }>

/** The counters of both ends, of which a report has the growth. */
export function countsOf({ host, router }: RunPath) {
  const again = (end: LabHost) => end.stats().TcpRetransSegs ?? 0
  const { tooLong, refused } = router
  return {
    retransmissions: again(host),
    routerRetransmissions: again(router),
    refused,
    // An interface has the name of the host at its other end.
    unsent: { out: unsentBy(host.place, router.name), in: unsentBy(router.place, host.name) },
    tooLong,
  }
}

/** Returns the report of a run. `faults` are the faults of --drop. */
export async function reportOf(
  path: RunPath,
  before: ReturnType<typeof countsOf>,
  faults: readonly LabFault[],
  run: Pick<RunReport, 'seed' | 'status' | 'seconds' | 'repeatedQueries'>,
): Promise<RunReport> {
  const now = countsOf(path)
  const { a, b, ab, ba } = await path.link.stats()
  const trafficOf = (way: 'out' | 'in', direction: DirectionReport, end: EndReport): Traffic => {
    const { extra } = direction
    const packets = end.sent + extra.packets
    const changes = CHANGES.map(key => [key, changesOf(direction, key)])
    return {
      packets,
      bytes: end.sentBytes + extra.bytes - packets * ETH_HLEN,
      lost: lossesOf(direction, end, now.unsent[way] - before.unsent[way]),
      ...(Object.fromEntries(changes) as Pick<Traffic, (typeof CHANGES)[number]>),
      tooLong: now.tooLong[way] - before.tooLong[way],
    }
  }
  return {
    ...run,
    out: trafficOf('out', ab, a),
    in: trafficOf('in', ba, b),
    retransmissions: now.retransmissions - before.retransmissions,
    routerRetransmissions: now.routerRetransmissions - before.routerRetransmissions,
    refused: now.refused - before.refused,
    // Faults come before the stages of the wire.
    missed:
      faults.length > 0 && faults.every(({ hits }) => hits === 0) ? ab.stages[0]?.text : undefined,
  }
}

function changesOf({ stages, former }: DirectionReport, key: (typeof CHANGES)[number]): Causes {
  return sorted(
    [...stages, ...former].map(each => ({ packets: each[key], by: `${each.path}${each.text}` })),
  )
}

const sorted = (causes: Causes): Causes =>
  causes.filter(({ packets }) => packets > 0).sort((one, other) => other.packets - one.packets)

/** Drops of an end that no stage of its wire counts: of a cut cable, and of a closed interface. */
const OF_END: readonly string[] = ['TX_CARRIER', 'DEV_READY']
/** The kernel's counter of packets that it dropped before the link, for another cause. */
const UNSENT = 'tx_dropped'

/** The drops of a direction, and of the end that sends in it. */
function lossesOf(
  { stages, former }: DirectionReport,
  { drops, beforeVnet }: EndReport,
  unsent: number,
): Causes {
  const ofStage = ({ dropped, path, text }: StageReport) => ({
    packets: dropped,
    by: `${path}${text}`,
  })
  const ofEnd = OF_END.map(by => ({ packets: drops[by] ?? 0, by }))
  const ofKernel = [
    { packets: beforeVnet, by: BEFORE_VNET },
    { packets: unsent - beforeVnet, by: UNSENT },
  ]
  return sorted([...[...stages, ...former].map(ofStage), ...ofEnd, ...ofKernel])
}

/** Returns the lines of a report for people. */
export function reportLines({
  seed,
  seconds,
  retransmissions,
  routerRetransmissions,
  repeatedQueries,
  missed,
  refused,
  ...report
}: RunReport): string[] {
  const again = [
    ...(retransmissions + routerRetransmissions > 0
      ? [
          `TCP segments sent again: ${retransmissions} by the command, ${routerRetransmissions} by the router`,
        ]
      : []),
    ...(repeatedQueries > 0 ? [`DNS queries sent again: ${repeatedQueries}`] : []),
  ]
  return [
    [`${seconds.toFixed(1)} s, seed ${seed}`, ...again].join('; '),
    ...(['out', 'in'] as const).map(way => {
      const { packets, bytes } = report[way]
      const hits = (['lost', ...CHANGES] as const).flatMap(key => {
        const causes = report[way][key].map(({ packets: count, by }) =>
          by === BEFORE_VNET ? `${count} ${by}` : `${count} by ${by}`,
        )
        return causes.length > 0 ? `; ${key}: ${causes.join(', ')}` : ''
      })
      return `${way}: ${packets} packets, ${formatNumber(bytes, 'B')}${hits.join('')}`
    }),
    ...(['out', 'in'] as const).flatMap(way => {
      const { tooLong } = report[way]
      return tooLong > 0 ? [`${way}: ${tooLongLine(way, tooLong)}`] : []
    }),
    ...(refused > 0 ? [refusedLine(refused)] : []),
    ...(missed === undefined ? [] : [`${missed} hit no packet`]),
  ]
}
