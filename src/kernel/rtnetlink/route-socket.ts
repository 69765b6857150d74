/** RouteSocket: a NetlinkSocket to rtnetlink. */
import type { Native } from '../native.ts'
import { NetlinkSocket } from '../netlink-socket.ts'

export class RouteSocket extends NetlinkSocket {
  /** Opens a socket in the network namespace that descriptor `nsfd` refers to; -1 is the caller's own. */
  static open(native: Native, nsfd = -1): RouteSocket {
    return new RouteSocket(native, 'NETLINK_ROUTE', nsfd)
  }
}
