/**
 * A TAP as a Port. Frames pass through its queues. Changes are made by rtnetlink in the namespace
 * that the interface is in at that time, which the TAP itself returns (TUNGETDEVNETNS), so no open
 * descriptor keeps a namespace alive.
 */
import { fstatSync } from 'node:fs'
import { attempt, EBADFD, EINVAL, EPERM, isErrno, VnetError } from '../../base/errno.ts'
import { IFF_ALLMULTI, IFF_PROMISC, IFF_RUNNING, IFF_UP } from '../../netdev/if.ts'
import type { LinkChange, LinkKsettings, LinkRequest, LinkState, Port } from '../../netdev/port.ts'
import { TX_DROPPED } from '../../netdev/stats.ts'
import { setLinkKsettings } from '../ethtool.ts'
import {
  check,
  checkTap,
  closing,
  GONE,
  int32,
  type Native,
  netnsCookieOf,
  TUNGETDEVNETNS,
  TUNSETCARRIER,
} from '../index.ts'
import { isSettled, requestLink } from '../links/request.ts'
import {
  type LinkLists,
  type LinkPlace,
  linkState,
  readLists,
  reportLinkChanges,
  reportListChanges,
} from '../links/state.ts'
import { netnsName } from '../netns-name.ts'
import { getLink, type Link, RouteSocket } from '../rtnetlink.ts'
import type { FrameQueue } from './frame-queue.ts'
import { rootAdvice, setOffload, setPersist, type Tun, tapName } from './tap.ts'

/** Flags that may change without an event. */
const MODES = IFF_PROMISC | IFF_ALLMULTI

/** The services of a platform that a port uses. */
export interface TapPortOwner {
  /**
   * Reports the events of a port up to now. Returns a promise if many are left to read. Does
   * nothing if a listener calls it: they are reported after it returns.
   */
  sync(port: TapPort): Promise<void> | undefined
  /** The addresses or groups of a port may have changed. */
  listsChanged(port: TapPort): void
  /** Records the namespace that the interface is in. Returns whether it is another than before. */
  locate(port: TapPort, nsfd: number): boolean
  /** The id of a namespace on the platform's event socket. */
  nsid(nsfd: number): number
  /** The port is being closed: it reports nothing any more. */
  forget(port: TapPort): void
  /** Closes the descriptors of a TAP. The event loop continues meanwhile. */
  closeTap(fds: readonly number[]): Promise<void>
}

/**
 * The interface and descriptors of a TapPort. The port owns the queues and closes them, unless they
 * are `borrowed`.
 */
export interface TapPortOptions {
  /** The state of the interface that was just read. */
  readonly link: Link
  /** Its network namespace, as PortSpec.netns names it. */
  readonly netns: string | undefined
  readonly lists: LinkLists
  readonly created: boolean
  readonly announced: boolean
  /** Whether to read the list of multicast groups. */
  readonly multicastList: boolean
  readonly queues: readonly FrameQueue[]
  readonly owner: TapPortOwner
  /** True to leave the descriptors open when the port closes, until take(). Default false. */
  readonly borrowed?: boolean
}

export class TapPort implements Port {
  readonly created: boolean
  readonly announced: boolean
  readonly queues: readonly FrameQueue[]
  readonly #native: Native
  readonly #tap: Tun
  readonly #options: TapPortOptions
  #features: number
  #link: LinkState
  /** The state that the listener was last notified of. refresh() changes only `#link`. */
  #reported: LinkState
  /** The index in events of the interface. */
  #ifindex: number
  #netns: string | undefined
  #groupsCut = false
  #listener: (change: LinkChange) => void = () => {}
  #carrierSet: boolean
  /** False while the port itself has turned the carrier off. */
  #carrier = true
  /** The kernel's tx_dropped as last read, and what of it was lost before vnet. */
  #txDropped: number
  #beforeVnet = 0
  /** Whether the kernel could pass frames to the queues when it was last read. */
  #passes = false
  /** The settings to show while the link has a carrier; undefined leaves them to the kernel. */
  #linkKsettings: LinkKsettings | undefined
  #gone = false
  #closed = false
  #borrowed: boolean
  #ending: Promise<void> | undefined

  constructor(native: Native, tap: Tun, options: TapPortOptions) {
    const { link, netns, lists, created, announced, queues } = options
    this.#native = native
    this.#tap = tap
    this.#options = options
    this.#groupsCut = lists.groupsCut === true
    this.#link = linkState(link, lists)
    this.#reported = this.#link
    this.#ifindex = link.ifindex
    this.#netns = netns
    this.#features = tap.features
    this.#carrierSet = !link.carrier
    this.#txDropped = link.stats64[TX_DROPPED] ?? 0
    this.#countDrops(link)
    this.#borrowed = options.borrowed === true
    this.created = created
    this.announced = announced
    this.queues = queues
  }

  get link(): LinkState {
    return this.#link
  }

  get features(): number {
    return this.#features
  }

  get layer(): 'tap' | 'tun' {
    return this.#tap.layer
  }

  /** The index of the interface in its last known namespace. */
  get ifindex(): number {
    return this.#ifindex
  }

  /**
   * The namespace that the interface was last known to be in: as the user named it until the
   * interface moves, then as netnsName() does. Undefined is our own.
   */
  get netns(): string | undefined {
    return this.#netns
  }

  setFeatures(features: number): number {
    this.#checkOpen()
    this.#features = setOffload(
      this.#native,
      this.#fd,
      this.#link.name,
      features,
      this.#tap.vnetHdrLen,
    )
    return this.#features
  }

  refresh(): LinkState {
    this.#checkOpen()
    this.#link = this.#atPlace((place, link) => this.#stateOf(place, link))
    return this.#link
  }

  onChange(fn: (change: LinkChange) => void): void {
    this.#listener = fn
    this.#reported = this.#link
  }

  async apply(request: LinkRequest): Promise<void> {
    this.#checkOpen()
    const { carrier, linkKsettings, persist } = request
    if (linkKsettings !== undefined) {
      this.#linkKsettings = linkKsettings
    }
    if (carrier !== undefined) {
      this.#setCarrier(carrier)
    }
    if (persist !== undefined) {
      setPersist(this.#native, this.#tap, persist)
    }
    try {
      this.#atPlace((place, link) => {
        requestLink(place.sock, link, request)
        if (linkKsettings !== undefined || carrier === false) {
          this.#showLink(place, link, carrier ?? link.carrier)
        }
      })
    } catch (error) {
      if (isErrno(error, EPERM)) throw new VnetError(EPERM, error.what, rootAdvice())
      throw error
    } finally {
      const pending = this.#options.owner.sync(this)
      if (pending !== undefined) {
        await pending
      }
    }
  }

  /** Returns true if the kernel has finished the requested changes, so that frames pass. */
  settled(): boolean {
    return this.#ifThere(({ sock }, link) => isSettled(sock, link, this.#carrierSet)) ?? true
  }

  kernelStats(): Float64Array | undefined {
    const { stats64: before } = this.#options.link
    return this.#ifThere((_, link) => {
      this.#countDrops(link)
      return link.stats64.map((n, i) => n - (before[i] ?? 0))
    })
  }

  beforeVnet(now: boolean): number {
    if (now) {
      this.#ifThere((_, link) => this.#countDrops(link))
    }
    return this.#beforeVnet
  }

  /**
   * Counts the drops since the last reading if frames could pass then. The kernel also counts what
   * it drops without a carrier. An event may be older than the last reading, and counts nothing.
   */
  #countDrops({ flags, stats64 }: Link): void {
    const dropped = Math.max(this.#txDropped, stats64[TX_DROPPED] ?? 0)
    if (this.#passes) {
      this.#beforeVnet += dropped - this.#txDropped
    }
    this.#txDropped = dropped
    this.#passes = this.#carrier && (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) !== 0
  }

  /** From now on the port owns its descriptors, and close() closes them. */
  take(): void {
    this.#borrowed = false
  }

  close(): Promise<void> {
    this.#ending ??= this.#close()
    return this.#ending
  }

  async #close(): Promise<void> {
    // A listener that is called below may close the port again.
    if (this.#closed) return
    this.#closed = true
    // The listener itself may close the port while more changes of one event are to follow.
    this.#listener = () => {}
    const { owner } = this.#options
    owner.forget(this)
    const fds = this.queues.map(queue => queue.release())
    if (!this.#borrowed) return owner.closeTap(fds)
    for (const fd of fds) {
      check(this.#native.release(fd), 'release')
    }
  }

  /** Handles an event of the interface: notifies the listener of each difference. */
  linkEvent(link: Link): void {
    // A queued event may have the index that the interface had before it left and returned.
    if (this.#gone || this.#closed || link.ifindex !== this.#ifindex) return
    this.#countDrops(link)
    const before = this.#reported
    const now = linkState(link, { ...this.#link, groupsCut: this.#groupsCut })
    // The event may be older than the modes that reportLists() has read, which then ends them.
    const modes = this.#options.multicastList ? this.#link.flags & MODES : 0
    this.#link = { ...now, flags: now.flags | modes }
    this.#reported = { ...this.#link, addresses: before.addresses, multicast: before.multicast }
    if (this.#options.multicastList) {
      this.#options.owner.listsChanged(this)
    }
    reportLinkChanges(before, this.#reported, change => this.#listener(change))
  }

  /**
   * Reads the lists again, and the modes, which may change without an event: a macvlan on top makes
   * this interface promiscuous. Returns false if they cannot be read now.
   */
  reportLists(): boolean {
    if (this.#gone || this.#closed) return true
    const now = this.#ifThere((place, link) => this.#stateOf(place, link))
    // The next event reports the change; or no descriptor is left, and the queue tries again later.
    if (now === undefined) return false
    const before = this.#reported
    const { multicast, addresses } = now
    const flags = (before.flags & ~MODES) | (now.flags & MODES)
    this.#link = {
      ...this.#link,
      multicast,
      addresses,
      flags: (this.#link.flags & ~MODES) | (now.flags & MODES),
    }
    this.#reported = { ...before, multicast, addresses, flags }
    if (flags !== before.flags) {
      this.#listener({ kind: 'flags', flags })
    }
    reportListChanges(before, now, change => this.#listener(change))
    return true
  }

  /**
   * Reads the location and state of the interface from the TAP itself: after events were lost, or
   * when the interface left its namespace or the namespace is being deleted. Such an event may
   * arrive late, when its id already belongs to another namespace.
   */
  reread(): void {
    if (this.#closed) return
    let link: Link | undefined
    let elsewhere = false
    let restricted = false
    try {
      link = this.#inNamespace(nsfd => {
        elsewhere = this.#options.owner.locate(this, nsfd)
        if (elsewhere) {
          this.#netns = netnsName(nsfd)
        }
        using sock = this.#socketIn(nsfd)
        restricted = sock.target !== undefined
        return this.#readLink(sock)
      })
    } catch (error) {
      if (!isErrno(error, EBADFD)) throw error
      this.leave()
      return
    }
    this.#options.owner.listsChanged(this)
    if (link === undefined) return
    const { name, ifindex } = link
    if (elsewhere || ifindex !== this.#ifindex) {
      this.#ifindex = ifindex
      this.#link = { ...this.#link, name, ifindex }
      this.#reported = { ...this.#reported, name, ifindex }
      this.#listener({ kind: 'moved', name, ifindex, restricted })
    }
    this.linkEvent(link)
  }

  /** The interface was deleted, or must be released because its namespace lost its name. */
  leave(): void {
    if (!this.#gone) {
      this.#listener({ kind: 'gone' })
    }
    this.#gone = true
  }

  /** Sets the speed before the carrier event. The carrier changes even if that fails. */
  #setCarrier(carrier: boolean): void {
    // Later drops, before the kernel announces the change, are not lost before vnet.
    if (!carrier) {
      this.beforeVnet(true)
    }
    this.#carrier = carrier
    if (!carrier) {
      this.#passes = false
    }
    try {
      if (carrier && this.#linkKsettings) {
        this.#atPlace((place, link) => this.#showLink(place, link, true))
      }
    } finally {
      const result = this.#native.ioctl(this.#fd, TUNSETCARRIER, int32(carrier ? 1 : 0))
      checkTap(result, ['TUNSETCARRIER', this.#link.name])
      this.#carrierSet = true
    }
  }

  #showLink({ nsfd }: LinkPlace, { name }: Link, carrier: boolean): void {
    const settings = this.#linkKsettings
    if (settings !== undefined) {
      setLinkKsettings(this.#native, nsfd, name, { ...settings, carrier })
    }
  }

  /** -1 once closed: the number may already be another file's. */
  get #fd(): number {
    return this.#closed ? -1 : this.#tap.fds[0]
  }

  #checkOpen(): void {
    if (this.#gone || this.#closed) throw new VnetError(EBADFD, this.#link.name, GONE)
  }

  /** The inode and cookie of the interface's network namespace; undefined if unknown. */
  namespace(): { readonly inode: number; readonly cookie: number | undefined } | undefined {
    return attempt(() =>
      this.#inNamespace(nsfd => {
        if (nsfd < 0) return undefined
        return { inode: fstatSync(nsfd).ino, cookie: netnsCookieOf(this.#native, nsfd) }
      }),
    )
  }

  #stateOf(place: LinkPlace, link: Link): LinkState {
    const lists = readLists(this.#native, place, this.#options.multicastList)
    this.#groupsCut = lists.groupsCut === true
    return linkState(link, lists)
  }

  /** Reads the interface by its current name, which the TAP returns. */
  #readLink(sock: RouteSocket): Link | undefined {
    return getLink(sock, { name: tapName(this.#native, this.#fd) ?? '' })
  }

  /**
   * Calls `fn` with a descriptor of the interface's current namespace; -1, our own, if the kernel
   * refuses it. Throws EBADFD if the interface or namespace is being deleted.
   */
  #inNamespace<T>(fn: (nsfd: number) => T): T {
    const nsfd = this.#native.ioctl(this.#fd, TUNGETDEVNETNS, 0)
    // EINVAL: the namespace is going away, and the interface with it.
    if (nsfd !== -EPERM) {
      checkTap(nsfd === -EINVAL ? -EBADFD : nsfd, ['TUNGETDEVNETNS', this.#link.name])
    }
    return nsfd < 0 ? fn(-1) : closing(this.#native, nsfd, fn)
  }

  /** Opens a socket for a namespace, even if privileges to enter it were dropped. */
  #socketIn(nsfd: number): RouteSocket {
    try {
      return RouteSocket.open(this.#native, nsfd)
    } catch (error) {
      if (!isErrno(error, EPERM)) throw error
      return RouteSocket.openFor(this.#native, this.#options.owner.nsid(nsfd))
    }
  }

  /**
   * Calls `fn` with a socket in the interface's current namespace and its state there: another may
   * have the last known index. Throws EBADFD if the interface was deleted.
   */
  #atPlace<T>(fn: (place: LinkPlace, link: Link) => T): T {
    return this.#inNamespace(nsfd => {
      using sock = this.#socketIn(nsfd)
      const link = this.#readLink(sock)
      if (link === undefined) throw new VnetError(EBADFD, this.#link.name, GONE)
      return fn({ sock, nsfd, ifindex: link.ifindex }, link)
    })
  }

  /** The same; undefined if the interface is being deleted or moved, or no descriptor is left. */
  #ifThere<T>(fn: (place: LinkPlace, link: Link) => T): T | undefined {
    if (this.#gone || this.#closed) return undefined
    try {
      return this.#atPlace(fn)
    } catch (error) {
      if (error instanceof VnetError) return undefined
      throw error
    }
  }
}
