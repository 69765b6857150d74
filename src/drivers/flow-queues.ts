/**
 * FlowQueues: keeps both directions of a flow on one queue, across a flip of the network number.
 *
 * The kernel sends a flow's frames on the queue where it last received the flow; the first frame is
 * sent by a hash of the addresses. If frames return on the queues they came from, both directions
 * use one queue, with one exception: a reply that the kernel sends before it has recorded where it
 * received the request (drivers/net/tun.c: tun_get_user updates its flows last, after the reply to
 * a SYN). That reply is sent by its own hash, which the flip has changed. From then on each
 * direction moves the other to the queue that it has just left. So a reply goes back on the queue
 * of its request, once: after that the kernel itself sends it there.
 *
 * Flows are defined like the kernel's (flow_keys_dissector_symmetric): addresses, protocol, and the
 * ports of whole TCP and UDP packets. All ICMP between two addresses is one flow, and so are all
 * fragments of a protocol. Other protocols are left alone. A flow is forgotten after a while
 * without a frame, as in the kernel.
 */
import { type Alarm, type Clock, NSEC_PER_SEC } from '../base/clock.ts'
import { ETH_P_IP, ETH_P_IPV6, get16 } from '../packet/index.ts'
import * as ipv4 from '../packet/ipv4.ts'
import * as ipv6 from '../packet/ipv6.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { FLIPPED_IPV4, FLIPPED_IPV6 } from './flip/address.ts'

/** Flows are kept in sets of this size; one more replaces the flow that was quiet longest. */
const WAYS = 4
const SETS_LOG2 = 12
/** How often the clock is read: not for each frame. */
const TICK = NSEC_PER_SEC
/** A flow is new after 1 to 3 s without a frame; the kernel's limit is 3 s (TUN_FLOW_EXPIRE). */
const EXPIRE = 2 * NSEC_PER_SEC

export class FlowQueues {
  readonly #keys = new Int32Array(WAYS << SETS_LOG2)
  readonly #queues = new Uint8Array(WAYS << SETS_LOG2)
  /** The reading of the clock before each flow's last frame. */
  readonly #seen = new Float64Array(WAYS << SETS_LOG2).fill(Number.NEGATIVE_INFINITY)
  readonly #clock: Clock
  readonly #tick: Alarm
  #now = 0
  #ticking = false

  /** Supports queues 0 to 255. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#tick = clock.alarm(() => {
      this.#ticking = false
    })
  }

  /** Sets `queueMapping` of a flipped frame (`nh`, `h`, `protocol` are set) to its flow's queue. */
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
      if (this.#seen[i] < this.#seen[oldest]) {
        oldest = i
      }
    }
    this.#keys[oldest] = key
    this.#queues[oldest] = skb.queueMapping
    this.#seen[oldest] = now
  }
}

/** Returns one key for both directions, on both sides of the flip; 0 for frames left alone. */
function flowKey({ bytes, protocol, nh, h }: SkBuff): number {
  const isIpv6 = protocol === ETH_P_IPV6
  if (!isIpv6 && protocol !== ETH_P_IP) return 0
  const next = isIpv6 ? ipv6.nextHeader(bytes, nh) : ipv4.protocol(bytes, nh)
  const isFragment = isIpv6 ? next === ipv6.NEXTHDR_FRAGMENT : ipv4.isFragment(bytes, nh)
  const carried = isIpv6 && isFragment ? bytes[nh + ipv6.IPV6_HLEN] : next
  if (!isFragment && (h === 0 || (isIpv6 && h !== nh + ipv6.IPV6_HLEN) || !isFlow(carried))) {
    return 0
  }
  const ports = isFragment || carried === (isIpv6 ? ipv6.NEXTHDR_ICMP : ipv4.IPPROTO_ICMP) ? 0 : h
  const length = isIpv6 ? ipv6.IPV6_ALEN : ipv4.IPV4_ALEN
  const source = isIpv6 ? ipv6.sourceAt(nh) : ipv4.sourceAt(nh)
  const flipped = isIpv6 ? FLIPPED_IPV6 : FLIPPED_IPV4
  const one = end(bytes, source, length, flipped, ports)
  return (one + end(bytes, source + length, length, flipped, ports && ports + 2) + carried) | 0
}

function isFlow(protocol: number): boolean {
  return (
    protocol === ipv4.IPPROTO_TCP ||
    protocol === ipv4.IPPROTO_UDP ||
    protocol === ipv4.IPPROTO_ICMP ||
    protocol === ipv6.NEXTHDR_ICMP
  )
}

/** Returns the hash of an address without its flipped bit, and a port (after MurmurHash3). */
function end(
  bytes: Uint8Array,
  address: number,
  length: number,
  flipped: number,
  port: number,
): number {
  const at = address + flipped
  let sum = port === 0 ? 0 : get16(bytes, port)
  for (let i = address; i < address + length; i++) {
    sum = Math.imul(sum, 31) + (i === at ? bytes[i] & 0xfe : bytes[i])
  }
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b)
  return Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35)
}
