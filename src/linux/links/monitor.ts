/**
 * LinkMonitor: receives every change of interfaces and addresses, in our namespace and in all that
 * have an id here, through one rtnetlink socket. Events arrive in order and once, unless the
 * receive buffer overflows: then `onOverrun` is called, and the owner reads the state again. The
 * socket is in our own namespace and keeps no other one alive. Events are read in the time that
 * Turns grants to work without rights: any namespace may send any number of them.
 */
import { EAGAIN, EMSGSIZE, ENOBUFS, Turns, VnetError, type Work } from '../../base/index.ts'
import {
  check,
  closeFd,
  closingOnError,
  eventLoopClock,
  type Native,
  type Poller,
  setBuffer,
  startPoller,
} from '../index.ts'
import * as uapi from '../uapi.ts'
import { firstIndex, type LinkListener, readEvents } from './events.ts'

// include/uapi/linux/rtnetlink.h
export const RTNLGRP_IPV4_MCADDR = 37
export const RTNLGRP_IPV6_MCADDR = 38

/** In bytes. Of 2,000 quick changes, 92 arrive with the default size and all with this one. */
const RECEIVE_BUFFER = 32 << 20
/**
 * The kernel sends one event per datagram, of about 1.5 KB; with all names that an interface may
 * have, 70 KB. The buffer grows up to the maximum. A longer event is lost.
 */
const EVENT_BYTES = 32 << 10
const EVENT_BYTES_MAX = 1 << 20
/** Events of a step, about 100 us. */
const STEP = 8
/** Events, and milliseconds for them, that are read before a request settles or a port opens. */
const SYNC = 64
const SYNC_MS = 200

const GROUPS = [
  uapi.RTNLGRP_LINK,
  uapi.RTNLGRP_NSID,
  uapi.RTNLGRP_IPV4_IFADDR,
  uapi.RTNLGRP_IPV6_IFADDR,
  uapi.RTNLGRP_IPV6_IFINFO,
]
/** Groups that older kernels lack. */
const NEWER_GROUPS = [RTNLGRP_IPV4_MCADDR, RTNLGRP_IPV6_MCADDR]

/** The longest time of a timer, 24 days. */
const FOREVER_MS = 2 ** 31 - 1

/** Delay before the state is read again after a failure, in ms. It doubles each time. */
const AGAIN_MS = 1000
const AGAIN_MS_MAX = 64_000

export class LinkMonitor implements Work {
  readonly share = 'events'
  readonly privileged = false
  /** False without CAP_NET_BROADCAST: only events of our own namespace are received. */
  readonly allNamespaces: boolean
  readonly #native: Native
  readonly #fd: number
  readonly #listener: LinkListener
  readonly #poller: Poller
  readonly #turns: Pick<Turns, 'add' | 'addNow' | 'delete'>
  /** Called when no event is left to read. */
  readonly #waiting = new Set<(isUpToDate: boolean) => void>()
  #into = new Uint8Array(EVENT_BYTES)
  readonly #meta = new Int32Array(3)
  #overrun = false
  #reading = false
  #open = true
  #stopped = false
  #again: NodeJS.Timeout | undefined
  #alive: NodeJS.Timeout | undefined
  #againMs = AGAIN_MS

  /**
   * Opens the socket and starts to listen. Call it before reading the state, so that no change is
   * missed. `nsfd` refers to the namespace to open it in, which it keeps alive; -1 is our own.
   * `turns` grants the time to read events, by default from a separate account.
   */
  constructor(
    native: Native,
    listener: LinkListener,
    nsfd = -1,
    turns: Pick<Turns, 'add' | 'addNow' | 'delete'> = new Turns(eventLoopClock),
  ) {
    const fd = check(
      native.socket(uapi.AF_NETLINK, uapi.SOCK_RAW, uapi.NETLINK_ROUTE, nsfd),
      'socket(AF_NETLINK, NETLINK_ROUTE)',
    )
    this.#native = native
    this.#fd = fd
    this.#listener = listener
    this.#turns = turns
    this.allNamespaces =
      native.setsockopt(fd, uapi.SOL_NETLINK, uapi.NETLINK_LISTEN_ALL_NSID, uapi.int32(1)) >= 0
    this.#poller = closingOnError(native, [fd], () => {
      setBuffer(native, fd, 'SO_RCVBUF', RECEIVE_BUFFER)
      // Without a port, the kernel takes the socket for the one to be excluded from an event.
      check(native.bind(fd, uapi.sockaddrNl()), 'bind(AF_NETLINK)')
      for (const group of GROUPS) {
        check(join(native, fd, group), `setsockopt(NETLINK_ADD_MEMBERSHIP, ${group})`)
      }
      for (const group of NEWER_GROUPS) {
        join(native, fd, group)
      }
      if (listener.onProgramRemoved !== undefined) {
        join(native, fd, uapi.RTNLGRP_TC)
      }
      // An overflow is an error condition, which stops the poller: the next step starts it again.
      return startPoller(native, fd, () => turns.addNow(this))
    })
    this.#poller.unref()
    this.ref()
  }

  /** Keeps the process alive, also while the poller is stopped; the default. */
  ref(): void {
    clearTimeout(this.#alive)
    this.#alive = setTimeout(() => this.ref(), FOREVER_MS)
  }

  unref(): void {
    clearTimeout(this.#alive)
  }

  /** Stops all reports, even if called by the listener. Idempotent. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    clearTimeout(this.#again)
    this.unref()
    this.#turns.delete(this)
    this.#settle()
    this.#poller.close()
    closeFd(this.#native, this.#fd)
  }

  readonly [Symbol.dispose] = (): void => this.close()

  /** Reports some events. Never throws. */
  step(): boolean {
    const more = this.#report(STEP)
    if (!more) {
      this.#poll()
    }
    return more
  }

  wait(): void {
    this.#poller.stop()
  }

  /**
   * Reports the events up to now, so that the effect of a request is known. Returns a promise if
   * many are left: it resolves to true when they were reported, or to false after 200 ms of a
   * flood. Does nothing when called by the listener: the remaining events follow anyway.
   */
  sync(): Promise<boolean> | undefined {
    if (this.#reading || !this.#report(SYNC)) return undefined
    this.#turns.add(this)
    return new Promise(resolve => {
      const settle = (isUpToDate: boolean) => {
        clearTimeout(limit)
        this.#waiting.delete(settle)
        resolve(isUpToDate)
      }
      const limit = setTimeout(settle, SYNC_MS, false)
      this.#waiting.add(settle)
    })
  }

  /**
   * Calls `fn` when no event is left to read, which a flood may delay for seconds: in the call that
   * reads the last one, so that a request that follows knows of it.
   */
  onceUpToDate(fn: () => void): void {
    const settle = () => {
      this.#waiting.delete(settle)
      fn()
    }
    this.#waiting.add(settle)
  }

  /** Logs a failure to read the state, and schedules another attempt at all of it. */
  retry(error: unknown): void {
    this.#listener.onError?.(error)
    if (!this.#open || this.#again !== undefined) return
    this.#again = setTimeout(() => {
      this.#again = undefined
      this.#stopped = false
      this.#overrun = true
      this.#turns.add(this)
    }, this.#againMs).unref()
    this.#againMs = Math.min(2 * this.#againMs, AGAIN_MS_MAX)
  }

  #poll(): void {
    if (!this.#open || this.#stopped) return
    const result = this.#poller.start()
    if (result < 0) {
      this.#stop(new VnetError(-result, 'poll'))
    }
  }

  #settle(): void {
    for (const settle of this.#waiting) {
      settle(true)
    }
  }

  /** Reads at most `most` events. Returns whether there may be more. Never throws. */
  #report(most: number): boolean {
    if (this.#reading) return false
    this.#reading = true
    try {
      if (this.#read(most)) return this.#open
    } catch (error) {
      this.retry(error)
    } finally {
      this.#reading = false
    }
    this.#settle()
    return false
  }

  /** Returns true if it read as many as it may. */
  #read(most: number): boolean {
    for (let left = most; this.#open && left > 0; left--) {
      const length = this.#native.recvmsg(
        this.#fd,
        this.#into,
        uapi.MSG_DONTWAIT | uapi.MSG_TRUNC,
        this.#meta,
      )
      if (length === -ENOBUFS) {
        // From now on the kernel drops events until the queue is empty.
        this.#overrun = true
      } else if (length === -EAGAIN) {
        if (!this.#overrun) return false
        this.#overrun = false
        this.#listener.onOverrun()
        this.#againMs = AGAIN_MS
        return false
      } else if (length < 0) {
        this.#stop(new VnetError(-length, 'recvmsg(NETLINK_ROUTE)'))
        return false
      } else {
        this.#dispatch(length)
      }
    }
    return true
  }

  #dispatch(length: number): void {
    const [sender, nsid] = this.#meta
    // Any process may send to our port. Only the kernel has port 0.
    if (sender !== 0) return
    if (length > this.#into.length) {
      this.#cut(nsid, length)
      return
    }
    const onBad = (error: unknown, ifindex?: number) => this.#bad(error, nsid, ifindex)
    readEvents(this.#into.subarray(0, length), nsid, this.#listener, onBad, () => this.#open)
  }

  /** Handles an event longer than the buffer: only its index is known. The buffer grows. */
  #cut(nsid: number, length: number): void {
    const ifindex = firstIndex(this.#into)
    if (ifindex !== undefined && this.#listener.wants?.(nsid, ifindex) === false) return
    const isTooLong = length > EVENT_BYTES_MAX
    if (!isTooLong) {
      this.#into = new Uint8Array(Math.min(EVENT_BYTES_MAX, 2 * length))
    }
    this.#bad(
      isTooLong ? new VnetError(EMSGSIZE, `event of ${length} bytes`) : undefined,
      nsid,
      ifindex,
    )
  }

  /** Schedules another read of the state that an unreadable event was about. */
  #bad(error: unknown, nsid: number, ifindex: number | undefined): void {
    if (error !== undefined) {
      this.#listener.onError?.(error)
    }
    if (ifindex === undefined || this.#listener.onLost === undefined) {
      this.#overrun = true
      return
    }
    try {
      this.#listener.onLost(nsid, ifindex)
    } catch (thrown) {
      this.retry(thrown)
    }
  }

  /** Stops watching a socket that fails to be read, which would remain readable forever. */
  #stop(error: unknown): void {
    this.#stopped = true
    this.#poller.stop()
    this.retry(error)
  }
}

function join(native: Native, fd: number, group: number): number {
  return native.setsockopt(fd, uapi.SOL_NETLINK, uapi.NETLINK_ADD_MEMBERSHIP, uapi.int32(group))
}
