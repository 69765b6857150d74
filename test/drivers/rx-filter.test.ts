/** The receive filter: what a port of real hardware lets through to its host, by its table, and the cable that has one. */
import { describe, expect, test } from 'vitest'
import { IFF_ALLMULTI, IFF_BROADCAST, IFF_MULTICAST, IFF_PROMISC, IFF_UP } from '../../src/core/if.ts'
import type { NetDevice } from '../../src/core/net-device.ts'
import { linkStats64 } from '../../src/core/stats.ts'
import { driver } from '../../src/drivers/cable.ts'
import { filtered, RxFilter } from '../../src/drivers/rx-filter.ts'
import { SKB_DROP_REASON_OTHERHOST } from '../../src/skb/drop-reason.ts'
import type { MemoryPort } from '../../src/testing/memory-port.ts'
import { direct } from '../../src/wire/direct.ts'
import { addDriver, memoryNets, numberOf } from '../support/memory-net.ts'

const makeNet = memoryNets()

const ALL = [255, 255, 255, 255, 255, 255]
const OTHER = [2, 0, 0, 0, 0, 0x99]
const group = (n: number): number[] => [0x33, 0x33, 0, 0, n >> 8, n & 0xff]
const groups = (count: number): Uint8Array[] => Array.from({ length: count }, (_, n) => Uint8Array.from(group(n)))
const FLAGS = IFF_UP | IFF_BROADCAST | IFF_MULTICAST

async function cable(params: { rxFilter?: boolean; rxFilterSize?: number }, options = {}) {
  const memory = makeNet()
  const { devices, ports } = await addDriver(memory, driver, params, { args: ['a', 'b'], ...options })
  const [a, b] = devices as [NetDevice, NetDevice]
  const [portA, portB] = ports as [MemoryPort, MemoryPort]
  /** Which of these addresses a sends to reach b's host. */
  const passing = (...to: ArrayLike<number>[]): boolean[] => {
    for (const [i, address] of to.entries()) {
      const octets = new Uint8Array(60)
      octets.set(address)
      octets[59] = i
      portA.transmit(octets)
    }
    portA.drain()
    const received = portB.received.splice(0).map(numberOf)
    return to.map((_, i) => received.includes(i))
  }
  return { ...memory, a, b, portA, portB, passing }
}

const filtering = (rxFilterSize?: number) =>
  cable({ rxFilter: true, ...(rxFilterSize === undefined ? {} : { rxFilterSize }) })

describe('a cable with a receive filter', () => {
  test('takes what is for its own address, or for all, and keeps the rest from its host', async () => {
    const { b, passing } = await filtering()
    expect(passing(b.devAddr, ALL, OTHER, group(1), [1, 0, 94, 0, 0, 1])).toEqual([true, true, false, false, false])
  })

  test('counts what it kept out on the receiver, which is no error and no drop', async () => {
    const { a, b, passing, conserved } = await filtering()
    passing(OTHER, OTHER, group(1))
    expect(linkStats64(b.getStats64())).toMatchObject({
      ...{ rxOtherhostDropped: 3, rxDropped: 0, rxErrors: 0, rxPackets: 0 },
    })
    expect(linkStats64(a.getStats64())).toMatchObject({ txPackets: 3, txDropped: 0, rxOtherhostDropped: 0 })
    expect([b.counters.drops().rx[SKB_DROP_REASON_OTHERHOST], a.counters.drops().tx.some(n => n > 0)]).toEqual([
      3,
      false,
    ])
    expect(conserved()).toMatchObject({ in: 3, dropped: 3, held: 0 })
  })

  test('is one of each end', async () => {
    const { a, b, portA, portB, passing } = await filtering()
    portA.change({ kind: 'flags', flags: FLAGS | IFF_PROMISC })
    expect(passing(OTHER)).toEqual([false])
    const octets = new Uint8Array(60)
    octets.set(OTHER)
    portB.transmit(octets)
    portB.drain()
    expect(portA.received).toHaveLength(1)
    expect([a, b].map(dev => linkStats64(dev.getStats64()).rxOtherhostDropped)).toEqual([0, 1])
  })

  test('takes the groups of its host’s list, and follows it', async () => {
    const { portB, passing } = await filtering()
    portB.change({ kind: 'multicast', multicast: groups(3) })
    expect(passing(group(0), group(1), group(2), group(3))).toEqual([true, true, true, false])
    portB.change({ kind: 'multicast', multicast: [Uint8Array.from(group(3))] })
    expect(passing(group(0), group(1), group(2), group(3))).toEqual([false, false, false, true])
    portB.change({ kind: 'multicast', multicast: [] })
    expect(passing(group(0), group(3), ALL)).toEqual([false, false, true])
  })

  test.each([1, 4, 32])(
    'of %d groups takes that many, every group with one more, and has room for fewer again',
    async size => {
      const { portB, passing } = await filtering(size)
      portB.change({ kind: 'multicast', multicast: groups(size) })
      expect(passing(group(size - 1), group(size), OTHER)).toEqual([true, false, false])
      portB.change({ kind: 'multicast', multicast: groups(size + 1) })
      expect(passing(group(size), group(999), [1, 0, 94, 1, 1, 1], OTHER)).toEqual([true, true, true, false])
      portB.change({ kind: 'multicast', multicast: groups(1) })
      expect(passing(group(0), group(1), group(999))).toEqual([true, false, false])
    },
  )

  test('has room for 32 groups unless asked otherwise', async () => {
    const { portB, passing } = await filtering()
    portB.change({ kind: 'multicast', multicast: groups(32) })
    expect(passing(group(31), group(32))).toEqual([true, false])
    portB.change({ kind: 'multicast', multicast: groups(33) })
    expect(passing(group(999))).toEqual([true])
  })

  test('without a table takes no group for a host that has none, and all of them for any other', async () => {
    const { portB, passing } = await filtering(0)
    expect(passing(group(1), OTHER)).toEqual([false, false])
    portB.change({ kind: 'multicast', multicast: groups(1) })
    expect(passing(group(0), group(1), OTHER)).toEqual([true, true, false])
  })

  test('takes every group with IFF_ALLMULTI, and everything with IFF_PROMISC, as long as they are on', async () => {
    const { portB, passing } = await filtering()
    const flags = (extra: number) => portB.change({ kind: 'flags', flags: FLAGS | extra })
    flags(IFF_ALLMULTI)
    expect(passing(group(1), OTHER)).toEqual([true, false])
    flags(IFF_PROMISC)
    expect(passing(group(1), OTHER)).toEqual([true, true])
    flags(0)
    expect(passing(group(1), OTHER)).toEqual([false, false])
  })

  test('knows the groups again after all of them passed', async () => {
    const { portB, passing } = await filtering()
    portB.change({ kind: 'multicast', multicast: groups(2) })
    portB.change({ kind: 'flags', flags: FLAGS | IFF_ALLMULTI })
    portB.change({ kind: 'flags', flags: FLAGS })
    expect(passing(group(0), group(1), group(2))).toEqual([true, true, false])
  })

  test('is programmed when the link is opened, by what was asked for while it was down', async () => {
    const { portB, passing } = await filtering()
    portB.change({ kind: 'down' })
    portB.change({ kind: 'multicast', multicast: groups(1) })
    portB.change({ kind: 'flags', flags: (FLAGS & ~IFF_UP) | IFF_PROMISC })
    portB.change({ kind: 'flags', flags: FLAGS & ~IFF_UP })
    portB.change({ kind: 'up' })
    expect(passing(group(0), group(1))).toEqual([true, false])
  })

  test('goes by the hardware address that the interface has at the time', async () => {
    const { portB, passing } = await filtering()
    const before = [...portB.link.address]
    portB.change({ kind: 'address', address: Uint8Array.from(OTHER) })
    expect(passing(OTHER, before)).toEqual([true, false])
  })
})

describe('a cable without a receive filter', () => {
  test('takes everything, and its driver does not ask for the list of groups', async () => {
    const { a, b, passing } = await cable({ rxFilter: false })
    expect(passing(b.devAddr, ALL, OTHER, group(1))).toEqual([true, true, true, true])
    expect([a, b].map(({ netdevOps }) => netdevOps.ndoSetRxMode)).toEqual([undefined, undefined])
  })

  test('is what there is unless asked otherwise', () => {
    const { rxFilter, rxFilterSize } = driver.params
    expect([rxFilter.default, rxFilterSize.default]).toEqual([false, 32])
    expect(() => rxFilterSize.parse('4097')).toThrow('from 0 to 4096')
  })
})

test('a filtered wire accounts for its frames, and closes the wire behind it', async () => {
  const memory = makeNet()
  const { devices } = await addDriver(memory, driver, {}, { args: ['a', 'b'] })
  const [, b] = devices as [NetDevice, NetDevice]
  let closed = 0
  const next = { ...direct(b), close: () => void closed++ }
  const filter = new RxFilter(4)
  filter.setRxMode(b)
  const wire = filtered(next, b, filter)
  for (const address of [b.devAddr, OTHER, ALL]) {
    const skb = memory.pool.alloc(60)
    skb?.put(60)
    skb?.bytes.set(address, skb.data)
    if (skb !== undefined) wire.push(skb)
    memory.made++
  }
  memory.net.flush()
  expect([wire.name, wire.stats, next.stats]).toEqual([
    'filtered',
    { in: 3, out: 2, dropped: 1, held: 0 },
    { in: 2, out: 2, dropped: 0, held: 0 },
  ])
  wire.close()
  expect(closed).toBe(1)
  expect(memory.conserved()).toMatchObject({ out: 2, dropped: 1, held: 0 })
})
