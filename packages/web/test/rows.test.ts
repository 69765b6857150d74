/** Devices as the page gets them. */
import { expect, test } from 'vitest'
import type { DeviceStats, FoundDevice } from '#src/control/index.ts'
import { rowCounters, vnetRows } from '../src/rows.ts'

const device = {
  vnet: '/run/vnet/7-a.sock',
  pid: 7,
  name: 'server',
  netns: 'shop:client',
  flags: 1,
  router: false,
}
const end = (rest: object) => ({ ...device, ...rest }) as FoundDevice
const rowOf = (rest: object) => vnetRows([end(rest)])[0]!.devices[0]!

test('an end of a lab cable has its lab, its host and its peer', () => {
  const row = rowOf({ peer: 'shop:server/client' })
  expect(row).toMatchObject({ label: 'shop:client/server', peer: 'shop:server/client' })
  expect(row.lab).toEqual({ name: 'shop', host: 'client', isRouter: false, segment: undefined })
})

test('a port of a lab segment has the name of the segment, and an interface of a router says so', () => {
  expect(rowOf({ labNat: 'symmetric' }).lab?.nat).toBe('symmetric')
  expect(rowOf({ labSegment: 'wifi' }).lab).toEqual({
    name: 'shop',
    host: 'client',
    isRouter: false,
    segment: 'wifi',
  })
  expect(rowOf({ router: true }).lab).toMatchObject({ isRouter: true, segment: undefined })
})

test('a lab that shares its name is called LAB-PID, in the names of both ends of a cable', () => {
  const row = rowOf({ place: 'shop-7:client', peer: 'shop:server/client' })
  expect(row).toMatchObject({ id: '7/shop:client/server', label: 'shop-7:client/server' })
  expect(row).toMatchObject({
    peer: 'shop-7:server/client',
    lab: { name: 'shop-7', host: 'client' },
  })
})

test('an interface in a network namespace without a lab has no lab', () => {
  expect(rowOf({ netns: 'red' })).toMatchObject({ label: 'red/server', lab: undefined })
})

const hints = (addresses: Record<string, string[]>, ...devices: object[]) =>
  vnetRows(devices.map(end), ({ name }) => addresses[name])[0]!.devices.map(({ hint }) => hint)

test('the hint for a driver that flips addresses is a ping of the far end that is in a network of the interface', () => {
  const pair = [
    { flips: true, name: 'sn0', netns: undefined },
    { flips: true, name: 'sn1', netns: undefined },
  ]
  const both = { sn0: ['198.18.0.1/24', '2001:db8::1/64'], sn1: ['198.18.1.2/24'] }
  expect(hints(both, ...pair)).toEqual(['ping 198.18.0.2', 'ping 198.18.1.1'])
  expect(hints({ sn0: [] }, ...pair)).toEqual([undefined, undefined])
  const loop = { flips: true, name: 'vnet0', netns: 'red' }
  expect(hints({ vnet0: ['198.18.0.1/24', '198.18.1.2/24'] }, loop)).toEqual([
    'ip netns exec red ping 198.18.0.2',
  ])
})

test('the hint for a cable is a ping of its peer, unless one kernel has both ends', () => {
  const addresses = { ca: ['198.18.0.1/24'], cb: ['198.18.0.2/24'] }
  const ends = (a: string | undefined, b: string | undefined) => [
    { name: 'ca', netns: a, peer: b === undefined ? 'cb' : `${b}/cb` },
    { name: 'cb', netns: b, peer: a === undefined ? 'ca' : `${a}/ca` },
  ]
  expect(hints(addresses, ...ends('red', undefined))).toEqual([
    'ip netns exec red ping 198.18.0.2',
    'ping 198.18.0.1',
  ])
  expect(hints(addresses, ...ends('red', 'red'))).toEqual([undefined, undefined])
})

test('errors and timeouts of a device are counted, and left out while they are 0', () => {
  const total = {
    txPackets: 1,
    txBytes: 60,
    rxPackets: 0,
    rxBytes: 0,
    txErrors: 9,
    rxErrors: 0,
    txTimeouts: 9,
  }
  const stats = { total, held: 0, drops: { tx: {}, rx: {} } } as unknown as DeviceStats
  const { id, held, drops, ...counters } = rowCounters('7//sn0', stats)
  expect(counters).toEqual({
    txPackets: 1,
    txBytes: 60,
    rxPackets: 0,
    rxBytes: 0,
    txErrors: 9,
    txTimeouts: 9,
  })
})
