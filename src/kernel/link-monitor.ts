/**
 * LinkMonitor: every change of an interface and its addresses, in this namespace and in all that have an id here, by one
 * rtnetlink socket. Events come in the order in which they happened, each once, until the receive buffer overflows: then
 * `onOverrun` says that some are missing, and the owner reads the state anew. The socket is in the home namespace and keeps
 * no other one alive.
 */
import { EAGAIN, EMSGSIZE, ENOBUFS, VnetError } from '../core/errno.ts'
import { check } from './errno.ts'
import { firstIndex, type LinkListener, readEvents } from './link-events.ts'
import type { Native, Poller } from './native.ts'
import { startPoller } from './poller.ts'
import {
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_MCADDR,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_IFINFO,
  RTNLGRP_IPV6_MCADDR,
  RTNLGRP_LINK,
  RTNLGRP_NSID,
} from './rtnetlink/uapi.ts'
import {
  AF_NETLINK,
  int32,
  MSG_DONTWAIT,
  MSG_TRUNC,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_LISTEN_ALL_NSID,
  NETLINK_ROUTE,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
  sockaddrNl,
} from './uapi.ts'

/** At the default size 92 of 2,000 quick changes arrive; at this one all do. */
const RECEIVE_BUFFER = 32 << 20
/**
 * The kernel sends one event a datagram, of about 1.5 KB; with all the names an interface may have it is 70 KB. The buffer
 * grows up to the second; an event that is longer is lost.
 */
const EVENT_OCTETS = 32 << 10
const EVENT_OCTETS_MAX = 1 << 20
/** Datagrams read in one go, so that a flood of events does not keep the frames waiting. */
const BATCH = 256

const GROUPS = [RTNLGRP_LINK, RTNLGRP_NSID, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_IFINFO]
/** Groups that not every kernel has. */
const NEWER_GROUPS = [RTNLGRP_IPV4_MCADDR, RTNLGRP_IPV6_MCADDR]

/** From a failure to the next attempt to read the state anew, in milliseconds: twice as long each time. */
const AGAIN_MS = 1000
const AGAIN_MS_MAX = 64_000

export class LinkMonitor {
  /** False without CAP_NET_BROADCAST: only what happens at home is seen. */
  readonly allNamespaces: boolean
  readonly #native: Native
  readonly #fd: number
  readonly #listener: LinkListener
  readonly #poller: Poller
  #into = new Uint8Array(EVENT_OCTETS)
  readonly #meta = new Int32Array(3)
  #overrun = false
  #draining = false
  #open = true
  #stopped = false
  #again: NodeJS.Timeout | undefined
  #againMs = AGAIN_MS

  private constructor(native: Native, fd: number, listener: LinkListener, allNamespaces: boolean) {
    this.#native = native
    this.#fd = fd
    this.#listener = listener
    this.allNamespaces = allNamespaces
    this.#poller = startPoller(native, fd, status => this.#readable(status))
  }

  /**
   * Opens the socket and begins to listen: what happens from here on is told. Call it before reading the state. `nsfd` refers to
   * the namespace that is its home, which it keeps alive; -1 is the caller's own.
   */
  static open(native: Native, listener: LinkListener, nsfd = -1): LinkMonitor {
    const fd = check(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, nsfd), 'socket(AF_NETLINK, NETLINK_ROUTE)')
    try {
      if (native.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(RECEIVE_BUFFER)) < 0) {
        check(native.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int32(RECEIVE_BUFFER)), 'setsockopt(SO_RCVBUF)')
      }
      // A socket without a port of its own looks like the one that the kernel leaves out of an event: none would come.
      check(native.bind(fd, sockaddrNl()), 'bind(AF_NETLINK)')
      const allNamespaces = native.setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, int32(1)) >= 0
      for (const group of GROUPS) check(join(native, fd, group), `setsockopt(NETLINK_ADD_MEMBERSHIP, ${group})`)
      for (const group of NEWER_GROUPS) join(native, fd, group)
      return new LinkMonitor(native, fd, listener, allNamespaces)
    } catch (error) {
      native.close(fd)
      throw error
    }
  }

  /** Whether it keeps the process alive; it does to begin with. */
  ref(): void {
    this.#poller.ref()
  }

  unref(): void {
    this.#poller.unref()
  }

  /** Nothing is told any more, also when called by a listener. Idempotent. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    clearTimeout(this.#again)
    this.#poller.close()
    this.#native.close(this.#fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * Tells, before it returns, everything that has happened until now: a change made by a request is then known. Within a
   * listener it does nothing, since the rest follows in its turn.
   */
  drain(): void {
    while (this.#drain(Number.POSITIVE_INFINITY)) {}
  }

  #readable(status: number): void {
    this.#drain(BATCH)
    // an overflow is an error condition, on which the poller stops
    if (status < 0) this.#poll()
  }

  #poll(): void {
    if (!this.#open || this.#stopped) return
    const result = this.#poller.start()
    if (result < 0) this.#stop(new VnetError(-result, 'poll'))
  }

  /**
   * Reads what is there, `most` events at most: what it leaves makes the socket readable again. Answers whether more may have
   * come by what was told at the end. Never throws.
   */
  #drain(most: number): boolean {
    if (this.#draining) return false
    this.#draining = true
    try {
      this.#read(most)
      return this.#open && this.#listener.onRead()
    } catch (error) {
      this.#failed(error)
      return false
    } finally {
      this.#draining = false
    }
  }

  #read(most: number): void {
    for (let left = most; this.#open && left > 0; left--) {
      const length = this.#native.recvmsg(this.#fd, this.#into, MSG_DONTWAIT | MSG_TRUNC, this.#meta)
      if (length === -ENOBUFS) {
        // from now on the kernel drops events, until the queue is empty
        this.#overrun = true
      } else if (length === -EAGAIN) {
        if (!this.#overrun) return
        this.#overrun = false
        this.#listener.onOverrun()
        this.#againMs = AGAIN_MS
        return
      } else if (length < 0) {
        this.#stop(new VnetError(-length, 'recvmsg(NETLINK_ROUTE)'))
        return
      } else {
        this.#dispatch(length)
      }
    }
  }

  #dispatch(length: number): void {
    const [sender, nsid] = this.#meta
    // anybody may send to our port; only the kernel has port 0
    if (sender !== 0) return
    if (length > this.#into.length) {
      this.#cut(nsid, length)
      return
    }
    const onBad = (error: unknown, ifindex?: number) => this.#bad(error, nsid, ifindex)
    readEvents(this.#into.subarray(0, length), nsid, this.#listener, onBad, () => this.#open)
  }

  /** An event that the buffer had no room for is lost, but for which interface it was about; the next one finds room. */
  #cut(nsid: number, length: number): void {
    const ifindex = firstIndex(this.#into)
    if (ifindex !== undefined && this.#listener.wants?.(nsid, ifindex) === false) return
    const isTooLong = length > EVENT_OCTETS_MAX
    if (!isTooLong) this.#into = new Uint8Array(Math.min(EVENT_OCTETS_MAX, 2 * length))
    this.#bad(isTooLong ? new VnetError(EMSGSIZE, `event of ${length} octets`) : undefined, nsid, ifindex)
  }

  /** An event could not be read: what it told of is read anew. */
  #bad(error: unknown, nsid: number, ifindex: number | undefined): void {
    if (error !== undefined) this.#listener.onError?.(error)
    if (ifindex === undefined || this.#listener.onLost === undefined) {
      this.#overrun = true
      return
    }
    try {
      this.#listener.onLost(nsid, ifindex)
    } catch (error) {
      this.#failed(error)
    }
  }

  /** The socket cannot be read: it is left alone for a while, or it would be readable for ever. */
  #stop(error: unknown): void {
    this.#stopped = true
    this.#poller.stop()
    this.#failed(error)
  }

  /** The state could not be read anew: all of it is tried again later, and later each time that fails. */
  #failed(error: unknown): void {
    this.#listener.onError?.(error)
    if (!this.#open || this.#again !== undefined) return
    this.#again = setTimeout(() => {
      this.#again = undefined
      this.#stopped = false
      this.#overrun = true
      this.drain()
      this.#poll()
    }, this.#againMs).unref()
    this.#againMs = Math.min(2 * this.#againMs, AGAIN_MS_MAX)
  }
}

function join(native: Native, fd: number, group: number): number {
  return native.setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, int32(group))
}
