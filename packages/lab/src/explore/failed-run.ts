/** FailedRun: the packets of a run that failed, its faults, and operations. */

import { NSEC_PER_MSEC } from 'vnet'
import { formatDuration } from 'vnet/kit/base'
import { isLinkVerb, type NemesisVerb, type PlannedFault } from '../model/index.ts'
import type { Judgement } from './judge.ts'
import { type ExploredPacket, packetOf } from './points.ts'
import type { FailedRun, RunPacket, RunSpan } from './result.ts'

/** Nanoseconds. A fault of a host takes some milliseconds. */
const HELD_MIN = 100 * NSEC_PER_MSEC
/** How many packets are kept, and how many of them before the first fault. */
const PACKETS_MAX = 200
const BEFORE_MAX = 20

/** Returns a run; undefined for one without packets, whose process was killed. */
export function failedRunOf(
  {
    packets,
    spans,
    operations = [],
    origin = 0,
  }: Pick<Judgement, 'packets' | 'spans' | 'operations' | 'origin'>,
  textOf: (packet: ExploredPacket) => string,
): FailedRun | undefined {
  const known = spans.flatMap(span => {
    const index = packets.indexOf(packetOf(span.fault, packets) as ExploredPacket)
    return index < 0 ? [] : [{ ...span, index }]
  })
  if (packets.length === 0 && operations.length === 0) return undefined
  const places = known.map(({ index }) => index)
  const hits = packets.flatMap(({ hit }, index) => (hit && !places.includes(index) ? [index] : []))
  const before = Math.max(0, Math.min(...places, ...hits, packets.length) - BEFORE_MAX)
  const kept = packets.slice(before, before + PACKETS_MAX)
  const at = (time: number) => (time - origin) / NSEC_PER_MSEC
  return {
    packets: kept.map((packet, i) =>
      runPacketOf(packet, at(packet.time), hits.includes(before + i) ? textOf(packet) : undefined),
    ),
    before,
    after: packets.length - before - kept.length,
    spans: known.flatMap(({ fault, hosts, from, held, to, index }) =>
      (hosts.length === 0 ? [undefined] : hosts).map(host => ({
        host,
        link: fault.link,
        packet: index - before,
        hit: textOf(packets[index] as ExploredPacket),
        from: at(from),
        to: to === undefined ? undefined : at(to),
        ...withHeld(textsOf(fault, host), held),
      })),
    ),
    operations,
  }
}

function runPacketOf(packet: ExploredPacket, at: number, hit: string | undefined): RunPacket {
  const { link, direction, flow, part, n, copy, lost } = packet
  return {
    link,
    direction,
    flow,
    at,
    label: `${part} ${n}${copy === 1 ? '' : ` copy ${copy}`}`,
    lost,
    hit,
  }
}

/** What each fault does to a host, and what its end does. Faults of packets have no spans. */
const EFFECTS: Readonly<Record<NemesisVerb, readonly string[]>> = {
  silence: ['HOST is cut off', 'HOST is connected again'],
  mute: ['HOST sends nothing', 'HOST sends again'],
  deaf: ['HOST receives nothing', 'HOST receives again'],
  pause: ['HOST stops', 'HOST continues'],
  clock: ['the clock of HOST jumps by TIME', 'the clock of HOST is right again'],
  full: ['the disk of HOST is full', 'the disk of HOST has space again'],
  forget: ['HOST forgets the connection'],
  crash: ['HOST crashes', 'HOST starts again'],
  restart: ['HOST crashes', 'HOST starts again'],
  rebind: ['the NAT of HOST forgets its mappings'],
  repair: ['all faults end'],
}

/** Returns the effect of a fault, and the effect of its end. */
function textsOf(fault: PlannedFault, host: string | undefined): Pick<RunSpan, 'starts' | 'ends'> {
  const { verb, time } = fault
  if (host === undefined && isLinkVerb(verb)) {
    const place = placeOf(fault)
    return { starts: `${place} loses all packets`, ends: `${place} carries packets again` }
  }
  const jump = () => `${time < 0 ? '-' : '+'}${formatDuration(Math.abs(time))}`
  const [starts = '', ends] = EFFECTS[verb as NemesisVerb].map(text =>
    text.replaceAll(/HOST|TIME/g, word => (word === 'TIME' ? jump() : `${host}`)),
  )
  return { starts, ends }
}

/** Says that links held packets for long, because the scenario did not name the hosts sooner. */
function withHeld(
  texts: Pick<RunSpan, 'starts' | 'ends'>,
  held: number,
): Pick<RunSpan, 'starts' | 'ends'> {
  if (held < HELD_MIN) return texts
  return {
    ...texts,
    starts: `${texts.starts} after links held all packets for ${formatDuration(held, { digits: 2 })}`,
  }
}

/** Returns a link, or the dead one of its directions. */
function placeOf({ verb, link, direction }: PlannedFault): string {
  const other = direction === 'ab' ? 'ba' : 'ab'
  return verb === 'silence' ? link : `${link} ${verb === 'mute' ? direction : other}`
}

/** Returns a fault as a line: `at 1.2 ms server stops, at 5001.2 ms server continues`. */
function spanText({ from, to, starts, ends }: RunSpan): string {
  const end = to === undefined || ends === undefined ? '' : `, at ${to.toFixed(1)} ms ${ends}`
  return `at ${from.toFixed(1)} ms ${starts}${end}`
}

/** The most operations in a text. */
const LINES_MAX = 20

/** Returns the last operations, and between them faults, and the packets that a fault has hit. */
export function runLines({ operations, packets, spans }: FailedRun): string[] {
  const starts = operations.filter(({ isStart }) => isStart)
  const earlier = Math.max(0, starts.length - LINES_MAX)
  const shown = starts.slice(earlier)
  const hits = packets.flatMap(({ at, hit }) => (hit === undefined ? [] : [{ at, text: hit }]))
  // Several hosts may be hit at one packet.
  const atSpans = new Map(spans.map(({ packet, from, hit }) => [hit, packets[packet]?.at ?? from]))
  hits.push(...[...atSpans].map(([text, at]) => ({ at, text })))
  const faults = spans.map(span => ({ at: span.from, text: spanText(span) }))
  const lines = [...shown, ...hits, ...faults].sort((a, b) => a.at - b.at).map(({ text }) => text)
  return [...(earlier > 0 ? [`(${earlier} earlier operations)`] : []), ...lines]
}
