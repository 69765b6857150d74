/**
 * Services: who answers on the open TCP ports of the simulated hosts, real sockets in a network namespace, say, that has all
 * their addresses. Frames go there and come back whole, GSO and partial checksums too, with other hardware addresses.
 *
 * A point-to-point or NOARP interface is enough there: whom an answer is for is told by its protocol addresses alone.
 */
import { copyAddress, ETH_ALEN, ETH_HLEN, ETH_P_IP, ETH_P_IPV6, etherType, source } from '../header/ethernet.ts'
import { IPV4_ALEN } from '../header/ipv4.ts'
import { IPV6_ALEN } from '../header/ipv6.ts'
import { SKB_DROP_REASON_NEIGH_FAILED } from '../skb/drop-reason.ts'
import { OWNER_WIRE, type SkBuff } from '../skb/sk-buff.ts'
import type { Hosts } from './hosts.ts'
import type { Station } from './station.ts'

export interface Services extends Station {
  /** The hardware address that frames for it get, six octets. */
  readonly address: Uint8Array
}

/** Takes over a frame for an open port, and notes whose it is: that is where answers go. */
export function toServices(hosts: Hosts, skb: SkBuff, isIpv6: boolean): void {
  const { services, segment, neighbours4, neighbours6, table } = hosts
  if (services === undefined) {
    segment.take(skb)
    return
  }
  const { bytes, data } = skb
  const from = data + ETH_HLEN + (isIpv6 ? 8 : 12)
  const isOwn = (isIpv6 ? table.byIp6(bytes, from) : table.byIp4(bytes, from)) >= 0
  if (!isOwn) (isIpv6 ? neighbours6 : neighbours4).learn(bytes, from, bytes, source(data))
  copyAddress(bytes, data, services.address)
  segment.stats.out++
  services.receive(skb)
}

/**
 * Takes over a frame that the services send: it goes on as from the host that has its source address, to who has its
 * destination. What is from no host, as what their namespace says for itself, ends here.
 */
export function fromServices(hosts: Hosts, skb: SkBuff): void {
  const { segment, table, neighbours4, neighbours6 } = hosts
  segment.stats.in++
  skb.dev = undefined
  skb.owner = OWNER_WIRE
  const { bytes, data } = skb
  const type = skb.len < ETH_HLEN ? 0 : etherType(bytes, data)
  const isIpv6 = type === ETH_P_IPV6
  const from = data + ETH_HLEN + (isIpv6 ? 8 : 12)
  const to = from + (isIpv6 ? IPV6_ALEN : IPV4_ALEN)
  const isWhole = to + (isIpv6 ? IPV6_ALEN : IPV4_ALEN) <= data + skb.len
  const host = isIpv6 ? table.byIp6(bytes, from) : type === ETH_P_IP ? table.byIp4(bytes, from) : -1
  if (!isWhole || host < 0) {
    segment.take(skb)
    return
  }
  const other = isIpv6 ? table.byIp6(bytes, to) : table.byIp4(bytes, to)
  const neighbours = isIpv6 ? neighbours6 : neighbours4
  const mac = other >= 0 ? other * ETH_ALEN : neighbours.find(bytes, to)
  if (mac < 0) {
    segment.drop(skb, SKB_DROP_REASON_NEIGH_FAILED)
    return
  }
  copyAddress(bytes, data, other >= 0 ? table.macs : neighbours.macs, mac)
  copyAddress(bytes, source(data), table.macs, host * ETH_ALEN)
  hosts.forward(skb)
}
