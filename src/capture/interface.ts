/** The description of a device in a capture file: an interface for each side. */
import type { NetDevice } from '../netdev/net-device.ts'
import { peerOf } from '../netdev/netif.ts'
import type { PacketFilter } from '../packet/filter.ts'
import { FLAG_OUTBOUND } from './packet.ts'
import type { CaptureInterface } from './pcapng-writer.ts'

/** The most bytes of an interface without its texts, and of a character. */
const INTERFACE_MAX = 128
const UTF8_MAX = 3

export interface InterfaceOptions {
  readonly snaplen: number
  readonly driver?: string | undefined
  readonly filter?: PacketFilter | undefined
  readonly netnsOf?: ((dev: NetDevice) => string | undefined) | undefined
}

/** Returns the interface of the transmit side (FLAG_OUTBOUND) or receive side of a device. */
export function interfaceOf(dev: NetDevice, flags: number, options: InterfaceOptions): CaptureInterface {
  const { snaplen, driver, netnsOf, filter } = options
  const netns = netnsOf?.(dev)
  const peer = peerOf(dev)
  const place = netns === undefined ? '' : ` in ${netns}`
  const isSent = flags === FLAG_OUTBOUND
  const other = peer === undefined ? '' : `, ${isSent ? 'to' : 'from'} ${peer.name}`
  const speed = dev.linkKsettings?.speed
  return {
    name: dev.logPrefix + dev.name,
    snaplen,
    mac: dev.devAddr,
    description: `${driver ?? 'vnet'}: ${isSent ? 'sent' : 'received'} by the kernel${place}${other}`,
    ...(speed !== undefined && speed > 0 && { speed: speed * 1_000_000 }),
    ...(filter !== undefined && { filter: filter.text }),
  }
}

/** Returns the most bytes that an interface takes in the file. */
export function roomOf({ name = '', description = '', filter = '' }: CaptureInterface): number {
  return INTERFACE_MAX + UTF8_MAX * (name.length + description.length + filter.length)
}
