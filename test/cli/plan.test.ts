/** What the options make of a driver's devices. */
import { expect, test } from 'vitest'
import type { CommonOptions } from '../../src/cli/options.ts'
import { planDevices } from '../../src/cli/plan.ts'
import { defaultParams } from '../../src/core/driver.ts'
import { NETIF_F_ALL_TAP, NETIF_F_GRO } from '../../src/core/if.ts'
import { LOGLEVEL_ERR, Log } from '../../src/core/log.ts'
import { Net } from '../../src/core/net.ts'
import { driver as cable } from '../../src/drivers/cable.ts'
import { driver as loop } from '../../src/drivers/loop.ts'
import { driver as snull } from '../../src/drivers/snull.ts'
import { FakeClock, MemoryHost } from '../../src/testing/index.ts'

const net = () => new Net({ host: new MemoryHost(), clock: new FakeClock(), log: new Log(LOGLEVEL_ERR, () => {}) })
const context = (args: string[] = []) => ({ args, net: net(), names: [], txqs: undefined, rxqs: undefined })

function plan(options: Partial<CommonOptions>, specs = snull.init(defaultParams(snull.params), context())) {
  return planDevices(specs, { offload: true, ...options })
}

const addresses = (options: Partial<CommonOptions>) => plan(options).map(each => each.addresses)

test('without options a driver has its own addresses', () => {
  expect(addresses({})).toEqual([['198.18.0.1/24'], ['198.18.1.2/24']])
})

test('--no-address leaves all away', () => {
  expect(addresses({ address: false })).toEqual([[], []])
})

test('addresses replace all of the usual ones, and go to the interfaces in order, any further ones to the last', () => {
  expect(addresses({ address: ['192.0.2.1/24'] })).toEqual([['192.0.2.1/24'], []])
  const three = ['192.0.2.1/25', '192.0.2.129/25', '2001:db8::1/64']
  expect(addresses({ address: three })).toEqual([['192.0.2.1/25'], ['192.0.2.129/25', '2001:db8::1/64']])
})

test('an address for a named interface goes there, and does not count as one in order', () => {
  const address = ['sn1=192.0.2.1/25', 'sn1=2001:db8::1/64', '192.0.2.129/25']
  expect(addresses({ address })).toEqual([['192.0.2.129/25'], ['192.0.2.1/25', '2001:db8::1/64']])
})

test('hardware addresses go to the interfaces in order, the MTU to all', () => {
  const one = Uint8Array.of(2, 0, 0, 0, 0, 1)
  const [first, second] = plan({ mac: [one], mtu: 9000 })
  expect([first?.dev.devAddr, first?.dev.mtu, first?.explicit]).toEqual([one, 9000, { mtu: 9000, address: one }])
  const own = new TextEncoder().encode('\0SNUL1')
  expect([second?.dev.devAddr, second?.dev.mtu, second?.explicit]).toEqual([own, 9000, { mtu: 9000 }])
})

test('--txqueuelen is for every interface, and asked of the host also where that is there already', () => {
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

test('--no-offload leaves no features', () => {
  expect(plan({ offload: false }).map(({ dev }) => dev.features)).toEqual([0, 0])
})

test('--no-offload=IF leaves none to the interfaces named, wherever they are', () => {
  const features = (offload: string[], names: string[]) => {
    const specs = cable.init(defaultParams(cable.params), context(names))
    return plan({ offload }, specs).map(({ dev }) => dev.features)
  }
  expect(features(['b'], ['a', 'b'])).toEqual([NETIF_F_ALL_TAP, 0])
  expect(features(['b', 'a'], ['a', 'b'])).toEqual([0, 0])
  expect(features(['a'], ['red/a', 'blue/a'])).toEqual([0, 0])
  expect(features(['blue/a'], ['red/a', 'blue/a'])).toEqual([NETIF_F_ALL_TAP, 0])
})

test('--gro is for the interfaces that have offloads', () => {
  const specs = cable.init(defaultParams(cable.params), context(['a', 'b']))
  const features = plan({ gro: true, offload: ['a'] }, specs).map(({ dev }) => dev.features)
  expect(features).toEqual([0, NETIF_F_ALL_TAP | NETIF_F_GRO])
})

test('--netns holds for interfaces that name no namespace themselves', () => {
  const specs = cable.init(defaultParams(cable.params), context(['red/a', 'b']))
  expect(plan({ netns: 'blue' }, specs).map(each => each.netns)).toEqual(['red', 'blue'])
})

test('a persistent interface has the number of its place instead of a free one', () => {
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
