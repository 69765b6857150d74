/** What a vnet is asked about: its devices, its driver, who listens for events; and which devices a request means. */
import type { Driver, Params } from '../core/driver.ts'
import { ENODEV, ENOTUNIQ, EOPNOTSUPP, VnetError } from '../core/errno.ts'
import type { NetDevice } from '../core/net-device.ts'
import type { MessageBuilder } from '../netlink/index.ts'
import { VNET_ATTR_IFINDEX, VNET_ATTR_IFNAME, VNET_ATTR_NETNS } from './family.ts'
import { MissingAttribute } from './refusal.ts'
import type { Subscribers } from './subscribers.ts'

export interface Subject {
  /** Those registered now. */
  readonly devices: readonly NetDevice[]
  /** The network namespace it was made in, as its user named that; undefined when it is the program's own. */
  netnsOf(dev: NetDevice): string | undefined
  readonly module?: Module | undefined
  readonly subscribers?: Subscribers | undefined
}

/** The driver that runs, and its parameters: `values` is what the driver itself looks at. */
export interface Module {
  readonly name: string
  readonly params: Params
  readonly values: Record<string, unknown>
  readonly segment?: Driver['segment'] | undefined
}

/** Which devices a request means. */
export interface Which {
  readonly ifindex?: number
  readonly ifname?: string
  readonly netns?: string
}

/** Those that have all that is named. */
export function chosen({ devices, netnsOf }: Subject, { ifindex, ifname, netns }: Which): NetDevice[] {
  return devices.filter(
    dev =>
      (ifindex === undefined || ifindex === dev.ifindex) &&
      (ifname === undefined || ifname === dev.name) &&
      (netns === undefined || netns === netnsOf(dev)),
  )
}

/** The one that has all that is named, which must be something. Of several it is the one of the program's own namespace. */
export function theOne(subject: Subject, which: Which): NetDevice {
  if ((which.ifindex ?? which.ifname) === undefined) {
    throw new MissingAttribute(VNET_ATTR_IFINDEX, 'the request names no interface')
  }
  const found = chosen(subject, which)
  if (found.length === 0) throw new VnetError(ENODEV, 'vnet_nl', 'there is no such interface')
  const [dev, ...others] = found.length === 1 ? found : found.filter(each => subject.netnsOf(each) === undefined)
  if (dev !== undefined && others.length === 0) return dev
  throw new VnetError(ENOTUNIQ, 'vnet_nl', 'there are several such interfaces: name the namespace')
}

/** The driver; if the request names devices there must be one of them. */
export function moduleOf(subject: Subject, which: Which): Module {
  const isNamed = (which.ifindex ?? which.ifname ?? which.netns) !== undefined
  if (isNamed && chosen(subject, which).length === 0) {
    throw new VnetError(ENODEV, 'vnet_nl', 'there is no such interface')
  }
  const { module } = subject
  if (module === undefined) throw new VnetError(EOPNOTSUPP, 'vnet_nl', 'its devices are of no driver with parameters')
  return module
}

/** Writes what a device is told by. */
export function identify(builder: MessageBuilder, { netnsOf }: Pick<Subject, 'netnsOf'>, dev: NetDevice): void {
  builder.u32(VNET_ATTR_IFINDEX, dev.ifindex).name(VNET_ATTR_IFNAME, dev.name)
  const netns = netnsOf(dev)
  if (netns !== undefined) builder.string(VNET_ATTR_NETNS, netns)
}
