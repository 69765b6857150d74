/** RouteSocket: a NetlinkSocket to rtnetlink. */
import { EPERM, VnetError } from '../../core/errno.ts'
import type { Message } from '../../netlink/index.ts'
import type { Native } from '../native.ts'
import { type NetlinkRequest, NetlinkSocket } from '../netlink-socket.ts'
import { RTM_GETADDR, RTM_GETLINK, RTM_NEWLINK } from './uapi.ts'

/** Requests that may name another namespace than the socket's. */
const TARGETED = [RTM_NEWLINK, RTM_GETLINK, RTM_GETADDR]

export class RouteSocket extends NetlinkSocket {
  /**
   * Id of the namespace that requests are about, as the socket's own numbers it; undefined is the
   * socket's own.
   */
  readonly target: number | undefined

  private constructor(native: Native, nsfd: number, target?: number) {
    super(native, 'NETLINK_ROUTE', nsfd)
    this.target = target
  }

  /** Opens a socket in the network namespace that descriptor `nsfd` refers to; -1 is the caller's own. */
  static open(native: Native, nsfd = -1): RouteSocket {
    return new RouteSocket(native, nsfd)
  }

  /**
   * Opens a socket here for another namespace. To enter that takes CAP_SYS_ADMIN, to name it
   * CAP_NET_ADMIN; but only links and the reading of addresses can be asked for by name
   * (IFLA_TARGET_NETNSID). Anything else is EPERM.
   */
  static openFor(native: Native, nsid: number): RouteSocket {
    return new RouteSocket(native, -1, nsid)
  }

  override request(request: NetlinkRequest, answer?: (bytes: Uint8Array, message: Message) => void): void {
    if (this.target !== undefined && !TARGETED.includes(request.type)) throw new VnetError(EPERM, request.what())
    super.request(request, answer)
  }
}
