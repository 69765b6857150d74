/** Spans: when the faults of a lab have happened, and when they end. */
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import type { PlannedFault } from '../model/packet-name.ts'
import { FOREVER, lastingOf, needsRepair } from '../model/verbs.ts'
import type { LabHost } from '../network/host.ts'
import type { Lab } from '../network/lab.ts'

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
   * When the last fault up to now ends, in ms since the lab was made. A fault that does not end
   * counts from its start.
   */
  get over(): number {
    return this.#over
  }

  /** Returns the spans up to now. */
  get all(): readonly Span[] {
    const now = this.#origin + this.#lab.now * NSEC_PER_MSEC
    return this.#spans.map(span => ({ ...span, to: span.to === undefined || span.to > now ? undefined : span.to }))
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
    this.#spans.push({ fault, hosts: hosts.map(({ name }) => name), from: time, held: done - time, to })
    this.#over = Math.max(this.#over, isEndless ? now : now + lasting / NSEC_PER_MSEC)
  }
}
