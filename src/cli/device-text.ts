/** How an interface is named and described: on the command line, in tables and in `--json`. */
import { printable } from '../base/printable.ts'
import type { DeviceStats, FoundDevice, WireDirection } from '../control/index.ts'
import type { EntryInterface, LabNames } from '../control/sockets/directory.ts'
import type { WireSide } from '../netdev/device-wire.ts'
import { IFF_UP } from '../netdev/if.ts'

export type NamedDevice = Pick<EntryInterface, 'name' | 'netns'> &
  LabNames &
  Pick<Partial<FoundDevice>, 'owner'>

/** Returns `red/eth0`, or `eth0` in the program's own namespace, with unprintable bytes escaped. */
export const label = (device: NamedDevice): string => printable(fullName(device))

/** Whether `text` names the device: by name, namespace or both, raw or as label() shows it. */
export function isNamed(device: NamedDevice, text: string): boolean {
  const { name, alias, hosts = [] } = device
  const withAlias = alias === undefined ? [] : [`${alias}/${name}`]
  const ofLab = [...withAlias, ...hosts, ...hosts.map(host => `${host}/${name}`)]
  const names = [name, fullName(device), ...ofLab, ...ownerNames(device)]
  return names.some(each => each === text || printable(each) === text)
}

/** Whether a name may be a container's or a pod's, which only the vnet of its interface knows. */
export const isOwnerName = (name: string): boolean => /^(container|pod):/.test(name)

/**
 * Returns the names of the container or pod that an interface is attached for, without and with its
 * interface inside: `container:web`, `container:web/eth0`, also by the id, `pod:shop/web-7f`.
 */
export function ownerNames({ owner }: NamedDevice): string[] {
  const { container, id, pod, namespace, interface: inside } = owner ?? {}
  const names = [
    ...(pod === undefined ? [] : [`pod:${namespace}/${pod}`]),
    ...(container === undefined ? [] : [`container:${container}`]),
    ...(id === undefined ? [] : [`container:${id.slice(0, SHORT_ID)}`, `container:${id}`]),
  ]
  return names.flatMap(name => [name, `${name}/${inside}`])
}

/** Returns `container:web/eth0`, the name of an attachment's owner in tables; undefined without. */
export function ownerLabel(device: NamedDevice): string | undefined {
  const [, name] = ownerNames(device)
  return name && printable(name)
}

/** The digits of an id that `docker ps` shows. */
const SHORT_ID = 12

/** Whether one of `names` names the device; without names every device is meant. */
export function isAmong(device: NamedDevice, names: readonly string[]): boolean {
  return names.length === 0 || names.some(name => isNamed(device, name))
}

function fullName({ name, netns, place = netns }: NamedDevice): string {
  return place === undefined ? name : `${place}/${name}`
}

/**
 * Returns a device with the properties of the `ready` line of `--json`. `state` is `up`, `down`,
 * `cut` if its cable is, or `no-carrier`. `busy` is present if the driver has not returned for so
 * many milliseconds.
 */
export function deviceFields(device: FoundDevice) {
  const { name, ifindex, netns = null, driver = null, mac, mtu, vnet, pid = null, busy } = device
  const [state, txqs, rxqs] = [stateOf(device), device.txQueues, device.rxQueues]
  const lasting = busy === undefined ? {} : { busy }
  return { name, ifindex, netns, driver, state, ...lasting, mac, mtu, txqs, rxqs, vnet, pid }
}

/** Returns `busy for 3 s`. */
export const busyText = (ms: number): string => `busy for ${Math.round(ms / 1000)} s`

function stateOf({ flags, carrier, cut }: FoundDevice): string {
  if ((flags & IFF_UP) === 0) return 'down'
  if (cut) return 'cut'
  return carrier ? 'up' : 'no-carrier'
}

/** Returns the number of frames that a device has dropped. */
export function dropsOf({ drops }: Pick<DeviceStats, 'drops'>): number {
  return [drops.tx, drops.rx].flatMap(Object.values<number>).reduce((sum, n) => sum + n, 0)
}

const SIDES = { ab: 'in', ba: 'out' } as const

/** Returns the name of an attachment's direction; undefined if `isOne` is false. */
export function sideOf(direction: WireDirection, isOne: boolean): WireSide | undefined {
  return isOne ? SIDES[direction] : undefined
}
