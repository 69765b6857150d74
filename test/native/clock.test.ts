import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '../../src/core/clock.ts'
import { EMFILE, VnetError } from '../../src/core/errno.ts'
import { TimerfdClock } from '../../src/kernel/clock.ts'
import type { Poller } from '../../src/kernel/native.ts'
import { native } from './support.ts'

let clock: TimerfdClock
beforeEach(() => {
  clock = new TimerfdClock(native)
})
afterEach(() => clock.close())

/** Settles when an alarm at `ns` has rung, with the moment it did. */
const ring = (ns: number) => new Promise<number>(resolve => clock.alarm(() => resolve(clock.now())).at(ns))

describe('an alarm', () => {
  test('rings at its moment or later, never earlier', async () => {
    for (const wait of [0, 1, 999.5, 100_000, 3 * NSEC_PER_MSEC]) {
      const moment = clock.now() + wait
      expect(await ring(moment)).toBeGreaterThanOrEqual(moment)
    }
  })

  test.each([0, 1, -5])('rings for %d, which is long past', async moment => {
    expect(await ring(moment)).toBeGreaterThan(moment)
  })

  test('rings once for each arming', async () => {
    let rings = 0
    const alarm = clock.alarm(() => rings++)
    alarm.at(clock.now())
    await ring(clock.now() + NSEC_PER_MSEC)
    expect(rings).toBe(1)
    alarm.at(clock.now())
    await ring(clock.now() + NSEC_PER_MSEC)
    expect(rings).toBe(2)
  })

  test('that is armed again has moved, earlier or later', async () => {
    const order: string[] = []
    const start = clock.now()
    const later = clock.alarm(() => order.push('later'))
    const earlier = clock.alarm(() => order.push('earlier'))
    later.at(start)
    earlier.at(start + 60 * NSEC_PER_MSEC)
    later.at(start + 3 * NSEC_PER_MSEC)
    earlier.at(start + NSEC_PER_MSEC)
    await ring(start + 5 * NSEC_PER_MSEC)
    expect(order).toEqual(['earlier', 'later'])
  })

  test('does not ring once cancelled, and may be cancelled at any time', async () => {
    const rings: string[] = []
    const start = clock.now()
    const first = clock.alarm(() => {
      rings.push('first')
      second.cancel()
    })
    const second = clock.alarm(() => rings.push('second'))
    first.cancel()
    first.at(start)
    second.at(start)
    await ring(start + NSEC_PER_MSEC)
    first.cancel()
    expect(rings).toEqual(['first'])
  })

  test('may arm itself anew while it rings, also for a moment that is past, without keeping the loop to itself', async () => {
    let rings = 0
    let others = 0
    await new Promise<void>(resolve => {
      const alarm = clock.alarm(() => {
        if (++rings === 50) resolve()
        else alarm.at(0)
      })
      alarm.at(0)
      setImmediate(function turn() {
        others++
        if (rings < 50) setImmediate(turn)
      })
    })
    expect(others).toBeGreaterThan(10)
  })

  test('that throws does not silence the others', async () => {
    const uncaught: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException').on('uncaughtException', error => uncaught.push(error))
    try {
      const start = clock.now()
      const error = new Error('on purpose')
      clock
        .alarm(() => {
          throw error
        })
        .at(start)
      await ring(start)
      await ring(start + NSEC_PER_MSEC)
      expect(uncaught).toEqual([error])
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
  })
})

describe('alarms', () => {
  test('ring in the order of their moments, and of their arming where those are equal', async () => {
    const order: number[] = []
    const start = clock.now() + NSEC_PER_MSEC
    const moments = [5, 3, 3, 9, 1, 3, 7, 1, 5, 0]
    for (const [i, moment] of moments.entries()) clock.alarm(() => order.push(i)).at(start + moment)
    await ring(start + 10)
    expect(order).toEqual([9, 4, 7, 1, 2, 5, 0, 8, 6, 3])
  })
})

describe('a clock', () => {
  test('reads the clock its timer counts by', () => {
    const before = native.monotonic()
    const now = clock.now()
    expect(now).toBeGreaterThanOrEqual(before)
    expect(native.monotonic()).toBeGreaterThanOrEqual(now)
  })

  test('is silent once closed, may be closed twice, and inside an alarm', async () => {
    const other = new TimerfdClock(native)
    const rings: string[] = []
    const start = clock.now()
    const late = other.alarm(() => rings.push('late'))
    await new Promise<void>(resolve => {
      other
        .alarm(() => {
          rings.push('close')
          other.close()
          resolve()
        })
        .at(start)
      late.at(start)
    })
    late.at(0)
    late.cancel()
    other.close()
    await other[Symbol.asyncDispose]()
    await ring(clock.now() + NSEC_PER_MSEC)
    expect(rings).toEqual(['close'])
  })

  test('takes an alarm for a time that a timerfd does not, and rings the others', async () => {
    await using clock = new TimerfdClock(native)
    clock.alarm(() => {}).at(1e20)
    clock.alarm(() => {}).at(Number.POSITIVE_INFINITY)
    await new Promise<void>(resolve => clock.alarm(resolve).at(clock.now()))
  })

  test('does not keep the process alive', () => {
    const calls: string[] = []
    const poller = { start: () => calls.push('start') && 0, unref: () => calls.push('unref') && 0, close: () => 0 }
    new TimerfdClock({ ...native, createPoller: () => poller as unknown as Poller }).close()
    expect(calls.sort()).toEqual(['start', 'unref'])
  })

  test('lets go of its descriptor when it cannot be polled, and says why', () => {
    const closed: number[] = []
    const broken = {
      ...native,
      createPoller: () => -EMFILE,
      close: (fd: number) => closed.push(fd) && native.close(fd),
    }
    expect(() => new TimerfdClock(broken)).toThrow(VnetError)
    expect(closed).toHaveLength(1)
    const none = { ...native, timerfdCreate: () => -EMFILE }
    expect(() => new TimerfdClock(none)).toThrow('timerfd_create: EMFILE')
  })
})
