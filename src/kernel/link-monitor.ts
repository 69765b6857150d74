/**
 * LinkMonitor: every change of an interface and its addresses, in this namespace and in all that have an id here, by one
 * rtnetlink socket. Events come in the order in which they happened, each once, until the receive buffer overflows: then
 * `onOverrun` says that some are missing, and the owner reads the state anew. The socket is in the home namespace and keeps
 * no other one alive.
 */
import { EAGAIN, ENOBUFS } from '../core/errno.ts'
import { getS32, type Message, messages } from '../netlink/index.ts'
import { check } from './errno.ts'
import type { Native, Poller } from './native.ts'
import { startPoller } from './poller.ts'
import { type Link, parseLink } from './rtnetlink/link-message.ts'
import { parseNsid } from './rtnetlink/nsid.ts'
import {
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELMULTICAST,
  RTM_DELNSID,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWMULTICAST,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_MCADDR,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_IFINFO,
  RTNLGRP_IPV6_MCADDR,
  RTNLGRP_LINK,
  RTNLGRP_NSID,
} from './rtnetlink/uapi.ts'
import {
  AF_INET6,
  AF_NETLINK,
  int32,
  MSG_DONTWAIT,
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
/** The kernel sends one event a datagram, of about 1.5 KB. */
const EVENT_OCTETS = 32768
/** Datagrams read in one go, so that a flood of events does not keep the frames waiting. */
const BATCH = 256

const GROUPS = [RTNLGRP_LINK, RTNLGRP_NSID, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_IFINFO]
/** Groups that not every kernel has. */
const NEWER_GROUPS = [RTNLGRP_IPV4_MCADDR, RTNLGRP_IPV6_MCADDR]

/** The namespace a monitor was opened in, where an nsid is asked for. */
export const NSID_HOME = -1
/** Stands for a namespace whose events do not come; no event has it. */
export const NSID_UNSEEN = -2

export interface LinkListener {
  /**
   * An interface was made or changed ('new'), or is gone from its namespace ('del': deleted, or moved, with newNetnsid).
   * `nsid` is the namespace it is in, NSID_HOME here.
   */
  onLink(nsid: number, link: Link, event: 'new' | 'del'): void
  /**
   * The protocol addresses of an interface may be other ones, or the groups that it is in. An IPv6 address of the kernel's
   * own, while it is probed for duplicates, shows by its group alone.
   */
  onAddress(nsid: number, ifindex: number): void
  /** What was there has been told, for now. Answers whether anything was told because of that. */
  onRead(): boolean
  /** Events were lost. Called after the last one that is left: what is read from here on is as new as can be. */
  onOverrun(): void
  /**
   * A namespace with an id here is gone, and all its interfaces with it: their own 'del' events do not come. From now on the
   * id may be another's.
   */
  onNsidGone(nsid: number): void
}

export class LinkMonitor {
  /** False without CAP_NET_BROADCAST: only what happens at home is seen. */
  readonly allNamespaces: boolean
  readonly #native: Native
  readonly #fd: number
  readonly #listener: LinkListener
  readonly #poller: Poller
  readonly #into = new Uint8Array(EVENT_OCTETS)
  readonly #meta = new Int32Array(3)
  #overrun = false
  #draining = false
  #open = true

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
    try {
      this.#drain(BATCH)
    } finally {
      // an overflow is an error condition, on which the poller stops
      if (status < 0 && this.#open) check(this.#poller.start(), 'poll')
    }
  }

  /**
   * Reads what is there, `most` events at most: what it leaves makes the socket readable again. Answers whether more may have
   * come by what was told at the end.
   */
  #drain(most: number): boolean {
    if (this.#draining) return false
    this.#draining = true
    try {
      this.#read(most)
      return this.#open && this.#listener.onRead()
    } finally {
      this.#draining = false
    }
  }

  #read(most: number): void {
    // after an overflow the kernel drops events until the queue is empty: then read it to the end
    for (let left = most; this.#open && (left > 0 || this.#overrun); left--) {
      const length = this.#native.recvmsg(this.#fd, this.#into, MSG_DONTWAIT, this.#meta)
      if (length === -ENOBUFS) {
        this.#overrun = true
      } else if (length === -EAGAIN) {
        if (!this.#overrun) return
        this.#overrun = false
        this.#listener.onOverrun()
        return
      } else {
        check(length, 'recvmsg(NETLINK_ROUTE)')
        this.#dispatch(length)
      }
    }
  }

  #dispatch(length: number): void {
    const [sender, nsid] = this.#meta
    // anybody may send to our port; only the kernel has port 0
    if (sender !== 0) return
    for (const message of messages(this.#into, 0, length)) {
      if (!this.#open) return
      switch (message.type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
          this.#linkMessage(nsid, message)
          break
        case RTM_NEWADDR:
        case RTM_DELADDR:
        case RTM_NEWMULTICAST:
        case RTM_DELMULTICAST:
          this.#addressMessage(nsid, message)
          break
        case RTM_DELNSID:
          // those of other namespaces are numbers of theirs
          if (nsid === NSID_HOME) this.#listener.onNsidGone(parseNsid(this.#into, message))
      }
    }
  }

  #linkMessage(nsid: number, message: Message): void {
    // IPv6 tells that it has set up an interface, with a first address
    if (this.#into[message.offset] === AF_INET6) {
      this.#addressMessage(nsid, message)
      return
    }
    const link = parseLink(this.#into, message)
    if (link !== undefined) this.#listener.onLink(nsid, link, message.type === RTM_NEWLINK ? 'new' : 'del')
  }

  /** struct ifaddrmsg, or struct ifinfomsg: both have the index at 4. */
  #addressMessage(nsid: number, { offset, length }: Message): void {
    if (length >= 8) this.#listener.onAddress(nsid, getS32(this.#into, offset + 4))
  }
}

function join(native: Native, fd: number, group: number): number {
  return native.setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, int32(group))
}
