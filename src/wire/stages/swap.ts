/** swap: lets the next packet of the same flow overtake a packet. */
import { OWNER_WIRE } from '../../skb/error.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { QueueEnv, Wire } from '../wire.ts'
import { DueQueue, type PacketStore } from './delay-queue.ts'
import { flowHash } from './flow.ts'

/** A packet that nothing has overtaken for this time leaves alone, in ns. */
const WAIT = 1_000_000_000
const LIMIT = { packets: 100 }

interface Held {
  readonly skb: SkBuff
  readonly moment: number
  readonly flow: number
}

/** Few packets, at most one of each flow. */
class SwapStore implements PacketStore {
  readonly #held: Held[] = []

  get length(): number {
    return this.#held.length
  }

  get first(): number {
    return this.#held[0]?.moment ?? Number.POSITIVE_INFINITY
  }

  add(skb: SkBuff, moment: number): void {
    skb.owner = OWNER_WIRE
    this.#held.push({ skb, moment, flow: flowHash(skb, 0) })
  }

  shift(): SkBuff | undefined {
    return this.#held.shift()?.skb
  }

  /** Takes the packet of a flow. */
  take(flow: number): SkBuff | undefined {
    const at = this.#held.findIndex(held => held.flow === flow)
    return at < 0 ? undefined : this.#held.splice(at, 1)[0]?.skb
  }

  each(fn: (skb: SkBuff) => void): void {
    for (const { skb } of this.#held) fn(skb)
  }
}

export class SwapQueue extends DueQueue<SwapStore> {
  readonly #next: Wire

  constructor(next: Wire, env: QueueEnv) {
    const alone: Wire = {
      push(skb) {
        env.decided('delay', skb, WAIT)
        next.push(skb)
      },
    }
    super(LIMIT, alone, env, new SwapStore())
    this.#next = next
  }

  /**
   * Holds a packet until `follow` passes the next one of its flow, which may be this packet. It is
   * not swapped if too many are held.
   */
  push(skb: SkBuff): void {
    if (this.follow(skb)) return
    if (!this.admits(skb)) {
      this.#next.push(skb)
      return
    }
    const moment = this.env.clock.now() + WAIT
    if (this.hold(skb, moment) && this.length === 1) this.alarm.at(moment)
  }

  /** Passes a packet and then the held packet of its flow. Returns false if none is held. */
  follow(skb: SkBuff): boolean {
    const held = this.held.take(flowHash(skb, 0))
    if (held === undefined) return false
    this.#next.push(skb)
    this.release(held)
    this.env.note('reorder', held)
    this.#next.push(held)
    return true
  }
}
