/** LinuxPlatform: opens TAPs in any network namespace and follows their interfaces. */
import { setTimeout } from 'node:timers/promises'
import { describeException, ENODEV, EPERM, Turns, VnetError } from '../base/index.ts'
import type { Platform, Port, PortSpec } from '../netdev/port.ts'
import { NetlinkParseError } from '../netlink/index.ts'
import { closeAside } from './aside.ts'
import { eventLoopClock } from './clock.ts'
import { closing } from './errno.ts'
import { type LinkListener, NSID_HOME, NSID_UNSEEN } from './links/events.ts'
import { LinkMonitor } from './links/monitor.ts'
import { LinkQueue } from './links/queue.ts'
import { readLists } from './links/state.ts'
import type { Addon, Native } from './native.ts'
import { inNetns, isNamed, netnsName, placeOf, watchNetnsName } from './netns-name.ts'
import {
  addressesOf,
  conflictWith,
  getLink,
  getLinks,
  type Link,
  nsidOf,
  RouteSocket,
} from './rtnetlink.ts'
import { FrameBatches, FrameQueue } from './tap/frame-queue.ts'
import {
  adoptTun,
  attachTap,
  checkQueues,
  createTap,
  devAllocName,
  linkOfTun,
  netnsOfTun,
  removeTap,
} from './tap/interface.ts'
import { TapPort, type TapPortOwner } from './tap/port.ts'
import { setPersist, type Tun } from './tap/tap.ts'
import { TUNSETPERSIST } from './uapi.ts'

/** How long settle() waits for a busy kernel. */
const SETTLE_MS = 1000
/** The most rounds of one sync: a listener may request more changes during each round. */
const SYNC_ROUNDS = 8
/** How often multicast groups are read without an event. */
const POLL_MS = 500
/**
 * TAPs that are closed at the same time: the kernel mostly waits in close(2). Requests of rtnetlink
 * wait for their common lock meanwhile, at most 6 ms; with 100 TAPs at a time it would be 20 ms.
 */
const CLOSES = 8
/** How many kinds of errors are logged. */
const KINDS = 16
const BROADCAST_ADVICE =
  'they take CAP_NET_BROADCAST: add it (--cap-add NET_BROADCAST for a container), or run inside without --netns'

/** What LinuxPlatform.adopt requires of a descriptor; any layer if it is undefined. */
export type AdoptSpec = Pick<PortSpec, 'layer' | 'features' | 'slots'>

/** The events received while a port is opened. */
interface Heard {
  /** Namespace id and index of each interface that was created or changed. */
  readonly links: Set<string>
  /** True if events were lost, or are still to be read. */
  overrun: boolean
}

/**
 * The source of TAP interfaces on Linux. The program makes one, and disposes of it after all
 * devices are unregistered.
 */
export class LinuxPlatform implements Platform, TapPortOwner, AsyncDisposable {
  readonly #native: Native
  readonly #monitor: LinkMonitor
  readonly turns: Turns
  /** The open ports, each with its events. */
  readonly #ports = new Map<TapPort, LinkQueue>()
  /** The promise of the last close in each row of TAPs. */
  readonly #closes = Array.from({ length: CLOSES }, () => Promise.resolve())
  /** The row of the next TAP to close. */
  #row = 0
  /** Stops watching the name of the namespace that a port was attached in. */
  readonly #watches = new Map<TapPort, () => void>()
  readonly #batches: FrameBatches
  /** Ports with multicast groups that are read by polling, without an event. */
  readonly #polled = new Set<TapPort>()
  #poll: NodeJS.Timeout | undefined
  /** One for each port that is being opened. */
  readonly #heard = new Set<Heard>()

  /** `warn` logs errors with events, each kind once. `turns` grants the time for events. */
  constructor(
    addon: Native | Addon,
    warn: (text: string) => void = () => {},
    turns = new Turns(eventLoopClock),
  ) {
    const native = addon as Native
    this.#native = native
    this.turns = turns
    this.#batches = new FrameBatches(native)
    const logged = new Set<string>()
    const listener: LinkListener = {
      wants: (nsid, ifindex) => this.#heard.size > 0 || this.#has(nsid, ifindex),
      onLost: (nsid, ifindex) => this.#onLost(nsid, ifindex),
      onError: error => warnOnce(error, logged, warn),
      onLink: (nsid, link, event) => this.#onLink(nsid, link, event),
      onAddress: (nsid, ifindex) => this.#at(nsid, ifindex, queue => queue.listsChanged()),
      onOverrun: () => this.#onOverrun(),
      onNsidGone: gone => {
        for (const queue of this.#ports.values()) {
          if (queue.nsid === gone) {
            queue.lost()
          }
        }
      },
    }
    this.#monitor = new LinkMonitor(native, listener, -1, turns)
    this.#monitor.unref()
  }

  allocName(pattern: string, netns?: string): string {
    if (!pattern.includes('%d')) return pattern
    return this.#there(netns, there => {
      const links = getLinks(there)
      return devAllocName(
        pattern,
        new Set(links.flatMap(({ name, altNames }) => [name, ...altNames])),
      )
    })
  }

  /** Opens a TAP with all its queues, a new or a persistent one, in the namespace of `spec`. */
  async open(spec: PortSpec): Promise<TapPort> {
    // A listener may have called it: the events of the port arrive only when the listener returns.
    await undefined
    const heard: Heard = { links: new Set(), overrun: false }
    this.#heard.add(heard)
    try {
      return await this.#open(spec, heard)
    } finally {
      this.#heard.delete(heard)
    }
  }

  /** Opens a port on `fd`, a TAP or TUN, which remains the caller's until the port's take(). */
  async adopt(fd: number, spec: AdoptSpec): Promise<TapPort> {
    // As in open().
    await undefined
    const native = this.#native
    const tap = adoptTun(native, fd, spec.layer, spec.features)
    try {
      const found = netnsOfTun(native, tap)
      if (found < 0) return await this.#adopt(spec, tap, -1)
      return await closing(native, found, () => this.#adopt(spec, tap, placeOf(native, found)))
    } catch (error) {
      native.release(fd)
      throw error
    }
  }

  async #adopt(spec: AdoptSpec, tap: Tun, nsfd: number): Promise<TapPort> {
    const netns = netnsName(nsfd)
    using there = RouteSocket.open(this.#native, nsfd)
    if (netns !== undefined) {
      this.#checkEvents(netns)
    }
    linkOfTun(this.#native, there, tap)
    await this.#monitor.sync()
    const adopted = { ...spec, name: tap.name, netns, queues: 1, borrowed: true }
    const port = this.#port(adopted, tap, there, nsfd, undefined)
    if (netns !== undefined && isNamed(netns)) {
      this.#watchName(port, netns, nsfd)
    }
    return port
  }

  #open(spec: PortSpec, heard: Heard): Promise<TapPort> {
    return inNetns(this.#native, spec.netns, async nsfd => {
      using there = RouteSocket.open(this.#native, nsfd)
      if (nsfd >= 0) {
        this.#checkEvents(spec.netns as string)
      }
      const existing = getLink(there, { name: spec.name })
      // nsid() before the move: a namespace sends events only once it has an id.
      const create = () => createTap(this.#native, spec, nsfd, () => this.nsid(nsfd))
      const tap =
        existing === undefined ? await create() : attachTap(this.#native, spec, existing, nsfd)
      try {
        if (spec.persist) {
          setPersist(this.#native, tap, true)
        }
        // Events up to now are part of the link that is read next. Later ones are reported.
        if ((await this.#monitor.sync()) === false) {
          heard.overrun = true
        }
        const port = this.#port(spec, tap, there, nsfd, existing === undefined ? heard : undefined)
        if (existing !== undefined && nsfd >= 0) {
          this.#watchName(port, spec.netns as string, nsfd)
        }
        return port
      } catch (error) {
        if (existing === undefined) {
          this.#native.ioctl(tap.fds[0], TUNSETPERSIST, 0)
        }
        await this.closeTap(tap.fds)
        throw error
      }
    })
  }

  /** Removes a persistent TAP that no program is attached to. */
  async remove(name: string, netns: string | undefined): Promise<void> {
    this.#there(netns, (there, nsfd) => removeTap(this.#native, there, name, nsfd))
  }

  /** An interface's addresses, as `198.18.0.1/24`, without the kernel's link-local ones. */
  addresses(name: string, netns: string | undefined): string[] {
    return this.#there(netns, there => addressesOf(there, name))
  }

  /** Describes the route that overlaps the network of an address, if there is one. */
  conflict(address: string, netns: string | undefined, except: string): string | undefined {
    return this.#there(netns, there => conflictWith(there, address, except))
  }

  /** Waits, usually a few ms, until requests for a port, or all, are done and frames pass. */
  async settle(only?: readonly Port[]): Promise<void> {
    const ports = [...this.#ports.keys()].filter(port => only?.includes(port) ?? true)
    for (const end = performance.now() + SETTLE_MS; performance.now() < end; ) {
      if (ports.every(port => port.settled())) return
      // No event exists to wait for: the kernel reports a route or a carrier before it works.
      await setTimeout(1)
    }
  }

  sync(port: TapPort): Promise<void> | undefined {
    const queue = this.#ports.get(port)
    if (queue === undefined || this.#isReporting) return undefined
    // The listener may request further changes, and these cause further events.
    for (let round = 0; round < SYNC_ROUNDS; round++) {
      const pending = this.#monitor.sync()
      if (pending !== undefined) {
        return pending.then(isUpToDate => {
          // In a flood the events of the request are still unread.
          if (isUpToDate) {
            queue.flush()
          } else {
            this.#monitor.onceUpToDate(queue.skip())
          }
        })
      }
      if (!queue.flush()) break
    }
    return undefined
  }

  listsChanged(port: TapPort): void {
    this.#ports.get(port)?.listsChanged()
  }

  locate(port: TapPort, nsfd: number): boolean {
    const nsid = this.nsid(nsfd)
    const queue = this.#ports.get(port)
    if (queue === undefined || nsid === queue.nsid) return false
    this.#unwatchName(port)
    queue.nsid = nsid
    return true
  }

  forget(port: TapPort): void {
    this.#unwatchName(port)
    if (this.#polled.delete(port) && this.#polled.size === 0) {
      clearInterval(this.#poll)
      this.#poll = undefined
    }
    this.#ports.get(port)?.close()
    this.#ports.delete(port)
    if (this.#ports.size === 0) {
      this.#monitor.unref()
    }
  }

  closeTap(fds: readonly number[]): Promise<void> {
    const row = this.#row++ % CLOSES
    const closed = (this.#closes[row] as Promise<void>).then(() => closeAside(this.#native, fds))
    this.#closes[row] = closed
    return closed
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ports.keys()].map(port => port.close()))
    await Promise.all(this.#closes)
    this.#monitor.close()
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.close()

  /** `heard` are the events of the creation; undefined if the interface existed. */
  #port(
    spec: PortSpec & { readonly borrowed?: boolean },
    tap: Tun,
    there: RouteSocket,
    nsfd: number,
    heard: Heard | undefined,
  ): TapPort {
    const nsid = this.nsid(nsfd)
    const link = getLink(there, { name: tap.name })
    if (link === undefined) throw new VnetError(ENODEV, ['RTM_GETLINK', tap.name])
    checkQueues(link, spec.queues)
    const { ifindex } = link
    const { multicastList = false } = spec
    const port = new TapPort(this.#native, tap, {
      link,
      netns: spec.netns,
      lists: readLists(this.#native, { sock: there, nsfd, ifindex }, multicastList),
      created: heard !== undefined,
      announced: heard === undefined || heard.overrun || heard.links.has(`${nsid}/${ifindex}`),
      multicastList,
      queues: tap.fds.map(
        fd => new FrameQueue(this.#native, fd, tap.vnetHdrLen, spec.slots, this.#batches),
      ),
      owner: this,
      borrowed: spec.borrowed === true,
    })
    this.#ports.set(
      port,
      new LinkQueue(port, nsid, this.turns, error => this.#monitor.retry(error)),
    )
    if (multicastList) {
      this.#pollGroups(port)
    }
    // A port keeps the process alive even while its link is down and no queue is polled.
    this.#monitor.ref()
    return port
  }

  #pollGroups(port: TapPort): void {
    this.#polled.add(port)
    this.#poll ??= setInterval(() => {
      for (const each of this.#polled) {
        this.#ports.get(each)?.listsChanged(true)
      }
    }, POLL_MS).unref()
  }

  /** Calls `fn` with a socket in the namespace `netns` and a descriptor of that; -1 is our own. */
  #there<T>(netns: string | undefined, fn: (there: RouteSocket, nsfd: number) => T): T {
    return inNetns(this.#native, netns, nsfd => {
      using there = RouteSocket.open(this.#native, nsfd)
      return fn(there, nsfd)
    })
  }

  #checkEvents(netns: string): void {
    if (this.#monitor.allNamespaces) return
    throw new VnetError(EPERM, `events of network namespace ${netns}`, BROADCAST_ADVICE)
  }

  #watchName(port: TapPort, netns: string, nsfd: number): void {
    const unwatch = watchNetnsName(netns, nsfd, () => port.leave())
    this.#watches.set(port, unwatch)
  }

  #unwatchName(port: TapPort): void {
    this.#watches.get(port)?.()
    this.#watches.delete(port)
  }

  /** The id that events of a namespace have. */
  nsid(nsfd: number): number {
    if (nsfd < 0) return NSID_HOME
    using home = RouteSocket.open(this.#native)
    if (!this.#monitor.allNamespaces) return home.isIn(nsfd) ? NSID_HOME : NSID_UNSEEN
    return nsidOf(home, nsfd)
  }

  #onLink(nsid: number, link: Link, event: 'new' | 'del'): void {
    if (event === 'new') {
      this.#hear(nsid, link.ifindex)
    }
    this.#at(nsid, link.ifindex, queue => {
      if (event === 'del') {
        queue.lost()
      } else {
        queue.link(link)
      }
    })
  }

  #hear(nsid: number, ifindex: number): void {
    for (const { links } of this.#heard) {
      links.add(`${nsid}/${ifindex}`)
    }
  }

  #onLost(nsid: number, ifindex: number): void {
    this.#hear(nsid, ifindex)
    this.#at(nsid, ifindex, queue => queue.lost())
  }

  #has(nsid: number, ifindex: number): boolean {
    for (const [port, at] of this.#ports) {
      if (at.nsid === nsid && port.ifindex === ifindex) {
        return true
      }
    }
    return false
  }

  #onOverrun(): void {
    for (const heard of this.#heard) {
      heard.overrun = true
    }
    for (const queue of this.#ports.values()) {
      queue.lost()
    }
  }

  /** True while a port reports to its listener. */
  get #isReporting(): boolean {
    for (const queue of this.#ports.values()) {
      if (queue.reporting) {
        return true
      }
    }
    return false
  }

  /** Calls `fn` with the events of the port of the interface that has this index. */
  #at(nsid: number, ifindex: number, fn: (queue: LinkQueue) => void): void {
    for (const [port, queue] of this.#ports) {
      if (queue.nsid === nsid && port.ifindex === ifindex) {
        fn(queue)
      }
    }
  }
}

/** Logs the first error of each kind: other namespaces can cause any number of them. */
function warnOnce(error: unknown, logged: Set<string>, warn: (text: string) => void): void {
  const isExpected = error instanceof NetlinkParseError || error instanceof VnetError
  const text = isExpected ? error.message : describeException(error)
  const kind = error instanceof VnetError ? error.code : text.replace(/\d+/g, '')
  if (logged.has(kind) || logged.size === KINDS) return
  logged.add(kind)
  warn(
    `event of an interface: ${text}; its state is read again, and more errors of this kind are not logged`,
  )
}
