/** corrupt: flips one bit of a packet, or inverts one byte, so that its checksum is wrong. */
import { UsageError } from '../../base/usage-error.ts'
import { skbChecksumHelp } from '../../netdev/gso.ts'
import { networkOffset } from '../../packet/vlan.ts'
import { CHECKSUM_NONE, type SkBuff } from '../../skb/sk-buff.ts'
import { print } from '../spec/print.ts'
import { shareOf } from '../units.ts'
import { type Impairment, impairment, type Wire, type WireEnv } from '../wire.ts'
import { CorrelatedEvents } from './correlated.ts'

export interface CorruptOptions {
  readonly correlation?: number | string
  /** The byte to invert, from the start of the frame; without it one random bit is flipped. */
  readonly at?: number
}

interface Params {
  readonly share: number
  readonly correlation: number
  readonly at?: number
}

class CorruptWire implements Wire {
  #params: Params
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #events: CorrelatedEvents

  constructor(params: Params, next: Wire, env: WireEnv) {
    this.#params = params
    this.#next = next
    this.#env = env
    this.#events = new CorrelatedEvents(env.random)
  }

  push(skb: SkBuff): void {
    const { share, correlation, at } = this.#params
    if (this.#events.happens(share, correlation)) this.#corrupt(skb, at)
    this.#next.push(skb)
  }

  change(params: unknown): boolean {
    this.#params = params as Params
    return true
  }

  #corrupt(skb: SkBuff, at: number | undefined): void {
    const { bytes, data, len } = skb
    if (at !== undefined) {
      if (at >= len) return
      finishChecksum(skb)
      bytes[data + at] ^= 0xff
      this.#env.note('corrupt', skb, 8 * at)
      return
    }
    // Drawn for every packet that is to be corrupted, also for one that has nothing to corrupt.
    const bit = flipBit(skb, this.#env.random.next())
    if (bit >= 0) this.#env.note('corrupt', skb, bit)
  }
}

/**
 * Flips the bit behind the Ethernet header and VLAN tags that `random`, a number in [0, 1), picks.
 * Returns its position from the start of the frame, or -1 if there is nothing behind them.
 */
export function flipBit(skb: SkBuff, random: number): number {
  const { bytes, data, len } = skb
  const network = networkOffset(bytes, data, len)
  if (network < 0 || network === len) return -1
  finishChecksum(skb)
  const bit = 8 * network + Math.floor(random * 8 * (len - network))
  bytes[data + (bit >>> 3)] ^= 0x80 >>> (bit & 7)
  return bit
}

/**
 * Prepares a packet for damage that the receiver will find: completes a partial checksum, and
 * clears the mark that the checksum was verified.
 */
export function finishChecksum(skb: SkBuff): void {
  skbChecksumHelp(skb)
  skb.ipSummed = CHECKSUM_NONE
}

/**
 * Returns an impairment that corrupts a share of the packets: 0.01, or '1%'. It flips one random
 * bit behind the Ethernet header and VLAN tags, or inverts the byte `at`. A frame that ends before
 * passes as it is. Checksums stay as they were, so that the receiver finds the error; a partial one
 * is completed first. `correlation` is that of successive packets. The log has the position of the
 * bit from the start of the frame. Throws a UsageError.
 */
export function corrupt(share: number | string, { correlation = 0, at }: CorruptOptions = {}): Impairment {
  if (at !== undefined && !(Number.isInteger(at) && at >= 0)) {
    throw new UsageError(`${at} is not the position of a byte: a whole number from 0 on`)
  }
  const params = { share: shareOf(share), correlation: shareOf(correlation), ...(at !== undefined && { at }) }
  const words = print({ kind: 'corrupt', ...params })
  return impairment('corrupt', params, (p, next, env) => new CorruptWire(p, next, env), { words })
}
