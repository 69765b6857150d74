/**
 * Attachment: a wire on an interface that exists. Two TAPs in its namespace take its frames
 * (tcx.ts): `far` takes received frames, and `near` takes transmitted frames. Frames from `far`
 * pass the wire ab and are received by the network stack. Frames from `near` pass ba and are
 * transmitted. With `farSide` the wires are ba and ab.
 *
 * Clients see one device, `near`, under the name of the interface. `far` is on a Net of its own,
 * and its drops are counted at `near`.
 */
import { randomBytes } from 'node:crypto'
import { describeException, LimitedLog, LOGLEVEL_WARNING, Log, VnetError } from '../base/index.ts'
import { type Native, writeSysctl } from '../linux/index.ts'
import { followLink } from '../linux/links/watch.ts'
import { inNetns } from '../linux/netns-name.ts'
import { getLink, type Link, RouteSocket } from '../linux/rtnetlink.ts'
import { etherSetup } from '../netdev/eth.ts'
import {
  ETH_MAX_MTU,
  ETH_MIN_MTU,
  IFF_UP,
  NETDEV_CHANGENAME,
  NETDEV_POST_INIT,
  NETDEV_TX_OK,
  NETDEV_UNREGISTER,
  NETDEV_WIRE,
  NETIF_F_ALL_TAP,
  NETREG_REGISTERED,
} from '../netdev/if.ts'
import { devSetMtu } from '../netdev/link-change.ts'
import { Net } from '../netdev/net.ts'
import { NetDevice } from '../netdev/net-device.ts'
import { devOpen, netifRxDrop, netifRxFrom } from '../netdev/netif.ts'
import { registerNetdev, unregisterNetdev } from '../netdev/register.ts'
import { RX_DROPPED, RX_PACKETS, TX_DROPPED, TX_PACKETS } from '../netdev/stats.ts'
import type { PacketFilter } from '../packet/bpf.ts'
import { SKB_DROP_REASON_CUT } from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { DirectedWire, WireEnd } from '../wire/directed-wire.ts'
import { OnlyFilter } from './only.ts'
import { attachTapName, prepareLoopback, type Target } from './target.ts'
import { TcxRedirect } from './tcx.ts'

/** How often the heartbeat beats within the time after which frames pass directly. */
const BEATS = 4

/**
 * The Net of a `far` device, which hides it from clients. The Net of `near` flushes its frames
 * after each batch, because later the slots would be out of the CPU's cache.
 */
class FarNet extends Net {
  readonly #main: Net

  constructor(main: Net) {
    const { platform, clock, pool, random } = main
    const log = new Log(LOGLEVEL_WARNING, (level, text) => main.log.write(level, text))
    super({ platform, clock, pool, random, log })
    this.#main = main
  }

  override markDirty(queue: Parameters<Net['markDirty']>[0]): void {
    this.#main.markDirty(queue)
  }

  override poll(readBatch: () => number): boolean {
    return this.#main.poll(readBatch)
  }

  override flush(more?: boolean): void {
    this.#main.flush(more)
  }
}

/** The device that faces the network. */
class Far extends NetDevice<undefined> {
  readonly #near: NetDevice

  constructor(name: string, near: NetDevice) {
    super(name, 1, 1, undefined)
    this.#near = near
  }

  override countDrop(skb: SkBuff, reason: number): void {
    this.#near.counters.dropped(skb, reason, skb.rxDev === undefined)
  }

  override countMade(skb: SkBuff, n: number): void {
    this.#near.countMade(skb, n)
  }

  override queueWasFull(): void {
    this.#near.queueWasFull()
  }
}

/** The device that faces the network stack. */
class Near extends NetDevice<undefined> {
  far: NetDevice | undefined

  override kernelStats(): Float64Array | undefined {
    const stats = super.kernelStats()
    const far = stats && this.far?.kernelStats()
    if (stats === undefined || far === undefined) return stats
    stats[RX_DROPPED] += far[TX_DROPPED]
    stats[TX_DROPPED] += far[RX_DROPPED]
    return stats
  }

  /** Of both directions. */
  override beforeVnet(now = false): number {
    return this.ownBeforeVnet(now) + (this.far?.beforeVnet(now) ?? 0)
  }

  ownBeforeVnet(now: boolean): number {
    return super.beforeVnet(now)
  }
}

/** Shows that an attachment has a frame in work. */
export interface InWork {
  /** The first word has `number` while a frame of the attachment is in work, otherwise 0. */
  readonly word: Int32Array
  readonly number: number
}

/** Frames, by the side of the interface. */
interface Sides {
  readonly in: number
  readonly out: number
}

/** The counts of an interface when an attachment to it ended, for the next one. */
export interface Counted {
  /** The frames that the interface had received and transmitted. */
  readonly counted: Sides
  /** Those that had passed it without the wire. */
  readonly bypassed: Sides
}

/** How attachments to one interface count frames that pass between them. */
export interface Continuity {
  /** The counts that this one continues; frames count from now on without them. */
  readonly since?: Counted | undefined
  /** Called when this one ends. */
  ended(counted: Counted): void
}

interface AttachmentOptions {
  readonly native: Native
  readonly net: Net
  readonly target: Target
  /** ns without a heartbeat after which frames pass directly. */
  readonly failOpen: number
  /** True if `in` and `out` are named from the far side of the interface, such as a container. */
  readonly farSide: boolean
  readonly shown?: InWork | undefined
  /** Without it, frames count from the start of the attachment. */
  readonly continuity?: Continuity | undefined
  /** The frames that pass the wire, if the user chose them. */
  readonly only?: PacketFilter | undefined
}

export class Attachment {
  readonly target: Target
  readonly near: NetDevice
  readonly far: NetDevice
  /**
   * The ends of its wire, for directedWires: the network's and the network stack's; with `farSide`
   * in the opposite order.
   */
  readonly ends: readonly [WireEnd, WireEnd]
  /** Set before the devices are opened. */
  wires: readonly DirectedWire[] = []
  readonly #shown: InWork | undefined
  readonly #native: Native
  readonly #net: Net
  readonly #farNet: Net
  readonly #failOpen: number
  readonly #given: PacketFilter | undefined
  readonly #continuity: Continuity | undefined
  /** Frames that had passed without the wire when this attachment started. */
  #early: Sides = { in: 0, out: 0 }
  /** The indexes in `wires` for received and for transmitted frames. */
  readonly #in: number
  readonly #out: number
  #name: string
  #redirect: TcxRedirect | undefined
  #only: OnlyFilter | undefined
  #aliveUntil = 0
  #heart: NodeJS.Timeout | undefined
  #late: LimitedLog | undefined
  /** Frames that passed directly, as last logged. */
  #passed = 0
  readonly #undo: (() => void)[] = []
  #closed: Promise<void> | undefined

  constructor({
    native,
    net,
    target,
    failOpen,
    farSide,
    shown,
    continuity,
    only,
  }: AttachmentOptions) {
    const { ifindex, name } = target.link
    this.target = target
    this.#native = native
    this.#net = net
    this.#name = name
    this.#failOpen = failOpen
    this.#shown = shown
    this.#given = only
    this.#continuity = continuity
    this.#in = farSide ? 1 : 0
    this.#out = 1 - this.#in
    this.#farNet = new FarNet(net)
    const near = new Near(attachTapName(ifindex, 'b'), 1, 1, undefined)
    const far = new Far(attachTapName(ifindex, 'a'), near)
    near.far = far
    this.near = near
    this.far = far
    for (const dev of [near, far]) {
      etherSetup(dev)
      dev.mtu = mtuOf(target.link)
      dev.features = NETIF_F_ALL_TAP
    }
    near.netdevOps = {
      keepsCarrier: true,
      ndoGetWires: () => this.wires,
      ndoCableChanged: () => this.#only?.followStages(),
      ndoStop: () => this.#stopped(near),
      ndoUninit: () => void this.close(),
      ndoStartXmit: skb => this.#push(skb, this.#out),
    }
    far.netdevOps = { ndoStop: () => this.#stopped(far), ndoStartXmit: skb => this.#receive(skb) }
    const ends: [WireEnd, WireEnd] = [
      { dev: far, wire: { push: skb => this.#transmitted(skb) } },
      {
        dev: near,
        wire: { push: skb => this.#received(skb) },
        drop: (skb, reason) => netifRxDrop(skb, near, reason),
        beforeVnet: now => near.ownBeforeVnet(now),
      },
    ]
    this.ends = farSide ? [ends[1], ends[0]] : ends
    this.#undo.push(
      net.registerNetdeviceNotifier((event, dev) => this.#notified(event, dev)),
      this.#farNet.registerNetdeviceNotifier((event, dev) => this.#notified(event, dev)),
    )
  }

  /** Prepares everything that must exist before `near` is registered. Throws a VnetError. */
  async prepare(): Promise<void> {
    const { target } = this
    // Lack of rights is found before anything is made.
    this.#redirect = new TcxRedirect(this.#native)
    if (target.link.name === 'lo') {
      this.#undo.push(prepareLoopback(this.#native, target))
    }
    await registerNetdev(this.far, this.#farNet, { netns: target.netns })
    await devOpen(this.far)
  }

  /** True if its filter in the kernel may change later, which takes CAP_BPF. */
  get keepsFilter(): boolean {
    return this.#only?.isKept === true
  }

  /** Detaches, and removes the TAP `far`. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const detached = this.#detach()
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        undo()
      } catch (error) {
        this.#net.log.warn(`${this.#name}: ${describeException(error)}`)
      }
    }
    if (this.far.regState === NETREG_REGISTERED) {
      await unregisterNetdev(this.far)
    }
    await detached
  }

  #receive(skb: SkBuff): number {
    if (!this.near.cut) return this.#push(skb, this.#in)
    netifRxDrop(skb, this.near, SKB_DROP_REASON_CUT)
    return NETDEV_TX_OK
  }

  #push(skb: SkBuff, nth: number): number {
    const { wire } = this.wires[nth] as DirectedWire
    const shown = this.#shown
    if (shown === undefined) {
      wire.push(skb)
      return NETDEV_TX_OK
    }
    shown.word[0] = shown.number
    try {
      wire.push(skb)
    } finally {
      shown.word[0] = 0
    }
    return NETDEV_TX_OK
  }

  /** A received frame leaves its wire. */
  #received(skb: SkBuff): void {
    if (this.near.cut) {
      netifRxDrop(skb, this.near, SKB_DROP_REASON_CUT)
      return
    }
    skb.dev = this.near
    netifRxFrom(skb, 'wire')
  }

  /** A transmitted frame leaves its wire. */
  #transmitted(skb: SkBuff): void {
    if (this.near.cut) {
      skb.drop(SKB_DROP_REASON_CUT)
      return
    }
    skb.dev = this.far
    netifRxFrom(skb, 'wire')
  }

  /** The first call for each device is before its interface is up. */
  #notified(event: number, dev: NetDevice): void {
    if (dev !== this.near && dev !== this.far) return
    if (event === NETDEV_WIRE) {
      this.#only?.followStages()
    } else if (event === NETDEV_POST_INIT) {
      this.#turnOffIpv6(dev.name)
      if (dev !== this.near) return
      dev.ifindex = this.target.link.ifindex
      dev.rename(this.#name)
    } else if (event === NETDEV_CHANGENAME && dev === this.near) {
      if (dev.ifindex !== this.target.link.ifindex) {
        this.#end('its TAP was moved to another network namespace')
      }
      dev.rename(this.#name)
    } else if (event === NETDEV_UNREGISTER && dev === this.far && this.#closed === undefined) {
      this.#end('its TAP was deleted')
    }
  }

  /** The kernel gives a TAP no address and sends nothing of its own there. */
  #turnOffIpv6(name: string): void {
    try {
      inNetns(this.#native, this.target.netns, nsfd => {
        writeSysctl(this.#native, nsfd, `net/ipv6/conf/${name}/disable_ipv6`, '1')
      })
    } catch {
      // Without IPv6, or with /proc/sys read-only: IPv6 packets that the kernel sends are dropped.
    }
  }

  /**
   * Attaches to the interface; call it when both devices are up. Rejects with a VnetError. If the
   * attachment ends meanwhile, everything is detached.
   */
  async attach(): Promise<void> {
    const { netns, link, hasDefaultRoute } = this.target
    const { near, far } = this
    const { ifindex } = link
    near.devAddr.set(link.address)
    this.#late = new LimitedLog(near.log, this.#net.clock, { lines: 1, seconds: 10 })
    const redirect = this.#redirect as TcxRedirect
    const { wires } = this
    await inNetns(this.#native, netns, nsfd => {
      const follow = (found: Link | undefined) => this.#linkChanged(found)
      const b = near.port?.link.ifindex ?? 0
      // Frames that vnet writes would end in the TAP.
      const programs = {
        on: [far.ifindex, b],
        removed: () => this.#end('a program of its TAP was removed'),
      }
      this.#undo.push(
        followLink(this.#native, { ifindex, netns, nsfd }, this.#net.turns, follow, programs),
      )
      return redirect.attach(
        { nsfd, ifindex, a: far.ifindex, b },
        randomBytes(4).readUInt32LE() || 1,
      )
    })
    if (redirect.isClosed) return
    this.#only = new OnlyFilter(redirect, {
      wires,
      given: this.#given,
      farSide: this.#in === 1,
      dev: near,
    })
    for (const [nth, wire] of wires.entries()) {
      wire.only = this.#only
      wire.bypassed = () => this.#bypassed()[nth === this.#in ? 'in' : 'out']
    }
    this.#aliveUntil = this.#native.monotonic() + this.#failOpen
    redirect.start(this.#aliveUntil)
    if (this.#continuity?.since !== undefined) {
      this.#early = this.#sinceLast(this.#continuity.since)
    }
    this.#heart = setInterval(() => this.#beat(redirect), this.#failOpen / BEATS / 1e6).unref()
    if (hasDefaultRoute && netns === undefined) {
      near.log.info(
        'the default route leads here: connections of this machine, such as ssh, pass the wire',
      )
    }
  }

  #beat(redirect: TcxRedirect): void {
    const now = this.#native.monotonic()
    const wasLate = now > this.#aliveUntil
    this.#aliveUntil = now + this.#failOpen
    redirect.aliveUntil(this.#aliveUntil)
    if (!wasLate) return
    const { in: received, out } = redirect.passed()
    if (received + out === this.#passed) return
    this.#passed = received + out
    this.#late?.warn(
      'late',
      `vnet was too late: ${received} frames in and ${out} out passed directly so far`,
    )
  }

  /** Frames that the interface received and transmitted without the wire. */
  #bypassed(): Sides {
    const { in: received = 0, out = 0 } = this.#redirect?.passed() ?? {}
    return { in: this.#early.in + received, out: this.#early.out + out }
  }

  #sinceLast({ counted, bypassed }: Counted): Sides {
    const now = this.#counted()
    const passed = (side: keyof Sides) => bypassed[side] + Math.max(0, now[side] - counted[side])
    return { in: passed('in'), out: passed('out') }
  }

  /** Returns the kernel's counters of the interface; 0 if it no longer exists. */
  #counted(): Sides {
    const { netns, link } = this.target
    try {
      return inNetns(this.#native, netns, nsfd => {
        using sock = RouteSocket.open(this.#native, nsfd)
        const { stats64 = [] } = getLink(sock, { ifindex: link.ifindex }) ?? {}
        return { in: stats64[RX_PACKETS] ?? 0, out: stats64[TX_PACKETS] ?? 0 }
      })
    } catch (error) {
      if (error instanceof VnetError) return NONE
      throw error
    }
  }

  /** Lets frames pass the interface directly. Resolves when everything is detached. */
  async #detach(): Promise<void> {
    clearInterval(this.#heart)
    const redirect = this.#redirect
    const isFirst = redirect?.isClosed === false
    const closed = redirect?.close()
    if (isFirst && this.#only !== undefined) {
      this.#continuity?.ended({ counted: this.#counted(), bypassed: this.#bypassed() })
    }
    await closed
  }

  /** A TAP was brought down, by an administrator unless the attachment ends. */
  #stopped(dev: NetDevice): void {
    void this.#detach()
    if (dev.regState === NETREG_REGISTERED) {
      this.#end('its TAP was brought down')
    }
  }

  #linkChanged(link: Link | undefined): void {
    // The kernel brings an interface down before it deletes or moves it.
    if (link === undefined || (link.flags & IFF_UP) === 0) {
      this.#end('the interface was brought down, moved or deleted')
    } else {
      if (link.name !== this.#name) {
        this.#rename(link.name)
      }
      const mtu = mtuOf(link)
      for (const dev of [this.near, this.far]) {
        if (dev.mtu !== mtu) {
          devSetMtu(dev, mtu).catch(error => dev.log.warn(describeException(error)))
        }
      }
    }
  }

  #rename(name: string): void {
    const { near } = this
    near.changeLog.info('renamed to', `renamed to ${name}`)
    this.#name = name
    near.rename(name)
    near.net.callNetdeviceNotifiers(NETDEV_CHANGENAME, near)
  }

  /** Ends the attachment, after the present event. Logs why, once. */
  #end(why: string): void {
    queueMicrotask(() => {
      const { near } = this
      if (near.regState !== NETREG_REGISTERED) return
      near.log.warn(`${why}: the attachment ends`)
      void unregisterNetdev(near)
    })
  }
}

const NONE: Sides = { in: 0, out: 0 }

/** Returns the MTU of its TAPs. Larger frames than a TAP can take are dropped. */
const mtuOf = ({ mtu }: Pick<Link, 'mtu'>): number =>
  Math.min(Math.max(mtu, ETH_MIN_MTU), ETH_MAX_MTU)
