/** The text of a planned fault: `drop client-server ab tcp client:* > server:80 seq 1`. */
import { durationOf, formatDuration } from 'vnet/internal/base/duration'
import { UsageError } from 'vnet/internal/base/usage-error'
import { FAULT_VERBS, type FaultVerb } from 'vnet/internal/wire/stages/fault-verbs'
import { formatName, type PlannedFault, parseName } from '../watch/packet-name.ts'

/** A kind of fault. `time` is the time of a delay in ns, `rtts` the same in round trips. */
export interface FaultKind {
  readonly text: string
  readonly verb: FaultVerb
  readonly time: number
  readonly rtts: number
  /** The packets that are lost together in a burst; 1 for other faults. */
  readonly count: number
}

/** A packet later than this many round trips is overtaken by all of the packets after it. */
const DELAY_RTTS = 3

export function burstKind(count: number): FaultKind {
  return { text: `burst ${count}`, verb: 'drop', time: 0, rtts: 0, count }
}

/** Reads `drop`, `delay`, `delay 2rtt` or `delay 50ms`. Throws a UsageError. */
export function parseKind(text: string): FaultKind {
  const [verb, time, ...rest] = text.trim().split(/\s+/)
  const isVerb = FAULT_VERBS.includes(verb as FaultVerb)
  if (!isVerb || rest.length > 0 || (time !== undefined && verb !== 'delay')) {
    throw new UsageError(`faults: '${text}' is not a fault: ${FAULT_VERBS.join(', ')}, delay 2rtt, delay 50ms`)
  }
  const kind = { text: text.trim(), verb: verb as FaultVerb, time: 0, rtts: 0, count: 1 }
  if (verb !== 'delay') return kind
  const [, rtts] = /^(\d+(?:\.\d+)?)rtt$/.exec(time ?? `${DELAY_RTTS}rtt`) ?? []
  if (rtts !== undefined) return { ...kind, rtts: Number(rtts) }
  return { ...kind, time: durationOf(time as string) }
}

export function formatFault(fault: PlannedFault): string {
  const time = fault.verb === 'delay' ? ` ${formatDuration(fault.time)}` : ''
  return `${fault.verb}${time} ${formatName(fault)}`
}

/** Reads the text of formatFault. Throws a UsageError. */
export function parseFault(text: string): PlannedFault {
  const [, verb = '', time, name = ''] = /^\s*(\w+)(?:(?<=delay) (\d\S*))? (.*)$/.exec(text) ?? []
  const { verb: known, time: ns } = parseKind(time === undefined ? verb : `${verb} ${time}`)
  if (known === 'delay' && time === undefined) throw new UsageError(`'${text}': a delay has a time: delay 50ms`)
  return { ...parseName(name), verb: known, time: ns }
}
