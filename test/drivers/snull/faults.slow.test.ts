/**
 * Injected faults of snull's hardware, in memory: what each costs, what is counted where, and how
 * traffic continues.
 */
import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { UsageError } from '#src/base/usage-error.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { faultParams } from '#src/drivers/snull/board.ts'
import { statsOfDrop } from '#src/netdev/counters.ts'
import { devClose, devOpen, netifCarrierOk } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { type LinkStats64, linkStats64, linkStats64Fields } from '#src/netdev/stats.ts'
import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_MAX,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_RX_CRC,
  SKB_DROP_REASON_TX_CARRIER,
} from '#src/skb/drop-reason.ts'
import { dropReasonName } from '#src/skb/drop-reason-name.ts'
import { memoryNets } from '#support/memory-net.ts'
import { flowFrame, flowNumber, type SnullParams, snullPair } from '#support/snull-pair.ts'

const makeNet = memoryNets()
const upTo = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i)

/** The fields that are not zero. */
function moved(stats: Float64Array): Partial<LinkStats64> {
  return Object.fromEntries(Object.entries(linkStats64(stats)).filter(([, n]) => n !== 0))
}

function send(port: MemoryPort, count: number, first = 0, queue = 0): void {
  for (let n = first; n < first + count; n++) {
    port.transmit(flowFrame(queue, n), queue)
  }
  port.drain()
}

const numbers = (port: MemoryPort): number[] => port.received.map(frame => flowNumber(frame)[1])

describe.each([
  ['by interrupt', false],
  ['by NAPI', true],
])('with completion %s', (_, useNapi) => {
  async function pair(
    params: Partial<SnullParams>,
    options: { txqs?: number; rxqs?: number } = {},
  ) {
    const memory = makeNet()
    const two = await snullPair(memory, { useNapi, ...params }, options)
    /**
     * Moves time by `ms`, takes the interrupts that fall due, and reads what the kernels have sent
     * meanwhile.
     */
    const pass = (ms: number) => {
      memory.clock.advance(ms * NSEC_PER_MSEC)
      memory.net.flush()
      two.port0.drain()
      two.port1.drain()
    }
    return { ...two, ...memory, pass }
  }

  describe('lockup', () => {
    test('lockup loses the interrupt of every Nth completion; the queue waits for the timeout, and no frame is lost', async () => {
      const { sn0, port0, port1, pass, conserved } = await pair({ lockup: 4, timeout: 50 })
      const [txq] = sn0.tx
      send(port0, 10)
      // The fourth frame arrives, but no interrupt reports its completion.
      expect([numbers(port1), txq?.stopped, txq?.held, port0.queues[0]?.paused]).toEqual([
        upTo(4),
        true,
        6,
        true,
      ])
      pass(49)
      expect([numbers(port1), txq?.transTimeout]).toEqual([upTo(4), 0])
      pass(1)
      expect([numbers(port1), txq?.stopped, txq?.transTimeout]).toEqual([upTo(8), true, 1])
      pass(50)
      expect([numbers(port1), txq?.stopped, txq?.transTimeout]).toEqual([upTo(10), false, 2])
      expect(linkStats64(sn0.getStats64())).toMatchObject({
        txPackets: 10,
        txErrors: 2,
        txDropped: 0,
      })
      expect(conserved()).toMatchObject({ in: 10, out: 10, dropped: 0, held: 0 })
    })

    test('a transmit timeout is logged in one line with the queue and the time', async () => {
      const { lines, port0, pass } = await pair({ lockup: 1, timeout: 20 })
      lines.length = 0
      send(port0, 1)
      pass(20)
      expect(lines).toEqual(['sn0: NETDEV WATCHDOG: transmit queue 0 timed out after 20 ms'])
    })

    test('a lockup of one queue does not stop the others', async () => {
      const { sn0, port0, port1, pass, conserved } = await pair({ lockup: 5 }, { txqs: 3, rxqs: 3 })
      const queues = () => sn0.tx.map(txq => txq.stopped)
      send(port0, 2, 0, 0)
      send(port0, 3, 0, 1)
      expect(queues()).toEqual([false, true, false])
      send(port0, 4, 2, 0)
      send(port0, 2, 3, 1)
      send(port0, 1, 0, 2)
      expect(queues()).toEqual([false, true, true])
      const flow = (n: number) =>
        port1.received.filter(frame => flowNumber(frame)[0] === n).map(f => flowNumber(f)[1])
      expect([flow(0), flow(1), flow(2)]).toEqual([upTo(6), upTo(3), upTo(1)])
      pass(50)
      expect([flow(0), flow(1), flow(2), queues()]).toEqual([
        upTo(6),
        upTo(5),
        upTo(1),
        [false, false, false],
      ])
      const errors = sn0.tx.map((_, q) => linkStats64(sn0.counters.queue(q)).txErrors)
      expect([errors, sn0.tx.map(txq => txq.transTimeout)]).toEqual([
        [0, 1, 1],
        [0, 1, 1],
      ])
      conserved()
    })

    test('lockup can be turned on and off while the driver runs', async () => {
      const { sn0, port0, port1, pass } = await pair({})
      const { params } = sn0.priv as { params: { lockup: number } }
      send(port0, 10)
      expect([port1.received.length, sn0.tx[0]?.stopped]).toEqual([10, false])
      params.lockup = 1
      send(port0, 1, 10)
      expect(sn0.tx[0]?.stopped).toBe(true)
      params.lockup = 0
      pass(50)
      send(port0, 10, 11)
      expect([numbers(port1), sn0.tx[0]?.stopped]).toEqual([upTo(21), false])
    })

    test('a lockup ends when the link is closed and opened', async () => {
      const { sn0, port0, port1, pass } = await pair({ lockup: 2 })
      send(port0, 2)
      expect(sn0.tx[0]?.stopped).toBe(true)
      await devClose(sn0)
      pass(500)
      await devOpen(sn0)
      expect(sn0.tx[0]?.stopped).toBe(false)
      ;(sn0.priv as { params: { lockup: number } }).params.lockup = 0
      // More than it has buffers.
      send(port0, 100, 2)
      expect([numbers(port1), sn0.tx[0]?.stopped, sn0.tx[0]?.transTimeout]).toEqual([
        upTo(102),
        false,
        0,
      ])
    })

    test('a queue continues after a lockup even when the peer is unregistered', async () => {
      const { sn0, sn1, port0, pass, conserved } = await pair({ lockup: 2 })
      send(port0, 2)
      await unregisterNetdev(sn1)
      pass(50)
      send(port0, 1, 2)
      expect([sn0.tx[0]?.stopped, sn0.counters.drops().tx[SKB_DROP_REASON_DEV_READY]]).toEqual([
        false,
        1,
      ])
      conserved()
    })
  })

  describe('stuck', () => {
    test('stuck keeps every Nth frame in the transmitter until the timeout sends it, before later ones', async () => {
      const { sn0, port0, port1, pass, conserved } = await pair({ stuck: 3, timeout: 50 })
      send(port0, 8)
      expect([numbers(port1), sn0.tx[0]?.stopped]).toEqual([upTo(2), true])
      expect(conserved()).toMatchObject({ held: 6 })
      pass(49)
      expect(numbers(port1)).toEqual(upTo(2))
      pass(1)
      expect(numbers(port1)).toEqual(upTo(5))
      pass(50)
      expect([numbers(port1), sn0.tx[0]?.stopped]).toEqual([upTo(8), false])
      expect(linkStats64(sn0.getStats64())).toMatchObject({ txErrors: 2, txDropped: 0 })
      expect(conserved()).toMatchObject({ in: 8, out: 8, dropped: 0, held: 0 })
    })

    test('a frame stuck in one queue does not stop the others', async () => {
      const { port0, port1, pass } = await pair({ stuck: 3 }, { txqs: 2, rxqs: 2 })
      send(port0, 1, 0, 1)
      send(port0, 3, 0, 0)
      send(port0, 1, 1, 1)
      const flow = (n: number) =>
        port1.received.filter(frame => flowNumber(frame)[0] === n).map(f => flowNumber(f)[1])
      expect([flow(0), flow(1)]).toEqual([upTo(1), upTo(2)])
      pass(50)
      expect([flow(0), flow(1)]).toEqual([upTo(3), upTo(2)])
    })

    test('a stuck frame is dropped and counted when the link goes down', async () => {
      const { sn0, port0, port1, pass, conserved } = await pair({ stuck: 3 })
      send(port0, 5)
      await devClose(sn0)
      expect(sn0.counters.drops().tx[SKB_DROP_REASON_DEV_STOPPED]).toBe(3)
      expect(conserved()).toMatchObject({ in: 5, out: 2, dropped: 3, held: 0 })
      await devOpen(sn0)
      pass(500)
      expect(numbers(port1)).toEqual(upTo(2))
    })

    test('a stuck frame is dropped and counted at the timeout if the peer is unregistered', async () => {
      const { sn0, sn1, port0, pass, conserved } = await pair({ stuck: 2 })
      send(port0, 2)
      await unregisterNetdev(sn1)
      pass(50)
      expect([sn0.tx[0]?.stopped, sn0.counters.drops().tx[SKB_DROP_REASON_DEV_READY]]).toEqual([
        false,
        1,
      ])
      conserved()
    })

    test('a stuck frame is missed, at the timeout, by a peer that is down', async () => {
      const { sn1, port0, pass } = await pair({ stuck: 1 })
      send(port0, 1)
      await devClose(sn1)
      pass(50)
      expect(sn1.counters.drops().rx[SKB_DROP_REASON_DEV_READY]).toBe(1)
    })
  })

  test('lockup and stuck together lose nothing, and keep each flow in order', async () => {
    const { port0, port1, pass, conserved } = await pair(
      { lockup: 7, stuck: 5, poolSize: 4 },
      { txqs: 2, rxqs: 2 },
    )
    for (let n = 0; n < 100; n++) {
      for (const queue of [0, 1]) {
        port0.transmit(flowFrame(queue, n), queue)
      }
    }
    for (let i = 0; i < 200 && port1.received.length < 200; i++) {
      pass(50)
    }
    for (const queue of [0, 1]) {
      const flow = port1.received.filter(frame => flowNumber(frame)[0] === queue)
      expect(flow.map(frame => flowNumber(frame)[1])).toEqual(upTo(100))
    }
    expect(conserved()).toMatchObject({ in: 200, out: 200, dropped: 0 })
  })

  test('a spurious interrupt is raised every Nth frame, does nothing, and is counted', async () => {
    const { hw0, port0, port1, pass, conserved } = await pair({ spurious: 2 })
    for (let n = 0; n < 6; n++) {
      send(port0, 1, n)
      pass(1)
    }
    expect([hw0.irq.spurious, numbers(port1)]).toEqual([3, upTo(6)])
    expect(conserved()).toMatchObject({ in: 6, out: 6 })
  })

  test('lowmem drops every Nth received frame as NOMEM, and logs it once a second', async () => {
    const { sn0, sn1, lines, port0, port1, pass, conserved } = await pair({ lowmem: 3 })
    lines.length = 0
    send(port0, 7)
    expect(numbers(port1)).toEqual([0, 1, 3, 4, 6])
    expect(sn1.counters.drops().rx[SKB_DROP_REASON_NOMEM]).toBe(2)
    expect([
      linkStats64(sn1.getStats64()).rxDropped,
      linkStats64(sn0.getStats64()).txDropped,
    ]).toEqual([2, 0])
    expect(lines).toEqual(['sn1: rx: low on mem - packet dropped'])
    pass(NSEC_PER_SEC / NSEC_PER_MSEC)
    send(port0, 3, 7)
    expect(lines.slice(1)).toEqual([
      'sn1: warnings: 1 similar line suppressed',
      'sn1: rx: low on mem - packet dropped',
    ])
    expect(conserved()).toMatchObject({ in: 10, out: 7, dropped: 3 })
  })

  describe('flap', () => {
    test('flap turns the carrier off and on repeatedly; frames sent without one are dropped by the sender', async () => {
      const { sn0, sn1, port0, port1, pass, conserved } = await pair({ flap: 100 })
      const seen: boolean[] = []
      for (let i = 0; i < 40; i++) {
        pass(10)
        seen.push(port0.carrier)
        expect([netifCarrierOk(sn0), port1.carrier]).toEqual([port0.carrier, netifCarrierOk(sn1)])
      }
      const changes = seen.filter((carrier, i) => carrier !== (seen[i - 1] ?? true)).length
      expect([changes >= 6 && changes <= 8, seen.includes(false), seen.includes(true)]).toEqual([
        true,
        true,
        true,
      ])
      while (port0.carrier && port1.carrier) {
        pass(1)
      }
      const before = port1.received.length
      send(port0, 1)
      expect([
        port1.received.length - before,
        sn0.counters.drops().tx[SKB_DROP_REASON_TX_CARRIER],
      ]).toEqual([0, 1])
      expect(linkStats64(sn0.getStats64())).toMatchObject({
        txErrors: 1,
        txCarrierErrors: 1,
        txDropped: 0,
      })
      while (!port0.carrier || !port1.carrier) {
        pass(1)
      }
      send(port0, 1)
      expect([port1.received.length - before, sn0.tx[0]?.stopped]).toEqual([1, false])
      conserved()
    })

    test('flap ends with the carrier on when the link is closed, and restarts when it is opened', async () => {
      const { sn0, port0, pass, clock } = await pair({ flap: 100 })
      while (port0.carrier) {
        pass(1)
      }
      await devClose(sn0)
      await devClose(sn0.net.devices[1] ?? sn0)
      expect([port0.carrier, netifCarrierOk(sn0)]).toEqual([true, true])
      const armed = clock.armed
      pass(1000)
      expect([port0.carrier, armed]).toEqual([true, 0])
      await devOpen(sn0)
      for (let i = 0; i < 200 && port0.carrier; i++) {
        pass(1)
      }
      expect(port0.carrier).toBe(false)
    })
  })

  describe('drop', () => {
    const reasons = upTo(SKB_DROP_REASON_MAX - 1, 1)
    test.each(reasons.map(reason => [dropReasonName(reason), reason] as const))(
      '--drop %s drops every Nth frame on its side and counts it in its fields',
      async (name, reason) => {
        const drop = faultParams.drop.parse(`${name}=3`)
        const { sn0, sn1, port0, port1, conserved } = await pair({ drop })
        send(port0, 10)
        expect(numbers(port1)).toEqual([0, 1, 3, 4, 6, 7, 9])
        const rx = !name.startsWith('TX_')
        const lost = Object.fromEntries(
          statsOfDrop(reason, rx).map(field => [linkStats64Fields[field], 3]),
        )
        expect(moved(sn0.getStats64())).toEqual({
          txPackets: 10,
          txBytes: 600,
          ...(rx ? {} : lost),
        })
        expect(moved(sn1.getStats64())).toEqual({ rxPackets: 7, rxBytes: 420, ...(rx ? lost : {}) })
        expect((rx ? sn1.counters.drops().rx : sn0.counters.drops().tx)[reason]).toBe(3)
        expect(conserved()).toMatchObject({ in: 10, out: 7, dropped: 3, held: 0 })
      },
    )

    test('--drop loses no completions: all buffers are freed', async () => {
      const { sn0, port0, port1, pass } = await pair({
        drop: faultParams.drop.parse('RX_CRC=1'),
        poolSize: 2,
      })
      send(port0, 40)
      pass(1)
      expect([port1.received, sn0.tx[0]?.stopped, sn0.tx[0]?.held]).toEqual([[], false, 0])
    })

    test('--drop can be turned on and off while the driver runs', async () => {
      const { sn0, sn1, port0 } = await pair({})
      const { params } = sn0.priv as { params: { drop: unknown } }
      params.drop = faultParams.drop.parse('RX_CRC=1')
      send(port0, 2)
      params.drop = undefined
      send(port0, 2)
      expect(moved(sn1.getStats64())).toMatchObject({ rxPackets: 2, rxCrcErrors: 2 })
      expect(sn1.counters.drops().rx[SKB_DROP_REASON_RX_CRC]).toBe(2)
    })
  })
})

describe('the text of --drop', () => {
  const { parse } = faultParams.drop

  test('--drop takes a reason, in upper or lower case, and a number', () => {
    expect(parse('RX_CRC=10')).toEqual({ reason: SKB_DROP_REASON_RX_CRC, every: 10, rx: true })
    expect(parse('rx_crc=1')).toEqual({ reason: SKB_DROP_REASON_RX_CRC, every: 1, rx: true })
    expect(parse('tx_carrier=999999999')).toEqual({
      reason: SKB_DROP_REASON_TX_CARRIER,
      every: 999_999_999,
      rx: false,
    })
  })

  test.each([
    '',
    'RX_CRC',
    'RX_CRC=',
    '=3',
    'RX_CRC=0',
    'RX_CRC=-1',
    'RX_CRC=1.5',
    'RX_CRC=1e3',
    'RX_CRC=1000000000',
    'NOT_DROPPED_YET=3',
    'NO_SUCH=3',
    'RX_CRC=3 ',
    ' RX_CRC=3',
    'RX_CRC=3=4',
    'RX_CRC=x',
    'SKB_DROP_REASON_RX_CRC=3',
    'toString=3',
    '7=3',
  ])('--drop %j is refused with a list of all reasons', text => {
    expect(() => parse(text)).toThrow(UsageError)
    expect(() => parse(text)).toThrow(
      `'${text}' is not REASON=N, with N from 1; reasons are NOT_SPECIFIED, PKT_TOO_SMALL, PKT_TOO_BIG, DEV_READY, DEV_STOPPED,`,
    )
    expect(() => parse(text)).toThrow(/, QDISC_CONGESTED, [A-Z, ]+$/)
  })
})

test('faults can be changed while the driver runs, except flap; all are off by default', () => {
  const live = Object.entries(faultParams).map(([name, param]) => [name, param.live, param.default])
  expect(live).toEqual([
    ['lockup', true, 0],
    ['stuck', true, 0],
    ['spurious', true, 0],
    ['lowmem', true, 0],
    ['flap', false, 0],
    ['drop', true, undefined],
  ])
})
