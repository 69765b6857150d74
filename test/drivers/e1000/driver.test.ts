/** The driver of the card in memory: rings, link, addresses, and every frame accounted for. */
import { describe, expect, test } from 'vitest'
import { EINVAL } from '#src/base/errno.ts'
import { UsageError } from '#src/base/usage-error.ts'
import { driver } from '#src/drivers/e1000/pair.ts'
import { AT_ONCE } from '#src/drivers/e1000/slot.ts'
import { IFF_ALLMULTI, IFF_PROMISC } from '#src/netdev/if.ts'
import { devSetMtu } from '#src/netdev/link-change.ts'
import { cutCable, devClose, devOpen, plugCable } from '#src/netdev/netif.ts'
import { partsOf } from '#src/netdev/parts.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import * as reasons from '#src/skb/drop-reason.ts'
import { noResources } from '#src/wire/grammar/groups.ts'
import { addDriver, memoryNets } from '#support/memory-net.ts'
import { testModes } from './modes.ts'
import { e1000Bed, numberedFrame, upTo } from './pair.ts'

const makeNet = memoryNets()

describe('vnet e1000', () => {
  test('two interfaces have random addresses, a carrier, and the speed of the card', async () => {
    const { bed, e0, e1 } = await e1000Bed()
    expect([e0.name, e1.name, e0.carrier, e1.carrier]).toEqual(['e0', 'e1', true, true])
    expect(bed.port('e0').linkKsettings).toEqual({ speed: 1000, duplex: 'full' })
    expect([e0.devAddr[0] & 3, e1.devAddr[0] & 3]).toEqual([2, 2])
    expect(e0.devAddr).not.toEqual(e1.devAddr)
  })

  test('the arguments name interfaces and namespaces', async () => {
    const { specs } = await addDriver(
      makeNet(),
      driver,
      { ringSize: 16 },
      { args: ['red/a', 'blue/b'] },
    )
    expect(specs.map(({ dev, netns, addresses }) => [dev.name, netns, addresses])).toEqual([
      ['a', 'red', undefined],
      ['b', 'blue', undefined],
    ])
  })

  test.each([
    [{ ringSize: 12 }, {}, /--ring-size 12: a ring has a multiple of 8 descriptors/],
    [{}, { txqs: 2 }, /the card has one queue in each direction/],
    [{}, { args: ['a'] }, /1 of 2 interfaces named/],
  ])('it refuses %j %j', async (params, options, message) => {
    const added = addDriver(makeNet(), driver, params, options)
    await expect(added).rejects.toThrow(message)
  })

  test('--lag is a number of milliseconds or at-once', () => {
    const { lag } = driver.params
    expect([lag.parse('0'), lag.parse('1000'), lag.parse('at-once')]).toEqual([0, 1000, AT_ONCE])
    expect([lag.format?.(5), lag.format?.(AT_ONCE)]).toEqual(['5', 'at-once'])
    for (const text of ['1001', '-1', '1.5', 'never', '']) {
      expect(() => lag.parse(text)).toThrow(UsageError)
    }
  })

  test('the MTU is at most 1500', async () => {
    const { e0 } = await e1000Bed()
    await expect(devSetMtu(e0, 1501)).rejects.toMatchObject({ errno: EINVAL })
    await devSetMtu(e0, 1400)
    expect(e0.mtu).toBe(1400)
  })
})

testModes([['when the driver’s code has returned', { lag: 0 }]])

describe('the link', () => {
  test('a link has a carrier while both ends are up, and a cut takes it away', async () => {
    const { bed, e0, e1, send, arrived } = await e1000Bed()
    const carriers = () => {
      bed.advance(1)
      return [e0.carrier, e1.carrier]
    }
    await devClose(e1)
    expect(carriers()).toEqual([false, false])
    await devOpen(e1)
    expect(carriers()).toEqual([true, true])
    cutCable(e0)
    expect(carriers()).toEqual([false, false])
    plugCable(e1)
    expect(carriers()).toEqual([true, true])
    send(upTo(3))
    expect(arrived()).toEqual([1, 2, 3])
  })

  test('a device that is unregistered takes its end of the cable along', async () => {
    const memory = makeNet()
    const { devices } = await addDriver(memory, driver, { ringSize: 16 }, {})
    const [e0, e1] = devices as [(typeof devices)[0], (typeof devices)[0]]
    memory.net.flush()
    expect([e0.carrier, e0.netdevOps.ndoGetPeerDev?.(e0)]).toEqual([true, e1])
    await unregisterNetdev(e1)
    memory.net.flush()
    expect([e0.carrier, e0.netdevOps.ndoGetPeerDev?.(e0)]).toEqual([false, undefined])
    expect(memory.lines.filter(line => line.includes('DMA'))).toEqual([])
  })

  test('an interface that goes down while its carrier changes schedules no poll', async () => {
    const { bed, e1, trigger, logged } = await e1000Bed()
    const port = bed.port('e1')
    const { apply } = port
    port.apply = request => {
      if (request.carrier === false) {
        port.change({ kind: 'down' })
      }
      return apply.call(port, request)
    }
    trigger('unplug', e1)
    bed.advance(1)
    expect([logged(/napi_schedule after napi_disable/), e1.carrier]).toEqual([[], false])
  })

  test('the wire carries the frames of the cards: it delays, loses and doubles them', async () => {
    const { bed, send, arrived, e0 } = await e1000Bed({ wireAb: 'delay 20ms' })
    send([1])
    bed.advance(19)
    expect(arrived()).toEqual([])
    bed.advance(1)
    expect(arrived()).toEqual([1])
    const [wire] = e0.netdevOps.ndoGetWires?.(e0) ?? []
    wire?.change('loss 100%', noResources)
    send([2])
    wire?.change('duplicate 100%', noResources)
    send([3])
    expect([arrived(), bed.drops(e0)]).toEqual([[1, 3, 3], { WIRE_LOSS: 1 }])
  })
})

describe('the receive filter', () => {
  const OTHER = [2, 9, 9, 9, 9, 9]
  const GROUP = [1, 0, 0x5e, 1, 2, 3]

  test('the driver programs its address, the groups, all groups, and the promiscuous mode', async () => {
    const { bed, e0, e1, arrived } = await e1000Bed()
    /** Whether frames to another address and to a group arrive. */
    const passing = () =>
      [OTHER, GROUP].map(to => {
        const before = arrived().length
        const bytes = numberedFrame(1, e0, e1)
        bytes.set(to)
        bed.transmit(bytes)
        return arrived().length > before
      })
    expect(passing()).toEqual([false, false])
    expect(bed.drops(e1)).toEqual({ OTHERHOST: 2 })
    e1.mc = [Uint8Array.from(GROUP)]
    e1.netdevOps.ndoSetRxMode?.(e1)
    expect(passing()).toEqual([false, true])
    e1.mc = []
    const { flags } = e1
    for (const [mode, expected] of [
      [IFF_PROMISC, [true, true]],
      [IFF_ALLMULTI, [false, true]],
      [0, [false, false]],
    ] as const) {
      bed.port('e1').change({ kind: 'flags', flags: flags | mode })
      expect(passing()).toEqual(expected)
    }
  })

  test('the card takes frames for a hardware address that was changed, now and after a reset', async () => {
    const { bed, e0, e1, arrived } = await e1000Bed()
    bed.port('e1').change({ kind: 'address', address: Uint8Array.from(OTHER) })
    expect([...e1.devAddr]).toEqual(OTHER)
    bed.transmit(numberedFrame(1, e0, e1))
    await devClose(e1)
    await devOpen(e1)
    bed.advance(1)
    bed.transmit(numberedFrame(2, e0, e1))
    expect(arrived()).toEqual([1, 2])
    bed.port('e1').change({ kind: 'address', address: Uint8Array.from(GROUP) })
    expect([...e1.devAddr]).toEqual(OTHER)
  })
})

describe('memory', () => {
  test('a frame that cannot be mapped is dropped and counted', async () => {
    const { bed, e0, send, arrived, iommuOf } = await e1000Bed()
    iommuOf(e0).mapsUntilError = 2
    send(upTo(5))
    expect([arrived(), bed.drops(e0)]).toEqual([[1, 2, 4, 5], { NOMEM: 1 }])
  })

  test('a receive buffer that cannot be mapped is made later', async () => {
    const { e1, send, arrived, iommuOf } = await e1000Bed()
    iommuOf(e1).mapsUntilError = 2
    send(upTo(40))
    expect(arrived()).toEqual(upTo(40))
  })

  test('a ring without any memory is filled by the watchdog', async () => {
    const { bed, e1, send, arrived } = await e1000Bed()
    const { pool } = bed.net
    const { alloc } = pool
    // Frames for the wire are allocated, receive buffers are not.
    pool.alloc = size => (size === 1522 ? undefined : alloc.call(pool, size))
    send(upTo(20))
    expect(arrived()).toEqual(upTo(15))
    pool.alloc = alloc
    bed.advance(3000)
    expect(arrived()).toEqual(upTo(20))
    expect(bed.drops(e1)).toEqual({})
    bed.advance(10_000)
    expect(bed.clock.armed).toBe(0)
  })

  test('without memory for a frame on the wire, the card waits and loses nothing', async () => {
    const { bed, e0, send, arrived } = await e1000Bed()
    const { pool } = bed.net
    const { alloc } = pool
    pool.alloc = size => (size === 60 ? undefined : alloc.call(pool, size))
    send(upTo(3))
    bed.advance(10)
    expect(arrived()).toEqual([])
    pool.alloc = alloc
    bed.advance(2)
    expect([arrived(), bed.drops(e0)]).toEqual([[1, 2, 3], {}])
  })

  test('frames that the card cannot send are dropped with their reason', async () => {
    const { devices, ports } = await addDriver(makeNet(), driver, { ringSize: 16 }, {})
    const [e0] = devices
    e0?.net.flush()
    ports[0]?.transmit(new Uint8Array(1519))
    ports[0]?.transmit(new Uint8Array(13))
    ports[0]?.drain()
    const tx = e0?.counters.drops().tx
    expect(tx?.[reasons.SKB_DROP_REASON_PKT_TOO_BIG]).toBe(1)
    expect(tx?.[reasons.SKB_DROP_REASON_PKT_TOO_SMALL]).toBe(1)
  })
})

test('the parts show both rings, the packet buffer, the interrupt and the poll', async () => {
  const { bed, e0, e1, send } = await e1000Bed({ lag: 5 })
  const shown = (dev: typeof e0) =>
    partsOf(dev).map(({ kind, name, length, capacity, state }) =>
      [`${kind} ${name}`, length, capacity, state].filter(each => each !== undefined),
    )
  send(upTo(3))
  expect(shown(e0)).toEqual([
    ['queue tx 0', 0, 'running'],
    ['ring tx ring', 3, 16, 'clean 0, use 3'],
    ['ring rx ring', 0, 16, 'clean 0, use 15'],
    ['buffers packet buffer', 0, 32],
    ['irq irq 0', 'idle'],
    ['napi napi 0', 'idle'],
    ['pool frames', 3, 512],
  ])
  bed.advance(5)
  expect(shown(e1)[3]).toEqual(['buffers packet buffer', 3, 32])
  await devClose(e0)
  expect(shown(e0).map(([name]) => name)).toEqual([
    'queue tx 0',
    'buffers packet buffer',
    'pool frames',
  ])
})
