/** ICMPv6 messages for handlers of a user's, and of the gateway: router solicitations, say. */
import { copyAddress, ETH_ALEN, source } from '../header/ethernet.ts'
import * as icmpv6 from '../header/icmpv6.ts'
import * as ipv6 from '../header/ipv6.ts'
import { IPV6_ALEN } from '../header/ipv6.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Hosts } from './hosts.ts'

/** Takes over a frame with a message between `h` and `end` whose sum is right, for the host of a number; -1 is a group. */
export function callIcmpv6(hosts: Hosts, skb: SkBuff, nh: number, h: number, end: number, index: number): void {
  const type = icmpv6.type(skb.bytes, h)
  if (index >= 0) {
    hosts.done(skb, callOne(hosts, skb, nh, h, end, index, type))
    return
  }
  let good = true
  for (const one of hosts.handlers.icmpv6(type)) good = callOne(hosts, skb, nh, h, end, one, type) && good
  hosts.done(skb, good)
}

function callOne(
  hosts: Hosts,
  { bytes, data }: SkBuff,
  nh: number,
  h: number,
  end: number,
  index: number,
  type: number,
): boolean {
  const handler = hosts.table.kind(index).icmpv6.get(type)
  if (handler === undefined) return true
  const mac = new Uint8Array(ETH_ALEN)
  copyAddress(mac, 0, bytes, source(data))
  const [from, to] = [ipv6.source(nh), ipv6.destination(nh)]
  return hosts.handlers.call(index, `icmpv6 ${type}`, () =>
    handler({
      data: bytes.subarray(h, end),
      source: { address: bytes.slice(from, from + IPV6_ALEN), mac },
      destination: { address: bytes.slice(to, to + IPV6_ALEN) },
      hopLimit: ipv6.hopLimit(bytes, nh),
      host: hosts.host(index),
    }),
  )
}
