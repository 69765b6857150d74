/** The faults of connections, links and hosts, by their verbs. */

/** One end of a connection. The address is a text without a prefix. */
export type Endpoint = Readonly<{ address: string; port: number }>

/**
 * Faults of TCP connections that a wire does not do to packets. An `abort` is a reset that arrives
 * while the bytes before it are unread.
 */
export const CONNECTION_VERBS = ['fin', 'abort'] as const
/** Faults of links, and of all links of a host. */
export const LINK_VERBS = ['silence', 'mute', 'deaf'] as const
/** Faults of hosts. */
export const HOST_VERBS = ['pause', 'crash', 'restart', 'forget', 'clock', 'full'] as const
/** `rebind` is for the NAT of a router. `repair` ends all faults of links and hosts. */
export const NEMESIS_VERBS = [...LINK_VERBS, ...HOST_VERBS, 'rebind', 'repair'] as const

/**
 * Faults that end or silence connections for good or for a time. A program that reports them in
 * time is correct.
 */
const ENDING_VERBS: readonly string[] = [
  'reset',
  ...CONNECTION_VERBS,
  'forget',
  'crash',
  ...LINK_VERBS,
]

/** The time of a fault that lasts to the end, in ns. JSON keeps it, unlike Infinity. */
export const FOREVER = Number.MAX_SAFE_INTEGER

export type ConnectionVerb = (typeof CONNECTION_VERBS)[number]
export type LinkVerb = (typeof LINK_VERBS)[number]
export type HostVerb = (typeof HOST_VERBS)[number]
export type NemesisVerb = (typeof NEMESIS_VERBS)[number]

/** Whether all links hold their packets while a fault happens: when this process has to act. */
export function holdsPackets({
  verb,
  isAsked,
}: {
  readonly verb: string
  readonly isAsked?: true | undefined
}): boolean {
  return isAsked === true || !isLinkVerb(verb)
}

/** Whether a fault lasts until a repair, and no program can do without one. `time` is in ns. */
export function needsRepair({
  verb,
  time,
}: {
  readonly verb: string
  readonly time: number
}): boolean {
  return verb === 'crash' || time === FOREVER
}

/** Returns how many ns a fault lasts: FOREVER if only a repair ends it. */
export function lastingOf(fault: { readonly verb: string; readonly time: number }): number {
  return fault.verb === 'clock' || needsRepair(fault) ? FOREVER : fault.time
}

/** Whether a fault ends or silences connections. */
export const isEnding = ({ verb }: { readonly verb: string }): boolean =>
  ENDING_VERBS.includes(verb)

/** Whether a program may report the faults of a plan: a repair asks it to recover instead. */
export function mayReject(plan: readonly { readonly verb: string }[]): boolean {
  return plan.some(isEnding) && plan.every(({ verb }) => verb !== 'repair')
}

export const isNemesisVerb = (verb: string): verb is NemesisVerb =>
  NEMESIS_VERBS.some(each => each === verb)

export const isConnectionVerb = (verb: string): verb is ConnectionVerb =>
  CONNECTION_VERBS.some(each => each === verb)

export const isLinkVerb = (verb: string): verb is LinkVerb => LINK_VERBS.some(each => each === verb)

export const isHostVerb = (verb: string): verb is HostVerb => HOST_VERBS.some(each => each === verb)
