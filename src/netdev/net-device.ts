/**
 * NetDevice: `struct net_device`. A driver allocates it (eth.ts), fills it in, and registers it
 * (register.ts). From then on the framework calls the driver's netdevOps.
 */
import {
  type Alarm,
  describeException,
  EINVAL,
  LimitedLog,
  type Log,
  NSEC_PER_SEC,
  VnetError,
} from '../base/index.ts'
import {
  SKB_DROP_REASON_CUT,
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_TX_CARRIER,
} from '../skb/drop-reason.ts'
import type { SkBuff, SkBuffDevice, SlotAccount } from '../skb/index.ts'
import { Counters, DevStats, wrap } from './counters.ts'
import type { DeviceWire } from './device-wire.ts'
import {
  ARPHRD_ETHER,
  DEFAULT_TX_QUEUE_LEN,
  ETH_ALEN,
  ETH_DATA_LEN,
  ETH_HLEN,
  ETH_MAX_MTU,
  ETH_MIN_MTU,
  IFF_DEBUG,
  NETIF_F_GRO,
  NETIF_MSG_PKTDATA,
  NETIF_MSG_RX_ERR,
  NETIF_MSG_TX_ERR,
  NETREG_UNINITIALIZED,
} from './if.ts'
import { type FrameProbe, logBadReturn } from './ndo.ts'
import type { Net } from './net.ts'
import type { HeaderOps, Ifmap, NetDeviceOps } from './ops.ts'
import type { PartSource } from './parts.ts'
import type { LinkKsettings, Port, PortQueue } from './port.ts'
import type { RxQueue } from './rx-queue.ts'
import { TxQueue } from './tx-queue.ts'

/** Nanoseconds from a full queue to reading the kernel's drops, and between two log lines. */
const LOSS_LOOK = NSEC_PER_SEC
const LOSS_LINES = 10 * NSEC_PER_SEC

/** A device's use of its Watchdog (watchdog.ts). */
interface QueueWatch {
  /** The queue of the last NETDEV_TX_TIMEOUT; -1 before one. */
  readonly lastQueue: number
  /** Starts to time: a queue was stopped. */
  watch(): void
  /** Stops timing: the device is down. */
  down(): void
}

/** What registering adds to a device, so that the module of a driver loads none of it. */
interface DeviceParts {
  readonly watchdog: QueueWatch
  /** Makes the receive queue that writes to a queue of the port. */
  readonly receiver: (queue: PortQueue) => RxQueue
  readonly lost: () => void
}

/**
 * A device of a driver. Until it is registered its fields are the driver's to set; from then on
 * name, flags, features, MTU and addresses follow the kernel. The program that registered it
 * unregisters it. A device is registered once: after it is unregistered, make another.
 */
export class NetDevice<Priv = unknown> implements SkBuffDevice {
  /** The given name until registered, then the interface's. */
  name: string
  ifindex = 0
  type = ARPHRD_ETHER
  mtu = ETH_DATA_LEN
  minMtu = ETH_MIN_MTU
  maxMtu = ETH_MAX_MTU
  hardHeaderLen = ETH_HLEN
  addrLen = ETH_ALEN
  /** IFF_*: the driver's flags until registered, then the kernel's. */
  flags = 0
  /** NETIF_F_*: the driver's offer until registered, then the features that the port grants. */
  features = 0
  txQueueLen = DEFAULT_TX_QUEUE_LEN
  /** Hardware address; all zero leaves the choice to the kernel. */
  readonly devAddr = new Uint8Array(ETH_ALEN)
  readonly broadcast = new Uint8Array(ETH_ALEN)
  /** The kernel's multicast list, 6 bytes each; kept for devices with ndoSetRxMode. */
  mc: readonly Uint8Array[] = []
  /** The kernel's protocol addresses on the interface, 4 or 16 bytes each. */
  addresses: readonly Uint8Array[] = []
  /** Put before the name in log lines: `red/` if two devices of a program have one name. */
  logPrefix = ''
  regState = NETREG_UNINITIALIZED
  /** NETIF_MSG_*: the events to log; all about single frames while the interface has IFF_DEBUG. */
  msgEnable = 0
  /** The settings that ethtool(8) shows with a carrier; undefined leaves them to the kernel. */
  linkKsettings: LinkKsettings | undefined = undefined
  /** The resources ifconfig(8) shows. */
  map: Ifmap = { memStart: 0, memEnd: 0, baseAddr: 0, irq: 0, dma: 0, port: 0 }
  /** Milliseconds for which a queue may remain stopped before ndoTxTimeout; 0 is forever. */
  watchdogTimeo = 0
  netdevOps: NetDeviceOps<Priv> = { ndoStartXmit: skb => skb.drop() }
  headerOps: HeaderOps | undefined = undefined
  /** True if the link has a carrier: the driver turned it on last, and the cable is not cut. */
  carrier = true
  /** The carrier that the driver last set; hidden while the cable is cut. */
  driverCarrier = true
  /** True while the cable is cut (cutCable): the kernel's frames are dropped for `cutReason`. */
  cut = false
  /** The driver's own data (netdev_priv). */
  readonly priv: Priv
  readonly tx: readonly TxQueue[]
  readonly counters: Counters
  /** Times stopped queues; for a device that has been registered. */
  watchdog!: QueueWatch
  /** The interrupts and polls in use, as partsOf reports them. */
  readonly partSources = new Set<PartSource>()

  #net: Net | undefined
  #port: Port | undefined
  #rx: readonly RxQueue[] = []
  #slots: SlotAccount | undefined
  #log: Log | undefined
  readonly #stats: DevStats
  #limitedLog: LimitedLog | undefined
  #changeLog: LimitedLog | undefined
  #lost: (() => void) | undefined
  /** The lack of slots is logged once: under load it may last. */
  #warnedOfSlots = false
  /** Frames lost before vnet, as last read; when that is looked at next, and the last line. */
  #beforeVnet = 0
  #lossLook: Alarm | undefined
  #isLookDue = false
  #lossLogged = { frames: 0, at: Number.NEGATIVE_INFINITY }
  #mergesWire = false
  #frameProbe: FrameProbe | undefined

  constructor(name: string, txqs: number, rxqs: number, priv: Priv) {
    this.name = name
    this.priv = priv
    this.counters = new Counters(txqs, rxqs)
    this.#stats = new DevStats(this)
    this.tx = Array.from({ length: txqs }, (_, q) => new TxQueue(this, q))
  }

  /** Its receive queues; empty while it is not registered. */
  get rx(): readonly RxQueue[] {
    return this.#rx
  }

  get numTxQueues(): number {
    return this.counters.txqs
  }

  get numRxQueues(): number {
    return this.counters.rxqs
  }

  get cutReason(): number {
    return this.netdevOps.keepsCarrier ? SKB_DROP_REASON_CUT : SKB_DROP_REASON_TX_CARRIER
  }

  /** The Net it is registered on; throws before. */
  get net(): Net {
    if (this.#net === undefined) {
      throw new VnetError(EINVAL, this.name, 'the device is not registered')
    }
    return this.#net
  }

  /** The gate at which its frames wait while stepping is on; undefined otherwise. */
  get gate(): Net['gate'] {
    return this.#net?.gate
  }

  /** The port that carries its frames; undefined while it is not registered. */
  get port(): Port | undefined {
    return this.#port
  }

  /** A log that prefixes lines with the device's name. */
  get log(): Log {
    this.#log ??= this.net.log.named(this.logPrefix + this.name)
    return this.#log
  }

  /** True while a wire hands it packets that it has cut: they are merged as with NETIF_F_GRO. */
  get mergesWire(): boolean {
    return this.#mergesWire
  }

  set mergesWire(merges: boolean) {
    this.#mergesWire = merges
    for (const rxq of this.#rx) {
      rxq.merge(merges || (this.features & NETIF_F_GRO) !== 0)
    }
  }

  /** Notified of every frame; undefined while nothing captures them. */
  get frameProbe(): FrameProbe | undefined {
    return this.#frameProbe
  }

  set frameProbe(probe: FrameProbe | undefined) {
    this.#frameProbe = probe
    for (const rxq of this.#rx) {
      rxq.frameProbe = probe
    }
    for (const txq of this.tx) {
      txq.frameProbe = this.wires.length === 0 ? probe : undefined
    }
    for (const wire of this.wires) {
      wire.probeChanged?.()
    }
  }

  /** Frames that passed the interface of an attachment directly, in both directions. */
  bypassed(): number {
    let frames = 0
    for (const wire of this.wires) {
      frames += wire.bypassed?.() ?? 0
    }
    return frames
  }

  /** The wires that its frames leave and arrive on (ndoGetWires); none if the driver throws. */
  get wires(): readonly DeviceWire[] {
    try {
      return this.netdevOps.ndoGetWires?.(this) ?? []
    } catch (error) {
      this.logException('ndoGetWires', error)
      return []
    }
  }

  /** Returns the transmit queue a frame came from. */
  txq(skb: SkBuff): TxQueue {
    return this.tx[wrap(skb.queueMapping, this.tx.length)]
  }

  countReceived(skb: SkBuff): void {
    this.counters.received(skb)
  }

  countDrop(skb: SkBuff, reason: number): void {
    if (this.#frameProbe !== undefined) {
      this.#frameProbe.dropped(skb, reason)
    }
    if ((this.msgEnable & (NETIF_MSG_RX_ERR | NETIF_MSG_TX_ERR)) !== 0) {
      this.#logDrop(skb, reason)
    }
    this.counters.dropped(skb, reason)
  }

  #logDrop(skb: SkBuff, reason: number): void {
    const rx = skb.rxDev !== undefined
    if (
      (this.msgEnable & (rx ? NETIF_MSG_RX_ERR : NETIF_MSG_TX_ERR)) === 0 ||
      this.#net === undefined
    ) {
      return
    }
    this.logFrame(rx ? 'rx' : 'tx', skb, reason)
  }

  countMade(skb: SkBuff, n: number): void {
    this.counters.madeFrom(skb.queueMapping, n)
  }

  /** dev_get_stats: sets `row` to LinkStats64 with the driver's own statistics, and returns it. */
  getStats64(row?: Float64Array): Float64Array {
    return this.#stats.get(row)
  }

  /**
   * Returns the kernel's counters since the device was registered or reset, as a row of
   * LinkStats64. Undefined if the kernel keeps none or the interface was deleted.
   */
  kernelStats(): Float64Array | undefined {
    return this.#stats.kernel()
  }

  /**
   * Returns how many frames the kernel dropped in front of this device since it was registered,
   * because its queue there was full (Port.beforeVnet). A reset does not change it.
   */
  beforeVnet(now = false): number {
    this.#beforeVnet = this.#port?.beforeVnet?.(now) ?? this.#beforeVnet
    return this.#beforeVnet
  }

  /**
   * A queue was full: looks a second later whether the kernel dropped frames, or ten seconds after
   * the last log line, and logs it.
   */
  queueWasFull(): void {
    if (this.#isLookDue || this.#port?.beforeVnet === undefined) return
    this.#isLookDue = true
    const { clock } = this.net
    this.#lossLook ??= clock.alarm(() => this.#lookForLoss())
    this.#lossLook.at(Math.max(clock.now() + LOSS_LOOK, this.#lossLogged.at + LOSS_LINES))
  }

  #lookForLoss(): void {
    this.#isLookDue = false
    const frames = this.beforeVnet(true)
    if (frames === this.#lossLogged.frames) return
    this.#lossLogged = { frames, at: this.net.clock.now() }
    this.log.warn(
      `lost before vnet: ${frames} frames so far, because its queue in the kernel was full`,
    )
  }

  /** Sets all its statistics to zero, including kernelStats. */
  resetStats(): void {
    this.#stats.reset()
  }

  /** Adds the driver's own statistics to a row of LinkStats64 (ndoGetStats64). */
  addDriverStats(stats: Float64Array): void {
    try {
      const result: unknown = this.netdevOps.ndoGetStats64?.(this, stats)
      if (result instanceof Promise) {
        logBadReturn(this, 'ndoGetStats64', result, 'nothing')
      }
    } catch (error) {
      this.logException('ndoGetStats64', error)
    }
  }

  /** Frames of the framework: read, not yet with the driver; received, not yet with the kernel. */
  get held(): number {
    return (
      this.tx.reduce((n, txq) => n + txq.held, 0) + this.#rx.reduce((n, rxq) => n + rxq.length, 0)
    )
  }

  /**
   * Its share of large slots: the most, and the number in use. After `skb.hold()` a frame uses
   * none.
   */
  get slots(): { readonly used: number; readonly quota: number } {
    return this.#slots ?? { used: 0, quota: 0 }
  }

  /** Puts a frame on the receive queue that belongs to the queue it came from. For netifRx. */
  receive(skb: SkBuff): void {
    const rxq = this.#rx[wrap(skb.queueMapping, this.#rx.length)]
    if (rxq === undefined) {
      skb.drop(SKB_DROP_REASON_DEV_READY)
      return
    }
    rxq.push(skb)
  }

  /** The log for lines that frames cause: one a second of each kind. */
  get limitedLog(): LimitedLog {
    this.#limitedLog ??= new LimitedLog(this.log, this.net.clock, { lines: 1, seconds: 1 })
    return this.#limitedLog
  }

  /** The log for lines that changes of the interface cause, which anyone may have rights for. */
  get changeLog(): LimitedLog {
    this.#changeLog ??= new LimitedLog(this.log, this.net.clock)
    return this.#changeLog
  }

  /** The log of single frames if only IFF_DEBUG, which anyone may have set, requests them. */
  get debugLog(): LimitedLog | undefined {
    const isDebugged =
      (this.flags & IFF_DEBUG) !== 0 && (this.net.msgEnable & NETIF_MSG_PKTDATA) === 0
    return isDebugged ? this.changeLog : undefined
  }

  /** Logs an exception of the driver's `op`, rate-limited: every frame may cause one. */
  logException(op: string, error: unknown): void {
    this.#net?.debug?.threw(op, error)
    this.limitedLog.err(op, () => `${op}: ${describeException(error)}`)
  }

  /** Logs a warning about a frame; all of them together are rate-limited. */
  logRatelimited(text: string): void {
    this.limitedLog.warn('warnings', text)
  }

  /**
   * Logs one frame in tcpdump's format, for a device with NETIF_MSG_PKTDATA in msgEnable: `tx-0
   * IP ...` from the kernel's transmit queue 0, `rx-0` for receive queue 0, as its counters are
   * named; `dropped` is its drop reason.
   */
  logFrame(direction: 'tx' | 'rx', skb: SkBuff, dropped?: number): void {
    const queue = direction === 'tx' ? skb.queueMapping : wrap(skb.queueMapping, this.numRxQueues)
    this.logEvent(() => `${direction}-${queue} ${this.net.frameText(skb, dropped)}`)
  }

  /** Logs an event if there is a port. The caller first tests msgEnable, to save the text. */
  logEvent(text: string | (() => string)): void {
    if (this.#port === undefined) return
    const { debugLog } = this
    if (debugLog !== undefined) {
      debugLog.info('IFF_DEBUG', text)
    } else {
      this.log.info(typeof text === 'string' ? text : text())
    }
  }

  rename(name: string): void {
    this.name = name
    this.#log = undefined
    for (const limited of [this.#limitedLog, this.#changeLog]) {
      if (limited !== undefined) {
        limited.log = this.log
      }
    }
  }

  /** A queue died: the interface was deleted. */
  linkLost(): void {
    this.#lost?.()
  }

  /** Lets the queues that paused without a slot continue once a slot is free. */
  waitForSlot(): void {
    if (this.#slots === undefined) return
    this.net.pool.wait(this.#slots)
    if (this.#warnedOfSlots) return
    this.#warnedOfSlots = true
    this.log.warn(
      `no free slot: ${this.#slots.used} frames are held, and no more are read until one is freed`,
    )
  }

  /** Puts it on a Net, with an account of slots; for registerNetdev. EINVAL if it is on one. */
  enlist(net: Net): SlotAccount {
    if (this.#slots !== undefined) {
      throw new VnetError(EINVAL, this.name, 'the device is being registered')
    }
    this.#net = net
    this.msgEnable |= net.msgEnable
    this.#slots = net.pool.openAccount(() => {
      for (const txq of this.tx) {
        txq.slotFreed()
      }
    })
    return this.#slots
  }

  attach(port: Port, { watchdog, receiver, lost }: DeviceParts): void {
    this.#port = port
    this.watchdog = watchdog
    this.#lost = lost
    const { debug } = this.net
    const queues = port.queues.map(queue => debug?.chaos?.queue(queue, this as NetDevice) ?? queue)
    this.#rx = queues.map(receiver)
    this.mergesWire = this.#mergesWire
    for (const rxq of this.#rx) {
      rxq.frameProbe = this.#frameProbe
    }
    for (const txq of this.tx) {
      txq.attach(queues[txq.index])
    }
    debug?.watch(this as NetDevice)
  }

  purge(): void {
    this.gate?.purge(this as NetDevice)
    for (const rxq of this.#rx) {
      rxq.purge(SKB_DROP_REASON_DEV_STOPPED)
    }
  }

  /** Undoes enlist and attach; the caller closes the port. For unregisterNetdev. */
  discharge(): void {
    this.purge()
    this.#limitedLog?.flush()
    this.#changeLog?.flush()
    if (this.#port !== undefined) {
      this.net.debug?.release(this as NetDevice)
    }
    this.#rx = []
    if (this.#slots !== undefined) {
      this.net.pool.closeAccount(this.#slots)
    }
    this.#slots = undefined
    this.#lossLook?.cancel()
    this.#port = undefined
    this.#lost = undefined
  }
}
