import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { IRQ_HANDLED, Irq } from '#src/netdev/irq.ts'
import {
  devClose,
  devOpen,
  netifCarrierOff,
  netifCarrierOn,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
} from '#src/netdev/netif.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { addDevice, makeDevice, memoryNets, numbered } from '#support/memory-net.ts'

const makeNet = memoryNets()

/** A device with a watchdog of 50 ms. Records the ms and the queue of each ndoTxTimeout. */
async function watched(
  ops: Partial<NetDeviceOps<unknown>> = {},
  options: { down?: boolean; txqs?: number } = {},
) {
  const memory = makeNet()
  const timeouts: [ms: number, queue: number][] = []
  const added = await addDevice(
    memory,
    {
      ...ops,
      ndoTxTimeout: (dev, queue) => {
        timeouts.push([memory.clock.now() / NSEC_PER_MSEC, queue])
        return ops.ndoTxTimeout?.(dev, queue)
      },
    },
    { txqs: 3, rxqs: 1, watchdogTimeo: 50, ...options },
  )
  const pass = (ms: number) => memory.clock.advance(ms * NSEC_PER_MSEC)
  const [a, b, c] = added.dev.tx
  if (a === undefined || b === undefined || c === undefined) throw new Error('three queues')
  return { ...memory, ...added, timeouts, pass, a, b, c }
}

describe('a queue that remains stopped', () => {
  test('ndoTxTimeout is called for a queue stopped for the time of the watchdog, and not before', async () => {
    const { b, pass, timeouts } = await watched()
    pass(7)
    b.stop()
    pass(49)
    expect(timeouts).toEqual([])
    pass(1)
    expect(timeouts).toEqual([[57, 1]])
  })

  test('ndoTxTimeout is called every 50 ms while a queue remains stopped', async () => {
    const { a, pass, timeouts } = await watched()
    a.stop()
    pass(220)
    expect(timeouts).toEqual([50, 100, 150, 200].map(ms => [ms, 0]))
    expect(a.transTimeout).toBe(4)
  })

  test('each stopped queue is timed on its own', async () => {
    const { a, b, c, pass, timeouts } = await watched()
    a.stop()
    pass(20)
    c.stop()
    pass(110)
    expect(timeouts).toEqual([
      [50, 0],
      [70, 2],
      [100, 0],
      [120, 2],
    ])
    expect([a, b, c].map(txq => txq.transTimeout)).toEqual([2, 0, 2])
  })

  test('a queue is timed from the frame it was stopped with, although it is stopped again', async () => {
    const { a, pass, timeouts } = await watched()
    a.stop()
    pass(30)
    a.stop()
    pass(20)
    expect(timeouts).toEqual([[50, 0]])
  })

  test('transStart is the time of the last frame before the queue was stopped', async () => {
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
  test('ndoTxTimeout is not called for a queue that is woken, or started, in time', async () => {
    const { a, b, pass, timeouts, clock } = await watched()
    a.stop()
    b.stop()
    pass(49)
    a.wake()
    b.start()
    pass(500)
    expect([timeouts, clock.armed]).toEqual([[], 0])
  })

  test('a queue that is woken and stopped again is timed from the second stop', async () => {
    const { a, pass, timeouts } = await watched()
    a.stop()
    pass(40)
    a.wake()
    a.stop()
    pass(49)
    expect(timeouts).toEqual([])
    pass(1)
    expect(timeouts).toEqual([[90, 0]])
  })

  test('ndoTxTimeout is not called after the handler woke the queue', async () => {
    const { a, pass, timeouts } = await watched({ ndoTxTimeout: dev => dev.tx[0]?.wake() })
    a.stop()
    pass(500)
    expect(timeouts).toEqual([[50, 0]])
  })

  test('ndoTxTimeout is not called without a carrier, and the time starts again when it returns', async () => {
    const { a, dev, pass, timeouts } = await watched()
    netifCarrierOff(dev)
    a.stop()
    pass(120)
    expect([timeouts, a.transTimeout]).toEqual([[], 0])
    netifCarrierOn(dev)
    pass(50)
    expect(timeouts).toEqual([[150, 0]])
  })

  test('ndoTxTimeout is not called for a device that is closed or unregistered', async () => {
    const { a, dev, pass, timeouts, clock } = await watched()
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
    expect(timeouts).toEqual([])
  })

  test('a queue stopped after a device was closed and opened is timed', async () => {
    const { a, dev, pass, timeouts } = await watched()
    a.stop()
    await devClose(dev)
    await devOpen(dev)
    a.wake()
    pass(30)
    a.stop()
    pass(50)
    expect(timeouts).toEqual([[80, 0]])
  })

  test('ndoTxTimeout is not called for queues that are stopped by ndoStop', async () => {
    const { dev, pass, timeouts, clock } = await watched({
      ndoOpen: netifTxStartAllQueues,
      ndoStop: netifTxStopAllQueues,
    })
    await devClose(dev)
    expect(clock.armed).toBe(0)
    pass(500)
    expect(timeouts).toEqual([])
  })

  test('ndoTxTimeout is not called if watchdogTimeo is 0', async () => {
    const memory = makeNet()
    let timeouts = 0
    const { dev } = await addDevice(memory, { ndoTxTimeout: () => void timeouts++ })
    dev.tx[0]?.stop()
    expect([memory.clock.armed, dev.tx[0]?.transStart]).toEqual([0, 0])
    memory.clock.advance(NSEC_PER_SEC)
    expect(timeouts).toBe(0)
  })

  test('ndoTxTimeout is not called for a device that is not registered', () => {
    const dev = makeDevice({}, { watchdogTimeo: 50 })
    dev.tx[0]?.stop()
    expect(dev.tx[0]?.stopped).toBe(true)
  })
})

describe('a queue that is stopped while the device is opened', () => {
  test('a queue that is stopped while the device is opened is timed from then on', async () => {
    const { dev, pass, timeouts } = await watched({ ndoOpen: netifTxStopAllQueues }, { down: true })
    pass(1000)
    await devOpen(dev)
    pass(49)
    expect(timeouts).toEqual([])
    pass(1)
    expect(timeouts.map(([ms]) => ms)).toEqual([1050, 1050, 1050])
  })
})

describe('the log of the watchdog', () => {
  test('a timeout is logged in one line with the queue and the time, at most once a second', async () => {
    const { a, b, pass, lines } = await watched()
    const logged = () => lines.filter(line => line.includes('WATCHDOG'))
    a.stop()
    pass(20)
    b.stop()
    pass(1029)
    expect(logged()).toEqual(['test0: NETDEV WATCHDOG: transmit queue 0 timed out after 50 ms'])
    pass(1)
    expect(logged()).toEqual([
      'test0: NETDEV WATCHDOG: transmit queue 0 timed out after 50 ms',
      'test0: NETDEV WATCHDOG: 39 similar lines suppressed',
      'test0: NETDEV WATCHDOG: transmit queue 0 timed out after 1050 ms',
    ])
  })

  test('a handler that throws is logged, and the other queues are still timed', async () => {
    const { a, b, pass, timeouts, lines } = await watched({
      ndoTxTimeout: () => {
        throw new Error('no reset')
      },
    })
    a.stop()
    b.stop()
    pass(50)
    expect(timeouts).toEqual([
      [50, 0],
      [50, 1],
    ])
    expect(lines.at(-1)).toMatch(/^test0: ndoTxTimeout: Error: no reset \(at .*watchdog\.test\.ts/)
  })
})

describe('a handler', () => {
  test('a handler may stop its queue again, and all queues are still timed', async () => {
    const { a, b, pass, timeouts } = await watched({
      ndoTxTimeout: (dev, queue) => {
        dev.tx[queue]?.wake()
        if (queue === 0) {
          dev.tx[queue]?.stop()
        }
      },
    })
    a.stop()
    pass(20)
    b.stop()
    pass(90)
    expect(timeouts).toEqual([
      [50, 0],
      [70, 1],
      [100, 0],
    ])
  })

  test('a handler may close the device, and its other queues are left alone', async () => {
    const { dev, pass, timeouts, clock } = await watched({
      ndoStop: netifTxStopAllQueues,
      ndoTxTimeout: d => void devClose(d),
    })
    netifTxStopAllQueues(dev)
    pass(500)
    expect([timeouts, clock.armed]).toEqual([[[50, 0]], 0])
  })

  test('a handler is not called for a device that an interrupt closes just then', async () => {
    const { dev, pass, timeouts, clock } = await watched({ ndoStop: netifTxStopAllQueues })
    const irq = new Irq(dev)
    irq.request(() => {
      void devClose(dev)
      return IRQ_HANDLED
    })
    netifTxStopAllQueues(dev)
    irq.raise(1)
    pass(500) // the event loop stalls: the interrupt is not taken yet
    expect([irq.count, timeouts, clock.armed]).toEqual([1, [], 0])
  })

  test('a handler may close and open the device', async () => {
    const { dev, pass, timeouts, clock } = await watched({
      ndoOpen: netifTxStartAllQueues,
      ndoStop: netifTxStopAllQueues,
      ndoTxTimeout: d => {
        void devClose(d)
        void devOpen(d)
      },
    })
    netifTxStopAllQueues(dev)
    pass(500)
    expect([timeouts, dev.tx.map(txq => txq.stopped), clock.armed]).toEqual([
      [[50, 0]],
      [false, false, false],
      0,
    ])
  })
})
