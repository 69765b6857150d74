import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { EBADFD, EFAULT, EIO, ENOBUFS, ENOMEM } from '#src/base/errno.ts'
import { type MemoryPort, MemoryQueue } from '#src/bed/memory-port.ts'
import { NETDEV_TX_BUSY, NETDEV_TX_OK } from '#src/netdev/if.ts'
import { IRQ_HANDLED, Irq } from '#src/netdev/irq.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { devClose, devOpen, netifRx } from '#src/netdev/netif.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { TX_DROPPED, TX_ERRORS, TX_PACKETS } from '#src/netdev/stats.ts'
import {
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_DRIVER_EXCEPTION,
  SKB_DROP_REASON_WIRE_LOSS,
} from '#src/skb/drop-reason.ts'
import { Ring } from '#src/skb/ring.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { addDevice, freshNet, memoryNets, numbered, numberOf, turn } from '#support/memory-net.ts'

const makeNet = memoryNets()
const memory = freshNet()

/** What each queue of a port, in the order of attaching, is woken by. */
let listen: MockInstance<MemoryQueue['listen']>

beforeEach(() => {
  listen = vi.spyOn(MemoryQueue.prototype, 'listen')
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** Wakes the queue with attachment index i once, and returns its listener's result. */
function wakeUp(i = 0): unknown {
  return listen.mock.calls[i]?.[0](0)
}

/** A device that records the number of each frame and drops it. */
async function sink(options: { txqs?: number } = {}) {
  const memory = makeNet()
  const seen: number[] = []
  const added = await addDevice(
    memory,
    {
      ndoStartXmit: skb => {
        seen.push(numberOf(skb))
        skb.drop(SKB_DROP_REASON_WIRE_LOSS)
      },
    },
    options,
  )
  return { ...memory, ...added, seen }
}

function transmit(
  port: { transmit(bytes: Uint8Array, queue?: number): void },
  count: number,
  queue = 0,
): void {
  for (const octets of numbered(count)) {
    port.transmit(octets, queue)
  }
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

describe('a wake-up', () => {
  test('a wake-up handles 64 frames, read by sixteens, and leaves the rest for the next', async () => {
    const { port, seen } = await sink()
    const read = vi.spyOn(port.queues[0] as MemoryQueue, 'read')
    transmit(port, 200)
    wakeUp()
    expect([seen, read.mock.results.map(({ value }) => value)]).toEqual([
      upTo(64),
      [16, 16, 16, 16],
    ])
    wakeUp()
    expect(seen).toEqual(upTo(128))
    await turn()
    await turn()
    expect(seen).toEqual(upTo(200))
  })

  test('a wake-up ends with one empty read', async () => {
    const { port, seen } = await sink()
    const read = vi.spyOn(port.queues[0] as MemoryQueue, 'read')
    transmit(port, 32)
    wakeUp()
    expect([seen.length, read.mock.results.map(({ value }) => value)]).toEqual([32, [16, 16, 0]])
  })

  test.each([
    [3, 1],
    [4, 2],
    [5, 2],
    [19, 2],
    [20, 3],
  ])(
    'a wake-up with %i frames reads %i times, because a batch of large frames ends early',
    async (frames, reads) => {
      const { port, seen } = await sink()
      const read = vi.spyOn(port.queues[0] as MemoryQueue, 'read')
      transmit(port, frames)
      wakeUp()
      expect([seen.length, read.mock.calls.length]).toEqual([frames, reads])
    },
  )

  test('after wake-ups with few frames the next ones ask for fewer, and for whole batches when more come', async () => {
    const { port, seen } = await sink()
    const read = vi.spyOn(port.queues[0] as MemoryQueue, 'read')
    const asked = (frames: number): unknown[] => {
      read.mockClear()
      transmit(port, frames)
      wakeUp()
      return read.mock.calls.map(([, max]) => max)
    }
    expect([1, 1, 1].map(asked)).toEqual([[16], [8], [4]])
    expect(asked(40)).toEqual([4, 16, 16, 16, 16])
    expect([7, 7].map(asked)).toEqual([
      [8, 16],
      [8, 16],
    ])
    expect(seen).toHaveLength(3 + 40 + 14)
  })

  test('each frame is counted on the queue it was read from when it is read', async () => {
    const { port, dev } = await sink({ txqs: 3 })
    transmit(port, 4, 2)
    port.drain()
    expect([0, 1, 2].map(q => dev.counters.queue(q)[TX_PACKETS])).toEqual([0, 0, 4])
    expect(dev.counters.queue(2)[TX_DROPPED]).toBe(4)
  })
})

describe('a stopped queue', () => {
  /** A device that holds frames in a ring of four, as hardware does: full, it stops the queue. */
  async function withRing(txqs = 1) {
    const memory = makeNet()
    const rings = Array.from({ length: txqs }, () => new Ring(4))
    const added = await addDevice(
      memory,
      {
        ndoStartXmit: (skb, dev) => {
          const ring = rings[skb.queueMapping] as Ring
          ring.push(skb)
          if (ring.length === ring.capacity) {
            dev.txq(skb).stop()
          }
        },
        ndoStop: () => {
          for (const ring of rings) {
            ring.purge(SKB_DROP_REASON_DEV_STOPPED)
          }
        },
      },
      { txqs },
    )
    /** Numbers of the frames that leave the ring. */
    const complete = (q = 0): number[] => {
      const done: number[] = []
      for (let skb = rings[q]?.shift(); skb !== undefined; skb = rings[q]?.shift()) {
        done.push(numberOf(skb))
        skb.drop(SKB_DROP_REASON_WIRE_LOSS)
      }
      return done
    }
    return { ...memory, ...added, rings, complete }
  }

  test('a stopped queue is not read; frames already read reach the driver after the wake, in order', async () => {
    const { port, dev, rings, complete } = await withRing()
    const [txq] = dev.tx
    transmit(port, 40)
    wakeUp()
    expect([txq?.stopped, txq?.held, port.queues[0]?.paused]).toEqual([true, 12, true])
    const read = vi.spyOn(port.queues[0] as MemoryQueue, 'read')
    await turn()
    expect(read).not.toHaveBeenCalled()
    const done: number[] = []
    while (done.length < 40) {
      done.push(...complete())
      txq?.wake()
      expect(rings[0]?.length).toBeLessThanOrEqual(4)
      await turn()
    }
    expect(done).toEqual(upTo(40))
    expect([txq?.stopped, txq?.held, port.queues[0]?.paused]).toEqual([false, 0, false])
  })

  test('a queue that the driver stops again during a wake is not resumed', async () => {
    const { port, dev, complete } = await withRing()
    transmit(port, 16)
    wakeUp()
    const resume = vi.spyOn(port.queues[0] as MemoryQueue, 'resume')
    complete()
    dev.tx[0]?.wake()
    expect([dev.tx[0]?.stopped, dev.tx[0]?.held]).toEqual([true, 8])
    expect(resume).not.toHaveBeenCalled()
  })

  test('frames that waited reach the driver though an interrupt wakes the queue while they are drained', async () => {
    const { port, dev, complete } = await withRing()
    const txq = dev.tx[0] as (typeof dev.tx)[0]
    transmit(port, 16)
    wakeUp()
    const done = complete()
    const irq = new Irq(dev)
    irq.request(() => {
      done.push(...complete())
      txq.wake()
      return IRQ_HANDLED
    })
    const stop = txq.stop.bind(txq)
    txq.stop = () => {
      stop()
      irq.raise(1)
    }
    txq.wake()
    expect([done, txq.held, txq.stopped]).toEqual([upTo(16), 0, false])
  })

  test('a stopped queue does not stop others', async () => {
    const { port, dev, complete } = await withRing(2)
    transmit(port, 20, 0)
    transmit(port, 3, 1)
    port.drain()
    expect(dev.tx.map(txq => txq.stopped)).toEqual([true, false])
    expect(complete(1)).toEqual([0, 1, 2])
    transmit(port, 2, 1)
    await turn()
    expect(complete(1)).toEqual([0, 1])
  })

  test('a stopped queue is resumed by start as by wake', async () => {
    const { port, dev, complete } = await withRing()
    transmit(port, 6)
    wakeUp()
    complete()
    dev.tx[0]?.start()
    expect([dev.tx[0]?.stopped, dev.tx[0]?.held]).toEqual([false, 0])
    expect(complete()).toEqual([4, 5])
  })

  test('a queue is paused and resumed once, however often it is stopped and woken', async () => {
    const { port, dev } = await withRing()
    const [txq] = dev.tx
    const queue = port.queues[0] as MemoryQueue
    const [pause, resume] = [vi.spyOn(queue, 'pause'), vi.spyOn(queue, 'resume')]
    for (let i = 0; i < 3; i++) {
      txq?.stop()
    }
    for (let i = 0; i < 3; i++) {
      txq?.wake()
    }
    expect([pause.mock.calls.length, resume.mock.calls.length]).toEqual([1, 1])
  })
})

describe('NETDEV_TX_BUSY', () => {
  /** A device that returns BUSY while `busy` is set. */
  async function moody(stops: boolean) {
    const memory = makeNet()
    const state = { busy: false, seen: [] as number[], offered: 0 }
    const added = await addDevice(memory, {
      ndoStartXmit: (skb, dev) => {
        state.offered++
        if (state.busy) {
          if (stops) {
            dev.txq(skb).stop()
          }
          return NETDEV_TX_BUSY
        }
        state.seen.push(numberOf(skb))
        skb.drop(SKB_DROP_REASON_WIRE_LOSS)
        return NETDEV_TX_OK
      },
    })
    return { ...memory, ...added, state }
  }

  test('after NETDEV_TX_BUSY the frame is offered first, and the others after it in order', async () => {
    const { port, dev, state } = await moody(true)
    transmit(port, 20)
    state.busy = true
    wakeUp()
    expect([state.offered, dev.tx[0]?.held, dev.tx[0]?.requeues]).toEqual([1, 16, 1])
    state.busy = false
    dev.tx[0]?.wake()
    await turn()
    expect(state.seen).toEqual(upTo(20))
  })

  test('after NETDEV_TX_BUSY without a stop the frame is offered again after a millisecond', async () => {
    const { port, dev, state, clock } = await moody(false)
    transmit(port, 20)
    state.busy = true
    wakeUp()
    expect([state.offered, dev.tx[0]?.held, dev.tx[0]?.stopped, port.queues[0]?.paused]).toEqual([
      1,
      16,
      false,
      true,
    ])
    clock.advance(NSEC_PER_MSEC - 1)
    expect(state.offered).toBe(1)
    clock.advance(1)
    expect([state.offered, dev.tx[0]?.requeues]).toEqual([2, 2])
    state.busy = false
    clock.advance(NSEC_PER_MSEC)
    await turn()
    expect(state.seen).toEqual(upTo(20))
  })

  test('NETDEV_TX_BUSY without a stop is also ended by a wake', async () => {
    const { port, dev, state } = await moody(false)
    transmit(port, 3)
    state.busy = true
    wakeUp()
    state.busy = false
    dev.tx[0]?.wake()
    expect(state.seen).toEqual(upTo(3))
  })

  test('NETDEV_TX_BUSY after a stop waits for the wake', async () => {
    const { port, dev, state, clock } = await moody(true)
    transmit(port, 1)
    state.busy = true
    wakeUp()
    state.busy = false
    clock.advance(NSEC_PER_SEC)
    expect(state.seen).toEqual([])
    dev.tx[0]?.wake()
    expect(state.seen).toEqual([0])
  })

  test('a driver that stops and wakes its queue for every frame gets each once, in order, after NETDEV_TX_BUSY', async () => {
    const state = { busy: true }
    const { port, dev } = await addDevice(memory, {
      ndoStartXmit: (skb, dev) => {
        if (state.busy) return NETDEV_TX_BUSY
        dev.txq(skb).stop()
        dev.txq(skb).wake()
        netifRx(skb)
        return NETDEV_TX_OK
      },
    })
    transmit(port, 20)
    wakeUp()
    state.busy = false
    memory.clock.advance(NSEC_PER_MSEC)
    await turn()
    expect(port.received.map(numberOf)).toEqual(upTo(20))
    expect([dev.tx[0]?.held, port.queues[0]?.paused]).toEqual([0, false])
  })

  test('a driver that closes and opens its device after NETDEV_TX_BUSY loses the frames it was not given', async () => {
    const state = { busy: true }
    const { port, dev } = await addDevice(memory, {
      ndoStartXmit: (skb, dev) => {
        if (state.busy) return NETDEV_TX_BUSY
        devClose(dev)
        devOpen(dev)
        netifRx(skb)
        return NETDEV_TX_OK
      },
    })
    transmit(port, 10)
    wakeUp()
    state.busy = false
    memory.clock.advance(NSEC_PER_MSEC)
    await turn()
    expect(port.received.map(numberOf)).toEqual([0])
    expect(dev.counters.drops().tx[SKB_DROP_REASON_DEV_STOPPED]).toBe(9)
    expect([dev.tx[0]?.held, port.queues[0]?.paused]).toEqual([0, false])
  })

  test('NETDEV_TX_BUSY in the middle of a batch keeps the order', async () => {
    const seen: number[] = []
    const { port } = await addDevice(memory, {
      ndoStartXmit: (skb, dev) => {
        // Every third frame is refused the first time.
        if (numberOf(skb) % 3 === 2 && dev.txq(skb).requeues < seen.length - seen.length / 3) {
          return NETDEV_TX_BUSY
        }
        seen.push(numberOf(skb))
        skb.drop(SKB_DROP_REASON_WIRE_LOSS)
        return NETDEV_TX_OK
      },
    })
    transmit(port, 100)
    for (let i = 0; i < 200 && seen.length < 100; i++) {
      await turn()
      memory.clock.advance(NSEC_PER_MSEC)
    }
    expect(seen).toEqual(upTo(100))
  })

  test('NETDEV_TX_BUSY for a frame that was passed on is logged as a mistake', async () => {
    const { port, dev } = await addDevice(memory, {
      ndoStartXmit: skb => {
        netifRx(skb)
        return NETDEV_TX_BUSY
      },
    })
    transmit(port, 1)
    wakeUp()
    expect(memory.lines.at(-1)).toBe(
      'test0: ndoStartXmit: returned NETDEV_TX_BUSY for a frame that it had handed on',
    )
    expect([dev.tx[0]?.held, port.received.length]).toEqual([0, 1])
  })
})

describe('an exception in ndoStartXmit', () => {
  async function throwing(before: (skb: SkBuff, dev: NetDevice) => void) {
    const memory = makeNet()
    const seen: number[] = []
    const added = await addDevice(memory, {
      ndoStartXmit: (skb, dev) => {
        if (numberOf(skb) === 1) {
          before(skb, dev)
          throw new RangeError('broken')
        }
        seen.push(numberOf(skb))
        netifRx(skb)
      },
    })
    return { ...memory, ...added, seen }
  }

  test('an exception in ndoStartXmit drops that frame and no other', async () => {
    const { port, dev, seen } = await throwing(() => {})
    transmit(port, 4)
    wakeUp()
    expect([seen, port.received.map(numberOf)]).toEqual([
      [0, 2, 3],
      [0, 2, 3],
    ])
    expect(dev.counters.drops().tx[SKB_DROP_REASON_DRIVER_EXCEPTION]).toBe(1)
  })

  test('an exception in ndoStartXmit leaves a frame that was handed on to its new owner', async () => {
    const ring = new Ring(1)
    const { port, dev, pool } = await throwing(skb => void ring.push(skb))
    transmit(port, 3)
    wakeUp()
    expect([pool.out, dev.counters.drops().tx[SKB_DROP_REASON_DRIVER_EXCEPTION]]).toEqual([1, 0])
    ring.purge(SKB_DROP_REASON_WIRE_LOSS)
    const received = await throwing(netifRx)
    transmit(received.port, 3)
    wakeUp(1)
    expect(received.port.received.map(numberOf)).toEqual([0, 1, 2])
  })

  test('an exception in ndoStartXmit counts on the device that the frame came from', async () => {
    const { port, dev } = await throwing(skb => {
      skb.dev = undefined
    })
    transmit(port, 2)
    wakeUp()
    expect(dev.counters.drops().tx[SKB_DROP_REASON_DRIVER_EXCEPTION]).toBe(1)
  })

  test.each([
    ['an object without a prototype', Object.create(null)],
    ['an error with a stack of its own', Object.assign(new Error('own'), { stack: 1 })],
  ])('after ndoStartXmit throws %s the next frames are sent', async (_, thrown) => {
    const { port, dev } = await addDevice(memory, {
      ndoStartXmit: () => {
        throw thrown
      },
    })
    transmit(port, 3)
    wakeUp()
    expect(dev.counters.drops().tx[SKB_DROP_REASON_DRIVER_EXCEPTION]).toBe(3)
  })

  test('an exception in ndoStartXmit leaves a freed frame alone', async () => {
    const { port, dev } = await throwing(skb => skb.drop(SKB_DROP_REASON_WIRE_LOSS))
    transmit(port, 2)
    wakeUp()
    expect(dev.counters.drops().tx[SKB_DROP_REASON_DRIVER_EXCEPTION]).toBe(0)
  })

  test('an exception in ndoStartXmit is logged with its place, once a second', async () => {
    const { port, clock, lines } = await throwing(() => {})
    const logged = () => lines.filter(line => line.includes('ndoStartXmit'))
    const throwOnce = () => {
      port.transmit(numbered(1, 1)[0] as Uint8Array)
      port.drain()
    }
    for (let i = 0; i < 5; i++) {
      throwOnce()
    }
    expect(logged()).toEqual([
      expect.stringMatching(
        /^test0: ndoStartXmit: RangeError: broken \(at .*tx-queue\.test\.ts:\d+:\d+\)+$/,
      ),
    ])
    clock.advance(NSEC_PER_SEC - 1)
    throwOnce()
    expect(logged()).toHaveLength(1)
    clock.advance(1)
    throwOnce()
    expect(logged().slice(1)).toEqual([
      'test0: ndoStartXmit: 5 similar lines suppressed',
      expect.stringContaining('RangeError: broken'),
    ])
  })

  test('an exception of an SkBuff method is logged with the driver’s line', async () => {
    const { port } = await addDevice(memory, { ndoStartXmit: skb => void skb.push(10_000) })
    transmit(port, 1)
    wakeUp()
    expect(memory.lines.at(-1)).toMatch(
      /SkbError: skb_under_panic: skb_push of 10000 bytes where \d+ are left, by \S+ \(.*tx-queue\.test\.ts:\d+:\d+\)$/,
    )
  })
})

describe('an empty pool', () => {
  test('an empty pool pauses the queue, and the first freed slot resumes it', async () => {
    const memory = makeNet({ large: 4 })
    const held: SkBuff[] = []
    const { port } = await addDevice(memory, { ndoStartXmit: skb => void held.push(skb) })
    const queue = port.queues[0] as MemoryQueue
    transmit(port, 6)
    await turn()
    expect([held.map(numberOf), queue.paused]).toEqual([upTo(4), true])
    const read = vi.spyOn(queue, 'read')
    await turn()
    expect(read).not.toHaveBeenCalled()
    held.shift()?.drop()
    expect(queue.paused).toBe(false)
    await turn()
    expect([held.map(numberOf), queue.paused]).toEqual([[1, 2, 3, 4], true])
    for (const skb of held.splice(0)) {
      skb.drop()
    }
    await turn()
    expect(held.map(numberOf)).toEqual([5])
    for (const skb of held.splice(0)) {
      skb.drop()
    }
  })

  test('the first read after an empty pool asks for a whole batch', async () => {
    const memory = makeNet({ large: 4 })
    const held: SkBuff[] = []
    const { port } = await addDevice(memory, { ndoStartXmit: skb => void held.push(skb) })
    const read = vi.spyOn(port.queues[0] as MemoryQueue, 'read')
    transmit(port, 6)
    await turn()
    expect(read).toHaveLastReturnedWith(-ENOBUFS)
    read.mockClear()
    for (const skb of held.splice(0)) {
      skb.drop()
    }
    await turn()
    expect(read.mock.calls[0]?.[1]).toBe(16)
    for (const skb of held.splice(0)) {
      skb.drop()
    }
  })

  test('a device without slots leaves the others theirs', async () => {
    const memory = makeNet({ large: 8 })
    const held: SkBuff[] = []
    const stuck = await addDevice(memory, { ndoStartXmit: skb => void held.push(skb) })
    const other = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
    transmit(stuck.port, 50)
    await turn()
    expect([held.length, stuck.port.queues[0]?.paused]).toEqual([4, true])
    transmit(other.port, 50)
    other.port.drain()
    expect(other.port.received.map(numberOf)).toEqual(upTo(50))
    for (const skb of held.splice(0)) {
      skb.drop()
    }
    await unregisterNetdev(stuck.dev)
    for (const skb of held.splice(0)) {
      skb.drop()
    }
  })

  test('a freed slot resumes all queues that paused without one', async () => {
    const memory = makeNet({ large: 2 })
    const held: SkBuff[] = []
    const { port } = await addDevice(
      memory,
      { ndoStartXmit: skb => void held.push(skb) },
      { txqs: 2 },
    )
    transmit(port, 3, 0)
    transmit(port, 3, 1)
    const seen: number[] = []
    for (let i = 0; i < 20 && seen.length < 6; i++) {
      await turn()
      seen.push(held.length)
      for (const skb of held.splice(0)) {
        skb.drop()
      }
    }
    await turn()
    for (const skb of held.splice(0)) {
      skb.drop()
    }
    expect(memory.conserved().in).toBe(6)
  })
})

describe('a device that is stopped', () => {
  test('closing a device drops and counts what the kernel has queued', async () => {
    const { dev, port, seen, conserved } = await sink()
    transmit(port, 40)
    await devClose(dev)
    expect(dev.counters.drops().tx[SKB_DROP_REASON_DEV_STOPPED]).toBe(40)
    conserved()
    await devOpen(dev)
    port.transmit(numbered(1, 99)[0] as Uint8Array)
    await turn()
    expect(seen).toEqual([99])
  })

  test('closing a device drops what the driver had not taken', async () => {
    const { dev, port } = await addDevice(memory, {
      ndoStartXmit: (skb, device) => {
        device.txq(skb).stop()
        return NETDEV_TX_BUSY
      },
    })
    transmit(port, 10)
    wakeUp()
    expect(dev.held).toBe(10)
    await devClose(dev)
    expect([dev.held, dev.counters.drops().tx[SKB_DROP_REASON_DEV_STOPPED]]).toEqual([0, 10])
  })

  test('a wake in ndoStop gives the driver no frame', async () => {
    const order: string[] = []
    const { dev, port } = await addDevice(memory, {
      ndoStartXmit: (skb, device) => {
        order.push('xmit')
        device.txq(skb).stop()
        return NETDEV_TX_BUSY
      },
      ndoStop: device => {
        order.push('stop')
        device.tx[0]?.wake()
      },
    })
    transmit(port, 10)
    wakeUp()
    await devClose(dev)
    expect(order).toEqual(['xmit', 'stop'])
    expect(dev.counters.drops().tx[SKB_DROP_REASON_DEV_STOPPED]).toBe(10)
  })

  test('closing a device drops what the kernel has queued also if the driver held all slots', async () => {
    const memory = makeNet({ large: 4 })
    const kept = new Ring(4)
    const { dev, port } = await addDevice(memory, {
      ndoStartXmit: skb => void kept.push(skb),
      ndoStop: () => void kept.purge(SKB_DROP_REASON_WIRE_LOSS),
    })
    transmit(port, 10)
    wakeUp()
    expect(kept.length).toBe(4)
    await devClose(dev)
    const { tx } = dev.counters.drops()
    expect([tx[SKB_DROP_REASON_WIRE_LOSS], tx[SKB_DROP_REASON_DEV_STOPPED]]).toEqual([4, 6])
  })

  test('a closed device offers no frame again after NETDEV_TX_BUSY', async () => {
    let offered = 0
    const { dev, port } = await addDevice(memory, {
      ndoStartXmit: () => {
        offered++
        return NETDEV_TX_BUSY
      },
    })
    transmit(port, 1)
    wakeUp()
    await devClose(dev)
    memory.clock.advance(NSEC_PER_SEC)
    expect(offered).toBe(1)
  })

  test('a driver that closes its device in the middle of a batch loses the rest of it', async () => {
    let offered = 0
    const { dev, port } = await addDevice(memory, {
      ndoStartXmit: (skb, device) => {
        offered++
        void devClose(device)
        skb.drop(SKB_DROP_REASON_WIRE_LOSS)
      },
    })
    transmit(port, 40)
    wakeUp()
    expect([offered, dev.held, memory.pool.out]).toEqual([1, 0, 0])
    const { tx } = dev.counters.drops()
    expect([tx[SKB_DROP_REASON_WIRE_LOSS], tx[SKB_DROP_REASON_DEV_STOPPED]]).toEqual([1, 39])
  })

  test('a driver that closes its device and returns NETDEV_TX_BUSY loses that frame too', async () => {
    const { dev, port } = await addDevice(memory, {
      ndoStartXmit: (_, device) => {
        void devClose(device)
        return NETDEV_TX_BUSY
      },
    })
    transmit(port, 5)
    wakeUp()
    expect([dev.held, dev.counters.drops().tx[SKB_DROP_REASON_DEV_STOPPED]]).toEqual([0, 5])
  })

  test('a device is read from when it is opened, not before', async () => {
    const { dev, port } = await addDevice(memory, {}, { down: true })
    const read = vi.spyOn(port.queues[0] as MemoryQueue, 'read')
    transmit(port, 1)
    await turn()
    expect(read).not.toHaveBeenCalled()
    await devOpen(dev)
    await turn()
    expect(dev.counters.sum()[TX_PACKETS]).toBe(1)
  })
})

describe('the device goes, once', () => {
  test.each<[string, (port: MemoryPort) => void]>([
    ['its interface is deleted', port => port.change({ kind: 'gone' })],
    ['a queue tells that it is dead', port => port.queues[1]?.end()],
    [
      'a queue cannot be read',
      port => {
        vi.spyOn(port.queues[1] as MemoryQueue, 'read').mockReturnValue(-EBADFD)
        transmit(port, 1, 1)
      },
    ],
  ])('when %s', async (_, happens) => {
    const { port, lines, net } = await sink({ txqs: 2 })
    happens(port)
    await turn()
    expect(net.devices).toEqual([])
    expect(lines.filter(line => line.includes('outside'))).toEqual([
      'test0: interface was deleted from outside',
    ])
  })
})

test('a read that fails otherwise costs no device: it is counted, logged once, and tried again after 10 ms', async () => {
  const { port, lines, net, dev, clock, seen } = await sink()
  const read = vi.spyOn(port.queues[0] as MemoryQueue, 'read')
  for (const error of [EFAULT, EIO, ENOMEM]) {
    read.mockReturnValueOnce(-error).mockReturnValueOnce(-error)
  }
  transmit(port, 3)
  for (let failed = 1; failed <= 6; failed++) {
    await turn()
    await turn()
    clock.advance(9 * NSEC_PER_MSEC)
    await turn()
    await turn()
    expect([read.mock.calls.length, dev.counters.sum()[TX_ERRORS]]).toEqual([failed, failed])
    clock.advance(NSEC_PER_MSEC)
  }
  await turn()
  expect([seen, net.devices]).toEqual([upTo(3), [dev]])
  expect(lines.filter(line => line.includes('cannot be read'))).toEqual(
    ['EFAULT', 'EIO', 'ENOMEM'].map(
      name => `test0: transmit queue 0 cannot be read: ${name}; trying again`,
    ),
  )
})

test('a device that cannot be read can be closed and opened', async () => {
  const { port, dev, seen, clock } = await sink()
  vi.spyOn(port.queues[0] as MemoryQueue, 'read').mockReturnValueOnce(-EIO)
  transmit(port, 1)
  await turn()
  await devClose(dev)
  await devOpen(dev)
  transmit(port, 1)
  await turn()
  expect(seen.length).toBe(1)
  clock.advance(10 * NSEC_PER_MSEC)
})

test('a poll that throws is over, and later interrupts are taken', async () => {
  const { port, dev } = await addDevice(memory, { ndoStartXmit: netifRx })
  vi.spyOn(port.queues[0] as MemoryQueue, 'submit').mockImplementationOnce(() => {
    throw new Error('the kernel is broken')
  })
  transmit(port, 1)
  expect(() => wakeUp()).toThrow('the kernel is broken')
  const irq = new Irq(dev)
  irq.request(() => IRQ_HANDLED)
  irq.raise(1)
  await undefined
  expect(irq.count).toBe(1)
})

test('a queue that had four frames or more is polled again', async () => {
  const { port, seen } = await sink()
  for (const frame of numbered(71)) {
    port.transmit(frame)
  }
  expect([wakeUp(), seen.length]).toEqual([true, 64])
  expect([wakeUp(), seen.length]).toEqual([true, 71])
  expect(wakeUp()).toBe(false)
  for (const frame of numbered(3)) {
    port.transmit(frame)
  }
  expect([wakeUp(), seen.length]).toEqual([false, 74])
  for (const frame of numbered(4)) {
    port.transmit(frame)
  }
  expect(wakeUp()).toBe(true)
})

test('a dead queue is not polled again', async () => {
  await sink()
  expect(listen.mock.calls[0]?.[0](-EBADFD)).toBe(false)
})
