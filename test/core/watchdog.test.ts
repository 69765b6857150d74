import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '../../src/core/clock.ts'
import { IRQ_HANDLED, Irq } from '../../src/core/irq.ts'
import { netifCarrierOff, netifCarrierOn, netifTxStartAllQueues, netifTxStopAllQueues } from '../../src/core/netif.ts'
import type { NetDeviceOps } from '../../src/core/ops.ts'
import { devClose, devOpen, unregisterNetdev } from '../../src/core/register.ts'
import { addDevice, makeDevice, memoryNets, numbered } from '../support/memory-net.ts'

const makeNet = memoryNets()

/** A device with a watchdog of 50 ms, that notes at what ms it barked for which queue. */
async function watched(ops: Partial<NetDeviceOps<unknown>> = {}, options: { down?: boolean; txqs?: number } = {}) {
  const memory = makeNet()
  const barks: [ms: number, queue: number][] = []
  const added = await addDevice(
    memory,
    {
      ...ops,
      ndoTxTimeout: (dev, queue) => {
        barks.push([memory.clock.now() / NSEC_PER_MSEC, queue])
        return ops.ndoTxTimeout?.(dev, queue)
      },
    },
    { txqs: 3, rxqs: 1, watchdogTimeo: 50, ...options },
  )
  const pass = (ms: number) => memory.clock.advance(ms * NSEC_PER_MSEC)
  const [a, b, c] = added.dev.tx
  if (a === undefined || b === undefined || c === undefined) throw new Error('three queues')
  return { ...memory, ...added, barks, pass, a, b, c }
}

describe('a queue that stays stopped', () => {
  test('for the time of the watchdog has the driver called for it, and not before', async () => {
    const { b, pass, barks } = await watched()
    pass(7)
    b.stop()
    pass(49)
    expect(barks).toEqual([])
    pass(1)
    expect(barks).toEqual([[57, 1]])
  })

  test('has the driver called again each further such time', async () => {
    const { a, pass, barks } = await watched()
    a.stop()
    pass(220)
    expect(barks).toEqual([50, 100, 150, 200].map(ms => [ms, 0]))
    expect(a.transTimeout).toBe(4)
  })

  test('is one of several, each with a time of its own', async () => {
    const { a, b, c, pass, barks } = await watched()
    a.stop()
    pass(20)
    c.stop()
    pass(110)
    expect(barks).toEqual([
      [50, 0],
      [70, 2],
      [100, 0],
      [120, 2],
    ])
    expect([a, b, c].map(txq => txq.transTimeout)).toEqual([2, 0, 2])
  })

  test('is watched from the frame it was stopped with, though it is stopped once more', async () => {
    const { a, pass, barks } = await watched()
    a.stop()
    pass(30)
    a.stop()
    pass(20)
    expect(barks).toEqual([[50, 0]])
  })

  test('noted that time', async () => {
    const { a, port, pass } = await watched({
      ndoStartXmit: (skb, dev) => {
        dev.txq(skb).stop()
        skb.drop()
      },
    })
    pass(5)
    port.transmit(numbered(1)[0] as Uint8Array)
    port.drain()
    expect([a.stopped, a.transStart]).toEqual([true, 5 * NSEC_PER_MSEC])
  })
})

describe('the watchdog is silent', () => {
  test('for a queue that is woken, or started, in time', async () => {
    const { a, b, pass, barks, clock } = await watched()
    a.stop()
    b.stop()
    pass(49)
    a.wake()
    b.start()
    pass(500)
    expect([barks, clock.armed]).toEqual([[], 0])
  })

  test('for a queue that is woken in time and stopped again, until that has lasted', async () => {
    const { a, pass, barks } = await watched()
    a.stop()
    pass(40)
    a.wake()
    a.stop()
    pass(49)
    expect(barks).toEqual([])
    pass(1)
    expect(barks).toEqual([[90, 0]])
  })

  test('after the driver’s handler woke the queue', async () => {
    const { a, pass, barks } = await watched({ ndoTxTimeout: dev => dev.tx[0]?.wake() })
    a.stop()
    pass(500)
    expect(barks).toEqual([[50, 0]])
  })

  test('without a carrier, and has time again when that is back', async () => {
    const { a, dev, pass, barks } = await watched()
    netifCarrierOff(dev)
    a.stop()
    pass(120)
    expect([barks, a.transTimeout]).toEqual([[], 0])
    netifCarrierOn(dev)
    pass(50)
    expect(barks).toEqual([[150, 0]])
  })

  test('of a device that is closed, or gone', async () => {
    const { a, dev, pass, barks, clock } = await watched()
    a.stop()
    await devClose(dev)
    expect(clock.armed).toBe(0)
    pass(500)
    await devOpen(dev)
    a.wake()
    a.stop()
    await unregisterNetdev(dev)
    expect(clock.armed).toBe(0)
    pass(500)
    expect(barks).toEqual([])
  })

  test('of a device that was closed, but not for what is stopped after it is opened again', async () => {
    const { a, dev, pass, barks } = await watched()
    a.stop()
    await devClose(dev)
    await devOpen(dev)
    a.wake()
    pass(30)
    a.stop()
    pass(50)
    expect(barks).toEqual([[80, 0]])
  })

  test('for queues that a driver stops as it is closed', async () => {
    const { dev, pass, barks, clock } = await watched({ ndoOpen: netifTxStartAllQueues, ndoStop: netifTxStopAllQueues })
    await devClose(dev)
    expect(clock.armed).toBe(0)
    pass(500)
    expect(barks).toEqual([])
  })

  test('of a device that wants none', async () => {
    const memory = makeNet()
    let barks = 0
    const { dev } = await addDevice(memory, { ndoTxTimeout: () => void barks++ })
    dev.tx[0]?.stop()
    expect([memory.clock.armed, dev.tx[0]?.transStart]).toEqual([0, 0])
    memory.clock.advance(NSEC_PER_SEC)
    expect(barks).toBe(0)
  })

  test('of one that is not registered', () => {
    const dev = makeDevice({}, { watchdogTimeo: 50 })
    dev.tx[0]?.stop()
    expect(dev.tx[0]?.stopped).toBe(true)
  })
})

describe('a queue that is stopped as the device is opened', () => {
  test('by the driver is watched from then on', async () => {
    const { dev, pass, barks } = await watched({ ndoOpen: netifTxStopAllQueues }, { down: true })
    pass(1000)
    await devOpen(dev)
    pass(49)
    expect(barks).toEqual([])
    pass(1)
    expect(barks.map(([ms]) => ms)).toEqual([1050, 1050, 1050])
  })
})

describe('what is said of it', () => {
  test('is one line with the queue and how long it was, at most one a second', async () => {
    const { a, b, pass, lines } = await watched()
    const said = () => lines.filter(line => line.includes('WATCHDOG'))
    a.stop()
    pass(20)
    b.stop()
    pass(1029)
    expect(said()).toEqual(['test0: NETDEV WATCHDOG: transmit queue 0 timed out after 50 ms'])
    pass(1)
    expect(said()).toEqual([
      'test0: NETDEV WATCHDOG: transmit queue 0 timed out after 50 ms',
      'test0: NETDEV WATCHDOG: and 39 more in 1 s',
      'test0: NETDEV WATCHDOG: transmit queue 0 timed out after 1050 ms',
    ])
  })

  test('by a handler that throws is logged, and the other queues are looked after', async () => {
    const { a, b, pass, barks, lines } = await watched({
      ndoTxTimeout: () => {
        throw new Error('no reset')
      },
    })
    a.stop()
    b.stop()
    pass(50)
    expect(barks).toEqual([
      [50, 0],
      [50, 1],
    ])
    expect(lines.at(-1)).toMatch(/^test0: ndoTxTimeout: Error: no reset \(at .*watchdog\.test\.ts/)
  })
})

describe('a handler', () => {
  test('may stop its queue again: that is watched, and nobody else forgotten', async () => {
    const { a, b, pass, barks } = await watched({
      ndoTxTimeout: (dev, queue) => {
        dev.tx[queue]?.wake()
        if (queue === 0) dev.tx[queue]?.stop()
      },
    })
    a.stop()
    pass(20)
    b.stop()
    pass(90)
    expect(barks).toEqual([
      [50, 0],
      [70, 1],
      [100, 0],
    ])
  })

  test('may close the device: its other queues are left alone, and nothing is left behind', async () => {
    const { dev, pass, barks, clock } = await watched({
      ndoStop: netifTxStopAllQueues,
      ndoTxTimeout: d => void devClose(d),
    })
    netifTxStopAllQueues(dev)
    pass(500)
    expect([barks, clock.armed]).toEqual([[[50, 0]], 0])
  })

  test('is not called for a device that an interrupt closes just then', async () => {
    const { dev, net, pass, barks, clock } = await watched({ ndoStop: netifTxStopAllQueues })
    const irq = new Irq(dev)
    irq.request(() => {
      void devClose(dev)
      return IRQ_HANDLED
    })
    netifTxStopAllQueues(dev)
    net.polling = true // the event loop stalls: the interrupt waits
    irq.raise(1)
    net.polling = false
    pass(500)
    expect([irq.count, barks, clock.armed]).toEqual([1, [], 0])
  })

  test('may close and open the device, which then is as new', async () => {
    const { dev, pass, barks, clock } = await watched({
      ndoOpen: netifTxStartAllQueues,
      ndoStop: netifTxStopAllQueues,
      ndoTxTimeout: d => {
        void devClose(d)
        void devOpen(d)
      },
    })
    netifTxStopAllQueues(dev)
    pass(500)
    expect([barks, dev.tx.map(txq => txq.stopped), clock.armed]).toEqual([[[50, 0]], [false, false, false], 0])
  })
})
