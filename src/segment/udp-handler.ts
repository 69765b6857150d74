/** UDP datagrams for handlers of a user's, and of the gateway. A GSO frame is as many datagrams as it has segments. */
import { ETH_ALEN, source } from '../header/ethernet.ts'
import { IPV4_ALEN } from '../header/ipv4.ts'
import { IPV6_ALEN } from '../header/ipv6.ts'
import * as udp from '../header/udp.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Datagram, UdpHandler, UdpService } from './host.ts'
import type { Hosts } from './hosts.ts'

/** Whom to answer who has no address yet: everybody on the segment (RFC 2131 sec. 4.1). */
const EVERYBODY = { address: 0xffff_ffff }

/** The service that a handler is. */
export function handled(handler: UdpHandler): UdpService {
  return (hosts, skb, datagram, index) => hosts.done(skb, callHandler(hosts, skb, datagram, index, handler))
}

/** Calls a handler for each datagram of a frame, which stays the caller's; false when one of them failed. */
export function callHandler(
  hosts: Hosts,
  skb: SkBuff,
  datagram: Datagram,
  index: number,
  handler: UdpHandler,
): boolean {
  const { bytes, data, gsoSize } = skb
  const { nh, h, end, isIpv6 } = datagram
  const length = isIpv6 ? IPV6_ALEN : IPV4_ALEN
  const from = isIpv6 ? nh + 8 : nh + 12
  const address = bytes.slice(from, from + length)
  const to = bytes.slice(from + length, from + 2 * length)
  const mac = bytes.slice(source(data), source(data) + ETH_ALEN)
  const port = udp.sourcePort(bytes, h)
  const ownPort = udp.destinationPort(bytes, h)
  const host = hosts.host(index)
  const isOwn = (isIpv6 ? hosts.table.byIp6(to, 0) : hosts.table.byIp4(to, 0)) === index
  const replyTo = isNobody(address) ? EVERYBODY : { address, mac }
  const own = isOwn ? { source: to } : {}
  const reply = (octets: Uint8Array): boolean =>
    hosts.sendUdp(host, { sourcePort: ownPort, port, data: octets, ...replyTo, ...own })
  const payload = h + udp.UDP_HLEN
  const size = gsoSize === 0 ? end - payload : gsoSize
  let at = payload
  let good = true
  do {
    const message = {
      data: bytes.subarray(at, Math.min(at + size, end)),
      source: { address, port, mac },
      destination: { address: to, port: ownPort },
      host,
    }
    good = hosts.handlers.call(index, `udp ${ownPort}`, () => handler(message, reply)) && good
    at += size
  } while (at < end)
  return good
}

function isNobody(address: Uint8Array): boolean {
  return address.length === IPV4_ALEN && address.every(octet => octet === 0)
}
