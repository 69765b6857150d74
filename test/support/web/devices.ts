/** Devices as the page gets them, for tests of its parts. */
import type { DeviceRow, VnetRow } from '../../../src/web/feed-types.ts'

export function deviceRow(id: string, rest: Partial<DeviceRow> = {}): DeviceRow {
  const [, netns, name] = id.split('/')
  return {
    id,
    label: netns === '' ? name : `${netns}/${name}`,
    name,
    driver: 'snull',
    mac: '00:53:4e:55:4c:30',
    mtu: 1500,
    isUp: true,
    carrier: true,
    isCut: false,
    txQueues: 1,
    rxQueues: 1,
    faults: undefined,
    ...rest,
  }
}

/** A vnet of one driver. */
export function vnetRow(driver: string, ...ids: readonly string[]): VnetRow {
  return { pid: Number.parseInt(ids[0], 10), driver, devices: ids.map(id => deviceRow(id, { driver })) }
}
