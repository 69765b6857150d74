import { describe, expect, test, vi } from 'vitest'
import { UsageError } from '../../src/core/driver.ts'
import { IFF_NOARP, NETIF_F_ALL_TAP } from '../../src/core/if.ts'
import type { NetDevice } from '../../src/core/net-device.ts'
import { devClose } from '../../src/core/register.ts'
import { linkStats64 } from '../../src/core/stats.ts'
import { driver } from '../../src/drivers/loop.ts'
import { SKB_DROP_REASON_NEIGH, SKB_DROP_REASON_UNHANDLED_PROTO } from '../../src/skb/drop-reason.ts'
import type { Ring } from '../../src/skb/ring.ts'
import { CHECKSUM_PARTIAL } from '../../src/skb/sk-buff.ts'
import { address, buildFrame, plain, plain6 } from '../header/frames.ts'
import { addDriver, memoryNets, numbered } from '../support/memory-net.ts'

const makeNet = memoryNets()
const off = { ipv6: false }

const far = { source: address('198.18.1.1'), destination: address('198.18.1.2') }

/** A flow's n-th frame, and the same as it comes back to the device of this address. */
function flowFrame(number: number, to: Uint8Array) {
  const packet = { ...plain, payload: [number, 2, 3] }
  const sent = buildFrame({ packet, tags: [], padding: [] })
  const expected = buildFrame({ packet: { ...packet, ...far }, tags: [], padding: [] })
  expected.set(to)
  return { sent, expected }
}

describe('the loop driver', () => {
  test('makes one interface with four transmit and two receive queues, both its networks on it', async () => {
    const { devices, ports, specs } = await addDriver(makeNet(), driver, off)
    const [dev] = devices
    expect(dev).toMatchObject({ name: 'vnet0', numTxQueues: 4, numRxQueues: 2, features: NETIF_F_ALL_TAP })
    expect([ports[0]?.queues.length, (dev?.flags ?? 0) & IFF_NOARP]).toEqual([4, IFF_NOARP])
    expect(specs.map(({ addresses }) => addresses)).toEqual([['198.18.0.1/24', '198.18.1.2/24']])
    expect((dev?.devAddr[0] ?? 0) & 3).toBe(2)
  })

  test('has the queues, the name and the namespace asked for, and IPv6', async () => {
    const memory = makeNet()
    const one = await addDriver(memory, driver, { ipv6: true }, { txqs: 1, args: ['far/lo9'] })
    expect(one.devices[0]).toMatchObject({ name: 'lo9', numTxQueues: 1, numRxQueues: 1 })
    expect(one.specs[0]).toMatchObject({
      netns: 'far',
      addresses: ['198.18.0.1/24', '198.18.1.2/24', '2001:db8::1/64', '2001:db8:0:1::2/64'],
    })
    const many = await addDriver(memory, driver, off, { txqs: 3, rxqs: 3 })
    expect(many.devices[0]).toMatchObject({ name: 'vnet0', numTxQueues: 3, numRxQueues: 3 })
    await expect(addDriver(memory, driver, off, { args: ['a', 'b'] })).rejects.toThrow(UsageError)
  })

  test('takes a frame from transmit queue q through receive ring q % rxqs', async () => {
    const { devices, ports } = await addDriver(makeNet(), driver, off)
    const { rxRings } = (devices[0] as NetDevice).priv as { rxRings: Ring[] }
    const taken: number[][] = rxRings.map(() => [])
    for (const [r, ring] of rxRings.entries()) {
      const push = ring.push.bind(ring)
      vi.spyOn(ring, 'push').mockImplementation(skb => {
        taken[r]?.push(skb.queueMapping)
        return push(skb)
      })
    }
    for (const q of [0, 1, 1, 3]) ports[0]?.transmit(flowFrame(q, new Uint8Array(6)).sent, q)
    ports[0]?.drain()
    expect(taken).toEqual([[0], [1, 1, 3]])
  })

  test('says by which address one of the host’s own is reached', () => {
    expect(driver.farEnd?.(Uint8Array.from(address('198.18.0.1')))).toEqual(Uint8Array.from(address('198.18.1.1')))
  })

  test('gives frames back flipped, addressed to itself, on the queue they came from, in order', async () => {
    const { devices, ports } = await addDriver(makeNet(), driver, off)
    const [port] = ports
    const to = devices[0]?.devAddr as Uint8Array
    for (let number = 0; number < 40; number++) port?.transmit(flowFrame(number, to).sent, number % 4)
    port?.drain()
    expect(port?.received.length).toBe(40)
    for (let queue = 0; queue < 4; queue++) {
      const expected = Array.from({ length: 10 }, (_, i) => flowFrame(4 * i + queue, to).expected)
      expect(port?.received.filter(frame => frame.queue === queue).map(({ bytes }) => bytes)).toEqual(expected)
    }
  })

  test('counts what comes from queue q on its receive ring q % 2', async () => {
    const { devices, ports } = await addDriver(makeNet(), driver, off)
    const to = devices[0]?.devAddr as Uint8Array
    const counts = [1, 2, 3, 5]
    for (const [queue, n] of counts.entries()) {
      for (let i = 0; i < n; i++) ports[0]?.transmit(flowFrame(i, to).sent, queue)
    }
    ports[0]?.drain()
    const stats = [0, 1, 2, 3].map(q => linkStats64(devices[0]?.counters.queue(q) as Float64Array))
    expect(stats.map(({ txPackets }) => txPackets)).toEqual(counts)
    expect(stats.map(({ rxPackets }) => rxPackets)).toEqual([4, 7, 0, 0])
  })

  test('keeps a partial checksum partial, for the host to complete', async () => {
    const { devices, ports } = await addDriver(makeNet(), driver, off)
    const packet = { ...plain, checksum: 'partial' as const }
    const sent = buildFrame({ packet, tags: [], padding: [] })
    ports[0]?.transmit(sent, 0, { ipSummed: CHECKSUM_PARTIAL, csumStart: 34, csumOffset: 6 })
    ports[0]?.drain()
    const expected = buildFrame({ packet: { ...packet, ...far }, tags: [], padding: [] })
    expected.set(devices[0]?.devAddr as Uint8Array)
    expect(ports[0]?.received).toEqual([
      expect.objectContaining({ bytes: expected, ipSummed: CHECKSUM_PARTIAL, csumStart: 34, csumOffset: 6 }),
    ])
  })

  test('carries IPv6 as well', async () => {
    const { devices, ports } = await addDriver(makeNet(), driver, off)
    ports[0]?.transmit(buildFrame({ packet: plain6, tags: [], padding: [] }))
    ports[0]?.drain()
    const flipped = { source: address('2001:db8:0:1:0:0:0:1'), destination: address('2001:db8:0:1:0:0:0:2') }
    const expected = buildFrame({ packet: { ...plain6, ...flipped }, tags: [], padding: [] })
    expected.set(devices[0]?.devAddr as Uint8Array)
    expect(ports[0]?.received.map(({ bytes }) => bytes)).toEqual([expected])
  })

  test('drops what it cannot translate, with a reason', async () => {
    const { devices, ports } = await addDriver(makeNet(), driver, off)
    const [other, arp] = numbered(2) as [Uint8Array, Uint8Array]
    arp.set([8, 6, 0, 1, 8, 0, 6, 4, 0, 1], 12)
    ports[0]?.transmit(other)
    ports[0]?.transmit(arp)
    ports[0]?.drain()
    const { tx } = devices[0]?.counters.drops() ?? { tx: [] }
    expect([tx[SKB_DROP_REASON_UNHANDLED_PROTO], tx[SKB_DROP_REASON_NEIGH], ports[0]?.received]).toEqual([1, 1, []])
  })

  test('stops its queues while it is down', async () => {
    const { devices } = await addDriver(makeNet(), driver, off)
    const stopped = () => devices[0]?.tx.map(txq => txq.stopped)
    expect(stopped()).toEqual([false, false, false, false])
    await devClose(devices[0] as (typeof devices)[0])
    expect(stopped()).toEqual([true, true, true, true])
  })
})
