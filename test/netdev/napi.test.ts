import { describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { IRQ_HANDLED, Irq } from '#src/netdev/irq.ts'
import { NAPI_POLL_WEIGHT, Napi } from '#src/netdev/napi.ts'
import { devClose, netifRx } from '#src/netdev/netif.ts'
import { addDevice, freshNet, numbered } from '#support/memory-net.ts'

const memory = freshNet()
/** A line of this file in a log line. */
const HERE = '(by|at) .*napi\\.test\\.ts:\\d+:\\d+\\)?'

/** A poll with so much work to do; it completes when it finds less than its budget. */
async function poller(weight?: number) {
  const { dev } = await addDevice(memory)
  const state = { work: 0, polls: [] as number[], completed: [] as boolean[] }
  const napi = new Napi(
    dev,
    (self, budget) => {
      const done = Math.min(state.work, budget)
      state.work -= done
      state.polls.push(done)
      if (done < budget) {
        state.completed.push(self.completeDone(done))
      }
      return done
    },
    weight,
  )
  napi.enable()
  return { dev, napi, state, flush: () => memory.net.flush() }
}

/** Adds a poll to a device of its own, enables and schedules it, and runs all that is to do. */
async function flushed(poll: ConstructorParameters<typeof Napi>[1]): Promise<Napi> {
  const { dev } = await addDevice(memory)
  const napi = new Napi(dev, poll)
  napi.enable()
  napi.schedule()
  memory.net.flush()
  return napi
}

describe('a poll that is scheduled', () => {
  test('a scheduled poll runs when the driver’s own code has returned, with a budget of 64', async () => {
    const { napi, state } = await poller()
    state.work = 5
    expect([napi.schedule(), state.polls]).toEqual([true, []])
    await Promise.resolve()
    expect([state.polls, state.completed]).toEqual([[5], [true]])
    expect([napi.weight, NAPI_POLL_WEIGHT]).toEqual([64, 64])
  })

  test('a poll is scheduled once until it completes', async () => {
    const { napi, state, flush } = await poller()
    expect([napi.schedule(), napi.schedule(), napi.schedule()]).toEqual([true, false, false])
    flush()
    // The first completion returns false, because the poll was scheduled again before.
    expect([state.polls, state.completed]).toEqual([
      [0, 0],
      [false, true],
    ])
    expect(napi.schedule()).toBe(true)
    flush()
    expect(state.polls).toEqual([0, 0, 0])
  })

  test('a poll that is disabled forgets that it was scheduled twice', async () => {
    const { napi, state, flush } = await poller()
    napi.schedule()
    napi.schedule()
    napi.disable()
    napi.enable()
    napi.schedule()
    flush()
    expect(state.completed).toEqual([true])
  })

  test('a poll out of turn has the budget of its caller, and completes nothing', async () => {
    const { napi, state, flush } = await poller()
    state.work = 3
    napi.schedule()
    expect([napi.busyPoll(0), napi.busyPoll(2), napi.busyPoll(8)]).toEqual([0, 2, 1])
    expect(state.completed).toEqual([false])
    flush()
    expect([state.polls, state.completed, napi.polls]).toEqual([[0, 2, 1, 0], [false, true], 4])
    expect(memory.lines.filter(line => line.includes('napi'))).toEqual([])
  })

  test('a poll that used up its budget is polled again until it completes', async () => {
    const { napi, state, flush } = await poller(16)
    state.work = 40
    napi.schedule()
    flush()
    expect(state.polls).toEqual([16, 16, 8])
    flush()
    expect([state.polls.length, state.completed]).toEqual([3, [true]])
  })

  test('a poll that completed with just its budget is not polled again until it is scheduled', async () => {
    let polls = 0
    const napi = await flushed((self, budget) => {
      polls++
      self.completeDone(budget)
      return budget
    })
    memory.net.flush()
    expect(polls).toBe(1)
    expect(napi.schedule()).toBe(true)
  })

  test('a poll that schedules itself after it completed is polled again in the same flush', async () => {
    let polls = 0
    await flushed(self => {
      self.completeDone(0)
      if (++polls < 3) {
        expect(self.schedule()).toBe(true)
      }
      return 0
    })
    expect(polls).toBe(3)
    expect(memory.lines.filter(line => line.includes('completeDone'))).toEqual([])
  })

  test('a poll runs once a round, although it completed and scheduled itself again', async () => {
    const { dev } = await addDevice(memory)
    let polls = 0
    const napi = new Napi(dev, (self, budget) => {
      self.completeDone(budget)
      if (++polls < 15) {
        self.schedule()
      }
      return budget
    })
    napi.enable()
    napi.schedule()
    memory.net.flush()
    expect(polls).toBe(10) // the rounds of one go
    memory.net.flush()
    expect(polls).toBe(15)
  })

  test('a poll runs once a round, although it was disabled, enabled and scheduled while it waited', async () => {
    const { napi, state, flush } = await poller(4)
    napi.schedule()
    napi.disable()
    napi.enable()
    expect(napi.schedule()).toBe(true)
    state.work = 4 * 12
    flush()
    expect(state.polls).toHaveLength(10) // the rounds of one go
    flush()
    expect(state.polls).toHaveLength(13)
  })

  test('a poll that handled less than its budget without completing is logged and not polled again', async () => {
    let polls = 0
    const rxPoll = () => ++polls
    await flushed(rxPoll)
    memory.net.flush()
    expect(polls).toBe(1)
    expect(memory.lines.at(-1)).toMatch(
      new RegExp(
        `^test0: napi poll: rxPoll, added ${HERE}, returned 1 of 64 without napi_complete_done: it is not`,
      ),
    )
  })

  test('frames received in a poll reach the kernel in the same flush', async () => {
    const { dev, port } = await addDevice(memory)
    const napi = new Napi(dev, self => {
      const skb = memory.pool.alloc(60)
      skb?.put(60)
      if (skb !== undefined) {
        skb.dev = dev
        netifRx(skb)
      }
      self.completeDone(1)
      return 1
    })
    memory.made = 1
    napi.enable()
    napi.schedule()
    memory.net.flush()
    expect(port.received).toHaveLength(1)
  })

  test('polls take turns, one budget each', async () => {
    const { dev } = await addDevice(memory)
    const order: string[] = []
    const make = (name: string, times: number) => {
      let left = times
      return new Napi(
        dev,
        (self, budget) => {
          order.push(name)
          if (--left > 0) return budget
          self.completeDone(0)
          return 0
        },
        8,
      )
    }
    for (const napi of [make('a', 3), make('b', 1), make('c', 2)]) {
      napi.enable()
      napi.schedule()
    }
    memory.net.flush()
    expect(order).toEqual(['a', 'b', 'c', 'a', 'c', 'a'])
  })
})

describe('warnings', () => {
  const warnings = () => memory.lines.filter(line => line.includes('napi'))

  test('a driver that schedules a poll before it enables it is warned, with its line', async () => {
    const { dev } = await addDevice(memory)
    const napi = new Napi(dev, () => 0)
    expect(napi.schedule()).toBe(false)
    expect(warnings()).toEqual([
      expect.stringMatching(
        `^test0: napi_schedule before napi_enable, ${HERE}: the poll does not run$`,
      ),
    ])
  })

  test('a driver that schedules a poll after it disabled it is warned, and the other times are counted', async () => {
    const { napi } = await poller()
    napi.disable()
    for (let n = 0; n < 4; n++) {
      expect(napi.schedule()).toBe(false)
    }
    memory.clock.advance(NSEC_PER_SEC)
    expect(warnings()).toEqual([
      expect.stringMatching(
        `^test0: napi_schedule after napi_disable, ${HERE}: the poll does not run$`,
      ),
      'test0: napi_schedule: 3 similar lines suppressed',
    ])
  })

  test('a driver that enables a poll twice is warned, with its line', async () => {
    const { napi, state } = await poller()
    napi.enable()
    expect(warnings()).toEqual([
      expect.stringMatching(
        `^test0: napi_enable of a poll that is enabled, ${HERE}: a kernel ends here, by BUG\\(\\)$`,
      ),
    ])
    napi.schedule()
    memory.net.flush()
    expect(state.polls).toEqual([0])
    napi.disable()
    napi.enable()
    expect(warnings()).toHaveLength(1)
  })

  test('a driver that completes a poll after its whole budget gets a warning with its line', async () => {
    await flushed((self, budget) => {
      self.completeDone(budget)
      return budget
    })
    expect(warnings()).toEqual([
      expect.stringMatching(
        `^test0: napi_complete_done with 64 of 64 handled, ${HERE}: a poll that returns its whole`,
      ),
    ])
  })

  test('a poll that returns its whole budget although it completed is warned of, with where it was added', async () => {
    await flushed((self, budget) => {
      self.completeDone(3)
      return budget
    })
    expect(warnings()).toEqual([
      expect.stringMatching(
        `^test0: napi poll: the function, added ${HERE}, returned 64, its whole budget, after napi_complete_done with 3$`,
      ),
    ])
  })

  test('a poll that returns more than its budget is warned of, with where it was added, and polled again', async () => {
    let polls = 0
    await flushed((self, budget) => {
      if (++polls === 1) return budget + 1
      self.completeDone(0)
      return 0
    })
    expect(polls).toBe(2)
    expect(warnings()).toEqual([
      expect.stringMatching(
        `^test0: napi poll: the function, added ${HERE}, returned 65, exceeding its budget of 64$`,
      ),
    ])
  })
})

describe('a poll that is disabled', () => {
  test('a disabled poll is not scheduled', async () => {
    const { napi, state, flush } = await poller()
    napi.disable()
    expect(napi.schedule()).toBe(false)
    flush()
    expect(state.polls).toEqual([])
    napi.enable()
    expect(napi.schedule()).toBe(true)
    flush()
    expect(state.polls).toEqual([0])
  })

  test('a poll disabled after it was scheduled does not run until it is scheduled again', async () => {
    const { napi, state, flush } = await poller()
    napi.schedule()
    napi.disable()
    flush()
    expect(state.polls).toEqual([])
    napi.enable()
    flush()
    expect(state.polls).toEqual([])
    napi.schedule()
    flush()
    expect(state.polls).toEqual([0])
  })

  test('a poll that disables itself is not polled again, and completeDone returns false', async () => {
    const answers: boolean[] = []
    let polls = 0
    await flushed((self, budget) => {
      polls++
      self.disable()
      answers.push(self.completeDone(0))
      return budget
    })
    memory.net.flush()
    expect([polls, answers]).toEqual([1, [false]])
  })
})

test('a poll that throws is logged with its place, ends there, and may be scheduled again', async () => {
  let polls = 0
  const napi = await flushed(self => {
    if (++polls === 1) throw new Error('no ring')
    self.completeDone(0)
    return 0
  })
  expect(memory.lines.at(-1)).toMatch(
    /^test0: napi poll: Error: no ring \(at .*napi\.test\.ts:\d+:\d+\)+$/,
  )
  expect(polls).toBe(1)
  expect(napi.schedule()).toBe(true)
  await undefined // no poll is under way: a microtask runs it
  expect(polls).toBe(2)
})

describe('a poll that never completes', () => {
  async function endless() {
    const { dev } = await addDevice(memory)
    const state = { polls: 0, on: true }
    const napi = new Napi(dev, (self, budget) => {
      state.polls++
      if (state.on) return budget
      self.completeDone(0)
      return 0
    })
    napi.enable()
    return { napi, state }
  }

  test('a poll that never completes is left after ten rounds, and continues by an alarm', async () => {
    const { napi, state } = await endless()
    napi.schedule()
    memory.net.flush()
    expect([state.polls, memory.clock.armed]).toEqual([10, 1])
    memory.clock.advance(0)
    expect([state.polls, memory.clock.armed]).toEqual([20, 1])
    state.on = false
    memory.clock.advance(1)
    expect([state.polls, memory.clock.armed]).toEqual([21, 0])
    memory.clock.advance(NSEC_PER_SEC)
    expect(state.polls).toBe(21)
  })

  test('a poll that never completes delays no frame, interrupt or other poll', async () => {
    const { napi, state } = await endless()
    napi.schedule()
    memory.net.flush()
    const other = await poller()
    other.state.work = 3
    other.napi.schedule()
    const irq = new Irq(other.dev)
    let interrupts = 0
    irq.request(() => {
      interrupts++
      return IRQ_HANDLED
    })
    irq.raise(1)
    const { port } = await addDevice(memory, { ndoStartXmit: skb => netifRx(skb) })
    for (const octets of numbered(40)) {
      port.transmit(octets)
    }
    port.drain()
    expect([port.received.length, other.state.polls, interrupts]).toEqual([40, [3], 1])
    state.on = false
    memory.net.flush()
  })
})

test('an interrupt that a poll unmasks is taken in the same flush', async () => {
  const { dev } = await addDevice(memory)
  const order: string[] = []
  const irq = new Irq(dev)
  const napi = new Napi(dev, self => {
    order.push('poll')
    if (order.length === 2) {
      irq.raise(1) // comes while it is masked
    }
    self.completeDone(0)
    irq.unmask(1)
    return 0
  })
  irq.request(() => {
    order.push('interrupt')
    irq.acknowledge()
    irq.mask(1)
    napi.schedule()
    return IRQ_HANDLED
  })
  napi.enable()
  irq.raise(1)
  memory.net.flush()
  expect(order).toEqual(['interrupt', 'poll', 'interrupt', 'poll'])
})

test('a poll may close a device, and other polls still run', async () => {
  const closing = await addDevice(memory)
  const napi = new Napi(closing.dev, self => {
    void devClose(closing.dev)
    self.completeDone(0)
    return 0
  })
  napi.enable()
  const other = await poller(4)
  other.state.work = 10
  napi.schedule()
  other.napi.schedule()
  memory.net.flush()
  expect(other.state.polls).toEqual([4, 4, 2])
})
