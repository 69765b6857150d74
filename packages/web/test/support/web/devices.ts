/** Devices as the page gets them, for tests of its parts. */
import type { DeviceRow, VnetRow } from '../../../src/feed-types.ts'

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
    faultTexts: undefined,
    peer: undefined,
    flips: false,
    onSegment: false,
    ...rest,
  }
}

/** A vnet of one driver. Two devices of cable or snull are a pair. */
export function vnetRow(driver: string, ...ids: readonly string[]): VnetRow {
  const isPair = ids.length === 2 && (driver === 'cable' || driver === 'snull')
  const rows = ids.map(id => deviceRow(id, { driver, onSegment: driver === 'lan' }))
  const devices = rows.map((row, i) => (isPair ? { ...row, peer: rows[1 - i].label } : row))
  return { pid: Number.parseInt(ids[0], 10), driver, devices }
}
