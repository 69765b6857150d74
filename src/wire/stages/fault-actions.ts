/** FaultActions: what a fault does to a packet, whichever stage selects the packet. */
import { checksumUpdate, get16, put16 } from '../../packet/index.ts'
import { IPPROTO_TCP, IPPROTO_UDP } from '../../packet/ipv4.ts'
import * as tcp from '../../packet/tcp.ts'
import { UDP_HLEN } from '../../packet/udp.ts'
import { findInFrame, UpperHeader } from '../../packet/upper-header.ts'
import { CHECKSUM_PARTIAL, OWNER_WIRE, type SkBuff } from '../../skb/index.ts'
import type { QueueEnv, Wire, WireEnv } from '../wire.ts'
import { flipBit } from './corrupt.ts'
import { DelayQueue, DueQueue, type PacketStore } from './delay-queue.ts'
import { ecnOf, markCe } from './ecn.ts'
import type { FaultVerb } from './fault-verbs.ts'
import { flowHash } from './flow.ts'
import { sendResets, tcpHeaderOf } from './tcp-reset.ts'

/** A packet that nothing has overtaken for this time leaves alone, in ns. */
const WAIT = 1_000_000_000
/** The most packets that a fault swaps at a time. */
const SWAP_LIMIT = { packets: 100 }

class SwapStore implements PacketStore {
  readonly #held: { readonly skb: SkBuff; readonly moment: number; readonly flow: number }[] = []

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

  take(flow: number): SkBuff | undefined {
    const at = this.#held.findIndex(held => held.flow === flow)
    return at < 0 ? undefined : this.#held.splice(at, 1)[0]?.skb
  }

  each(fn: (skb: SkBuff) => void): void {
    for (const { skb } of this.#held) {
      fn(skb)
    }
  }
}

/** swap: lets the next packet of the same flow overtake a packet. */
class SwapQueue extends DueQueue<SwapStore> {
  readonly #next: Wire

  constructor(next: Wire, env: QueueEnv) {
    const alone: Wire = {
      push(skb) {
        env.decided('delay', skb, WAIT)
        next.push(skb)
      },
    }
    super({ ...SWAP_LIMIT }, alone, env, new SwapStore())
    this.#next = next
  }

  /** Holds a packet until the next of its flow has passed, unless too many are held. */
  push(skb: SkBuff): void {
    if (this.follow(skb)) return
    if (!this.admits(skb)) {
      this.#next.push(skb)
      return
    }
    const moment = this.env.clock.now() + WAIT
    if (this.hold(skb, moment) && this.length === 1) {
      this.alarm.at(moment)
    }
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

type Frame = Pick<SkBuff, 'bytes' | 'data' | 'len'>

/** Returns the middle byte of the payload of a whole TCP or UDP packet, or -1 without payload. */
export function payloadMiddle({ bytes, data, len }: Frame, upper = new UpperHeader()): number {
  if (findInFrame(upper, bytes, data, len) === 0 || upper.check < 0 || upper.isFragment) return -1
  const { h, end, protocol } = upper
  let header = -1
  if (protocol === IPPROTO_UDP) {
    header = UDP_HLEN
  } else if (protocol === IPPROTO_TCP) {
    header = tcp.parse(bytes, h, end - h)
  }
  const payload = h + header
  return header < 0 || payload >= end ? -1 : (payload + end) >>> 1
}

/** Flips a bit amid the payload, and corrects the checksum. Returns its position, or -1. */
function tamper(skb: SkBuff, upper: UpperHeader): number {
  const at = payloadMiddle(skb, upper)
  if (at < 0) return -1
  const { bytes, data } = skb
  const { h, end, check, protocol } = upper
  const word = at - ((at - h) & 1)
  const value = () => (word + 1 < end ? get16(bytes, word) : (bytes[word] as number) << 8)
  const before = value()
  bytes[at] ^= 1
  const checksum = get16(bytes, check)
  // The sum of a partial checksum covers the pseudo-header only, and 0 is UDP without a checksum.
  const hasChecksum =
    skb.ipSummed !== CHECKSUM_PARTIAL && (protocol !== IPPROTO_UDP || checksum !== 0)
  if (hasChecksum) {
    const corrected = checksumUpdate(checksum, before, value())
    put16(bytes, check, corrected === 0 && protocol === IPPROTO_UDP ? 0xffff : corrected)
  }
  return 8 * (at - data) + 7
}

/** The most packets that a fault delays at a time: the default limit of other stages. */
const LIMIT = { packets: 1000 }

export class FaultActions {
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #upper = new UpperHeader()
  #queue: DelayQueue | undefined
  #swaps: SwapQueue | undefined

  constructor(next: Wire, env: WireEnv) {
    this.#next = next
    this.#env = env
  }

  /**
   * Returns whether a fault applies to a packet: a reset applies to TCP segments, `tamper` to
   * packets with payload, `ce` to packets of senders that are capable of ECN, and all others to
   * every packet.
   */
  applies(verb: FaultVerb, skb: SkBuff): boolean {
    if (verb === 'reset') return tcpHeaderOf(skb) >= 0
    if (verb === 'tamper') return payloadMiddle(skb, this.#upper) >= 0
    return verb !== 'ce' || ecnOf(skb) !== 0
  }

  pass(skb: SkBuff): void {
    if (this.#swaps === undefined || this.#swaps.length === 0 || !this.#swaps.follow(skb)) {
      this.#next.push(skb)
    }
  }

  /**
   * Takes ownership of a packet, and applies `verb` to it; `time` is of a delay, in ns. A reset
   * drops a TCP segment and resets both ends. Packets to which a fault does not apply pass.
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
        if (copy !== undefined) {
          this.#next.push(copy)
        }
        return
      }
      case 'corrupt': {
        const bit = flipBit(skb, env.random.next())
        if (bit >= 0) {
          env.note('corrupt', skb, bit)
        }
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
        if (bit >= 0) {
          env.note('corrupt', skb, bit)
        }
        this.pass(skb)
        return
      }
      case 'ce':
        if (markCe(skb)) {
          env.note('mark', skb)
        }
        this.pass(skb)
        return
      case 'swap':
        this.#swaps ??= new SwapQueue(this.#next, env)
        this.#swaps.push(skb)
        return
      case 'delay':
        // A copy, because stages with the same object share a limit.
        this.#queue ??= new DelayQueue({ ...LIMIT }, this.#next, env)
        if (this.#queue.push(skb, env.clock.now() + time)) {
          env.decided('delay', skb, time)
        }
    }
  }

  close(): void {
    this.#queue?.close()
    this.#swaps?.close()
  }
}
