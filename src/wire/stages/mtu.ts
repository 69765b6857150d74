/**
 * mtu: drops IP packets that are longer than the MTU, as `mtu`. With `icmp` the sender gets an
 * error, as from a router: "fragmentation needed" for IPv4 with DF, "packet too big" for IPv6. The
 * wire has no address, so the source of the error is the destination of the packet. Nothing is
 * fragmented: IPv4 packets without DF are dropped too.
 *
 * IPv6 hosts ignore an MTU below 1280 (RFC 8201 sec. 4), so that their packets above it are lost.
 */
import { TokenBucket, UsageError } from '../../base/index.ts'
import { skbChecksumHelp } from '../../netdev/gso.ts'
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, get16, networkOffset } from '../../packet/index.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import * as ipv6 from '../../packet/ipv6.ts'
import { tooBigLength, writeTooBig } from '../../packet/too-big.ts'
import { SKB_DROP_REASON_PKT_TOO_BIG } from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { type StageKind, stageOf } from '../grammar/groups.ts'
import { join, sizeOf } from '../units.ts'
import { type Impairment, impairment, StageWire, type Wire } from '../wire.ts'

interface MtuSpec {
  readonly bytes: number
  readonly icmp: boolean
}

/** The rate of errors, as in Linux (net.ipv4.icmp_msgs_per_sec and icmp_msgs_burst). */
const ERRORS = { perSecond: 1000, burst: 50 }

class MtuWire extends StageWire<MtuSpec> implements Wire {
  readonly #errors = new TokenBucket(this.env.clock, ERRORS)

  push(skb: SkBuff): void {
    // A frame that fits even as a whole needs no look inside.
    if (skb.len - ETH_HLEN <= this.params.bytes || ipLength(skb) <= this.params.bytes) {
      this.next.push(skb)
      return
    }
    if (this.params.icmp) {
      this.#sendError(skb)
    }
    this.env.drop(skb, 'mtu', SKB_DROP_REASON_PKT_TOO_BIG)
  }

  #sendError(skb: SkBuff): void {
    const env = this.env
    // The error quotes the packet as sent on a link, with a full checksum.
    if (!skbChecksumHelp(skb)) return
    const length = tooBigLength(skb.bytes, skb.data, skb.len)
    if (length === 0 || !this.#errors.take()) return
    const error = env.alloc(length, skb)
    if (error === undefined) return
    writeTooBig(skb.bytes, error.put(length), skb.data, length, this.params.bytes)
    env.decided('icmp', skb, this.params.bytes)
    env.reply(error)
  }
}

/** Returns the length of the IP packet, or of the payload of another frame's link header. */
function ipLength({ bytes, data, len }: SkBuff): number {
  const network = networkOffset(bytes, data, len)
  if (network < 0) return len - ETH_HLEN
  const nh = data + network
  const length = len - network
  const type = get16(bytes, nh - 2)
  if (type === ETH_P_IP && ipv4.parse(bytes, nh, length) > 0) return ipv4.totalLength(bytes, nh)
  if (type === ETH_P_IPV6 && ipv6.parse(bytes, nh, length) > 0) {
    return ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, nh)
  }
  return length
}

export const mtuKind: StageKind<MtuSpec> = {
  kind: 'mtu',
  inner: { icmp: 'icmp follows mtu: mtu 1400 icmp' },
  read(c) {
    const bytes = c.whole('mtu needs a number of bytes: mtu 1400', 'an MTU', 68, 65535)
    return { bytes, icmp: c.takes('icmp') }
  },
  print: ({ bytes, icmp }) => join([`mtu ${bytes}`, icmp && 'icmp']),
  build: (spec, { text }) =>
    impairment('mtu', spec, (params, next, env) => new MtuWire(params, next, env), { text }),
}

/**
 * Returns an impairment that drops packets of more than `bytes` bytes of IP. With `icmp` it sends
 * their senders at most 1000 errors per second, and none about multicast packets, later fragments
 * or ICMP errors.
 */
export function mtu(bytes: number | string, { icmp = false }: { icmp?: boolean } = {}): Impairment {
  const spec: MtuSpec = { bytes: sizeOf(bytes), icmp }
  if (!(spec.bytes > 0)) throw new UsageError(`mtu ${bytes}: it must be more than 0`)
  return stageOf(mtuKind, spec)
}
