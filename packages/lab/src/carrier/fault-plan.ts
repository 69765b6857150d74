/** FaultPlan: the planned faults of a lab, which all of its links share. */
import type { Clock } from 'vnet'
import { holdsPackets, isLinkVerb, type PlannedFault } from '../model/index.ts'
import { Cuts, cutOfHost, cutOfLink, type Place } from './cuts.ts'
import type { FaultEvent } from './protocol.ts'

/** A plan as the host of a guest replies it. */
export interface PlanReply {
  readonly plan: readonly PlannedFault[]
  /** Whether the guest stops again before the first packet of this plan. */
  readonly stops: boolean
}

/** Why a guest stops before a packet. */
export const PACKET_STOP = 'packet'

interface PlanOptions {
  readonly clock: Clock
  /** Stops a guest until its host replies, before the first packet of this plan passes. */
  readonly ask?: (() => string) | undefined
  readonly onFault?: ((event: FaultEvent) => void) | undefined
}

/**
 * Looks up and starts the planned faults of one lab. The worker makes one for each watched lab, and
 * all links of the lab share it, so that a fault at a packet of one link can cut the others.
 */
export class FaultPlan {
  readonly cuts: Cuts
  readonly #clock: Clock
  readonly #onFault: (event: FaultEvent) => void
  readonly #thawed: (() => void)[] = []
  #faults: readonly PlannedFault[]
  #ask: (() => string) | undefined
  #isAtBytes: boolean
  /** The number of faults of hosts that are happening. */
  #freezing = 0
  #events = 0

  constructor(faults: readonly PlannedFault[], { clock, ask, onFault = () => {} }: PlanOptions) {
    this.#faults = faults
    this.#ask = ask
    this.#isAtBytes = ask !== undefined || hasBytes(faults)
    this.cuts = new Cuts(clock)
    this.#clock = clock
    this.#onFault = onFault
  }

  get faults(): readonly PlannedFault[] {
    return this.#faults
  }

  /**
   * Whether a fault is at a byte of a stream, or may be in the next plan. Once false it remains
   * false: the streams need not be followed any more.
   */
  get isAtBytes(): boolean {
    return this.#isAtBytes
  }

  /** Replaces it by the plan that the host replies. Returns whether there is one. */
  renew(): boolean {
    if (this.#ask === undefined) return false
    const { plan, stops }: PlanReply = JSON.parse(this.#ask())
    this.#faults = plan
    if (!stops) {
      this.#ask = undefined
      this.#isAtBytes = hasBytes(plan)
    }
    return true
  }

  /** Whether all links hold their packets, because a fault of hosts is happening. */
  get isFrozen(): boolean {
    return this.#freezing > 0
  }

  /**
   * Starts a fault at a packet, of which `head` is the start, and notifies the listener. A fault of
   * links makes them dead immediately. For a fault of hosts, all links of the lab hold their
   * packets until `thaw` has been called for each such fault.
   */
  happen(fault: PlannedFault, { head, ...place }: Place & Pick<FaultEvent, 'head'>): void {
    const { verb, on, time } = fault
    const id = `${++this.#events}`
    if (holdsPackets(fault)) {
      this.#freezing++
    } else if (isLinkVerb(verb)) {
      this.cuts.add(id, [on === undefined ? cutOfLink(verb, place) : cutOfHost(verb, on)], time)
    }
    this.#onFault({ fault, id, head, time: this.#clock.now() })
  }

  /**
   * Called when a fault of hosts has happened. After the last one, the links send what they held.
   */
  thaw(): void {
    if (--this.#freezing > 0) return
    for (const thawed of this.#thawed) {
      thawed()
    }
    this.cuts.thaw()
  }

  /** Calls `thawed` whenever links no longer hold their packets. */
  onThaw(thawed: () => void): void {
    this.#thawed.push(thawed)
  }
}

const hasBytes = (faults: readonly PlannedFault[]): boolean =>
  faults.some(({ part }) => part === 'byte')
