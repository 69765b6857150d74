/** How the options change a driver's devices. */
import { expect, test } from 'vitest'
import { LOGLEVEL_ERR, Log } from '#src/base/log.ts'
import { FakeClock, MemoryPlatform } from '#src/bed/index.ts'
import type { CommonOptions } from '#src/cli/parse/options.ts'
import { planDevices } from '#src/cli/plan.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { driver as loop } from '#src/drivers/loop.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { type DeviceSpec, defaultParams } from '#src/netdev/driver.ts'
import { NETIF_F_ALL_TAP, NETIF_F_GRO } from '#src/netdev/if.ts'
import { Net } from '#src/netdev/net.ts'

const net = () =>
  new Net({
    platform: new MemoryPlatform(),
    clock: new FakeClock(),
    log: new Log(LOGLEVEL_ERR, () => {}),
  })
const context = (args: string[] = []) => ({
  args,
  net: net(),
  names: [],
  txqs: undefined,
  rxqs: undefined,
})

function plan(options: CommonOptions, specs?: readonly DeviceSpec[]) {
  return planDevices(specs ?? snull.init(defaultParams(snull.params), context()), options)
}

const addresses = (options: CommonOptions) => plan(options).map(each => each.addresses)

test('without options a driver has its own addresses', () => {
  expect(addresses({})).toEqual([['198.18.0.1/24'], ['198.18.1.2/24']])
})

test('--no-address assigns no addresses', () => {
  expect(addresses({ address: false })).toEqual([[], []])
})

test('addresses replace all default ones and go to the interfaces in order, further ones to the last', () => {
  expect(addresses({ address: ['192.0.2.1/24'] })).toEqual([['192.0.2.1/24'], []])
  const three = ['192.0.2.1/25', '192.0.2.129/25', '2001:db8::1/64']
  expect(addresses({ address: three })).toEqual([
    ['192.0.2.1/25'],
    ['192.0.2.129/25', '2001:db8::1/64'],
  ])
})

test('an address for a named interface goes to it, and does not count in the order', () => {
  const address = ['sn1=192.0.2.1/25', 'sn1=2001:db8::1/64', '192.0.2.129/25']
  expect(addresses({ address })).toEqual([['192.0.2.129/25'], ['192.0.2.1/25', '2001:db8::1/64']])
})

test('an address can name the interface by its namespace', () => {
  const specs = () => cable.init(defaultParams(cable.params), context(['red/a', 'a']))
  const address = ['blue/a=192.0.2.1/24', 'red/a=198.18.5.1/24']
  expect(plan({ netns: 'blue', address }, specs()).map(each => each.addresses)).toEqual([
    ['198.18.5.1/24'],
    ['192.0.2.1/24'],
  ])
  expect(() => plan({ netns: 'blue', address: ['a=192.0.2.1/24'] }, specs())).toThrow(
    'red/a or blue/a',
  )
})

test('hardware addresses go to the interfaces in order', () => {
  const one = Uint8Array.of(2, 0, 0, 0, 0, 1)
  const [first, second] = plan({ mac: [one] })
  expect([first?.dev.devAddr, first?.explicit]).toEqual([one, { address: one }])
  const own = new TextEncoder().encode('\0SNUL1')
  expect([second?.dev.devAddr, second?.explicit]).toEqual([own, {}])
})

test('--txqueuelen is for every interface, and is applied also to one that exists already', () => {
  const lengths = plan({ txqueuelen: 77 }).map(({ dev, explicit }) => [dev.txQueueLen, explicit])
  expect(lengths).toEqual([
    [77, { txQueueLen: 77 }],
    [77, { txQueueLen: 77 }],
  ])
  expect(plan({}).map(({ dev, explicit }) => [dev.txQueueLen, explicit])).toEqual([
    [1000, {}],
    [1000, {}],
  ])
})

test('--no-offload turns all features off', () => {
  expect(plan({ offload: false }).map(({ dev }) => dev.features)).toEqual([0, 0])
})

test('--no-offload=IF turns them off on the named interfaces, in any namespace', () => {
  const features = (offload: string[], names: string[]) => {
    const specs = cable.init(defaultParams(cable.params), context(names))
    return plan({ offload }, specs).map(({ dev }) => dev.features)
  }
  expect(features(['b'], ['a', 'b'])).toEqual([NETIF_F_ALL_TAP, 0])
  expect(features(['b', 'a'], ['a', 'b'])).toEqual([0, 0])
  expect(features(['a'], ['red/a', 'blue/a'])).toEqual([0, 0])
  expect(features(['blue/a'], ['red/a', 'blue/a'])).toEqual([NETIF_F_ALL_TAP, 0])
})

test('--gro turns GRO on for the interfaces with offloads', () => {
  const specs = cable.init(defaultParams(cable.params), context(['a', 'b']))
  const features = plan({ gro: true, offload: ['a'] }, specs).map(({ dev }) => dev.features)
  expect(features).toEqual([0, NETIF_F_ALL_TAP | NETIF_F_GRO])
})

test('a persistent interface is numbered by its place, not by the first free number', () => {
  const eth = () => snull.init({ ...defaultParams(snull.params), eth: true }, context())
  expect(plan({ persist: true }, eth()).map(({ dev }) => dev.name)).toEqual(['eth0', 'eth1'])
  expect(plan({ delete: true }, eth()).map(({ dev }) => dev.name)).toEqual(['eth0', 'eth1'])
  expect(plan({}, eth()).map(({ dev }) => dev.name)).toEqual(['eth%d', 'eth%d'])
})

test('an address can name a persistent interface by the name it will have', () => {
  const specs = loop.init(defaultParams(loop.params), context())
  const [only] = plan({ persist: true, address: ['vnet0=192.0.2.1/24'] }, specs)
  expect(only?.addresses).toEqual(['192.0.2.1/24'])
})

test('two interfaces may have one name in different namespaces', () => {
  const specs = cable.init(defaultParams(cable.params), context(['red/eth0', 'blue/eth0']))
  expect(plan({}, specs).map(({ dev, netns }) => [netns, dev.name, dev.logPrefix])).toEqual([
    ['red', 'eth0', 'red/'],
    ['blue', 'eth0', 'blue/'],
  ])
})
