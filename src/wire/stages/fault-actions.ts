/** FaultActions: what a fault does to a packet, whichever stage selects the packet. */
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { Wire, WireEnv } from '../wire.ts'
import { flipBit } from './corrupt.ts'
import { DelayQueue } from './delay-queue.ts'
import { sendResets, tcpHeaderOf } from './tcp-reset.ts'

export type FaultVerb = 'drop' | 'duplicate' | 'delay' | 'corrupt' | 'reset'

/** The most packets that are delayed at a time: the default limit of other stages. */
const LIMIT = { packets: 1000 }

export class FaultActions {
  readonly #next: Wire
  readonly #env: WireEnv
  /** Made for the first delay; other faults hold nothing. */
  #queue: DelayQueue | undefined

  constructor(next: Wire, env: WireEnv) {
    this.#next = next
    this.#env = env
  }

  /**
   * Takes ownership of a packet, and does to it what `verb` says. `time` is that of a delay, in ns.
   * A reset drops a TCP segment and resets the connection at both ends; other packets pass.
   */
  apply(verb: FaultVerb, skb: SkBuff, time: number): void {
    const env = this.#env
    switch (verb) {
      case 'drop':
        env.drop(skb, 'drop')
        return
      case 'duplicate': {
        const copy = env.duplicate(skb)
        this.#next.push(skb)
        if (copy !== undefined) this.#next.push(copy)
        return
      }
      case 'corrupt': {
        const bit = flipBit(skb, env.random.next())
        if (bit >= 0) env.note('corrupt', skb, bit)
        this.#next.push(skb)
        return
      }
      case 'reset': {
        const header = tcpHeaderOf(skb)
        if (header < 0) {
          this.#next.push(skb)
          return
        }
        sendResets(skb, header, env)
        env.drop(skb, 'reset')
        return
      }
      case 'delay':
        this.#queue ??= new DelayQueue(LIMIT, this.#next, env)
        if (this.#queue.push(skb, env.clock.now() + time)) env.decided('delay', skb, time)
    }
  }

  close(): void {
    this.#queue?.close()
  }
}
