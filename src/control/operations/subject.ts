/** The subject of requests: devices, driver and events. Finds the devices that requests name. */

import { ENODEV, ENOTUNIQ, EOPNOTSUPP, VnetError } from '../../base/errno.ts'
import type { Driver, NetDevice, Params } from '../../netdev/index.ts'
import type { PacketFilter } from '../../packet/bpf.ts'
import type { WireAttachment } from '../protocol/attachment.ts'
import { type Reply, vnetAttributes } from '../protocol/family.ts'
import { type Caller, MissingAttribute } from './operation.ts'

/**
 * The running program as its operations see it. Absent parts are things that this program does not
 * have; a request that needs one is refused with EOPNOTSUPP.
 */
export interface Subject {
  readonly devices: readonly NetDevice[]
  /** The network namespace that a device is in; undefined for the program's own. */
  netnsOf(dev: NetDevice): string | undefined
  /** The part of a device in its lab; undefined for devices in none. */
  readonly labPartOf?: ((dev: NetDevice) => LabPart | undefined) | undefined
  readonly module?: RunningDriver | undefined
  readonly events?: { subscribe(caller: Caller, wanted: SubscriptionSpec): void } | undefined
  readonly captures?: { start(wanted: WantedCapture, caller: Caller): void } | undefined
  /** Reads the resources that the program uses. */
  readonly runtime?: { read(): Resources } | undefined
  /** The container or pod that an attachment is for. */
  readonly ownerOf?: ((dev: NetDevice) => DeviceOwner | undefined) | undefined
  /** The mistakes of `vnet node`; undefined in other programs. */
  readonly mistakes?: (() => MistakeList) | undefined
  /** Called when a client has changed a device, before it gets the reply. */
  readonly changed?: ((dev: NetDevice, change: DeviceChange) => void) | undefined
  /** The wall clock, in milliseconds since 1970. */
  readonly now: () => number
}

type RuntimeReply = Reply<'getRuntime'>['runtime']
/** As a reply has them; the delay of the event loop is unknown at first. */
type Resources = Omit<RuntimeReply, 'loopDelay'> & {
  readonly loopDelay: RuntimeReply['loopDelay'] | undefined
}

/** A container or pod, and the name of the interface inside. */
export interface DeviceOwner {
  readonly container?: string | undefined
  readonly id?: string | undefined
  readonly pod?: string | undefined
  readonly namespace?: string | undefined
  readonly interface?: string | undefined
}

/** The mistakes in labels and annotations that `vnet node` found, for GET_MISTAKES. */
export interface MistakeList {
  /** Since the program started. */
  readonly count: number
  /** Those that are still there: the owner of the wrong or missing wire, and the reason. */
  readonly present: readonly { readonly who: string; readonly why: string }[]
}

/** A client's change of the cable, or of the wire in some directions or of the filter. */
export type DeviceChange =
  | { readonly cut: boolean }
  | {
      readonly parts: readonly ('ab' | 'ba' | 'only')[]
      readonly text: string
      readonly attachments: readonly WireAttachment[]
    }

/** The running driver and its parameters; the driver itself reads `values`. */
export interface RunningDriver {
  readonly name: string
  readonly params: Params
  readonly values: Record<string, unknown>
  readonly segment?: Driver['segment'] | undefined
  readonly attaches?: true | undefined
  readonly flips?: true | undefined
}

/** The place of a device in its lab, for a client that draws or lists the lab. */
export interface LabPart {
  readonly isRouter?: boolean | undefined
  /** The translation of addresses that its router does on it. */
  readonly nat?: string | undefined
  /** The name of the segment that it is a port of. */
  readonly segment?: string | undefined
}

/** The devices that a request names: all devices that match the given properties. */
export type Which = Readonly<{ ifindex?: number; ifname?: string; netns?: string }>

/** A client's request to capture, decoded and checked. */
export interface WantedCapture {
  /** The devices to capture. Undefined is all devices, including later ones. */
  readonly devices: ReadonlySet<NetDevice> | undefined
  readonly snaplen: number | undefined
  readonly filter: PacketFilter | undefined
  readonly dropsOnly: boolean
}

/** The events that a client subscribes to, decoded and checked. */
export interface SubscriptionSpec {
  /** Bits 1 << VNET_EVENT_*; all by default. */
  readonly events?: number | undefined
  /** Drops of a device from one `drops` event to the next. 0, the default, sends no such events. */
  readonly dropThreshold?: number | undefined
  /** Events of other devices are not sent. */
  readonly which?: Which
}

/** Returns the devices that a request names; all devices if it names none. */
export function chosen({ devices, netnsOf }: Subject, which: Which): NetDevice[] {
  return devices.filter(dev => isMeant(dev, which, netnsOf))
}

/** True if a device has everything that is named. */
export function isMeant(dev: NetDevice, which: Which, netnsOf: Subject['netnsOf']): boolean {
  return matches(identify({ netnsOf }, dev), which)
}

/** True if a device has all properties that are given; absent ones match every device. */
export function matches(
  device: Partial<ReturnType<typeof identify>>,
  { ifindex, ifname, netns }: Which,
): boolean {
  return (
    (ifindex ?? device.ifindex) === device.ifindex &&
    (ifname ?? device.ifname) === device.ifname &&
    (netns ?? device.netns) === device.netns
  )
}

/** The one device that a request names; of several, the device in the program's own namespace. */
export function theOne(subject: Subject, which: Which): NetDevice {
  if ((which.ifindex ?? which.ifname) === undefined) {
    throw new MissingAttribute(vnetAttributes.ifindex.type, 'the request names no interface')
  }
  const found = chosen(subject, which)
  if (found.length === 0) throw new VnetError(ENODEV, 'vnet_nl', 'there is no such interface')
  const [dev, ...others] =
    found.length === 1 ? found : found.filter(each => subject.netnsOf(each) === undefined)
  if (dev !== undefined && others.length === 0) return dev
  throw new VnetError(ENOTUNIQ, 'vnet_nl', 'there are several such interfaces: name the namespace')
}

/** The driver. If the request names devices, one of them must exist. */
export function moduleOf(subject: Subject, which: Which): RunningDriver {
  const isNamed = (which.ifindex ?? which.ifname ?? which.netns) !== undefined
  if (isNamed && chosen(subject, which).length === 0) {
    throw new VnetError(ENODEV, 'vnet_nl', 'there is no such interface')
  }
  const { module } = subject
  if (module === undefined) {
    throw new VnetError(EOPNOTSUPP, 'vnet_nl', 'its devices are of no driver with parameters')
  }
  return module
}

/** Returns the attributes that name a device in a reply. */
export function identify({ netnsOf }: Pick<Subject, 'netnsOf'>, dev: NetDevice) {
  return { ifindex: dev.ifindex, ifname: dev.name, netns: netnsOf(dev) }
}
