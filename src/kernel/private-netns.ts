/**
 * A network namespace of the program's own, for servers that have every address there is: a packet that comes in by its
 * interface is for one of them, whatever its destination, and what they send leaves by that interface, whatever its source. It has no
 * name, and ends with the process at the latest.
 *
 * What comes in goes by a table in which all is local (AnyIP), and what goes out by another, so a client's address may be of
 * the same network as a server's. The servers' sockets are transparent ones: they use addresses that no interface has.
 */
import { EACCES } from '../core/errno.ts'
import { check } from './errno.ts'
import type { Native } from './native.ts'
import { addIncomingRule, getLink, RouteSocket, setDefaultRoute } from './rtnetlink.ts'
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IPV6,
  IPV6_TRANSPARENT,
  IPV6_V6ONLY,
  int32,
  SO_REUSEADDR,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  sockaddrIn6,
} from './uapi.ts'

/** The table in which all addresses are local. */
const TABLE = 100
const LOW_PORT_ADVICE = 'a port below 1024 takes CAP_NET_BIND_SERVICE, which is given up once ready: start again'

export class PrivateNetns implements Disposable {
  readonly #native: Native
  readonly #fd: number

  constructor(native: Native) {
    this.#native = native
    this.#fd = check(native.createNetns(), 'unshare(CLONE_NEWNET)')
  }

  /** By which ports are opened in it. */
  get path(): string {
    return `/proc/thread-self/fd/${this.#fd}`
  }

  /** Has all that comes in by interface `name` taken for its own, and sends everything by that. It is up by then. */
  receiveAll(name: string): void {
    using sock = RouteSocket.open(this.#native, this.#fd)
    const oif = check(getLink(sock, { name })?.ifindex ?? -1, `RTM_GETLINK ${name}`)
    for (const family of [AF_INET, AF_INET6] as const) {
      addIncomingRule(sock, { family, iif: name, table: TABLE })
      setDefaultRoute(sock, { family, oif, local: true, table: TABLE })
      setDefaultRoute(sock, { family, oif })
    }
  }

  /** A TCP socket for this port of every address, IPv4 and IPv6, not listening yet; the caller closes it. */
  bind(port: number): number {
    const native = this.#native
    const what = `bind port ${port}`
    const fd = check(native.socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0, this.#fd), what)
    try {
      for (const [level, option, value] of [
        [SOL_SOCKET, SO_REUSEADDR, 1],
        [IPPROTO_IPV6, IPV6_V6ONLY, 0],
        // Of both families.
        [IPPROTO_IPV6, IPV6_TRANSPARENT, 1],
      ] as const) {
        check(native.setsockopt(fd, level, option, int32(value)), what)
      }
      const bound = native.bind(fd, sockaddrIn6(port))
      check(bound, what, bound === -EACCES ? LOW_PORT_ADVICE : undefined)
      return fd
    } catch (error) {
      native.close(fd)
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#native.close(this.#fd)
  }
}
