/**
 * The receive filter: the frames that a port with real hardware passes to its kernel, as a table,
 * and a cable with the filter.
 */
import { describe, expect, test } from 'vitest'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { driver } from '#src/drivers/cable.ts'
import { filtered, RxFilter } from '#src/drivers/rx-filter.ts'
import { IFF_ALLMULTI, IFF_BROADCAST, IFF_MULTICAST, IFF_PROMISC, IFF_UP } from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { linkStats64 } from '#src/netdev/stats.ts'
import { SKB_DROP_REASON_OTHERHOST } from '#src/skb/drop-reason.ts'
import { direct } from '#src/wire/directed-wire.ts'
import { addDriver, memoryNets, numberOf } from '#support/memory-net.ts'

const makeNet = memoryNets()

const ALL = [255, 255, 255, 255, 255, 255]
const OTHER = [2, 0, 0, 0, 0, 0x99]
const group = (n: number): number[] => [0x33, 0x33, 0, 0, n >> 8, n & 0xff]
const groups = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, n) => Uint8Array.from(group(n)))
const FLAGS = IFF_UP | IFF_BROADCAST | IFF_MULTICAST

async function cable(params: { rxFilter?: boolean; rxFilterSize?: number }, options = {}) {
  const memory = makeNet()
  const { devices, ports } = await addDriver(memory, driver, params, {
    args: ['a', 'b'],
    ...options,
  })
  const [a, b] = devices as [NetDevice, NetDevice]
  const [portA, portB] = ports as [MemoryPort, MemoryPort]
  /** Returns for each address whether a frame from a to it reaches b's kernel. */
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
  test('a receive filter passes frames for its own and the broadcast address, and no others', async () => {
    const { b, passing } = await filtering()
    expect(passing(b.devAddr, ALL, OTHER, group(1), [1, 0, 94, 0, 0, 1])).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })

  test('filtered frames are counted as OTHERHOST on the receiver, not as errors or drops', async () => {
    const { a, b, passing, conserved } = await filtering()
    passing(OTHER, OTHER, group(1))
    expect(linkStats64(b.getStats64())).toMatchObject({
      rxOtherhostDropped: 3,
      rxDropped: 0,
      rxErrors: 0,
      rxPackets: 0,
    })
    expect(linkStats64(a.getStats64())).toMatchObject({
      txPackets: 3,
      txDropped: 0,
      rxOtherhostDropped: 0,
    })
    expect([
      b.counters.drops().rx[SKB_DROP_REASON_OTHERHOST],
      a.counters.drops().tx.some(n => n > 0),
    ]).toEqual([3, false])
    expect(conserved()).toMatchObject({ in: 3, dropped: 3, held: 0 })
  })

  test('each end of a cable has a receive filter of its own', async () => {
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

  test('a receive filter passes the groups of the multicast list, and follows its changes', async () => {
    const { portB, passing } = await filtering()
    portB.change({ kind: 'multicast', multicast: groups(3) })
    expect(passing(group(0), group(1), group(2), group(3))).toEqual([true, true, true, false])
    portB.change({ kind: 'multicast', multicast: [Uint8Array.from(group(3))] })
    expect(passing(group(0), group(1), group(2), group(3))).toEqual([false, false, false, true])
    portB.change({ kind: 'multicast', multicast: [] })
    expect(passing(group(0), group(3), ALL)).toEqual([false, false, true])
  })

  test.each([1, 4, 32])(
    'a receive filter of %d groups passes every group if there is one more',
    async size => {
      const { portB, passing } = await filtering(size)
      portB.change({ kind: 'multicast', multicast: groups(size) })
      expect(passing(group(size - 1), group(size), OTHER)).toEqual([true, false, false])
      portB.change({ kind: 'multicast', multicast: groups(size + 1) })
      expect(passing(group(size), group(999), [1, 0, 94, 1, 1, 1], OTHER)).toEqual([
        true,
        true,
        true,
        false,
      ])
      portB.change({ kind: 'multicast', multicast: groups(1) })
      expect(passing(group(0), group(1), group(999))).toEqual([true, false, false])
    },
  )

  test('a receive filter holds 32 groups by default', async () => {
    const { portB, passing } = await filtering()
    portB.change({ kind: 'multicast', multicast: groups(32) })
    expect(passing(group(31), group(32))).toEqual([true, false])
    portB.change({ kind: 'multicast', multicast: groups(33) })
    expect(passing(group(999))).toEqual([true])
  })

  test('a receive filter without a table passes no group for an empty list, and otherwise every group', async () => {
    const { portB, passing } = await filtering(0)
    expect(passing(group(1), OTHER)).toEqual([false, false])
    portB.change({ kind: 'multicast', multicast: groups(1) })
    expect(passing(group(0), group(1), OTHER)).toEqual([true, true, false])
  })

  test('a receive filter passes every group with IFF_ALLMULTI, and everything with IFF_PROMISC', async () => {
    const { portB, passing } = await filtering()
    const flags = (extra: number) => portB.change({ kind: 'flags', flags: FLAGS | extra })
    flags(IFF_ALLMULTI)
    expect(passing(group(1), OTHER)).toEqual([true, false])
    flags(IFF_PROMISC)
    expect(passing(group(1), OTHER)).toEqual([true, true])
    flags(0)
    expect(passing(group(1), OTHER)).toEqual([false, false])
  })

  test('a receive filter selects groups again after all of them passed', async () => {
    const { portB, passing } = await filtering()
    portB.change({ kind: 'multicast', multicast: groups(2) })
    portB.change({ kind: 'flags', flags: FLAGS | IFF_ALLMULTI })
    portB.change({ kind: 'flags', flags: FLAGS })
    expect(passing(group(0), group(1), group(2))).toEqual([true, true, false])
  })

  test('a receive filter is programmed when the link is opened, with changes made while it was down', async () => {
    const { portB, passing } = await filtering()
    portB.change({ kind: 'down' })
    portB.change({ kind: 'multicast', multicast: groups(1) })
    portB.change({ kind: 'flags', flags: (FLAGS & ~IFF_UP) | IFF_PROMISC })
    portB.change({ kind: 'flags', flags: FLAGS & ~IFF_UP })
    portB.change({ kind: 'up' })
    expect(passing(group(0), group(1))).toEqual([true, false])
  })

  test('a receive filter follows the hardware address', async () => {
    const { portB, passing } = await filtering()
    const before = [...portB.link.address]
    portB.change({ kind: 'address', address: Uint8Array.from(OTHER) })
    expect(passing(OTHER, before)).toEqual([true, false])
  })
})

describe('a cable without a receive filter', () => {
  test('a cable without a filter passes everything and does not read the multicast list', async () => {
    const { a, b, passing } = await cable({ rxFilter: false })
    expect(passing(b.devAddr, ALL, OTHER, group(1))).toEqual([true, true, true, true])
    expect([a, b].map(({ netdevOps }) => netdevOps.ndoSetRxMode)).toEqual([undefined, undefined])
  })

  test('a cable has no filter by default', () => {
    const { rxFilter, rxFilterSize } = driver.params
    expect([rxFilter.default, rxFilterSize.default]).toEqual([false, 32])
    expect(() => rxFilterSize.parse('4097')).toThrow('from 0 to 4096')
  })
})

test('a filtered wire counts rejected frames at the receiving device', async () => {
  const memory = makeNet()
  const { devices } = await addDriver(memory, driver, {}, { args: ['a', 'b'] })
  const [, b] = devices as [NetDevice, NetDevice]
  const filter = new RxFilter(4)
  filter.setRxMode(b)
  const wire = filtered(direct(b), b, filter)
  for (const address of [b.devAddr, OTHER, ALL]) {
    const skb = memory.pool.alloc(60)
    skb?.put(60)
    skb?.bytes.set(address, skb.data)
    if (skb !== undefined) {
      wire.push(skb)
    }
    memory.made++
  }
  memory.net.flush()
  expect(memory.conserved()).toMatchObject({ out: 2, dropped: 1, held: 0 })
})
