/** The text of a planned fault: `drop client-server ab tcp client:* > server:80 seq 1`. */

import { NSEC_PER_SEC, UsageError } from 'vnet'
import { durationOf, formatDuration } from 'vnet/kit/base'
import { FAULT_VERBS } from 'vnet/kit/wire'
import {
  formatName,
  hostsOfFlow,
  type PacketName,
  type PlannedFault,
  parseName,
} from '../model/packet-name.ts'
import {
  CONNECTION_VERBS,
  FOREVER,
  isConnectionVerb,
  isHostVerb,
  isLinkVerb,
  LINK_VERBS,
  NEMESIS_VERBS,
} from '../model/verbs.ts'

/** A kind of fault. `time` is a PlannedFault's, `rtts` the same in round trips. */
export interface FaultKind {
  readonly text: string
  readonly verb: PlannedFault['verb']
  readonly time: number
  readonly rtts: number
  /** The packets that are lost together in a burst; 1 for other faults. */
  readonly count: number
  /** The name of the host that is hit. */
  readonly on?: string | undefined
  /** Set for the hosts that the option `hit` names. */
  readonly isAsked?: true | undefined
  /** Whether it hits this host only at packets of its own flows. */
  readonly isOfEnd?: boolean
  /** The protocol of the flows whose packets it hits: TCP, or any other. Both by default. */
  readonly only?: 'tcp' | 'other'
  /** Whether it is tried at bytes of TCP streams, in place of their packets. */
  readonly isAtByte?: boolean
}

/** A packet later than this many round trips is overtaken by all of the packets after it. */
const DELAY_RTTS = 3

/** Returns the fault that loses `count` packets in a row, from the given packet on. */
export function burstKind(count: number): FaultKind {
  return { text: `burst ${count}`, verb: 'drop', time: 0, rtts: 0, count }
}

/**
 * Marks a fault, if it can hit a host and names none: the run then asks `hit` for its hosts. A
 * forgotten connection has its hosts already.
 */
export function withHit<F extends Pick<FaultKind, 'verb' | 'on'>>(
  fault: F,
): F & Pick<FaultKind, 'isAsked'> {
  const { verb, on } = fault
  const isOpen = on === undefined && verb !== 'forget' && (isHostVerb(verb) || isLinkVerb(verb))
  return isOpen ? { ...fault, isAsked: true } : fault
}

/** Throws a UsageError for a fault of hosts that nothing names. */
export function checkNamed(fault: PlannedFault): void {
  const { verb, on, isAsked } = fault
  if (!isHostVerb(verb) || on !== undefined || isAsked) return
  const given = `${verb}${timeText(fault)}`
  throw new UsageError(`'${formatFault(fault)}': name the host that it hits: ${given} on server`)
}

/**
 * Returns `kinds`, but with each fault of hosts that names no host as one fault for each host at an
 * end of a flow of the packets. Faults that `hit` names the hosts of remain as they are.
 */
export function withEnds(
  kinds: readonly FaultKind[],
  packets: readonly Pick<PacketName, 'flow'>[],
): FaultKind[] {
  const ends = [...new Set(packets.flatMap(({ flow }) => hostsOfFlow(flow)))]
  return kinds.flatMap(kind => {
    if (!isHostVerb(kind.verb) || kind.isAsked) return kind
    if (kind.on !== undefined) return { ...kind, isOfEnd: kind.verb === 'forget' }
    return ends.map(on => ({ ...kind, text: `${kind.text} on ${on}`, on, isOfEnd: true }))
  })
}

/** How long a fault of links or hosts lasts, unless its text says so, in ns. */
export const LASTS = 3 * NSEC_PER_SEC
const VERBS: readonly string[] = [...FAULT_VERBS, ...CONNECTION_VERBS, ...NEMESIS_VERBS]
/** The default faults of TCP, which repairs all others itself, and of other protocols. */
const TCP_FAULTS: readonly string[] = ['reset', 'fin', 'silence forever', 'mute forever', 'forget']
const OTHER_FAULTS: readonly string[] = ['drop', 'duplicate', 'delay', 'corrupt']
/** The faults that have a time. */
const TIMED: readonly string[] = ['delay', 'clock', ...LINK_VERBS, 'pause', 'restart', 'full']

/** Reads `drop`, `delay 2rtt`, `silence 5s` or `pause 5s on server`. Throws a UsageError. */
export function parseKind(text: string): FaultKind {
  const [, words = '', on] = /^(.*?)(?:\s+on\s+(\S+))?$/.exec(text.trim()) ?? []
  const [verb = '', time, ...rest] = words.split(/\s+/)
  const isTimed = TIMED.includes(verb)
  const hasHost = isLinkVerb(verb) || isHostVerb(verb) || verb === 'rebind'
  const hasExtra =
    rest.length > 0 || (time !== undefined && !isTimed) || (on !== undefined && !hasHost)
  if (!VERBS.includes(verb) || hasExtra) {
    const known = VERBS.join(', ')
    throw new UsageError(
      `faults: '${text}' is not a fault: ${known}, delay 2rtt, silence 5s, pause 5s on server`,
    )
  }
  const kind = {
    text: text.trim(),
    verb: verb as FaultKind['verb'],
    time: 0,
    rtts: 0,
    count: 1,
    on,
  }
  if (!isTimed) return kind
  if (verb === 'clock') return { ...kind, time: jumpOf(text, time) }
  if (time === 'forever' && verb !== 'delay') return { ...kind, time: FOREVER }
  if (time === undefined && verb !== 'delay') return { ...kind, time: LASTS }
  const [, rtts] = /^(\d+(?:\.\d+)?)rtt$/.exec(time ?? `${DELAY_RTTS}rtt`) ?? []
  if (rtts !== undefined) return { ...kind, rtts: Number(rtts) }
  return { ...kind, time: durationOf(time as string) }
}

/** Returns the faults that are tried if none are named. */
export function defaultKinds(): FaultKind[] {
  return [
    ...TCP_FAULTS.map((text): FaultKind => ({ ...parseKind(text), only: 'tcp' })),
    ...OTHER_FAULTS.map((text): FaultKind => ({ ...parseKind(text), only: 'other' })),
  ]
}

/**
 * Returns the verbs that were not tried, each with the protocol if it was tried with another one:
 * `drop of TCP`. A repair follows others.
 */
export function untriedVerbs(kinds: readonly FaultKind[]): string[] {
  const isTcp = kinds.some(({ only }) => only === 'tcp')
  return VERBS.filter(verb => verb !== 'repair').flatMap(verb => {
    const own = kinds.filter(kind => kind.verb === verb)
    if (own.length === 0) return verb
    return isTcp && own.every(({ only }) => only === 'other') ? `${verb} of TCP` : []
  })
}

/** Returns by how many ns a clock jumps: `+5s` or `-5s`. */
function jumpOf(text: string, time = ''): number {
  if (!/^[+-]/.test(time)) {
    throw new UsageError(`faults: '${text}': say by how much the clock jumps: clock +5s, clock -5s`)
  }
  const ns = durationOf(time.slice(1))
  return time.startsWith('-') ? -ns : ns
}

export const formatFault = (fault: PlannedFault): string =>
  `${withoutPacket(fault)} ${formatName(fault)}`

/** Returns a fault without the name of its packet: `restart 100ms on server`. */
export function withoutPacket(fault: PlannedFault): string {
  return `${fault.verb}${timeText(fault)}${fault.on === undefined ? '' : ` on ${fault.on}`}`
}

function timeText({ verb, time }: PlannedFault): string {
  if (verb === 'clock') return ` ${time < 0 ? '-' : '+'}${formatDuration(Math.abs(time))}`
  return TIMED.includes(verb) ? ` ${time === FOREVER ? 'forever' : formatDuration(time)}` : ''
}

/** Reads the text of formatFault. Throws a UsageError. */
export function parseFault(text: string): PlannedFault {
  const [, verb = '', time, on, name = ''] =
    /^\s*(\w+)(?: ([+-]?\d\S*|forever)(?= ))?(?: on (\S+))? (.*)$/.exec(text) ?? []
  const isTimed = TIMED.includes(verb)
  // The name of a link may start with a digit.
  const [own, rest] = isTimed || time === undefined ? [time, name] : [undefined, `${time} ${name}`]
  const words = [verb, own, on && `on ${on}`].filter(Boolean).join(' ')
  const { verb: known, time: ns } = parseKind(words)
  if (isTimed && own === undefined) {
    throw new UsageError(`'${text}': a ${verb} has a time: ${verb} 50ms`)
  }
  const packet = parseName(rest)
  const isOwnReset = verb === 'abort' && packet.part === 'rst'
  if (isConnectionVerb(verb) && packet.part !== 'byte' && !isOwnReset) {
    const or = verb === 'abort' ? ', or at a reset: ... rst 1' : ''
    throw new UsageError(`'${text}': ${verb} is at a byte of a stream: ... byte 1${or}`)
  }
  return { ...packet, verb: known, time: ns, ...(on !== undefined && { on }) }
}
