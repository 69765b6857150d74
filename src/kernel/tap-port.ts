/**
 * TapPort: a TAP as a Port. Frames go by its queues, changes by rtnetlink in whatever namespace the interface is in at the
 * time: the TAP itself tells which (TUNGETDEVNETNS), so no descriptor of ours keeps a namespace alive.
 */
import { EBADFD, EEXIST, EINVAL, EPERM, isErrno, VnetError } from '../core/errno.ts'
import { IFF_DORMANT, IFF_ECHO, IFF_LOWER_UP, IFF_NOARP, IFF_RUNNING, IFF_UP } from '../core/if.ts'
import type { LinkChange, LinkRequest, LinkState, Port } from '../core/port.ts'
import { formatCidr, toCidr } from './cidr.ts'
import { check } from './errno.ts'
import type { Native } from './native.ts'
import {
  addAddress,
  getAddresses,
  getLink,
  hasLocalRoutes,
  type Link,
  type LinkChanges,
  RouteSocket,
  setLink,
} from './rtnetlink.ts'
import { rootAdvice, setPersist, type Tap, tapName } from './tap.ts'
import type { TapQueue } from './tap-queue.ts'
import { IF_OPER_UNKNOWN, IF_OPER_UP, int32, TUNGETDEVNETNS, TUNSETCARRIER } from './uapi.ts'

/** What the port needs of its host. */
export interface TapPortOwner {
  /** Tells all events that happened until now. */
  sync(): void
  /** Where the interface is from now on, as the host's event socket numbers it; whether that is elsewhere than before. */
  locate(port: TapPort, nsfd: number): boolean
  /** The port is closed. */
  forget(port: TapPort): void
}

/** What the kernel changes by itself as a link goes up and down. */
const VOLATILE_FLAGS = IFF_UP | IFF_RUNNING | IFF_LOWER_UP | IFF_DORMANT | IFF_ECHO

const GONE = 'the interface is gone'

export class TapPort implements Port {
  readonly features: number
  readonly created: boolean
  readonly queues: readonly TapQueue[]
  readonly #native: Native
  readonly #tap: Tap
  readonly #owner: TapPortOwner
  readonly #statsAtOpen: Float64Array
  #link: LinkState
  #listener: (change: LinkChange) => void = () => {}
  #carrierSet = false
  #gone = false
  #closed = false

  constructor(
    native: Native,
    tap: Tap,
    options: { link: Link; created: boolean; queues: readonly TapQueue[]; owner: TapPortOwner },
  ) {
    this.#native = native
    this.#tap = tap
    this.#link = options.link
    this.#statsAtOpen = options.link.stats64
    this.features = tap.features
    this.created = options.created
    this.queues = options.queues
    this.#owner = options.owner
  }

  get link(): LinkState {
    return this.#link
  }

  onChange(fn: (change: LinkChange) => void): void {
    this.#listener = fn
  }

  async apply(request: LinkRequest): Promise<void> {
    if (this.#closed) throw new VnetError(EBADFD, this.#link.name, GONE)
    if (request.carrier !== undefined) {
      const result = this.#native.ioctl(this.#fd, TUNSETCARRIER, int32(request.carrier ? 1 : 0))
      checkTap(result, `TUNSETCARRIER ${this.#link.name}`)
      this.#carrierSet = true
    }
    if (request.persist !== undefined) setPersist(this.#native, this.#tap, request.persist)
    const { ifindex } = this.#link
    try {
      this.#withRoute(sock => {
        const changes = this.#differences(request)
        if (changes !== undefined) setLink(sock, ifindex, changes)
        for (const address of request.addresses ?? []) this.#addAddress(sock, address)
        if (request.up !== undefined) this.#setUp(sock, request.up)
      })
    } catch (error) {
      if (isErrno(error, EPERM)) throw new VnetError(EPERM, error.syscall, rootAdvice())
      throw error
    } finally {
      this.#owner.sync()
    }
  }

  /**
   * Whether the kernel's own workers are through with what was asked for. Until then the host sends nothing on a link whose
   * carrier just came, and takes nothing for an IPv6 address that is just there.
   */
  settled(): boolean {
    if (this.#gone || this.#closed) return true
    return this.#withRoute(sock => {
      const link = getLink(sock, { ifindex: this.#link.ifindex })
      if (link === undefined || (link.flags & IFF_UP) === 0) return true
      // A carrier that was there from the beginning never becomes anything else than unknown.
      const acted = link.operstate === IF_OPER_UP || (link.operstate === IF_OPER_UNKNOWN && !this.#carrierSet)
      return (!link.carrier || acted) && hasLocalRoutes(sock, link.ifindex)
    })
  }

  hostStats(): Float64Array | undefined {
    if (this.#gone || this.#closed) return undefined
    const link = this.#withRoute(sock => getLink(sock, { ifindex: this.#link.ifindex }))
    return link?.stats64.map((n, i) => n - (this.#statsAtOpen[i] ?? 0))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    // Also when it is the listener that closes it, and more is to be told of one event.
    this.#listener = () => {}
    this.#owner.forget(this)
    for (const queue of this.queues) queue.close()
  }

  /** An event of the interface: tells the listener what is different now. */
  linkEvent(link: Link): void {
    const before = this.#link
    this.#link = link
    const was = (before.flags & IFF_UP) !== 0
    const is = (link.flags & IFF_UP) !== 0
    if (was && !is) this.#listener({ kind: 'down' })
    if (link.name !== before.name) this.#listener({ kind: 'renamed', name: link.name })
    if (link.mtu !== before.mtu) this.#listener({ kind: 'mtu', mtu: link.mtu })
    if (!sameOctets(link.address, before.address)) this.#listener({ kind: 'address', address: link.address })
    if (link.txQueueLen !== before.txQueueLen) {
      this.#listener({ kind: 'txqueuelen', txQueueLen: link.txQueueLen })
    }
    if (((link.flags ^ before.flags) & ~VOLATILE_FLAGS) !== 0) this.#listener({ kind: 'flags', flags: link.flags })
    if (!was && is) this.#listener({ kind: 'up' })
  }

  /**
   * Asks the TAP itself where its interface is and what it is like: after events were lost, and when it left its namespace,
   * moved or deleted, or the namespace goes. That may be told late, of an id that is another namespace's by now.
   */
  ask(): void {
    if (this.#closed) return
    let link: Link | undefined
    let elsewhere = false
    try {
      link = this.#inNamespace(nsfd => {
        elsewhere = this.#owner.locate(this, nsfd)
        using sock = RouteSocket.open(this.#native, nsfd)
        return getLink(sock, { name: tapName(this.#native, this.#fd) ?? '' })
      })
    } catch (error) {
      if (!isErrno(error, EBADFD)) throw error
      this.leave()
      return
    }
    if (link === undefined) return
    const { name, ifindex } = link
    if (elsewhere || ifindex !== this.#link.ifindex) {
      this.#listener({ kind: 'moved', name, ifindex })
      this.#link = { ...this.#link, name, ifindex }
    }
    this.linkEvent(link)
  }

  /** The interface was deleted, or is to be let go with its namespace. */
  leave(): void {
    if (!this.#gone) this.#listener({ kind: 'gone' })
    this.#gone = true
  }

  /** -1 once closed: the number may be that of another interface's by then. */
  get #fd(): number {
    return this.#closed ? -1 : this.#tap.fds[0]
  }

  /**
   * Calls `fn` with a descriptor of the interface's present namespace; -1, for home, where that may not be asked. Throws
   * EBADFD when the interface is gone, or its namespace is going: its number is another's elsewhere.
   */
  #inNamespace<T>(fn: (nsfd: number) => T): T {
    const nsfd = this.#native.ioctl(this.#fd, TUNGETDEVNETNS, 0)
    // EINVAL: the namespace is going, and the interface with it.
    if (nsfd !== -EPERM) checkTap(nsfd === -EINVAL ? -EBADFD : nsfd, `TUNGETDEVNETNS ${this.#link.name}`)
    try {
      return fn(nsfd < 0 ? -1 : nsfd)
    } finally {
      if (nsfd >= 0) this.#native.close(nsfd)
    }
  }

  #withRoute<T>(fn: (sock: RouteSocket) => T): T {
    return this.#inNamespace(nsfd => {
      using sock = RouteSocket.open(this.#native, nsfd)
      return fn(sock)
    })
  }

  /** What of a request the interface does not have yet; undefined when nothing. */
  #differences({ mtu, address, noarp, txQueueLen }: LinkRequest): LinkChanges | undefined {
    const link = this.#link
    const changes: { -readonly [K in keyof LinkChanges]: LinkChanges[K] } = {}
    if (mtu !== undefined && mtu !== link.mtu) changes.mtu = mtu
    if (txQueueLen !== undefined && txQueueLen !== link.txQueueLen) changes.txQueueLen = txQueueLen
    if (address !== undefined && !sameOctets(address, link.address)) changes.address = address
    if (noarp !== undefined && noarp !== ((link.flags & IFF_NOARP) !== 0)) {
      changes.flags = { set: noarp ? IFF_NOARP : 0, mask: IFF_NOARP }
    }
    return Object.keys(changes).length === 0 ? undefined : changes
  }

  #addAddress(sock: RouteSocket, text: string): void {
    const cidr = toCidr(text)
    const { ifindex } = this.#link
    const wanted = formatCidr(cidr)
    if (getAddresses(sock, ifindex).some(known => formatCidr(known) === wanted)) return
    try {
      addAddress(sock, ifindex, cidr, { nodad: true })
    } catch (error) {
      if (!isErrno(error, EEXIST)) throw error
    }
  }

  #setUp(sock: RouteSocket, up: boolean): void {
    const link = getLink(sock, { ifindex: this.#link.ifindex })
    if (link === undefined || ((link.flags & IFF_UP) !== 0) === up) return
    setLink(sock, link.ifindex, { flags: { set: up ? IFF_UP : 0, mask: IFF_UP } })
  }
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i])
}

/** As check, for the answer of a TAP's own descriptor: the kernel's EBADFD says that the interface was deleted. */
function checkTap(result: number, what: string): number {
  return check(result, what, result === -EBADFD ? GONE : undefined)
}
