/** The place in the page, as in its address: `#driver/4711//sn0`. */
import type { DeviceId, DeviceRow, VnetRow } from '../feed-types.ts'

/** `device` is empty if none was chosen. */
export function parsePlace(hash: string): { readonly view: string; readonly device: DeviceId } {
  const [, view, device] = /^#?([^/]*)\/?(.*)$/s.exec(hash)!
  return { view, device: decoded(device) }
}

export const placeHash = ({ view, device }: ReturnType<typeof parsePlace>): string =>
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

/** The device with this id, or of the same name after a restart; the first if none was chosen. */
export function findDevice(vnets: readonly VnetRow[], id: DeviceId): DeviceRow | undefined {
  const devices = vnets.flatMap(vnet => vnet.devices)
  if (id === '') return devices[0]
  return devices.find(device => device.id === id) ?? devices.find(device => lasting(device.id) === lasting(id))
}

/** Whether every word of a search is in the name, driver or hardware address of a device. */
export function isFound({ label, driver, mac }: DeviceRow, search: string): boolean {
  const text = `${label} ${driver} ${mac}`.toLowerCase()
  const words = search.toLowerCase().split(/\s+/)
  return words.every(word => text.includes(word))
}
