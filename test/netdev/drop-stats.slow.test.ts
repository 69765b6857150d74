/**
 * Every field of rtnl_link_stats64 moves, each for its reason: what a drop counts in, what frames
 * count in, what a driver adds.
 */
import { describe, expect, test } from 'vitest'
import { statsOfDrop } from '#src/netdev/counters.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { netifRx, netifRxDrop } from '#src/netdev/netif.ts'
import {
  COLLISIONS,
  type LinkStats64,
  type LinkStats64Field,
  linkStats64,
  linkStats64Fields,
  RX_COMPRESSED,
  TX_COMPRESSED,
} from '#src/netdev/stats.ts'
import * as reasons from '#src/skb/drop-reason.ts'
import { SKB_DROP_REASON_MAX } from '#src/skb/drop-reason.ts'
import { dropReasonName } from '#src/skb/drop-reason-name.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { addDevice, makeDevice, memoryNets, numbered } from '#support/memory-net.ts'

const makeNet = memoryNets()

/** The fields that are not zero. */
function moved(stats: LinkStats64): Partial<LinkStats64> {
  return Object.fromEntries(Object.entries(stats).filter(([, n]) => n !== 0))
}

const all = Array.from({ length: SKB_DROP_REASON_MAX - 1 }, (_, i) => i + 1)

/**
 * By the documentation of the statistics: a received frame's error has the sum of errors, and its
 * kind.
 */
const RX: Record<string, LinkStats64Field[]> = {
  PKT_TOO_SMALL: ['rxErrors', 'rxLengthErrors'],
  PKT_TOO_BIG: ['rxErrors', 'rxLengthErrors'],
  HDR_TRUNC: ['rxErrors', 'rxFrameErrors'],
  RX_OVER: ['rxErrors', 'rxOverErrors'],
  RX_CRC: ['rxErrors', 'rxCrcErrors'],
  RX_FRAME: ['rxErrors', 'rxFrameErrors'],
  RX_FIFO: ['rxErrors', 'rxFifoErrors'],
  RX_NOHANDLER: ['rxNohandler'],
  FULL_RING: ['rxMissedErrors'],
  OTHERHOST: ['rxOtherhostDropped'],
}
const TX: Record<string, LinkStats64Field[]> = {
  TX_ABORTED: ['txErrors', 'txAbortedErrors'],
  TX_CARRIER: ['txErrors', 'txCarrierErrors'],
  TX_FIFO: ['txErrors', 'txFifoErrors'],
  TX_HEARTBEAT: ['txErrors', 'txHeartbeatErrors'],
  TX_WINDOW: ['txErrors', 'txWindowErrors'],
}

/** A device of two queues that drops what it is sent for a reason, on either side. */
async function dropping(reason: number, rx: boolean) {
  const memory = makeNet()
  const added = await addDevice(
    memory,
    { ndoStartXmit: (skb, dev) => (rx ? netifRxDrop(skb, dev, reason) : skb.drop(reason)) },
    { txqs: 2, rxqs: 2 },
  )
  for (const octets of numbered(3)) {
    added.port.transmit(octets, 1)
  }
  added.port.drain()
  return { ...memory, ...added }
}

describe.each(all)('a drop of reason %i', reason => {
  const name = dropReasonName(reason)

  test('a drop on the receive side counts in the fields of its reason and its queue only', async () => {
    const { dev, conserved } = await dropping(reason, true)
    const { txPackets, txBytes, ...rest } = moved(linkStats64(dev.counters.queue(1)))
    expect([txPackets, txBytes]).toEqual([3, 180])
    expect(rest).toEqual(Object.fromEntries((RX[name] ?? ['rxDropped']).map(field => [field, 3])))
    expect(moved(linkStats64(dev.counters.queue(0)))).toEqual({})
    const { rx, tx } = dev.counters.drops()
    expect([rx[reason], sum(rx), sum(tx)]).toEqual([3, 3, 0])
    expect(conserved()).toMatchObject({ in: 3, dropped: 3 })
  })

  test('a drop on the transmit side counts in the fields of its reason and its queue only', async () => {
    const { dev, conserved } = await dropping(reason, false)
    const { txPackets, txBytes, ...rest } = moved(linkStats64(dev.counters.queue(1)))
    expect([txPackets, txBytes]).toEqual([3, 180])
    expect(rest).toEqual(Object.fromEntries((TX[name] ?? ['txDropped']).map(field => [field, 3])))
    const { rx, tx } = dev.counters.drops()
    expect([tx[reason], sum(tx), sum(rx)]).toEqual([3, 3, 0])
    expect(conserved()).toMatchObject({ in: 3, dropped: 3 })
  })
})

function sum(row: Float64Array): number {
  return row.reduce((a, b) => a + b, 0)
}

test('every field that a drop can count in has a reason that is a drop of its side', () => {
  const fields = (rx: boolean) => new Set(all.flatMap(reason => [...statsOfDrop(reason, rx)]))
  const named = (set: Set<number>) => [...set].map(field => linkStats64Fields[field]).sort()
  expect(named(fields(true)).every(field => field?.startsWith('rx'))).toBe(true)
  expect(named(fields(false)).every(field => field?.startsWith('tx'))).toBe(true)
  // The reasons have the same names as in the tables above.
  for (const name of [...Object.keys(RX), ...Object.keys(TX)]) {
    expect(reasons).toHaveProperty(`SKB_DROP_REASON_${name}`)
  }
})

test('every field of rtnl_link_stats64 can be made to count', () => {
  const byDrop = all.flatMap(reason => [
    ...statsOfDrop(reason, true),
    ...statsOfDrop(reason, false),
  ])
  const byFrames: LinkStats64Field[] = ['rxPackets', 'txPackets', 'rxBytes', 'txBytes', 'multicast']
  const byDriver: LinkStats64Field[] = ['collisions', 'rxCompressed', 'txCompressed']
  const names = new Set([
    ...byDrop.map(field => linkStats64Fields[field]),
    ...byFrames,
    ...byDriver,
  ])
  expect([...names].sort()).toEqual([...linkStats64Fields].sort())
})

describe('fields that a driver counts', () => {
  test.each([
    ['collisions', COLLISIONS],
    ['rxCompressed', RX_COMPRESSED],
    ['txCompressed', TX_COMPRESSED],
  ] as const)('a driver can count %s of a queue', (name, field) => {
    const dev = makeDevice({}, { txqs: 2 })
    dev.counters.count(1, field)
    dev.counters.count(1, field, 4)
    expect(moved(linkStats64(dev.counters.queue(1)))).toEqual({ [name]: 5 })
    expect(moved(linkStats64(dev.counters.queue(0)))).toEqual({})
    expect(moved(linkStats64(dev.getStats64()))).toEqual({ [name]: 5 })
  })
})

describe('a frame that the host receives', () => {
  async function received(to: readonly number[]) {
    const memory = makeNet()
    const { dev, port } = await addDevice(
      memory,
      { ndoStartXmit: skb => netifRx(skb) },
      { txqs: 2, rxqs: 2 },
    )
    const [octets] = numbered(1) as [Uint8Array]
    octets.set(to)
    port.transmit(octets, 1)
    port.drain()
    return linkStats64(dev.counters.queue(1))
  }

  test.each([
    ['a group', [1, 0, 94, 0, 0, 1], 1],
    ['a group of IPv6', [0x33, 0x33, 0, 0, 0, 1], 1],
    ['nearly all', [255, 255, 255, 255, 255, 254], 1],
    ['all', [255, 255, 255, 255, 255, 255], 0],
    ['one', [2, 0, 0, 0, 0, 9], 0],
  ])('a received frame to %s counts as multicast or not', async (_, to, multicast) => {
    const counted = { rxPackets: 1, rxBytes: 60, txPackets: 1, txBytes: 60 }
    expect(moved(await received(to))).toEqual(multicast === 0 ? counted : { ...counted, multicast })
  })
})

describe('netifRxDrop', () => {
  test('netifRxDrop counts on the given device, by the queue that the frame came from', async () => {
    const memory = makeNet()
    const to = await addDevice(memory, {}, { txqs: 2, rxqs: 2 })
    const from = await addDevice(
      memory,
      { ndoStartXmit: skb => netifRxDrop(skb, to.dev, reasons.SKB_DROP_REASON_RX_CRC) },
      { txqs: 2, rxqs: 2 },
    )
    from.port.transmit(numbered(1)[0] as Uint8Array, 1)
    from.port.drain()
    expect(moved(linkStats64(to.dev.counters.queue(1)))).toEqual({ rxErrors: 1, rxCrcErrors: 1 })
    expect(moved(linkStats64(from.dev.getStats64()))).toEqual({ txPackets: 1, txBytes: 60 })
    expect([memory.pool.out, to.port.received]).toEqual([0, []])
    memory.conserved()
  })

  test('netifRxDrop of a freed frame throws and leaves the pool unchanged', async () => {
    const memory = makeNet()
    const { dev } = await addDevice(memory)
    const skb = memory.pool.alloc(60) as SkBuff
    skb.free()
    expect(() => netifRxDrop(skb, dev as NetDevice, reasons.SKB_DROP_REASON_NOMEM)).toThrow(
      /netif_rx on a freed frame, (by|at) .*drop-stats\.slow\.test\.ts/,
    )
    expect([memory.pool.out, moved(linkStats64(dev.getStats64()))]).toEqual([0, {}])
  })
})
