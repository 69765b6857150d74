/**
 * Datagrams into generic netlink sockets of other processes, for which the kernel asks CAP_NET_ADMIN of the sender. Who asks must hold the
 * socket: it is taken out of his own process, which the kernel named, by the number that he says. What he gets he could as well have
 * written into his own memory.
 */
import { statSync } from 'node:fs'
import { EINVAL, ESRCH, VnetError } from '../core/errno.ts'
import { check } from '../kernel/errno.ts'
import type { Native } from '../kernel/native.ts'
import { isGeneric, netnsCookie } from '../kernel/socket-identity.ts'
import { AF_NETLINK, MSG_DONTWAIT, NETLINK_GENERIC, SOCK_RAW, sockaddrNl } from '../kernel/uapi.ts'
import { getU32, NLMSG_HDRLEN } from '../netlink/index.ts'

/** Whose socket: descriptor `fd` of a process, which the kernel said is of user `uid`. */
export interface Holder {
  readonly uid: number
  readonly pid: number
  readonly fd: number
}

export class Injector {
  readonly #native: Native
  /** Opened when somebody asks. */
  #own: { readonly fd: number; readonly port: number } | undefined

  constructor(native: Native) {
    this.#native = native
  }

  /**
   * Puts a datagram into the holder's socket, or nothing into it; answers the port that it came from. Throws a VnetError: EPERM when we
   * may not, EINVAL when it is no generic netlink socket of our namespace that has a port, EAGAIN when there is no room in it.
   */
  inject(holder: Holder, octets?: Uint8Array): number {
    this.#own ??= this.#open()
    const { fd, port } = this.#own
    const to = this.#portOf(holder)
    if (octets !== undefined)
      check(this.#native.sendto(fd, octets, MSG_DONTWAIT, sockaddrNl(to)), 'sendto(NETLINK_GENERIC)')
    return port
  }

  close(): void {
    if (this.#own !== undefined) this.#native.close(this.#own.fd)
    this.#own = undefined
  }

  /** Throws EPERM when it may not send to a port: it tries its own. */
  #open(): { readonly fd: number; readonly port: number } {
    const native = this.#native
    const fd = check(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, -1), 'socket(AF_NETLINK, NETLINK_GENERIC)')
    try {
      check(native.bind(fd, sockaddrNl()), 'bind(NETLINK_GENERIC)')
      const port = portOf(native, fd)
      check(native.sendto(fd, new Uint8Array(NLMSG_HDRLEN), MSG_DONTWAIT, sockaddrNl(port)), 'sendto(NETLINK_GENERIC)')
      native.recvmsg(fd, new Uint8Array(NLMSG_HDRLEN), MSG_DONTWAIT, new Int32Array(3))
      return { fd, port }
    } catch (error) {
      native.close(fd)
      throw error
    }
  }

  #portOf({ uid, pid, fd }: Holder): number {
    const native = this.#native
    if (pid <= 0) throw new VnetError(ESRCH, 'vnet_nl', 'the process that asks is in another pid namespace')
    const pidfd = check(native.pidfdOpen(pid, 0), 'pidfd_open')
    try {
      // Of the process that pidfd is of, which is still there when a descriptor is taken out of it. The number may have been another's.
      if (userOf(pid) !== uid)
        throw new VnetError(ESRCH, 'vnet_nl', 'the process that asked is gone, or has other rights')
      const socket = check(native.pidfdGetfd(pidfd, fd), 'pidfd_getfd')
      try {
        return this.#portOfGeneric(socket)
      } finally {
        native.close(socket)
      }
    } finally {
      native.close(pidfd)
    }
  }

  #portOfGeneric(socket: number): number {
    const [native, own] = [this.#native, this.#own?.fd ?? -1]
    if (!isGeneric(native, socket)) throw new VnetError(EINVAL, 'vnet_nl', 'that is no generic netlink socket')
    const where = netnsCookie(native, own)
    if (where === undefined || netnsCookie(native, socket) !== where) {
      throw new VnetError(EINVAL, 'vnet_nl', 'the socket is in another network namespace')
    }
    // 0 would be the kernel, of which we may ask what he may not.
    const port = portOf(native, socket)
    if (port === 0) throw new VnetError(EINVAL, 'vnet_nl', 'the socket has no port yet')
    return port
  }
}

/** Whose a process is; root's, when it gained rights. */
function userOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid
}

function portOf(native: Native, fd: number): number {
  const address = sockaddrNl()
  check(native.getsockname(fd, address), 'getsockname(AF_NETLINK)')
  return getU32(address, 4)
}
