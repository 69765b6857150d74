/**
 * TCP connections that a router passes on: the kernel's TCP is then the far end of the link. The
 * TCP of pasta(1) recovers from a lost segment by sending everything again.
 */
import net, { type Socket } from 'node:net'
import { check } from 'vnet/internal/linux/errno'
import type { Native } from 'vnet/internal/linux/native'
import { IPPROTO_IPV6 } from 'vnet/internal/linux/uapi'
import { formatAddress } from 'vnet/internal/packet/address'

/** include/uapi/linux/netfilter_ipv4.h, netfilter_ipv6/ip6_tables.h */
const [SOL_IP, SO_ORIGINAL_DST] = [0, 80]

/**
 * Returns a server. It passes each connection on to the connection that `connect` returns. If one
 * side is reset, or cannot be connected, the other is reset.
 */
export function proxyServer(connect: (socket: Socket) => Socket): net.Server {
  return net.createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    const other = connect(socket)
    other.setNoDelay(true)
    other.allowHalfOpen = true
    for (const [from, to] of [
      [socket, other],
      [other, socket],
    ] as const) {
      from.pipe(to)
      from.on('error', () => to.resetAndDestroy())
      from.on('close', () => to.destroySoon())
    }
  })
}

/** Returns the address and the port that a redirected connection was made to. */
export function originalDestination(native: Native, socket: Socket): { address: string; port: number } {
  const { fd } = (socket as Socket & { _handle: { fd: number } })._handle
  const isIpv6 = !socket.remoteAddress?.startsWith('::ffff:')
  // struct sockaddr_in, struct sockaddr_in6
  const name = new Uint8Array(isIpv6 ? 28 : 16)
  check(native.getsockopt(fd, isIpv6 ? IPPROTO_IPV6 : SOL_IP, SO_ORIGINAL_DST, name), 'SO_ORIGINAL_DST')
  const port = new DataView(name.buffer).getUint16(2)
  return { address: formatAddress(isIpv6 ? name.subarray(8, 24) : name.subarray(4, 8)), port }
}
