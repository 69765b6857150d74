/** FaultPlan: the planned faults of a lab, which all of its links share. */
import type { PlannedFault } from './packet-name.ts'

/** A plan as the host of a guest replies it. */
export interface PlanReply {
  readonly plan: readonly PlannedFault[]
  /** Whether the guest stops again before the first packet of this plan. */
  readonly stops: boolean
}

/** Why a guest stops before a packet. */
export const PACKET_STOP = 'packet'

export class FaultPlan {
  #faults: readonly PlannedFault[]
  #ask: (() => string) | undefined

  /** `ask` stops a guest until its host replies, before the first packet of this plan passes. */
  constructor(faults: readonly PlannedFault[], ask?: () => string) {
    this.#faults = faults
    this.#ask = ask
  }

  get faults(): readonly PlannedFault[] {
    return this.#faults
  }

  /** Replaces it by the plan that the host replies. Returns whether there is one. */
  renew(): boolean {
    if (this.#ask === undefined) return false
    const { plan, stops }: PlanReply = JSON.parse(this.#ask())
    this.#faults = plan
    if (!stops) this.#ask = undefined
    return true
  }
}
