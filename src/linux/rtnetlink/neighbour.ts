/** Neighbours: hardware addresses of hosts on a link (RTM_NEWNEIGH). linux/neighbour.h. */
import { NLM_F_CREATE, NLM_F_REPLACE, putU16, putU32 } from '../../netlink/index.ts'
import { formatAddress } from '../../packet/address.ts'
import { AF_INET, AF_INET6 } from '../uapi.ts'
import { nameOf } from './link.ts'
import type { RouteSocket } from './route-socket.ts'

// include/uapi/linux/rtnetlink.h, neighbour.h
const RTM_NEWNEIGH = 28
const NDA_DST = 1
const NDA_LLADDR = 2
const NUD_REACHABLE = 0x02
const NTF_EXT_LEARNED = 0x10

const NDMSG = 12

/**
 * Sets the hardware address of a host, as if it had just been resolved: the kernel confirms it
 * again after a while. The entry does not count against the limit of all namespaces
 * (net.ipv4.neigh.default.gc_thresh3).
 */
export function setNeighbour(sock: RouteSocket, ifindex: number, address: Uint8Array, mac: Uint8Array): void {
  const message = new Uint8Array(NDMSG)
  message[0] = address.length === 4 ? AF_INET : AF_INET6
  putU32(message, 4, ifindex)
  putU16(message, 8, NUD_REACHABLE)
  message[10] = NTF_EXT_LEARNED
  sock.request({
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    what: () => ['RTM_NEWNEIGH', `${formatAddress(address)} on ${nameOf(sock, ifindex)}`],
    write: builder => builder.payload(message).binary(NDA_DST, address).binary(NDA_LLADDR, mac),
  })
}
