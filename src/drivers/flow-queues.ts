/**
 * FlowQueues: keeps both directions of a flow on one queue, across a flip of the network number.
 *
 * A host sends a flow's frames by the queue where their answers were last received; what it has no answer for yet goes by a
 * hash of the addresses. Written back on the queues they came from, both directions stay on one queue, but for a host that
 * answers before it has noted where it was asked (drivers/net/tun.c: tun_get_user updates its flows last, when a SYN is
 * answered already): the answer goes by its own hash, which the flip has made another one, and from then on each direction
 * moves the other to the queue it has just left. So an answer goes back on the queue of what it answers, once: after that
 * the host itself sends it there.
 *
 * A flow is what it is to the host (flow_keys_dissector_symmetric): addresses, protocol, and the ports of whole TCP and UDP
 * packets; all ICMP between two hosts is one, and so are all fragments of a protocol. Other protocols are left alone. It is
 * forgotten, as by the host, when nothing has come of it for a while.
 */
import { type Alarm, type Clock, NSEC_PER_SEC } from '../core/clock.ts'
import { ETH_P_IP, ETH_P_IPV6 } from '../header/ethernet.ts'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../header/ipv4.ts'
import { IPV6_HLEN, NEXTHDR_FRAGMENT, NEXTHDR_ICMP } from '../header/ipv6.ts'
import { get16 } from '../header/octets.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { FLIPPED_IPV4, FLIPPED_IPV6 } from './hidden-loopback-address.ts'

/** Flows are kept in sets of so many; one more takes the place of the one that was quiet longest. */
const WAYS = 4
const SETS_LOG2 = 12
/** The clock is read so often, not for each frame. */
const TICK = NSEC_PER_SEC
/** A flow is a new one after one to three seconds without a frame; the host forgets it after three (TUN_FLOW_EXPIRE). */
const EXPIRE = 2 * NSEC_PER_SEC

export class FlowQueues {
  readonly #keys = new Int32Array(WAYS << SETS_LOG2)
  readonly #queues = new Uint8Array(WAYS << SETS_LOG2)
  /** When each flow's last frame came: the reading before it. */
  readonly #seen = new Float64Array(WAYS << SETS_LOG2).fill(Number.NEGATIVE_INFINITY)
  readonly #clock: Clock
  readonly #tick: Alarm
  #now = 0
  #ticking = false

  /** For queues 0 to 255. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#tick = clock.alarm(() => {
      this.#ticking = false
    })
  }

  /** Sets `queueMapping` of a frame that has just been flipped (`nh`, `h` and `protocol` are set) to its flow's queue. */
  steer(skb: SkBuff): void {
    const key = flowKey(skb)
    if (key === 0) return
    if (!this.#ticking) {
      this.#ticking = true
      this.#now = this.#clock.now()
      this.#tick.at(this.#now + TICK)
    }
    const now = this.#now
    const first = (key >>> (32 - SETS_LOG2)) * WAYS
    let oldest = first
    for (let i = first; i < first + WAYS; i++) {
      if (this.#keys[i] === key && now - this.#seen[i] < EXPIRE) {
        this.#seen[i] = now
        skb.queueMapping = this.#queues[i]
        return
      }
      if (this.#seen[i] < this.#seen[oldest]) oldest = i
    }
    this.#keys[oldest] = key
    this.#queues[oldest] = skb.queueMapping
    this.#seen[oldest] = now
  }
}

/** The same for both directions and on both sides of the flip; 0 for what is left alone. */
function flowKey({ bytes, protocol, nh, h }: SkBuff): number {
  if (protocol === ETH_P_IP) {
    const carried = bytes[nh + 9]
    const isFragment = ((bytes[nh + 6] & 0x3f) | bytes[nh + 7]) !== 0
    if (!isFragment && (h === 0 || !isFlow(carried))) return 0
    const ports = isFragment || carried === IPPROTO_ICMP ? 0 : h
    return (
      (end(bytes, nh + 12, 4, FLIPPED_IPV4, ports) +
        end(bytes, nh + 16, 4, FLIPPED_IPV4, ports && ports + 2) +
        carried) |
      0
    )
  }
  if (protocol !== ETH_P_IPV6) return 0
  const isFragment = bytes[nh + 6] === NEXTHDR_FRAGMENT
  const carried = isFragment ? bytes[nh + IPV6_HLEN] : bytes[nh + 6]
  if (!isFragment && (h !== nh + IPV6_HLEN || !isFlow(carried))) return 0
  const ports = isFragment || carried === NEXTHDR_ICMP ? 0 : h
  return (
    (end(bytes, nh + 8, 16, FLIPPED_IPV6, ports) +
      end(bytes, nh + 24, 16, FLIPPED_IPV6, ports && ports + 2) +
      carried) |
    0
  )
}

function isFlow(protocol: number): boolean {
  return protocol === IPPROTO_TCP || protocol === IPPROTO_UDP || protocol === IPPROTO_ICMP || protocol === NEXTHDR_ICMP
}

/**
 * One end: its address without the lowest bit of octet `flipped`, and the port at `port`, 0 for none. Multipliers after
 * MurmurHash3.
 */
function end(bytes: Uint8Array, address: number, length: number, flipped: number, port: number): number {
  const at = address + flipped
  let sum = port === 0 ? 0 : get16(bytes, port)
  for (let i = address; i < address + length; i++) {
    sum = Math.imul(sum, 31) + (i === at ? bytes[i] & 0xfe : bytes[i])
  }
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b)
  return Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35)
}
