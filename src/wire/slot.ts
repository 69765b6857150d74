/**
 * WireSlot: the place of a wire between two devices. Without stages it is the direct wire, and a
 * frame costs what it cost before there were stages; with stages it is a chain.
 */
import type { DeviceWire, StageReport, WireResources } from '../netdev/device-wire.ts'
import { NETIF_F_GRO } from '../netdev/if.ts'
import type { Net } from '../netdev/net.ts'
import { Chain } from './chain.ts'
import type { DecisionLog } from './decision-log.ts'
import type { Direction, Impairment, Wire } from './wire.ts'
import { parseWire } from './words/parse.ts'

/** What a wire needs of the device that it leads to. */
export interface WireDevice {
  features: number
  logException(op: string, error: unknown): void
}

export interface WireSlotOptions {
  readonly direction: Direction
  /** Of all random streams. */
  readonly seed: number
  readonly net: Net
  /** The receiving device, which merges packets that the chain has cut. */
  readonly to: WireDevice
  /** Leads to the receiving device, and back to the sending one. */
  readonly end: Wire
  readonly back: Wire
  readonly log?: DecisionLog | undefined
}

export class WireSlot implements DeviceWire {
  readonly direction: Direction
  words = ''
  /** Takes the frames of the sending device: the chain, or what is behind it. */
  wire: Wire
  readonly #options: WireSlotOptions
  #chain: Chain | undefined

  constructor(options: WireSlotOptions) {
    this.#options = options
    this.direction = options.direction
    this.wire = options.end
  }

  /** Replaces the stages; none are the direct wire. Nothing that is held is lost. */
  set(stages: readonly Impairment[], words = wordsOf(stages)): void {
    if (this.#chain === undefined && stages.length === 0) return
    this.#chain ??= this.#newChain()
    this.#chain.set(stages)
    this.words = words
    this.wire = this.#chain.busy ? this.#chain : this.#options.end
  }

  change(words: string, resources: WireResources): void {
    this.set(parseWire(words, resources), words)
  }

  report(): readonly StageReport[] {
    return this.#chain?.report() ?? []
  }

  /** Drops what is held, and what comes later. */
  close(): void {
    this.#chain?.close()
  }

  #newChain(): Chain {
    const { net, to, ...options } = this.#options
    const merged = (to.features & NETIF_F_GRO) !== 0
    return new Chain({
      ...options,
      ...{ clock: net.clock, pool: net.pool, segments: net.segments },
      onPackets: packets => {
        if (!merged) to.features = packets ? to.features | NETIF_F_GRO : to.features & ~NETIF_F_GRO
      },
      failed: (stage, error) => to.logException(`wire ${options.direction}, ${stage}`, error),
    })
  }
}

function wordsOf(stages: readonly Impairment[]): string {
  return stages.map(({ words, kind, name }) => words ?? kind ?? name).join(' | ')
}
