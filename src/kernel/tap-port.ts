/**
 * TapPort: a TAP as a Port. Frames go by its queues, changes by rtnetlink in whatever namespace the interface is in at the
 * time: the TAP itself tells which (TUNGETDEVNETNS), so no descriptor of ours keeps a namespace alive.
 */
import { fstatSync } from 'node:fs'
import { EBADFD, EINVAL, EPERM, isErrno, VnetError } from '../core/errno.ts'
import type { LinkChange, LinkKsettings, LinkRequest, LinkState, Port } from '../core/port.ts'
import { checkTap, GONE } from './errno.ts'
import { setLinkKsettings } from './ethtool.ts'
import { type LinkLists, type LinkPlace, readLists, tellListChanges } from './link-lists.ts'
import { isSettled, requestLink } from './link-request.ts'
import { linkState, tellLinkChanges } from './link-state.ts'
import type { Native } from './native.ts'
import { setOffload } from './offload.ts'
import { getLink, type Link, RouteSocket } from './rtnetlink.ts'
import { rootAdvice, setPersist, type Tap, tapName } from './tap.ts'
import type { TapQueue } from './tap-queue.ts'
import { int32, TUNGETDEVNETNS, TUNSETCARRIER } from './uapi.ts'

/** What the port needs of its host. */
export interface TapPortOwner {
  /** Tells all events that happened until now. */
  sync(): void
  /** Where the interface is from now on, as the host's event socket numbers it; whether that is elsewhere than before. */
  locate(port: TapPort, nsfd: number): boolean
  /** The namespace's number on the host's event socket. */
  nsid(nsfd: number): number
  /** The port is closed. */
  forget(port: TapPort): void
}

export interface TapPortOptions {
  /** The interface as it was just read. */
  readonly link: Link
  readonly lists: LinkLists
  readonly created: boolean
  readonly announced: boolean
  /** Whether the list of groups is wanted. */
  readonly multicastList: boolean
  readonly queues: readonly TapQueue[]
  readonly owner: TapPortOwner
}

export class TapPort implements Port {
  readonly created: boolean
  readonly announced: boolean
  readonly queues: readonly TapQueue[]
  readonly #native: Native
  readonly #tap: Tap
  readonly #owner: TapPortOwner
  readonly #statsAtOpen: Float64Array
  readonly #multicastList: boolean
  #features: number
  #link: LinkState
  /** What the listener knows: less than `#link` when that was read without telling. */
  #told: LinkState
  /** The index under which its events come. */
  #ifindex: number
  #listsStale = false
  #listener: (change: LinkChange) => void = () => {}
  #carrierSet: boolean
  /** Of the link when it has a carrier; undefined leaves it to the kernel. */
  #linkKsettings: LinkKsettings | undefined
  #gone = false
  #closed = false

  constructor(native: Native, tap: Tap, options: TapPortOptions) {
    const { link, lists, created, announced, multicastList, queues, owner } = options
    this.#native = native
    this.#tap = tap
    this.#link = linkState(link, lists)
    this.#told = this.#link
    this.#ifindex = link.ifindex
    this.#statsAtOpen = link.stats64
    this.#features = tap.features
    this.#carrierSet = !link.carrier
    this.created = created
    this.announced = announced
    this.#multicastList = multicastList
    this.queues = queues
    this.#owner = owner
  }

  get link(): LinkState {
    return this.#link
  }

  get features(): number {
    return this.#features
  }

  /** The index under which its events come: that of its last place that was heard of. */
  get ifindex(): number {
    return this.#ifindex
  }

  setFeatures(features: number): number {
    this.#checkOpen()
    this.#features = setOffload(this.#native, this.#fd, this.#link.name, features, this.#tap.vnetHdrLen)
    return this.#features
  }

  refresh(): LinkState {
    this.#checkOpen()
    this.#link = this.#atPlace((place, link) => linkState(link, readLists(this.#native, place, this.#multicastList)))
    return this.#link
  }

  onChange(fn: (change: LinkChange) => void): void {
    this.#listener = fn
    this.#told = this.#link
  }

  async apply(request: LinkRequest): Promise<void> {
    this.#checkOpen()
    const { carrier, linkKsettings, persist } = request
    if (linkKsettings !== undefined) this.#linkKsettings = linkKsettings
    if (carrier !== undefined) this.#setCarrier(carrier)
    if (persist !== undefined) setPersist(this.#native, this.#tap, persist)
    try {
      this.#atPlace((place, link) => {
        requestLink(place.sock, link, request)
        if (linkKsettings !== undefined || carrier === false) this.#showLink(place, link, carrier ?? link.carrier)
      })
    } catch (error) {
      if (isErrno(error, EPERM)) throw new VnetError(EPERM, error.syscall, rootAdvice())
      throw error
    } finally {
      this.#owner.sync()
    }
  }

  /** Whether the kernel's own workers are through with what was asked for, so that frames pass. */
  settled(): boolean {
    if (this.#gone || this.#closed) return true
    return this.#atPlace(({ sock }, link) => isSettled(sock, link, this.#carrierSet))
  }

  hostStats(): Float64Array | undefined {
    if (this.#gone || this.#closed) return undefined
    try {
      return this.#atPlace((_, { stats64 }) => stats64.map((n, i) => n - (this.#statsAtOpen[i] ?? 0)))
    } catch (error) {
      // It is just going; or descriptors are short.
      if (error instanceof VnetError) return undefined
      throw error
    }
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
    if (this.#gone || this.#closed) return
    const before = this.#told
    this.#link = linkState(link, this.#link)
    this.#told = { ...this.#link, addresses: before.addresses, multicast: before.multicast }
    if (this.#multicastList) this.listEvent()
    tellLinkChanges(before, this.#told, change => this.#listener(change))
  }

  /** The lists may be other ones: `tellLists` is to read them. */
  listEvent(): void {
    this.#listsStale = true
  }

  /** Reads the lists anew when there was an event of them; whether it told the listener. */
  tellLists(): boolean {
    if (!this.#listsStale || this.#gone || this.#closed) return false
    let lists: LinkLists
    try {
      lists = this.#atPlace(place => readLists(this.#native, place, this.#multicastList))
    } catch (error) {
      // It is going, or out of sight on its way: that is told next. Or descriptors are short: the next event tries again.
      if (error instanceof VnetError) return false
      throw error
    }
    this.#listsStale = false
    const before = this.#told
    this.#link = { ...this.#link, ...lists }
    this.#told = { ...before, ...lists }
    return tellListChanges(before, lists, change => this.#listener(change))
  }

  /**
   * Asks the TAP itself where its interface is and what it is like: after events were lost, and when it left its namespace,
   * moved or deleted, or the namespace goes. That may be told late, of an id that is another namespace's by now.
   */
  ask(): void {
    if (this.#closed) return
    let link: Link | undefined
    let elsewhere = false
    let restricted = false
    try {
      link = this.#inNamespace(nsfd => {
        elsewhere = this.#owner.locate(this, nsfd)
        using sock = this.#socketIn(nsfd)
        restricted = sock.target !== undefined
        return this.#readLink(sock)
      })
    } catch (error) {
      if (!isErrno(error, EBADFD)) throw error
      this.leave()
      return
    }
    this.listEvent()
    if (link === undefined) return
    const { name, ifindex } = link
    if (elsewhere || ifindex !== this.#ifindex) {
      this.#ifindex = ifindex
      this.#link = { ...this.#link, name, ifindex }
      this.#told = { ...this.#told, name, ifindex }
      this.#listener({ kind: 'moved', name, ifindex, restricted })
    }
    this.linkEvent(link)
  }

  /** The interface was deleted, or is to be let go with its namespace. */
  leave(): void {
    if (!this.#gone) this.#listener({ kind: 'gone' })
    this.#gone = true
  }

  /** Who hears of a carrier that comes finds its speed there already; and it comes whether that can be shown or not. */
  #setCarrier(carrier: boolean): void {
    try {
      if (carrier && this.#linkKsettings) this.#atPlace((place, link) => this.#showLink(place, link, true))
    } finally {
      const result = this.#native.ioctl(this.#fd, TUNSETCARRIER, int32(carrier ? 1 : 0))
      checkTap(result, `TUNSETCARRIER ${this.#link.name}`)
      this.#carrierSet = true
    }
  }

  #showLink({ nsfd }: LinkPlace, { name }: Link, carrier: boolean): void {
    const settings = this.#linkKsettings
    if (settings !== undefined) setLinkKsettings(this.#native, nsfd, name, { ...settings, carrier })
  }

  /** -1 once closed: the number may be that of another interface's by then. */
  get #fd(): number {
    return this.#closed ? -1 : this.#tap.fds[0]
  }

  #checkOpen(): void {
    if (this.#gone || this.#closed) throw new VnetError(EBADFD, this.#link.name, GONE)
  }

  /** Inode of the network namespace that the interface is in; undefined where that may not be asked, or it is gone. */
  namespace(): number | undefined {
    try {
      return this.#inNamespace(nsfd => (nsfd < 0 ? undefined : fstatSync(nsfd).ino))
    } catch {
      return undefined
    }
  }

  /** The interface by its present name, which the TAP knows. */
  #readLink(sock: RouteSocket): Link | undefined {
    return getLink(sock, { name: tapName(this.#native, this.#fd) ?? '' })
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

  /** Where it moved later, the namespace may not be entered any more. */
  #socketIn(nsfd: number): RouteSocket {
    try {
      return RouteSocket.open(this.#native, nsfd)
    } catch (error) {
      if (!isErrno(error, EPERM)) throw error
      return RouteSocket.openFor(this.#native, this.#owner.nsid(nsfd))
    }
  }

  /**
   * Calls `fn` with a socket where the interface is now, as inNamespace, and with what it is like there: the index that was last
   * heard of may be another interface's by now. Throws EBADFD also when it is not there.
   */
  #atPlace<T>(fn: (place: LinkPlace, link: Link) => T): T {
    return this.#inNamespace(nsfd => {
      using sock = this.#socketIn(nsfd)
      const link = this.#readLink(sock)
      if (link === undefined) throw new VnetError(EBADFD, this.#link.name, GONE)
      return fn({ sock, nsfd, ifindex: link.ifindex }, link)
    })
  }
}
