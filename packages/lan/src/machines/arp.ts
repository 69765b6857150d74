/**
 * ARP for the simulated hosts (RFC 826, RFC 5227). Probes get a reply, too: the prober must see
 * that the address is taken. If another station uses the address of a host, the host announces it
 * to all stations, at most once in DEFEND_INTERVAL (RFC 5227 sec. 2.4 (c)).
 */
import {
  arp,
  ethernet,
  ipv4,
  NSEC_PER_SEC,
  SKB_DROP_REASON_MAC_INVALID_SOURCE,
  SKB_DROP_REASON_UNHANDLED_PROTO,
  type SkBuff,
} from 'vnet'
import { setPlain, toArpReply } from 'vnet/kit/drivers'
import type { HostState } from './state.ts'

const SPA = 14
const TPA = 24
/** RFC 5227 sec. 1.1: ten seconds. */
const DEFEND_INTERVAL = 10 * NSEC_PER_SEC

/** Takes over a frame with an ARP packet. */
export function receiveArp(state: HostState, skb: SkBuff): void {
  const { segment, table } = state
  const { bytes, data } = skb
  const at = data + ethernet.ETH_HLEN
  if (arp.parse(bytes, at, skb.len - ethernet.ETH_HLEN) < 0) {
    segment.drop(skb, SKB_DROP_REASON_UNHANDLED_PROTO)
    return
  }
  if (!ethernet.isStationAddress(bytes, arp.shaAt(at))) {
    segment.drop(skb, SKB_DROP_REASON_MAC_INVALID_SOURCE)
    return
  }
  const sender = table.byIp(bytes, at + SPA, false)
  if (sender >= 0) {
    defend(state, skb, at, sender)
    return
  }
  const isUnicast = ipv4.isUnicastAddress(bytes, at + SPA)
  if (isUnicast) {
    state.neighbours4.learn(bytes, at + SPA, bytes, arp.shaAt(at))
  }
  const target = arp.op(bytes, at) === arp.ARPOP_REQUEST ? table.byIp(bytes, at + TPA, false) : -1
  const isToTarget = ethernet.isMulticastAddress(bytes, data) || table.byMac(bytes, data) === target
  if (target < 0 || !isToTarget || !(isUnicast || isProbe(bytes, at))) {
    segment.take(skb)
    return
  }
  toArpReply(skb, at, table.macs, target * ethernet.ETH_ALEN)
  cutToArp(skb)
  state.counters.arp++
  state.forward(skb)
}

/** A probe is sent from 0.0.0.0. Read by bytes: a number of 32 bits may cost an object. */
const isProbe = (bytes: Uint8Array, at: number): boolean =>
  (bytes[at + SPA] | bytes[at + SPA + 1] | bytes[at + SPA + 2] | bytes[at + SPA + 3]) === 0

/** Takes over a frame from a sender that uses the address of the host with index `index`. */
function defend(state: HostState, skb: SkBuff, at: number, index: number): void {
  const { segment, table, env, defended } = state
  const { bytes, data } = skb
  const own = index * ethernet.ETH_ALEN
  const now = env.clock.now()
  const last = defended.get(index) ?? Number.NEGATIVE_INFINITY
  if (
    ethernet.isSameAddress(bytes, arp.shaAt(at), table.macs, own) ||
    now - last < DEFEND_INTERVAL
  ) {
    segment.take(skb)
    return
  }
  defended.set(index, now)
  arp.create(bytes, at, arp.ARPOP_REQUEST)
  ethernet.copyAddress(bytes, arp.shaAt(at), table.macs, own)
  bytes.fill(0, arp.thaAt(at), arp.thaAt(at) + ethernet.ETH_ALEN)
  arp.setTpa(bytes, at, arp.spa(bytes, at))
  bytes.fill(0xff, data, data + ethernet.ETH_ALEN)
  ethernet.copyAddress(bytes, ethernet.sourceAt(data), table.macs, own)
  cutToArp(skb)
  state.counters.defended++
  state.sendOut(skb)
}

/** Cuts off the padding, which may hold bytes that are not meant for the receiver. */
function cutToArp(skb: SkBuff): void {
  skb.trim(ethernet.ETH_HLEN + arp.ARP_LEN)
  setPlain(skb)
}
