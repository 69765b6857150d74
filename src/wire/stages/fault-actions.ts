/** FaultActions: what a fault does to a packet, whichever stage selects the packet. */
import { UpperHeader } from '../../packet/upper-header.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { Wire, WireEnv } from '../wire.ts'
import { flipBit } from './corrupt.ts'
import { DelayQueue } from './delay-queue.ts'
import { ecnOf, markCe } from './ecn.ts'
import type { FaultVerb } from './fault-verbs.ts'
import { SwapQueue } from './swap.ts'
import { payloadMiddle, tamper } from './tamper.ts'
import { sendResets, tcpHeaderOf } from './tcp-reset.ts'

/** The most packets that are delayed at a time: the default limit of other stages. */
const LIMIT = { packets: 1000 }

export class FaultActions {
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #upper = new UpperHeader()
  /** Made for the first delay; other faults hold nothing. */
  #queue: DelayQueue | undefined
  /** Made for the first swap. */
  #swaps: SwapQueue | undefined

  constructor(next: Wire, env: WireEnv) {
    this.#next = next
    this.#env = env
  }

  /**
   * Returns whether a fault applies to a packet: a reset to TCP segments, `tamper` to payload, and
   * `ce` to packets of senders that are capable of ECN.
   */
  applies(verb: FaultVerb, skb: SkBuff): boolean {
    if (verb === 'reset') return tcpHeaderOf(skb) >= 0
    if (verb === 'tamper') return payloadMiddle(skb, this.#upper) >= 0
    return verb !== 'ce' || ecnOf(skb) !== 0
  }

  /** Passes on a packet without a fault. */
  pass(skb: SkBuff): void {
    if (this.#swaps === undefined || this.#swaps.length === 0 || !this.#swaps.follow(skb)) this.#next.push(skb)
  }

  /**
   * Takes ownership of a packet, and applies `verb` to it. `time` is the time of a delay, in ns.
   * A reset drops a TCP segment and resets the connection at both ends. Packets to which a fault
   * does not apply pass.
   */
  apply(verb: FaultVerb, skb: SkBuff, time: number): void {
    const env = this.#env
    switch (verb) {
      case 'drop':
        env.drop(skb, 'drop')
        return
      case 'duplicate': {
        const copy = env.duplicate(skb)
        this.pass(skb)
        if (copy !== undefined) this.#next.push(copy)
        return
      }
      case 'corrupt': {
        const bit = flipBit(skb, env.random.next())
        if (bit >= 0) env.note('corrupt', skb, bit)
        this.pass(skb)
        return
      }
      case 'reset': {
        const header = tcpHeaderOf(skb)
        if (header < 0) {
          this.pass(skb)
          return
        }
        sendResets(skb, header, env)
        env.drop(skb, 'reset')
        return
      }
      case 'tamper': {
        const bit = tamper(skb, this.#upper)
        if (bit >= 0) env.note('corrupt', skb, bit)
        this.pass(skb)
        return
      }
      case 'ce':
        if (markCe(skb)) env.note('mark', skb)
        this.pass(skb)
        return
      case 'swap':
        this.#swaps ??= new SwapQueue(this.#next, env)
        this.#swaps.push(skb)
        return
      case 'delay':
        this.#queue ??= new DelayQueue(LIMIT, this.#next, env)
        if (this.#queue.push(skb, env.clock.now() + time)) env.decided('delay', skb, time)
    }
  }

  close(): void {
    this.#queue?.close()
    this.#swaps?.close()
  }
}
