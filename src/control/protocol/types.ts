/** The arguments and results of a client, in the terms of a program. All types are public. */

import type { DeviceWire, LinkStats64, StageReport } from '../../netdev/index.ts'
import type { eventNumbers, Reply } from './family.ts'
import type { QueueCounters } from './queue-counters.ts'
import type { SegmentEntryKind } from './segment-entry.ts'

/** A reply about a device. */
type Named<R extends { readonly ifname: string; readonly netns?: string | undefined }> = Omit<
  R,
  'ifname' | 'netns'
> &
  Device

/** A device of a running vnet. */
export interface Device {
  readonly ifindex: number
  readonly name: string
  /** The network namespace that it is in, if that is not its vnet's own. */
  readonly netns?: string | undefined
}

/** The state of a device. */
export type DeviceInfo = Omit<Named<Reply<'getDevices'>>, 'faults' | 'faultTexts'> & {
  /** The faults that `trigger` can cause; undefined if the driver does not list them. */
  readonly faults?: readonly string[] | undefined
  /** A sentence about each fault; undefined if the driver describes none. */
  readonly faultTexts?: readonly string[] | undefined
}

export type DeviceEventName = keyof typeof eventNumbers
/**
 * An event of a device. For `wire`, `direction` and `text` describe the changed stages. For `step`,
 * `mode` is the present mode, and `step` is the waiting step, if any.
 */
export type DeviceEvent = Omit<
  Named<Reply<'event'>>,
  'wireDirection' | 'wireText' | 'stepMode' | 'step'
> & {
  readonly direction?: WireDirection | undefined
  readonly text?: string | undefined
  readonly mode?: StepState['mode'] | undefined
  readonly step?: StepPlace | undefined
}

/** A waiting step: its number, device, and the function that runs next, such as `ndoStartXmit`. */
export interface StepPlace {
  /** 1: read from the kernel, 2: ndoStartXmit, 3: driver or wire, 4: netifRx, 5: write. */
  readonly number: number
  readonly device: Device
  readonly queue: number
  readonly next: string
}

/** A waiting step with its frame, and with the lines of the driver that run next. */
export interface StepHalt extends StepPlace {
  /** The frame's length and first bytes; undefined without a frame or while it is in the kernel. */
  readonly frame: { readonly length: number; readonly bytes: Uint8Array } | undefined
  readonly source: StepSource | undefined
  /** The number of steps that ran before. */
  readonly count: number
}

/** Lines of a file. `line` runs next; `first` is the number of the first line. */
export type StepSource = Readonly<{
  file: string
  line: number
  first: number
  lines: readonly string[]
}>

/**
 * Whether the frames of a vnet are stepped, and the frame that waits now. Stepping is one state of
 * the whole vnet, whichever client turned it on.
 */
export interface StepState {
  readonly mode: 'on' | 'off'
  /** Milliseconds after which a halt continues by itself; 0 is never. */
  readonly every: number
  /** Undefined if nothing waits. */
  readonly halt: StepHalt | undefined
}

/** The options of ControlClient.step(), each for one mode; others ignore it. */
export interface StepOptions {
  /** With `on`: milliseconds after which a halt continues by itself; never by default. */
  readonly every?: number | undefined
  /** With `next`: the `count` of the halt that the step belongs to; no other step runs. */
  readonly count?: number | undefined
}

/** A parameter of a running driver. `value` is text, as on the command line. */
export type DriverParam = Reply<'getParam'>

/** The statistics of a device at one moment. */
export interface DeviceStats extends Device {
  /** When they were read, in milliseconds since 1970. */
  readonly time: number
  readonly total: LinkStats64 & QueueCounters
  /** Row q: transmit queue q and, if q < rxQueues, receive queue q. */
  readonly queues: readonly (LinkStats64 & QueueCounters)[]
  readonly rxQueues: number
  /** Frames that the driver and its rings hold. */
  readonly held: number
  /** Frames that the kernel dropped in front of vnet, because the queue there was full. */
  readonly beforeVnet: number
  /** Frames that passed an attached interface without its wire; absent without any. */
  readonly bypassed?: number | undefined
  /** Drops by reason: of frames that the kernel sent (tx), and of frames for the kernel (rx). */
  readonly drops: {
    readonly tx: Readonly<Record<string, number>>
    readonly rx: Readonly<Record<string, number>>
  }
  /** The kernel's counters since it opened; undefined without rights, in allStats, if deleted. */
  readonly kernel: LinkStats64 | undefined
  /**
   * Milliseconds for which the vnet's thread has not returned from its driver: the values are older
   * then. Absent if it does return.
   */
  readonly busy?: number | undefined
}

/**
 * The events that a subscription reports. It replaces this client's earlier subscription to the
 * vnet.
 */
export interface SubscribeOptions {
  /** The device of the events to send, which need not exist yet; all devices by default. */
  readonly device?: Partial<Device> | undefined
  /** The events that are sent; all by default. */
  readonly events?: readonly DeviceEventName[] | undefined
  /** Drops of a device from one `drops` event to the next. 0, the default, sends no such events. */
  readonly dropThreshold?: number | undefined
  /** Called before an event if events were lost because the client did not read in time. */
  readonly onLost?: (() => void) | undefined
}

/**
 * A subscription to the events of a vnet. It keeps the process alive until it ends; its subscriber
 * closes it.
 */
export interface Subscription extends AsyncDisposable {
  /** Settles when no more events arrive: it or the client was closed, or the vnet has ended. */
  readonly ended: Promise<void>
  /** Ends the subscription. Idempotent; never rejects. */
  close(): Promise<void>
}

export type WireDirection = DeviceWire['direction']

/** The wires of a device. */
export interface WireInfo {
  /** When they were read, in milliseconds since 1970. */
  readonly time: number
  /** The text of each direction; empty without a stage. */
  readonly text: Readonly<Record<WireDirection, string>>
  /** The direction of frames that the device transmits; undefined in a simulation. */
  readonly outgoing?: WireDirection | undefined
  /** The filter of an attachment in the kernel, absent if all frames pass the wire. */
  readonly only?: string
  /** How many frames of each direction have passed in the kernel, likewise. */
  readonly passed?: Readonly<Record<WireDirection, number>>
  /** The seed that repeats the run's random decisions; undefined if no command takes it. */
  readonly seed?: number | undefined
  /** How many frames of each direction were lost before vnet; undefined in a simulation. */
  readonly beforeVnet?: Readonly<Record<WireDirection, number>> | undefined
  /** How many frames of each direction passed without the wire; undefined in a simulation. */
  readonly bypassed?: Readonly<Record<WireDirection, number>> | undefined
  /** The stages of ab, then the stages of ba. */
  readonly stages: readonly StageReport[]
  /** Replaced stages that had dropped packets, in the same order; undefined in a simulation. */
  readonly former?: readonly StageReport[]
}

/** A scenario file (`--scenario`) and how far it is. */
export interface ScenarioInfo {
  readonly file: string
  /** The time 0 of the scenario, in ms since 1970; undefined until the interface first comes up. */
  readonly started: number | undefined
  /** The length of a round if it repeats, in ms. */
  readonly repeat: number | undefined
  /** Each step: its time, in ms after `started` or the start of a round, and its changes. */
  readonly steps: readonly { readonly at: number; readonly text: string }[]
}

/** The mistakes of `vnet node`: containers and pods without the wire that was asked for. */
export interface MistakeInfo {
  /** Since the daemon started. */
  readonly count: number
  /** Those that still are: `container web`, `pod shop/web-7f`, and why. */
  readonly present: readonly { readonly who: string; readonly why: string }[]
}

/** The options of ControlClient.setWire(). */
export interface SetWireOptions {
  /** The direction that is changed; both by default. */
  readonly direction?: WireDirection | undefined
}

/**
 * The frames of a capture. By default it has all bytes of all frames of the vnet, passed or
 * dropped.
 */
export interface CaptureRequest {
  /** The devices to capture; all by default, including later ones. */
  readonly devices?: readonly Device[] | undefined
  /** Bytes of each frame that are kept, at least 1; all by default. */
  readonly snaplen?: number | undefined
  /** Captures only matching frames, in the language of pcap-filter(7). */
  readonly filter?: string | undefined
  /** Captures only frames that are dropped. */
  readonly dropsOnly?: boolean | undefined
}

/**
 * The arguments of a private ioctl. The client reads `ifreq` and `data` and changes neither: the
 * result has the driver's copies.
 */
export interface IoctlRequest {
  /** SIOCDEVPRIVATE to SIOCDEVPRIVATE + 15, SIOCSIFMAP or SIOCGIFMAP. */
  readonly cmd: number
  /** A struct ifreq, 40 bytes; by default the name of the device and zeros. */
  readonly ifreq?: Uint8Array | undefined
  /** The memory that ifr_data points to; none by default. */
  readonly data?: Uint8Array | undefined
}

/**
 * The reply to an IoctlRequest. A driver's refusal is a negative `result`; ControlClient.ioctl()
 * rejects only if the request did not reach the driver.
 */
export interface IoctlResult {
  /** The result of ioctl(2): 0 or more, or -errno. */
  readonly result: number
  /** The ifreq after the call, with the driver's changes. */
  readonly ifreq: Uint8Array
  /** The data after the call, with the driver's changes. */
  readonly data: Uint8Array | undefined
}

type Entry<K extends SegmentEntryKind> = NonNullable<Reply<'getSegment'>[K]>
export type HostInfo = Omit<Entry<'host'>, 'addresses'> & {
  /** The link-local address is last. */
  readonly addresses: readonly string[]
}
/** `expires` is Infinity for a lease without an end. */
export type LeaseInfo = Entry<'lease'>
export type NeighbourInfo = Entry<'neighbour'>
/** A port, once for each hardware address that was heard from it, or once without one. */
export type StationInfo = Entry<'station'>

/** A part of a device; of a kind that this client does not know, `part-kind N`. */
export type PartInfo = Reply<'getParts'>['part']

/** The resources that a vnet uses. Times are in ms, memory in bytes. */
export type RuntimeInfo = Reply<'getRuntime'>['runtime'] & {
  /** When it was read, in milliseconds since 1970. */
  readonly time: number
}

type Counts = Readonly<Record<string, number>>

/**
 * The segment that a device leads to, such as the simulated network of `vnet lan`, at one moment.
 * The lists that a driver does not have are empty.
 */
export interface SegmentInfo {
  readonly hosts: readonly HostInfo[]
  readonly leases: readonly LeaseInfo[]
  readonly neighbours: readonly NeighbourInfo[]
  readonly stations: readonly StationInfo[]
  /** Frames: all (in = out + taken + dropped + held), dropped by reason, replied to by kind. */
  readonly counters: {
    readonly frames: Counts
    readonly dropped: Counts
    readonly answered: Counts
  }
}
