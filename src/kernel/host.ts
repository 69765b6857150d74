/**
 * LinuxHost: the Host that opens TAPs, in any network namespace, and follows what happens to them by one event socket.
 */
import { setTimeout } from 'node:timers/promises'
import { ENOENT, EPERM, VnetError } from '../core/errno.ts'
import { describeException } from '../core/exception.ts'
import type { Host, PortSpec } from '../core/port.ts'
import { NetlinkParseError } from '../netlink/index.ts'
import type { SkBuffPool } from '../skb/pool.ts'
import { addressesOf, conflictWith } from './address-conflict.ts'
import { devAllocName } from './dev-name.ts'
import { NSID_HOME, NSID_UNSEEN } from './link-events.ts'
import { readLists } from './link-lists.ts'
import { LinkMonitor } from './link-monitor.ts'
import { MulticastPoll } from './multicast-list.ts'
import type { Native } from './native.ts'
import { inNetns, watchNetnsName } from './netns-name.ts'
import { getLink, getLinks, type Link, nsidOf, RouteSocket } from './rtnetlink.ts'
import { setPersist, type Tap } from './tap.ts'
import { attachTap, createTap, removeTap } from './tap-interface.ts'
import { TapPort, type TapPortOwner } from './tap-port.ts'
import { createFrameBatch, type FrameBatch, TapQueue } from './tap-queue.ts'
import { TUNSETPERSIST } from './uapi.ts'

/** How long a kernel that is busy may take; after that the host does without. */
const SETTLE_MS = 1000
/** Kinds of errors with events that are logged. */
const KINDS = 16
const BROADCAST_ADVICE =
  'they come with CAP_NET_BROADCAST only: add it (--cap-add NET_BROADCAST for a container), or run inside without --netns'

/** What is heard while a port opens. */
interface Hearing {
  /** Namespace and index of each interface that was told of. */
  readonly links: Set<string>
  overrun: boolean
}

export class LinuxHost implements Host, TapPortOwner, AsyncDisposable {
  readonly #native: Native
  readonly #monitor: LinkMonitor
  /** Open ports, and the number under which events of their namespace come. */
  readonly #ports = new Map<TapPort, number>()
  /** How to stop watching the name of the namespace that a port was attached in. */
  readonly #watches = new Map<TapPort, () => void>()
  readonly #batches = new WeakMap<SkBuffPool, FrameBatch>()
  /** Those that want to know of multicast groups. */
  readonly #multicast = new MulticastPoll<TapPort>(ports => {
    for (const port of ports) port.listEvent()
    this.sync()
  })
  /** While a port opens. */
  #hearing: Hearing | undefined

  /** `warn` gets what goes wrong with events, each kind of it once. */
  constructor(native: Native, warn: (text: string) => void = () => {}) {
    this.#native = native
    const told = new Set<string>()
    this.#monitor = LinkMonitor.open(native, {
      wants: (nsid, ifindex) => this.#hearing !== undefined || this.#has(nsid, ifindex),
      onLost: (nsid, ifindex) => this.#onLost(nsid, ifindex),
      onError: error => warnOnce(error, told, warn),
      onLink: (nsid, link, event) => this.#onLink(nsid, link, event),
      onAddress: (nsid, ifindex) => this.#at(nsid, ifindex, port => port.listEvent()),
      onRead: () => this.#tellLists(),
      onOverrun: () => this.#onOverrun(),
      onNsidGone: gone => this.#each((port, nsid) => nsid === gone && port.ask()),
    })
    this.#monitor.unref()
  }

  allocName(pattern: string, netns?: string): string {
    return this.#there(netns, there => {
      const links = getLinks(there)
      return devAllocName(pattern, new Set(links.flatMap(({ name, altNames }) => [name, ...altNames])))
    })
  }

  /** Opens a TAP with all its queues, new or persistent and there already, in the namespace wanted. */
  async open(spec: PortSpec): Promise<TapPort> {
    // Where it is a listener that opens one, what is to be heard of it comes only when that has returned.
    await undefined
    this.#hearing = { links: new Set(), overrun: false }
    try {
      return this.#open(spec)
    } finally {
      this.#hearing = undefined
    }
  }

  #open(spec: PortSpec): TapPort {
    return this.#there(spec.netns, (there, nsfd) => {
      if (nsfd >= 0 && !this.#monitor.allNamespaces) {
        throw new VnetError(EPERM, `events of network namespace ${spec.netns}`, BROADCAST_ADVICE)
      }
      const existing = getLink(there, { name: spec.name })
      // Events of a namespace come from when it has a number on.
      const create = () => createTap(this.#native, spec, nsfd, () => this.nsid(nsfd))
      const tap = existing === undefined ? create() : attachTap(this.#native, spec, existing, nsfd)
      try {
        if (spec.persist) setPersist(this.#native, tap, true, spec.owner, spec.group)
        const port = this.#port(spec, tap, there, nsfd, existing === undefined)
        if (existing !== undefined && nsfd >= 0) this.#watchName(port, spec.netns as string, nsfd)
        return port
      } catch (error) {
        if (existing === undefined) this.#native.ioctl(tap.fds[0], TUNSETPERSIST, 0)
        for (const fd of tap.fds) this.#native.close(fd)
        throw error
      }
    })
  }

  /** Removes a persistent TAP that nobody uses. */
  async remove(name: string, netns: string | undefined): Promise<void> {
    this.#there(netns, (there, nsfd) => removeTap(this.#native, there, name, nsfd))
  }

  /** The addresses of an interface, `198.18.0.1/24`, but for link-local ones, which the kernel gives it by itself. */
  addresses(name: string, netns: string | undefined): string[] {
    return this.#there(netns, there => addressesOf(there, name))
  }

  /**
   * What stands in the way of an address, in a few words; undefined when nothing does. A route that overlaps its network
   * would take its traffic, or lose its own.
   */
  conflict(address: string, netns: string | undefined, except: string): string | undefined {
    return this.#there(netns, there => conflictWith(there, address, except))
  }

  /** Waits until the kernel is through with what was asked of the ports, so that frames pass: milliseconds, as a rule. */
  async settle(): Promise<void> {
    for (const end = performance.now() + SETTLE_MS; performance.now() < end; ) {
      if ([...this.#ports.keys()].every(port => port.settled())) return
      // It tells of a route or a carrier before it is done with it, so there is no event to wait for.
      await setTimeout(1)
    }
  }

  sync(): void {
    this.#monitor.drain()
  }

  locate(port: TapPort, nsfd: number): boolean {
    const nsid = this.nsid(nsfd)
    if (nsid === this.#ports.get(port)) return false
    this.#unwatchName(port)
    this.#ports.set(port, nsid)
    return true
  }

  forget(port: TapPort): void {
    this.#unwatchName(port)
    this.#multicast.delete(port)
    this.#ports.delete(port)
    if (this.#ports.size === 0) this.#monitor.unref()
  }

  async close(): Promise<void> {
    for (const port of [...this.#ports.keys()]) await port.close()
    this.#monitor.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #port(spec: PortSpec, tap: Tap, there: RouteSocket, nsfd: number, created: boolean): TapPort {
    const { pool } = spec.slots
    let batch = this.#batches.get(pool)
    if (batch === undefined) {
      batch = createFrameBatch(this.#native, pool)
      this.#batches.set(pool, batch)
    }
    const frames = batch
    const nsid = this.nsid(nsfd)
    // What happened until now is in the link that is read next; what happens from then on comes as events.
    this.sync()
    const link = getLink(there, { name: tap.name })
    if (link === undefined) throw new VnetError(ENOENT, `RTM_GETLINK ${tap.name}`)
    const { ifindex } = link
    const { multicastList = false } = spec
    const port = new TapPort(this.#native, tap, {
      link,
      lists: readLists(this.#native, { sock: there, nsfd, ifindex }, multicastList),
      created,
      announced: !created || this.#heard(nsid, ifindex),
      multicastList,
      queues: tap.fds.map(fd => new TapQueue(this.#native, fd, tap.vnetHdrLen, spec.slots, frames)),
      owner: this,
    })
    this.#ports.set(port, nsid)
    if (multicastList) this.#multicast.add(port)
    // A port keeps the process alive, also while its link is down and no queue is polled.
    this.#monitor.ref()
    return port
  }

  /** Calls `fn` with a socket in a namespace named, which `nsfd` refers to; -1 is our own. */
  #there<T>(netns: string | undefined, fn: (there: RouteSocket, nsfd: number) => T): T {
    return inNetns(this.#native, netns, nsfd => {
      using there = RouteSocket.open(this.#native, nsfd)
      return fn(there, nsfd)
    })
  }

  #watchName(port: TapPort, netns: string, nsfd: number): void {
    try {
      this.#watches.set(
        port,
        watchNetnsName(netns, nsfd, () => port.leave()),
      )
    } catch {
      // No watch to be had (fs.inotify.max_user_watches): a deletion is then not seen, and all else goes on.
    }
  }

  #unwatchName(port: TapPort): void {
    this.#watches.get(port)?.()
    this.#watches.delete(port)
  }

  /** The number under which events of a namespace come; -1 is home. */
  nsid(nsfd: number): number {
    if (nsfd < 0) return NSID_HOME
    using home = RouteSocket.open(this.#native)
    if (!this.#monitor.allNamespaces) return home.isIn(nsfd) ? NSID_HOME : NSID_UNSEEN
    return nsidOf(home, nsfd)
  }

  #heard(nsid: number, ifindex: number): boolean {
    const hearing = this.#hearing
    return hearing !== undefined && (hearing.overrun || hearing.links.has(`${nsid}/${ifindex}`))
  }

  #onLink(nsid: number, link: Link, event: 'new' | 'del'): void {
    if (event === 'new') this.#hearing?.links.add(`${nsid}/${link.ifindex}`)
    this.#at(nsid, link.ifindex, port => {
      if (event === 'del') port.ask()
      else port.linkEvent(link)
    })
  }

  /** An event could not be read: the interface itself is asked. */
  #onLost(nsid: number, ifindex: number): void {
    this.#hearing?.links.add(`${nsid}/${ifindex}`)
    this.#at(nsid, ifindex, port => port.ask())
  }

  #has(nsid: number, ifindex: number): boolean {
    for (const [port, at] of this.#ports) if (at === nsid && port.ifindex === ifindex) return true
    return false
  }

  #onOverrun(): void {
    if (this.#hearing !== undefined) this.#hearing.overrun = true
    this.#each(port => port.ask())
  }

  #tellLists(): boolean {
    let told = false
    this.#each(port => {
      told = port.tellLists() || told
    })
    return told
  }

  /** Calls `fn` with the port that has the interface of this index. */
  #at(nsid: number, ifindex: number, fn: (port: TapPort) => void): void {
    this.#each((port, at) => {
      if (at === nsid && port.ifindex === ifindex) fn(port)
    })
  }

  /** Calls `fn` with every port, also when one fails; then throws what the first one did. */
  #each(fn: (port: TapPort, nsid: number) => unknown): void {
    const errors: unknown[] = []
    for (const [port, nsid] of [...this.#ports]) {
      try {
        fn(port, nsid)
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }
}

/** Warns of an error with an event unless there was one of its kind: namespaces of others can make any number of them. */
function warnOnce(error: unknown, told: Set<string>, warn: (text: string) => void): void {
  const isTold = error instanceof NetlinkParseError || error instanceof VnetError
  const text = isTold ? error.message : describeException(error)
  const kind = error instanceof VnetError ? error.code : text.replace(/\d+/g, '')
  if (told.has(kind) || told.size === KINDS) return
  told.add(kind)
  warn(`event of an interface: ${text}; its state is read again, and more of this kind is not logged`)
}
