/**
 * Uplink: an existing interface as a station of the segment, attached like a port while its link is
 * up. Frames that the interface receives go to the segment; frames for its network go through it.
 * Every frame is accounted for: a received frame is sent to the segment or counted in `drops`; a
 * frame from the segment is sent, counted in `drops`, or waiting.
 */
import {
  EINVAL,
  ENOBUFS,
  ENODEV,
  interfaceArg,
  isValidEtherAddr,
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_MAX,
  SKB_DROP_REASON_PKT_TOO_BIG,
  type SkBuff,
  VnetError,
} from 'vnet'
import { closingOnError, type Native } from 'vnet/kit/linux'
import { FrameBatches, FrameQueue } from 'vnet/kit/machine'
import {
  addressesOf,
  getLink,
  inNetns,
  type Link,
  openPacketSocket,
  RouteSocket,
  uapi,
  type WatchedState,
  watchLink,
} from 'vnet/kit/net'
import { BATCH, FRAME_MAX, RxQueue, type SkBuffDevice, type SlotAccount } from 'vnet/kit/netdev'
import { dropsByName, type Log, type Net, type PortQueue } from 'vnet/net'
import type { Segment, Station } from '../switch/segment.ts'

/** The one queue of the interface, for both directions. */
export interface UplinkQueue extends PortQueue {
  /** Watches the socket again after an error that has been read. */
  revive(): void
  close(): void
}

/** The interface of an uplink, and the environment. */
export interface UplinkOptions {
  readonly net: Net
  /** `[NETNS/]IF` as given, for the log. */
  readonly name: string
  /** Opens the queue, which takes its slots from this account. */
  readonly open: (slots: SlotAccount) => UplinkQueue
  /** Returns the number of frames that arrived since the last call, read or not. */
  readonly arrived: () => number
  readonly addresses?: readonly string[] | undefined
  readonly onClose?: (() => void) | undefined
}

/**
 * The station of one interface. Its owner calls join() once, changed() at each change of the
 * interface, and close() at the end; the interface itself remains.
 */
export class Uplink implements Station, SkBuffDevice, Disposable {
  readonly name: string
  readonly leadsToRouters = true
  /** The IP addresses of the interface when it was opened: it is on an existing network. */
  readonly addresses: readonly string[]
  /** Counted like the interface's own statistics; `dropped` is for both directions. */
  readonly stats = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, dropped: 0 }
  /** Dropped frames by SKB_DROP_REASON_*. */
  readonly drops = new Float64Array(SKB_DROP_REASON_MAX)
  readonly #net: Net
  readonly #log: Log
  readonly #slots: SlotAccount
  readonly #queue: UplinkQueue
  /** Frames to send: an RxQueue that writes to the interface instead of the network stack. */
  readonly #outgoing: RxQueue
  readonly #batch: SkBuff[] = []
  readonly #pollBatch = (): number => this.#readBatch()
  readonly #options: UplinkOptions
  #segment: Segment | undefined
  #state: WatchedState = 'down'
  #arrived = 0
  #closed = false

  /** Does not attach it to a segment. Passes on the exceptions of `open`. */
  constructor(options: UplinkOptions) {
    const { net, name, open, addresses = [] } = options
    this.#options = options
    this.#net = net
    this.name = name
    this.addresses = addresses
    this.#log = net.log.named(`uplink ${name}`)
    this.#slots = net.pool.openAccount(() => this.#queue.resume())
    try {
      this.#queue = open(this.#slots)
    } catch (error) {
      net.pool.closeAccount(this.#slots)
      throw error
    }
    const uncounted = { merged() {} }
    this.#outgoing = new RxQueue({ net, features: 0, counters: uncounted }, this.#queue)
  }

  /** Frames that arrived and were not read: waiting, too many, or not possible in a vnet header. */
  get missed(): number {
    if (!this.#closed) {
      this.#arrived += this.#options.arrived()
    }
    return this.#arrived - this.stats.rxPackets
  }

  /** Frames that wait to be sent. */
  get held(): number {
    return this.#outgoing.length
  }

  get state(): WatchedState {
    return this.#state
  }

  /** Starts to read frames for `segment`. Called once. */
  join(segment: Segment): void {
    this.#segment = segment
    if (this.#closed) return
    if (this.#state === 'up') {
      segment.attach(this)
    }
    this.#log.info(`link is ${this.#state}`)
    this.#queue.listen(status => this.#poll(status))
    this.#queue.resume()
  }

  /** Called when the interface's state changes. Closes the uplink if the interface was deleted. */
  changed(state: WatchedState): void {
    this.#state = state
    const segment = this.#segment
    if (state === 'up') {
      segment?.attach(this)
    } else {
      segment?.detach(this)
    }
    if (state === 'gone') {
      this.#log.warn('the interface is gone; the segment continues without it')
      this.close()
    } else if (segment !== undefined) {
      this.#log.info(`link is ${state}`)
    }
  }

  /** Takes ownership of a frame from the segment, and sends it. */
  receive(skb: SkBuff): void {
    skb.dev = this
    if (this.#closed) {
      skb.drop(SKB_DROP_REASON_DEV_READY)
    } else {
      this.#outgoing.push(skb)
    }
  }

  countReceived(skb: SkBuff): void {
    this.stats.txPackets++
    this.stats.txBytes += skb.len
  }

  countDrop(_: SkBuff, reason: number): void {
    this.stats.dropped++
    this.drops[reason] = this.drops[reason] + 1
  }

  /** Detaches it, closes its descriptors and logs its statistics. Idempotent. */
  close(): void {
    if (this.#closed) return
    const { missed } = this
    this.#closed = true
    this.#segment?.detach(this)
    this.#outgoing.purge(SKB_DROP_REASON_DEV_READY)
    this.#queue.close()
    this.#net.pool.closeAccount(this.#slots)
    this.#options.onClose?.()
    if (this.#segment !== undefined) {
      this.#log.info(this.#summary(missed))
    }
  }

  readonly [Symbol.dispose] = (): void => this.close()

  /** Returns true if more frames may wait: it is then called again. */
  #poll(status: number): boolean {
    const more = this.#net.poll(this.#pollBatch)
    // The interface went down, which stops the poller. The read has cleared the socket error.
    if (status < 0 && !this.#closed) {
      this.#queue.revive()
    }
    return more
  }

  #readBatch(): number {
    if (this.#closed) return 0
    const n = this.#queue.read(this.#batch, BATCH)
    if (n === -ENOBUFS) {
      this.#queue.pause()
      this.#net.pool.wait(this.#slots)
    }
    for (let i = 0; i < n; i++) {
      this.#received(this.#batch[i])
    }
    return n
  }

  #received(skb: SkBuff): void {
    this.stats.rxPackets++
    this.stats.rxBytes += skb.len
    if (skb.len < FRAME_MAX) {
      this.#segment?.send(skb, this)
    } else {
      // A frame that fills the slot was truncated by the kernel (BIG TCP).
      skb.dev = this
      skb.drop(SKB_DROP_REASON_PKT_TOO_BIG)
    }
  }

  #summary(missed: number): string {
    const { rxPackets, rxBytes, txPackets, txBytes, dropped } = this.stats
    const reasons = Object.entries(dropsByName(this.drops)).map(([reason, n]) => `${n} ${reason}`)
    const lost = [
      dropped > 0 ? `dropped ${reasons.join(', ')}` : [],
      missed > 0 ? `missed ${missed}` : [],
    ].flat()
    return [
      `rx ${rxPackets} frames, ${rxBytes} bytes, tx ${txPackets} frames, ${txBytes} bytes`,
      ...lost,
    ].join(', ')
  }
}

/**
 * Opens `--uplink [NETNS/]IF`; the caller closes it. Returns undefined if a named namespace lacks
 * the interface, or has an idle TAP of this name: a port is created there. Throws a VnetError,
 * ENODEV if the interface does not exist here, EINVAL if it is not Ethernet.
 */
export function openUplink(native: Native, net: Net, text: string): Uplink | undefined {
  const { name, netns } = interfaceArg(text)
  const what = `uplink ${text}`
  return inNetns(native, netns, nsfd => {
    using sock = RouteSocket.open(native, nsfd)
    const link = getLink(sock, { name })
    if (link === undefined || (netns !== undefined && isIdleTap(link))) {
      if (netns !== undefined) return undefined
      throw new VnetError(
        ENODEV,
        what,
        'there is no such interface: name one that exists, or NETNS/IF to create a port',
      )
    }
    if (!isValidEtherAddr(link.address)) {
      throw new VnetError(EINVAL, what, 'it is not an Ethernet interface: it has no MAC address')
    }
    const { ifindex } = link
    const addresses = addressesOf(sock, name)
    const fd = openPacketSocket(native, nsfd, ifindex, what)
    const open = (slots: SlotAccount) =>
      new FrameQueue(native, fd, uapi.VIRTIO_NET_HDR_LEN, slots, new FrameBatches(native))
    let stop = () => {}
    const arrived = () => packetsArrived(native, fd)
    const options = { net, name: text, addresses, arrived, open, onClose: () => stop() }
    const uplink = closingOnError(native, [fd], () => new Uplink(options))
    try {
      stop = watchLink(native, { ifindex, netns, nsfd }, net.turns, state => uplink.changed(state))
      return uplink
    } catch (error) {
      uplink.close()
      throw error
    }
  })
}

/** Whether this is a TAP of an earlier run that no process has open: it becomes a port again. */
const isIdleTap = ({ tun }: Link): boolean =>
  tun?.type === 'tap' && tun.numQueues + tun.numDisabledQueues === 0

/** Returns the frames received since the last call, also those without room (tp_packets). */
function packetsArrived(native: Native, fd: number): number {
  const statistics = new Uint8Array(8)
  if (native.getsockopt(fd, uapi.SOL_PACKET, uapi.PACKET_STATISTICS, statistics) < 0) return 0
  return new DataView(statistics.buffer).getUint32(0, true)
}
