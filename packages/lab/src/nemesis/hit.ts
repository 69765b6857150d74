/** Hit: the hosts that faults hit which name none. */

import { NSEC_PER_MSEC, UsageError } from 'vnet'
import { messageOrDescription } from 'vnet/kit/base'
import {
  FOREVER,
  type Form,
  lastingOf,
  namesFor,
  needsRepair,
  type PlannedFault,
  shown,
} from '../model/index.ts'
import type { LabHost } from '../network/host.ts'
import type { Lab } from '../network/lab.ts'

/** The name of a host, or a list of names. */
export type HostNames = string | readonly string[]

/** Names, or a function of the lab that is called when a fault happens: "the leader now". */
export type Hit = HostNames | ((lab: Lab) => Promise<HostNames> | HostNames)

export const HIT: Form = {
  accepts: value => typeof value === 'function' || namesOf(value) !== undefined,
  text: 'the name of a host, a list of names, or a function that returns them',
}

/** Returns the hosts that `hit` names now. Rejects with a UsageError if they are not hosts. */
export async function hostsOfHit(hit: Hit, lab: Lab): Promise<readonly LabHost[]> {
  const named = typeof hit === 'function' ? await ask(hit, lab) : hit
  const names = namesOf(named)
  if (names === undefined) {
    throw new UsageError(`hit: ${shown(named)} is not the name of a host, or a list of names`)
  }
  const { hosts } = lab.links.lab
  return names.map(name => hostOf(name, hosts, 'hit: '))
}

async function ask(hit: Hit & ((lab: Lab) => unknown), lab: Lab): Promise<unknown> {
  try {
    return await hit(lab)
  } catch (error) {
    const what = error instanceof UsageError ? '' : 'the function has failed: '
    throw new UsageError(`hit: ${what}${messageOrDescription(error)}`)
  }
}

/** Returns each name once; undefined for other values, and without a name. */
function namesOf(value: unknown): readonly string[] | undefined {
  const names = [...new Set([value].flat())]
  const areNames = names.every((name): name is string => typeof name === 'string' && name !== '')
  return areNames && names.length > 0 ? names : undefined
}

/** Throws a UsageError for the name of another host. */
export function hostOf(name: string, hosts: readonly LabHost[], what = ''): LabHost {
  const host = hosts.find(each => each.name === name)
  if (host !== undefined) return host
  const known = hosts.map(each => each.name)
  throw new UsageError(
    `${what}${name} is not a host of the lab, which are ${namesFor(name, known)}`,
  )
}

/** A fault that has happened, or a repair. Times are ns of the clock of the links. */
export interface Span {
  readonly fault: PlannedFault
  /** The hosts that were hit; none for a fault of a link. */
  readonly hosts: readonly string[]
  /** When its packet arrived. */
  readonly from: number
  /** How long the links held it, until the fault had happened. */
  readonly held: number
  /** When it ended; undefined if it has not. */
  readonly to?: number | undefined
}

/** Whether a repair was planned, and a fault that needs one has lasted to the end of the run. */
export function isUnrepaired(plan: readonly PlannedFault[], spans: readonly Span[] = []): boolean {
  const isPlanned = plan.some(({ verb }) => verb === 'repair')
  return isPlanned && spans.some(({ fault, to }) => to === undefined && needsRepair(fault))
}

/** The faults and repairs of a run up to now. */
export class Spans {
  readonly #lab: Pick<Lab, 'now'>
  #spans: Span[] = []
  /** The time of the links at the start of the lab, in ns. */
  #origin = 0
  #over = 0

  constructor(lab: Pick<Lab, 'now'>) {
    this.#lab = lab
  }

  /**
   * When the last fault up to now ends, in milliseconds since the lab was made. A fault that does
   * not end counts from its start.
   */
  get over(): number {
    return this.#over
  }

  /** Returns the spans up to now. */
  get all(): readonly Span[] {
    const now = this.#origin + this.#lab.now * NSEC_PER_MSEC
    return this.#spans.map(span => ({
      ...span,
      to: span.to === undefined || span.to > now ? undefined : span.to,
    }))
  }

  /**
   * Adds a fault that has happened to hosts now. The clock of the links was at `time` ns when the
   * lab was at `at` ms.
   */
  add(fault: PlannedFault, hosts: readonly LabHost[], time: number, at: number): void {
    const { now } = this.#lab
    this.#origin = time - Math.round(at * NSEC_PER_MSEC)
    const done = this.#origin + Math.round(now * NSEC_PER_MSEC)
    if (fault.verb === 'repair') {
      this.#spans = this.#spans.map(span => ({ ...span, to: Math.min(span.to ?? done, done) }))
      this.#over = now
    }
    const lasting = lastingOf(fault)
    const isEndless = lasting === FOREVER
    const to = isEndless ? undefined : done + lasting
    this.#spans.push({
      fault,
      hosts: hosts.map(({ name }) => name),
      from: time,
      held: done - time,
      to,
    })
    this.#over = Math.max(this.#over, isEndless ? now : now + lasting / NSEC_PER_MSEC)
  }
}
