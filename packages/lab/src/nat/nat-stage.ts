/** A NAT on the cable outside a router: a stage for each direction, and the router's end. */
import {
  type Alarm,
  type Clock,
  ETH_ALEN,
  SKB_DROP_REASON_WIRE_LOSS,
  type SkBuff,
  skbChecksumHelp,
} from 'vnet'
import { OWNER_STAGE, OWNER_WIRE } from 'vnet/kit/netdev'
import { type Impairment, impairment, type Limit, type Wire, type WireEnv } from 'vnet/wire'
import type { Nat } from './nat.ts'
import { FRAGMENT_TIME, type NatVerdict } from './nat-table.ts'
import type { Siit } from './siit.ts'

/** Limits of early fragments: the bytes are Linux's (ipfrag_high_thresh). */
const LIMIT = { packets: 1000, bytes: 4 * 1024 * 1024 }

/** The fragments of a packet that arrived before its first one. */
type Early = Readonly<{ expires: number; fragments: SkBuff[] }>

/** A translator of frames. `siit`, `fragment` and what clients request is a Nat's only. */
export type Translator = Pick<Nat, 'outbound' | 'inbound'> & Partial<Nat>

class NatWire implements Wire {
  readonly #nat: Translator
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #alarm: Alarm
  #limit: Limit
  /** By the key of their packet, in the order in which they expire. */
  readonly #early = new Map<number, Early>()

  constructor(nat: Translator, next: Wire, env: WireEnv) {
    this.#nat = nat
    this.#next = next
    this.#env = env
    this.#limit = env.limit(LIMIT)
    this.#alarm = env.clock.alarm(() => this.#expire())
  }

  push(skb: SkBuff): void {
    // A partial checksum has the sum of the addresses in it.
    skbChecksumHelp(skb)
    const now = this.#env.clock.now()
    // The router is the first end.
    if (this.#env.direction === 'ab') {
      const verdict = outbound(this.#nat, skb, now)
      if (verdict === 'hairpin') {
        this.#turn(skb)
      } else {
        this.#pass(skb, verdict)
      }
      return
    }
    const verdict = inbound(this.#nat, skb, now)
    const { fragment = 0 } = this.#nat
    if (verdict === 'early') {
      this.#hold(skb, fragment, now)
    } else {
      this.#pass(skb, verdict)
      if (fragment !== 0) {
        this.#release(fragment)
      }
    }
  }

  /** Held fragments still count: a chain always returns the same limit for LIMIT. */
  change(params: unknown): (() => void) | undefined {
    if (params !== this.#nat) return undefined
    return () => {
      this.#limit = this.#env.limit(LIMIT)
    }
  }

  close(): void {
    this.#alarm.cancel()
    for (const key of [...this.#early.keys()]) {
      this.#drop(key, 'closed')
    }
  }

  #pass(skb: SkBuff, verdict: NatVerdict): void {
    if (verdict === 'pass') {
      this.#next.push(skb)
    } else {
      this.#env.drop(skb, verdict)
    }
  }

  /** Sends a frame that is for a host inside back to the router, which sent it. */
  #turn(skb: SkBuff): void {
    const { bytes, data } = skb
    for (let i = data; i < data + ETH_ALEN; i++) {
      const octet = bytes[i] as number
      bytes[i] = bytes[i + ETH_ALEN] as number
      bytes[i + ETH_ALEN] = octet
    }
    this.#env.turn(skb)
  }

  #hold(skb: SkBuff, key: number, now: number): void {
    if (!this.#limit.admits(skb)) {
      this.#env.drop(skb, 'limit')
      return
    }
    if (!this.#env.hold(skb)) return
    this.#limit.add(skb)
    skb.owner = OWNER_WIRE
    const early = this.#early.get(key)
    if (early !== undefined) {
      early.fragments.push(skb)
      return
    }
    this.#early.set(key, { expires: now + FRAGMENT_TIME, fragments: [skb] })
    if (this.#early.size === 1) {
      this.#alarm.at(now + FRAGMENT_TIME)
    }
  }

  #release(key: number): void {
    for (const skb of this.#take(key)) {
      this.push(skb)
    }
  }

  #drop(key: number, why: string): void {
    for (const skb of this.#take(key)) {
      this.#env.drop(skb, why)
    }
  }

  /** Returns the held fragments of a packet, which the caller then owns. */
  #take(key: number): readonly SkBuff[] {
    const fragments = this.#early.get(key)?.fragments ?? []
    this.#early.delete(key)
    for (const skb of fragments) {
      this.#limit.remove(skb)
      skb.owner = OWNER_STAGE
    }
    return fragments
  }

  #expire(): void {
    const now = this.#env.clock.now()
    for (const [key, { expires }] of [...this.#early]) {
      if (expires > now) {
        this.#alarm.at(expires)
        return
      }
      this.#drop(key, 'unmapped')
    }
  }
}

/** Translates a frame that the router sends, with a NAT64 also its version of IP. */
function outbound(nat: Translator, skb: SkBuff, now: number): NatVerdict {
  if (nat.siit?.to4(skb) === 'untranslatable') return 'untranslatable'
  const verdict = nat.outbound(skb.bytes, skb.data, skb.len, now)
  return verdict === 'hairpin' ? to6(nat.siit, skb, verdict) : verdict
}

function inbound(nat: Translator, skb: SkBuff, now: number): NatVerdict {
  if (nat.siit?.isSpoofed(skb)) return 'filtered'
  const verdict = nat.inbound(skb.bytes, skb.data, skb.len, now)
  return verdict === 'pass' ? to6(nat.siit, skb, verdict) : verdict
}

function to6(siit: Siit | undefined, skb: SkBuff, verdict: NatVerdict): NatVerdict {
  return siit?.to6(skb) === 'untranslatable' ? 'untranslatable' : verdict
}

/**
 * Returns the stage that translates by `nat`. It is the first stage from the router and the last
 * stage to the router, so that everything else on the cable sees the addresses outside.
 */
export function natStage(nat: Translator): Impairment {
  return impairment('nat', nat, (params, next, env) => new NatWire(params, next, env), {
    text: 'nat',
  })
}

/**
 * Returns a wire to the router's end that also translates the frames which the wire outside made
 * itself, such as an ICMP error or a reset: they pass no stage.
 */
export function natEnd(nat: Translator, clock: Clock, end: Wire): Wire {
  return {
    push(skb: SkBuff): void {
      const isMade = skb.packetId < 0
      if (!isMade || inbound(nat, skb, clock.now()) === 'pass') {
        end.push(skb)
      } else {
        skb.drop(SKB_DROP_REASON_WIRE_LOSS)
      }
    },
  }
}
