/**
 * Advertises the prefix of a NAT64 on a link inside (PREF64, RFC 8781), from the router's
 * namespace. The advertisements make the router a default router. They contain no prefix of the
 * link, so that hosts keep the addresses that the lab has set.
 */
import { RaSender } from '@vnet/lan/kit'
import { type Clock, icmpv6, ipv6 } from 'vnet'
import { check, closeFd, closingOnError, startPoller } from 'vnet/kit/linux'
import { getLink, RouteSocket, socketFilter, uapi } from 'vnet/kit/net'
import { netlink } from 'vnet/kit/netlink'
import { and, loading, testing } from 'vnet/kit/packet'
import type { Random } from 'vnet/net'
import { NAT64_NETWORK, type SocketPlace } from '../model/index.ts'
import type { AdvertSpec } from './protocol.ts'

/** Seconds for which an advertisement holds, three times the longest interval between two. */
const LIFETIME = 1800

// include/uapi/asm-generic/socket.h, linux/in6.h
const SO_BINDTODEVICE = 25
const IPV6_MULTICAST_IF = 17
const IPV6_MULTICAST_HOPS = 18
/** The place of the scope in struct sockaddr_in6. */
const SIN6_SCOPE_ID = 24
/** Where the IPv6 header is; the message is at 0. include/uapi/linux/filter.h */
const SKF_NET_OFF = -0x100000
const HOP_LIMIT_AT = 7

/** A router solicitation from this link: routers decrement the hop limit. */
const IS_SOLICITATION = and(
  testing([loading(SKF_NET_OFF + HOP_LIMIT_AT, 1)], icmpv6.NDISC_HOP_LIMIT),
  testing([loading(0, 1)], icmpv6.NDISC_ROUTER_SOLICITATION),
)

interface Pref64Options extends Omit<AdvertSpec, 'nsfd'> {
  readonly clock: Clock
  readonly random: Random
}

/**
 * Starts to advertise on the link of the interface `name`. Returns a function that stops it and
 * closes the socket; no last advertisement withdraws the router, because the link ends, too. Throws
 * a VnetError.
 */
export function advertisePref64(
  { native, nsfd }: SocketPlace,
  { clock, random, name, mac }: Pref64Options,
): () => void {
  const what = `advertise PREF64 on ${name}`
  using sock = RouteSocket.open(native, nsfd)
  const { ifindex = 0 } = getLink(sock, { name }) ?? {}
  const fd = check(
    native.socket(uapi.AF_INET6, uapi.SOCK_RAW | uapi.SOCK_NONBLOCK, ipv6.NEXTHDR_ICMP, nsfd),
    what,
  )
  const received = new Uint8Array(64)
  let isClosed = false
  const times = { lifetime: LIFETIME, reachableTimeMs: 0, retransTimerMs: 0 }
  const pref64 = { lifetime: LIFETIME, prefix: NAT64_NETWORK.bytes }
  const poller = closingOnError(native, [fd], () => {
    const set = (level: number, option: number, value: Uint8Array) =>
      check(native.setsockopt(fd, level, option, value), what)
    set(uapi.SOL_SOCKET, uapi.SO_ATTACH_FILTER, socketFilter(IS_SOLICITATION))
    set(uapi.SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${name}\0`))
    set(uapi.IPPROTO_IPV6, IPV6_MULTICAST_IF, uapi.int32(ifindex))
    set(uapi.IPPROTO_IPV6, IPV6_MULTICAST_HOPS, uapi.int32(icmpv6.NDISC_HOP_LIMIT))
    return startPoller(native, fd, () => {
      while (native.recv(fd, received, 0) > 0) {
        sender.solicited()
      }
    })
  })
  poller.unref()
  const sender = new RaSender({
    clock,
    random,
    advert: { hopLimit: 0, managed: false, other: false, ...times, mac, prefixes: [], pref64 },
    send: (message, destination) => {
      // The kernel fills in the checksum. An error is temporary: the link has no carrier.
      if (!isClosed) {
        native.sendto(fd, message, 0, addressOn(ifindex, destination))
      }
    },
  })
  return () => {
    isClosed = true
    sender.stop()
    poller.close()
    closeFd(native, fd)
  }
}

/** A struct sockaddr_in6 of a link-local or multicast address, which has a scope. */
function addressOn(ifindex: number, address: Uint8Array): Uint8Array {
  const bytes = uapi.sockaddrInet(address, 0)
  netlink.putU32(bytes, SIN6_SCOPE_ID, ifindex)
  return bytes
}
