/** The place in the page, as in its address: `#driver/4711//sn0`. */
import type { DeviceId, DeviceRow, VnetRow } from '../feed-types.ts'

export interface PagePlace {
  readonly view: string
  /** Empty if none was chosen. */
  readonly device: DeviceId
}

export function parsePlace(hash: string): PagePlace {
  const [, view, device] = /^#?([^/]*)\/?(.*)$/s.exec(hash)!
  return { view, device: decoded(device) }
}

export const placeHash = ({ view, device }: PagePlace): string =>
  `#${view}${device === '' ? '' : `/${encodeURIComponent(device).replaceAll('%2F', '/')}`}`

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The part of an id that remains the same when the vnet restarts as another process. */
const lasting = (id: DeviceId): string => id.slice(id.indexOf('/'))

/**
 * The device with this id, or the device of the same name after its vnet was restarted. The first
 * device if none was chosen.
 */
export function findDevice(vnets: readonly VnetRow[], id: DeviceId): DeviceRow | undefined {
  const devices = vnets.flatMap(vnet => vnet.devices)
  if (id === '') return devices[0]
  return devices.find(device => device.id === id) ?? devices.find(device => lasting(device.id) === lasting(id))
}

/**
 * Returns true if every word of a search is in the name, driver or hardware address of a device.
 */
export function isFound(device: DeviceRow, search: string): boolean {
  const text = `${device.label} ${device.driver} ${device.mac}`.toLowerCase()
  return search
    .toLowerCase()
    .split(/\s+/)
    .every(word => text.includes(word))
}
