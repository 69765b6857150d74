import { describe, expect, test, vi } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { driver } from '#src/drivers/loop.ts'
import {
  IFF_NOARP,
  NETIF_F_ALL_TAP,
  NETIF_F_GSO,
  NETIF_MSG_RX_STATUS,
  NETIF_MSG_TX_QUEUED,
} from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devClose } from '#src/netdev/netif.ts'
import { linkStats64 } from '#src/netdev/stats.ts'
import * as reasons from '#src/skb/drop-reason.ts'
import type { Ring } from '#src/skb/ring.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '#src/skb/sk-buff.ts'
import { addDriver, freshNet, memoryNets, numbered, padded, sendAll } from '#support/memory-net.ts'
import { address, buildFrame, plain, plain6 } from '../packet/frames.ts'

const makeNet = memoryNets()
const memory = freshNet()
const off = { ipv6: false }

const far = { source: address('198.18.1.1'), destination: address('198.18.1.2') }

/**
 * A flow's n-th frame, and the same as it comes back to the device of this address. Each flow has a
 * sender of its own.
 */
function flowFrame(number: number, to: Uint8Array, flow = 1) {
  const packet = { ...plain, source: [198, 18, 0, flow], payload: [number, 2, 3] }
  const sent = buildFrame({ packet, tags: [], padding: [] })
  const expected = padded(
    buildFrame({
      packet: { ...packet, ...far, source: [198, 18, 1, flow] },
      tags: [],
      padding: [],
    }),
  )
  expected.set(to)
  return { sent, expected }
}

describe('the loop driver', () => {
  test('loop makes one interface with four transmit and two receive queues, and two addresses', async () => {
    const { devices, ports, specs } = await addDriver(memory, driver, off)
    const [dev] = devices
    expect(dev).toMatchObject({
      name: 'vnet0',
      numTxQueues: 4,
      numRxQueues: 2,
      features: NETIF_F_ALL_TAP | NETIF_F_GSO,
    })
    expect([ports[0]?.queues.length, (dev?.flags ?? 0) & IFF_NOARP]).toEqual([4, IFF_NOARP])
    expect(specs.map(({ addresses }) => addresses)).toEqual([['198.18.0.1/24', '198.18.1.2/24']])
    expect((dev?.devAddr[0] ?? 0) & 3).toBe(2)
  })

  test('loop makes the requested queues, name, namespace and IPv6 addresses', async () => {
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

  test('a frame from transmit queue q goes through receive ring q % rxqs', async () => {
    const { devices, ports } = await addDriver(memory, driver, off)
    const { rxRings } = (devices[0] as NetDevice).priv as { rxRings: Ring[] }
    const taken: number[][] = rxRings.map(() => [])
    for (const [r, ring] of rxRings.entries()) {
      const push = ring.push.bind(ring)
      vi.spyOn(ring, 'push').mockImplementation(skb => {
        taken[r]?.push(skb.queueMapping)
        return push(skb)
      })
    }
    for (const q of [0, 1, 1, 3]) {
      ports[0]?.transmit(flowFrame(0, new Uint8Array(6), 10 + q).sent, q)
    }
    ports[0]?.drain()
    expect(taken).toEqual([[0], [1, 1, 3]])
  })

  test('loop returns frames flipped, addressed to itself, on the queue they came from, in order', async () => {
    const { devices, ports } = await addDriver(memory, driver, off)
    const [port] = ports
    const to = devices[0]?.devAddr as Uint8Array
    for (let number = 0; number < 40; number++) {
      port?.transmit(flowFrame(number, to, 10 + (number % 4)).sent, number % 4)
    }
    port?.drain()
    expect(port?.received.length).toBe(40)
    for (let queue = 0; queue < 4; queue++) {
      const expected = Array.from(
        { length: 10 },
        (_, i) => flowFrame(4 * i + queue, to, 10 + queue).expected,
      )
      expect(
        port?.received.filter(frame => frame.queue === queue).map(({ bytes }) => bytes),
      ).toEqual(expected)
    }
  })

  test('loop counts frames from queue q on receive ring q % 2', async () => {
    const { devices, ports } = await addDriver(memory, driver, off)
    const to = devices[0]?.devAddr as Uint8Array
    const counts = [1, 2, 3, 5]
    for (const [queue, n] of counts.entries()) {
      for (let i = 0; i < n; i++) {
        ports[0]?.transmit(flowFrame(i, to, 10 + queue).sent, queue)
      }
    }
    ports[0]?.drain()
    const stats = [0, 1, 2, 3].map(q => linkStats64(devices[0]?.counters.queue(q) as Float64Array))
    expect(stats.map(({ txPackets }) => txPackets)).toEqual(counts)
    expect(stats.map(({ rxPackets }) => rxPackets)).toEqual([4, 7, 0, 0])
  })

  test('loop keeps a partial checksum partial', async () => {
    const { devices, ports } = await addDriver(memory, driver, off)
    const packet = { ...plain, checksum: 'partial' as const }
    const sent = buildFrame({ packet, tags: [], padding: [] })
    ports[0]?.transmit(sent, 0, { ipSummed: CHECKSUM_PARTIAL, csumStart: 34, csumOffset: 6 })
    ports[0]?.drain()
    const expected = padded(buildFrame({ packet: { ...packet, ...far }, tags: [], padding: [] }))
    expected.set(devices[0]?.devAddr as Uint8Array)
    expect(ports[0]?.received).toEqual([
      expect.objectContaining({
        bytes: expected,
        ipSummed: CHECKSUM_PARTIAL,
        csumStart: 34,
        csumOffset: 6,
      }),
    ])
  })

  test('loop flips IPv6 too', async () => {
    const { devices, ports } = await addDriver(memory, driver, off)
    sendAll(ports[0]!, buildFrame({ packet: plain6, tags: [], padding: [] }))
    const flipped = {
      source: address('2001:db8:0:1:0:0:0:1'),
      destination: address('2001:db8:0:1:0:0:0:2'),
    }
    const expected = buildFrame({ packet: { ...plain6, ...flipped }, tags: [], padding: [] })
    expected.set(devices[0]?.devAddr as Uint8Array)
    expect(ports[0]?.received.map(({ bytes }) => bytes)).toEqual([expected])
  })

  test('loop drops frames that it cannot translate, with a reason', async () => {
    const { devices, ports } = await addDriver(memory, driver, off)
    const [other, arp] = numbered(2) as [Uint8Array, Uint8Array]
    arp.set([8, 6, 0, 1, 8, 0, 6, 4, 0, 1], 12)
    ports[0]?.transmit(other)
    sendAll(ports[0]!, arp)
    const { tx } = devices[0]?.counters.drops() ?? { tx: [] }
    expect([
      tx[reasons.SKB_DROP_REASON_UNHANDLED_PROTO],
      tx[reasons.SKB_DROP_REASON_NEIGH],
      ports[0]?.received,
    ]).toEqual([1, 1, []])
  })

  test('loop stops its queues while it is down', async () => {
    const { devices } = await addDriver(memory, driver, off)
    const stopped = () => devices[0]?.tx.map(txq => txq.stopped)
    expect(stopped()).toEqual([false, false, false, false])
    await devClose(devices[0] as (typeof devices)[0])
    expect(stopped()).toEqual([true, true, true, true])
  })

  test('loop shows a speed, and with --arp has ARP', async () => {
    const { devices, ports } = await addDriver(memory, driver, { arp: true })
    expect([(devices[0]?.flags ?? 0) & IFF_NOARP, ports[0]?.linkKsettings]).toEqual([
      0,
      { speed: 10_000, duplex: 'full' },
    ])
  })

  test('loop pads short frames with zeros after they were counted', async () => {
    const { devices, ports } = await addDriver(memory, driver, off)
    const [dev] = devices as [NetDevice]
    const { sent, expected } = flowFrame(1, dev.devAddr)
    // The former contents of the slot are not visible.
    const long = buildFrame({
      packet: { ...plain, payload: new Array<number>(100).fill(0xaa) },
      tags: [],
      padding: [],
    })
    ports[0]?.transmit(long)
    sendAll(ports[0]!, sent)
    expect(ports[0]?.received.map(({ bytes }) => bytes.length)).toEqual([long.length, 60])
    expect(ports[0]?.received[1]?.bytes).toEqual(expected)
    const { txBytes, rxBytes } = linkStats64(dev.getStats64())
    expect([sent.length < 60, txBytes, rxBytes]).toEqual([
      true,
      long.length + sent.length,
      long.length + 60,
    ])
  })

  test('loop drops frames for a full receive ring of --ring-size', async () => {
    const { devices, ports } = await addDriver(
      memory,
      driver,
      { ringSize: 8 },
      { txqs: 2, rxqs: 2 },
    )
    const [dev] = devices as [NetDevice]
    const { rxRings } = dev.priv as { rxRings: Ring[] }
    expect(rxRings.map(({ capacity }) => capacity)).toEqual([8, 8])
    // A ring that is never emptied, as after a lost interrupt.
    for (let i = 0; i < 8; i++) {
      const skb = memory.pool.alloc(60) as SkBuff
      skb.put(60)
      skb.dev = dev
      rxRings[0]?.push(skb)
      memory.made++
    }
    ports[0]?.transmit(flowFrame(1, dev.devAddr).sent, 0)
    ports[0]?.drain()
    expect(dev.counters.drops().tx[reasons.SKB_DROP_REASON_FULL_RING]).toBe(1)
    expect(memory.conserved()).toMatchObject({ held: 8 })
    await devClose(dev)
    expect(dev.counters.drops().tx[reasons.SKB_DROP_REASON_DEV_STOPPED]).toBe(8)
  })

  test('loop logs lines about a frame on its transmit queue and on its receive ring', async () => {
    const memory = makeNet({ msgEnable: NETIF_MSG_TX_QUEUED | NETIF_MSG_RX_STATUS })
    const { ports } = await addDriver(memory, driver, off)
    memory.lines.length = 0
    ports[0]?.transmit(flowFrame(1, new Uint8Array(6)).sent, 3)
    ports[0]?.drain()
    expect(memory.lines).toEqual([
      'vnet0: TX queue 3: enqueue, len 60',
      'vnet0: copied to RX queue 1',
      'vnet0: RX queue 1: delivering, len 60',
    ])
  })

  test.each([
    [NETIF_MSG_TX_QUEUED, ['TX queue 0: enqueue, len 60', 'copied to RX queue 0']],
    [NETIF_MSG_RX_STATUS, ['RX queue 0: delivering, len 60']],
    [0, []],
  ])('loop logs the lines that msgEnable 0x%x selects', async (msgEnable, lines) => {
    const memory = makeNet({ msgEnable })
    const { ports } = await addDriver(memory, driver, off)
    memory.lines.length = 0
    sendAll(ports[0]!, flowFrame(1, new Uint8Array(6)).sent)
    expect(memory.lines).toEqual(lines.map(line => `vnet0: ${line}`))
  })

  test('hosts of the far network have the device’s current address with the last bit flipped', async () => {
    const { devices, ports } = await addDriver(memory, driver, { arp: true })
    const [dev] = devices as [NetDevice]
    const port = ports[0] as MemoryPort
    const ask = () => {
      sendAll(port, arpRequest([...dev.devAddr], address('198.18.0.1'), address('198.18.0.2')))
      return [...(port.received.pop()?.bytes ?? [])].slice(22, 28)
    }
    await port.apply({ addresses: ['198.18.0.1/24', '198.18.1.2/24'] })
    const far = (octets: ArrayLike<number>) =>
      Array.from(octets, (octet, i) => (i === 5 ? octet ^ 1 : octet))
    expect(ask()).toEqual(far(dev.devAddr))
    const mac = Uint8Array.of(2, 7, 7, 7, 7, 7)
    port.change({ kind: 'address', address: mac })
    expect([[...dev.devAddr], ask()]).toEqual([[...mac], far(mac)])
    port.change({ kind: 'down' })
    port.change({ kind: 'address', address: Uint8Array.of(2, 8, 8, 8, 8, 8) })
    port.change({ kind: 'up' })
    expect(ask()).toEqual([2, 8, 8, 8, 8, 9])
  })
})

/** An ARP request for `target` from `sender`, with this hardware address. */
function arpRequest(mac: number[], sender: number[], target: number[]): Uint8Array {
  const all = new Array<number>(6).fill(255)
  return Uint8Array.of(
    ...all,
    ...mac,
    8,
    6,
    0,
    1,
    8,
    0,
    6,
    4,
    0,
    1,
    ...mac,
    ...sender,
    0,
    0,
    0,
    0,
    0,
    0,
    ...target,
  )
}
