/**
 * An unnamed network namespace for servers that have every address: a packet that its interface
 * receives is for one of them, and a packet that they send leaves by it. Received packets use a
 * routing table in which every address is local (AnyIP), sent packets another one, so a client and
 * a server may have addresses of the same network. The sockets are transparent: they use addresses
 * that no interface has. The namespace ends with the process at the latest.
 */
import { EACCES, ENODEV, ipv6 } from 'vnet'
import { check, closeFd, closingOnError, type Native } from 'vnet/kit/linux'
import { addRule, familyOf, getLink, RouteSocket, setNetworkRoute, uapi } from 'vnet/kit/net'
import { toPrefix } from 'vnet/kit/packet'

/** The table with all addresses local. */
const TABLE = 100
const LOW_PORT_ADVICE =
  'a port below 1024 takes CAP_NET_BIND_SERVICE, which is dropped once ready: start again'

/**
 * One namespace, from its constructor to its disposal. Sockets and interfaces keep it alive longer.
 */
export class PrivateNetns implements Disposable {
  readonly #native: Native
  readonly #fd: number

  constructor(native: Native) {
    this.#native = native
    this.#fd = check(native.createNetns(), 'unshare(CLONE_NEWNET)')
  }

  /** Names the namespace in PortSpec.netns. */
  get path(): string {
    return `/proc/thread-self/fd/${this.#fd}`
  }

  /** Receives every packet on interface `name`, which must be up, and sends every packet by it. */
  receiveAll(name: string): void {
    using sock = RouteSocket.open(this.#native, this.#fd)
    const oif = check(getLink(sock, { name })?.ifindex ?? -ENODEV, ['RTM_GETLINK', name])
    for (const dst of [toPrefix('0.0.0.0/0'), toPrefix('::/0')]) {
      addRule(sock, { family: familyOf(dst.bytes), iif: name, table: TABLE })
      setNetworkRoute(sock, { dst, oif, isLocal: true, table: TABLE })
      setNetworkRoute(sock, { dst, oif })
    }
  }

  /** Returns a TCP socket bound to `port` of every address. A server of Node then closes it. */
  bind(port: number): number {
    const native = this.#native
    const what = `bind port ${port}`
    const fd = check(
      native.socket(uapi.AF_INET6, uapi.SOCK_STREAM | uapi.SOCK_NONBLOCK, 0, this.#fd),
      what,
    )
    return closingOnError(native, [fd], () => {
      for (const [level, option, value] of [
        [uapi.SOL_SOCKET, uapi.SO_REUSEADDR, 1],
        [uapi.IPPROTO_IPV6, uapi.IPV6_V6ONLY, 0],
        // Applies to IPv4, too.
        [uapi.IPPROTO_IPV6, uapi.IPV6_TRANSPARENT, 1],
      ] as const) {
        check(native.setsockopt(fd, level, option, uapi.int32(value)), what)
      }
      const bound = native.bind(fd, uapi.sockaddrInet(new Uint8Array(ipv6.IPV6_ALEN), port))
      check(bound, what, bound === -EACCES ? LOW_PORT_ADVICE : undefined)
      check(native.release(fd), 'release')
      return fd
    })
  }

  [Symbol.dispose](): void {
    closeFd(this.#native, this.#fd)
  }
}
