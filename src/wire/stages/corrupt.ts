/** corrupt: flips one bit of a packet, or inverts one byte, so that its checksum is wrong. */
import { UsageError } from '../../base/usage-error.ts'
import { skbChecksumHelp } from '../../netdev/gso.ts'
import { networkOffset } from '../../packet/vlan.ts'
import { CHECKSUM_NONE, type SkBuff } from '../../skb/sk-buff.ts'
import { type StageKind, stageOf } from '../grammar/groups.ts'
import { formatShare, join, parseShare, shareOf, trimmed } from '../units.ts'
import { type Impairment, impairment, StageWire, type Wire } from '../wire.ts'
import { CorrelatedEvents } from './correlated.ts'

/** The options of corrupt(). */
export interface CorruptOptions {
  readonly correlation?: number | string
  /** The byte to invert, from the start of the frame; without it one random bit is flipped. */
  readonly at?: number
}

interface CorruptSpec {
  readonly share: number
  readonly correlation: number
  readonly at?: number
}

class CorruptWire extends StageWire<CorruptSpec> implements Wire {
  readonly #events = new CorrelatedEvents(this.env.random)

  push(skb: SkBuff): void {
    const { share, correlation, at } = this.params
    if (this.#events.happens(share, correlation)) {
      this.#corrupt(skb, at)
    }
    this.next.push(skb)
  }

  #corrupt(skb: SkBuff, at: number | undefined): void {
    const { bytes, data, len } = skb
    if (at !== undefined) {
      if (at >= len) return
      finishChecksum(skb)
      bytes[data + at] ^= 0xff
      this.env.note('corrupt', skb, 8 * at)
      return
    }
    // Drawn even if there is nothing to corrupt, so that short packets do not shift later draws.
    const bit = flipBit(skb, this.env.random.next())
    if (bit >= 0) {
      this.env.note('corrupt', skb, bit)
    }
  }
}

/**
 * Flips a bit after the Ethernet header and VLAN tags, picked by `random`, a number in [0, 1).
 * Returns its position in bits from the start of the frame, or -1 if the frame ends with them.
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

/** Prepares a packet for damage that the receiver will find by its checksum. */
export function finishChecksum(skb: SkBuff): void {
  skbChecksumHelp(skb)
  skb.ipSummed = CHECKSUM_NONE
}

export const corruptKind: StageKind<CorruptSpec> = {
  kind: 'corrupt',
  inner: { at: 'at follows corrupt: corrupt at 14' },
  read(c) {
    const share = c.is('at')
      ? 1
      : c.share('corrupt needs a percentage or a place: corrupt 1%, corrupt at 14')
    const correlation = c.optional(parseShare, 0)
    if (!c.takes('at')) return { share, correlation }
    return {
      share,
      correlation,
      at: c.whole('at needs the offset of a byte: at 14', 'an offset', 0),
    }
  },
  print({ share, correlation, at }) {
    if (at !== undefined && share === 1 && correlation === 0) return `corrupt at ${at}`
    const shares = trimmed('corrupt', [share, correlation], [undefined, 0], formatShare)
    return join([shares, at !== undefined && `at ${at}`])
  },
  build: (spec, { text }) =>
    impairment('corrupt', spec, (params, next, env) => new CorruptWire(params, next, env), {
      text,
    }),
}

/**
 * Returns an impairment that corrupts a share of the packets: 0.01, or '1%'. It flips one random
 * bit after the Ethernet header and VLAN tags, or inverts the byte `at`. A frame that ends before
 * passes unchanged. Checksums are not updated, so that the receiver finds the error; a partial one
 * is completed first. `correlation` relates successive packets. The log has the position of the bit
 * from the start of the frame. Throws a UsageError.
 */
export function corrupt(
  share: number | string,
  { correlation = 0, at }: CorruptOptions = {},
): Impairment {
  if (at !== undefined && !(Number.isInteger(at) && at >= 0)) {
    throw new UsageError(`${at} is not the position of a byte: a whole number from 0 on`)
  }
  const optional = at !== undefined && { at }
  return stageOf(corruptKind, {
    share: shareOf(share),
    correlation: shareOf(correlation),
    ...optional,
  })
}
