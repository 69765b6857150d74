/**
 * LinuxHost: the Host that opens TAPs, in any network namespace, and follows what happens to them by one event socket.
 *
 * An interface for another namespace is made at home and then moved there: a TAP opened inside would keep the namespace
 * alive, and its deletion would go unseen.
 */
import { setTimeout } from 'node:timers/promises'
import { EEXIST, EINVAL, ENOENT, EPERM, isErrno, VnetError } from '../core/errno.ts'
import type { Host, PortSpec } from '../core/port.ts'
import type { SkBuffPool } from '../skb/pool.ts'
import { formatAddress, formatCidr, toCidr } from './cidr.ts'
import { check } from './errno.ts'
import { LinkMonitor, NSID_HOME, NSID_UNSEEN } from './link-monitor.ts'
import type { Native } from './native.ts'
import { netnsPath, watchNetnsName } from './netns-name.ts'
import {
  getAddresses,
  getLink,
  getRoutes,
  type Link,
  nsidOf,
  overlappingRoute,
  RouteSocket,
  setLink,
} from './rtnetlink.ts'
import { openTap, rootAdvice, setPersist, type Tap, tapName } from './tap.ts'
import { TapPort, type TapPortOwner } from './tap-port.ts'
import { createFrameBatch, type FrameBatch, TapQueue } from './tap-queue.ts'
import { O_RDONLY, TUNSETPERSIST } from './uapi.ts'

/** How long a kernel that is busy may take; after that the host does without. */
const SETTLE_MS = 1000
/** What an interface is called on its way to another namespace: the kernel gives each a number of its own. */
const ON_THE_WAY = 'vnet-move%d'
const NO_NETNS_ADVICE = 'there is no such network namespace; `ip netns` lists those with a name'
const BROADCAST_ADVICE =
  'they come with CAP_NET_BROADCAST only: add it (--cap-add NET_BROADCAST for a container), or run inside without --netns'

export class LinuxHost implements Host, TapPortOwner, AsyncDisposable {
  readonly #native: Native
  readonly #monitor: LinkMonitor
  /** Open ports, and the number under which events of their namespace come. */
  readonly #ports = new Map<TapPort, number>()
  /** How to stop watching the name of the namespace that a port was attached in. */
  readonly #watches = new Map<TapPort, () => void>()
  readonly #batches = new WeakMap<SkBuffPool, FrameBatch>()

  constructor(native: Native) {
    this.#native = native
    this.#monitor = LinkMonitor.open(native, {
      onLink: (nsid, link, event) => this.#onLink(nsid, link, event),
      onOverrun: () => this.#each(port => port.ask()),
      onNsidGone: gone => this.#each((port, nsid) => nsid === gone && port.ask()),
    })
    this.#monitor.unref()
  }

  /** Opens a TAP with all its queues, new or persistent and there already, in the namespace wanted. */
  async open(spec: PortSpec): Promise<TapPort> {
    return this.#inNamespace(spec.netns, nsfd => {
      using there = RouteSocket.open(this.#native, nsfd)
      if (nsfd >= 0 && !this.#monitor.allNamespaces) {
        throw new VnetError(EPERM, `events of network namespace ${spec.netns}`, BROADCAST_ADVICE)
      }
      const existing = getLink(there, { name: spec.name })
      const tap = existing === undefined ? this.#create(spec, nsfd) : this.#attach(spec, existing, nsfd)
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
    this.#inNamespace(netns, nsfd => {
      using there = RouteSocket.open(this.#native, nsfd)
      const existing = getLink(there, { name })
      if (existing === undefined) throw new VnetError(ENOENT, `delete ${name}`, 'there is no such interface')
      const tap = this.#attach({ name, queues: 1, features: 0 }, existing, nsfd)
      try {
        setPersist(this.#native, tap, false)
      } finally {
        for (const fd of tap.fds) this.#native.close(fd)
      }
    })
  }

  /** The addresses of an interface, `198.18.0.1/24`, but for link-local ones, which the kernel gives it by itself. */
  addresses(name: string, netns: string | undefined): string[] {
    return this.#inNamespace(netns, nsfd => {
      using there = RouteSocket.open(this.#native, nsfd)
      const link = getLink(there, { name })
      const all = link === undefined ? [] : getAddresses(there, link.ifindex)
      return all.map(formatCidr).filter(cidr => !cidr.startsWith('fe80:'))
    })
  }

  /**
   * What stands in the way of an address, in a few words; undefined when nothing does. A route that overlaps its network
   * would take its traffic, or lose its own.
   */
  conflict(address: string, netns: string | undefined, except: string): string | undefined {
    const cidr = toCidr(address)
    return this.#inNamespace(netns, nsfd => {
      using there = RouteSocket.open(this.#native, nsfd)
      const route = overlappingRoute(getRoutes(there), cidr, getLink(there, { name: except })?.ifindex)
      if (route === undefined) return undefined
      const holder = route.oif === undefined ? undefined : getLink(there, { ifindex: route.oif })?.name
      return `${holder ?? 'no interface'} has a route to ${formatAddress(route.dst)}/${route.prefixLen}`
    })
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
    const nsid = this.#nsid(nsfd)
    if (nsid === this.#ports.get(port)) return false
    this.#unwatchName(port)
    this.#ports.set(port, nsid)
    return true
  }

  forget(port: TapPort): void {
    this.#unwatchName(port)
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
    const nsid = this.#nsid(nsfd)
    // What happened until now is in the link that is read next; what happens from then on comes as events.
    this.sync()
    const link = getLink(there, { name: tap.name })
    if (link === undefined) throw new VnetError(ENOENT, `RTM_GETLINK ${tap.name}`)
    const queues = tap.fds.map(fd => new TapQueue(this.#native, fd, tap.vnetHdrLen, spec.slots, frames))
    const port = new TapPort(this.#native, tap, { link, created, queues, owner: this })
    this.#ports.set(port, nsid)
    // A port keeps the process alive, also while its link is down and no queue is polled.
    this.#monitor.ref()
    return port
  }

  /** A new interface, made in the namespace wanted or moved there. */
  #create(spec: PortSpec, nsfd: number): Tap {
    const { name, queues, features } = spec
    const options = { queues, features, multiQueue: true, exclusive: true, nsfd: -1 }
    if (nsfd < 0) return openTap(this.#native, { ...options, name })
    const tap = openTap(this.#native, { ...options, name: ON_THE_WAY })
    try {
      using home = RouteSocket.open(this.#native)
      const link = getLink(home, { name: tap.name })
      if (link === undefined) throw new VnetError(ENOENT, `RTM_GETLINK ${tap.name}`)
      this.#nsid(nsfd)
      setLink(home, link.ifindex, { netnsFd: nsfd, name })
      return { ...tap, name: tapName(this.#native, tap.fds[0] as number) ?? name }
    } catch (error) {
      for (const fd of tap.fds) this.#native.close(fd)
      throw error
    }
  }

  /** A persistent interface that is there already and that nobody is attached to. */
  #attach(spec: Pick<PortSpec, 'name' | 'queues' | 'features'>, link: Link, nsfd: number): Tap {
    const { name, queues, features } = spec
    const what = `attach to ${name}`
    const { tun } = link
    if (tun === undefined || tun.type !== 'tap') {
      throw new VnetError(EEXIST, what, 'an interface of that name exists and is no TAP; choose another name')
    }
    if (tun.numQueues + tun.numDisabledQueues > 0 || !tun.persist) {
      throw new VnetError(EEXIST, what, 'another program drives that interface; choose another name')
    }
    if (!tun.multiQueue && queues > 1) {
      throw new VnetError(EINVAL, what, 'it was made with a single queue; use --txqs 1 --rxqs 1, or --delete it first')
    }
    return openTap(this.#native, { name, queues, features, multiQueue: tun.multiQueue, exclusive: false, nsfd })
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
  #nsid(nsfd: number): number {
    if (nsfd < 0) return NSID_HOME
    using home = RouteSocket.open(this.#native)
    if (!this.#monitor.allNamespaces) return home.isIn(nsfd) ? NSID_HOME : NSID_UNSEEN
    return nsidOf(home, nsfd)
  }

  /** Calls `fn` with a descriptor of a namespace named, -1 for our own. */
  #inNamespace<T>(netns: string | undefined, fn: (nsfd: number) => T): T {
    if (netns === undefined) return fn(-1)
    const path = netnsPath(netns)
    const nsfd = this.#native.open(path, O_RDONLY, -1)
    check(nsfd, `open ${path}`, nsfd === -ENOENT ? NO_NETNS_ADVICE : undefined)
    try {
      using home = RouteSocket.open(this.#native)
      return fn(home.isIn(nsfd) ? -1 : nsfd)
    } catch (error) {
      if (isErrno(error, EINVAL) && error.advice === undefined) {
        throw new VnetError(EINVAL, `enter network namespace ${netns}`, 'it is not one')
      }
      // What has no advice yet is that the namespace may not be entered.
      throw isErrno(error, EPERM) && error.advice === undefined
        ? new VnetError(EPERM, `enter network namespace ${netns}`, rootAdvice())
        : error
    } finally {
      this.#native.close(nsfd)
    }
  }

  #onLink(nsid: number, link: Link, event: 'new' | 'del'): void {
    this.#each((port, at) => {
      if (at !== nsid || port.link.ifindex !== link.ifindex) return
      if (event === 'del') port.ask()
      else port.linkEvent(link)
    })
  }

  #each(fn: (port: TapPort, nsid: number) => unknown): void {
    for (const [port, nsid] of [...this.#ports]) fn(port, nsid)
  }
}
