/** Devices as the page knows them. */

import { distinct, printable } from '../base/printable.ts'
import type { DeviceStats, FoundDevice } from '../control/index.ts'
import { labPlace } from '../control/protocol/directory.ts'
import { IFF_UP } from '../netdev/if.ts'
import type { DeviceCounters, DeviceId, DeviceRow, VnetRow } from './feed-types.ts'

type Identity = Pick<FoundDevice, 'vnet' | 'pid' | 'name' | 'netns'>

/**
 * Returns the same for the same device at any time, and nothing that a URL cannot hold: a name may
 * have bytes that are not UTF-8.
 */
export function deviceId({ vnet, pid, name, netns = '' }: Identity): DeviceId {
  return `${processOf({ vnet, pid })}/${distinct(netns)}/${distinct(name)}`
}

/** The process of a vnet; in another pid namespace, the number that it has there. */
function processOf({ vnet, pid }: Pick<Identity, 'vnet' | 'pid'>): number {
  return pid ?? Number(/(\d+)-[^/]*$/.exec(vnet)?.[1] ?? 0)
}

/** Devices by vnet, in the order in which they were found. */
export function vnetRows(devices: readonly FoundDevice[]): VnetRow[] {
  const vnets = new Map<string, FoundDevice[]>()
  for (const device of devices) vnets.set(device.vnet, [...(vnets.get(device.vnet) ?? []), device])
  return [...vnets.values()].map(ofVnet => {
    const [first] = ofVnet as [FoundDevice]
    return { pid: processOf(first), driver: first.driver ?? '', devices: ofVnet.map(deviceRow) }
  })
}

function deviceRow(device: FoundDevice): DeviceRow {
  const { name, netns, place = netns, driver = '', mac, mtu, flags, carrier, cut: isCut, txQueues, rxQueues } = device
  const { faults, faultTexts, onSegment = false } = device
  const at = labPlace(place)
  // The vnet itself does not know that another lab has the same name.
  const peer = at === undefined ? device.peer : device.peer?.replace(/^[^:]*/, at.lab)
  return {
    id: deviceId(device),
    label: printable(place === undefined ? name : `${place}/${name}`),
    name,
    driver,
    mac,
    mtu,
    isUp: (flags & IFF_UP) !== 0,
    carrier,
    isCut,
    txQueues,
    rxQueues,
    faults,
    faultTexts,
    peer: peer === undefined ? undefined : printable(peer),
    onSegment,
    lab: at && {
      name: at.lab,
      host: at.host,
      isRouter: device.router,
      segment: device.labSegment && printable(device.labSegment),
    },
  }
}

export function deviceCounters(id: DeviceId, { total, held, drops }: DeviceStats): DeviceCounters {
  const { txPackets, txBytes, rxPackets, rxBytes, txErrors, rxErrors, txTimeouts } = total
  const trouble = Object.entries({ txErrors, rxErrors, txTimeouts }).filter(([, count]) => count > 0)
  return { id, txPackets, txBytes, rxPackets, rxBytes, ...Object.fromEntries(trouble), held, drops }
}
