import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { EMFILE, VnetError } from '#src/base/errno.ts'
import { TimerfdClock } from '#src/linux/clock.ts'
import type { Poller } from '#src/linux/native.ts'
import { native } from './support.ts'

let clock: TimerfdClock
beforeEach(() => {
  clock = new TimerfdClock(native)
})
afterEach(() => clock.close())

/** Resolves when an alarm at `ns` has rung, to the time when it did. */
const ring = (ns: number) =>
  new Promise<number>(resolve => clock.alarm(() => resolve(clock.now())).at(ns))

describe('an alarm', () => {
  test('an alarm rings at its time or later, never earlier', async () => {
    for (const wait of [0, 1, 999.5, 100_000, 3 * NSEC_PER_MSEC]) {
      const moment = clock.now() + wait
      expect(await ring(moment)).toBeGreaterThanOrEqual(moment)
    }
  })

  test.each([0, 1, -5])('an alarm rings for %d, which is long past', async moment => {
    expect(await ring(moment)).toBeGreaterThan(moment)
  })

  test('an alarm rings once for each time it is armed', async () => {
    let rings = 0
    const alarm = clock.alarm(() => rings++)
    alarm.at(clock.now())
    await ring(clock.now() + NSEC_PER_MSEC)
    expect(rings).toBe(1)
    alarm.at(clock.now())
    await ring(clock.now() + NSEC_PER_MSEC)
    expect(rings).toBe(2)
  })

  test('an alarm that is armed again moves, earlier or later', async () => {
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

  test('a cancelled alarm does not ring, and may be cancelled at any time', async () => {
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

  test('an alarm that arms itself for a past time while it rings does not block the event loop', async () => {
    let rings = 0
    let others = 0
    await new Promise<void>(resolve => {
      const alarm = clock.alarm(() => {
        if (++rings === 50) {
          resolve()
        } else {
          alarm.at(0)
        }
      })
      alarm.at(0)
      setImmediate(function turn() {
        others++
        if (rings < 50) {
          setImmediate(turn)
        }
      })
    })
    expect(others).toBeGreaterThan(10)
  })

  test('an alarm that throws does not keep others from ringing', async () => {
    const uncaught: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process
      .removeAllListeners('uncaughtException')
      .on('uncaughtException', error => uncaught.push(error))
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
      for (const listener of listeners) {
        process.on('uncaughtException', listener)
      }
    }
  })
})

describe('alarms', () => {
  test('alarms ring in the order of their times, and alarms of equal time in the order of arming', async () => {
    const order: number[] = []
    const start = clock.now() + NSEC_PER_MSEC
    const moments = [5, 3, 3, 9, 1, 3, 7, 1, 5, 0]
    for (const [i, moment] of moments.entries()) {
      clock.alarm(() => order.push(i)).at(start + moment)
    }
    await ring(start + 10)
    expect(order).toEqual([9, 4, 7, 1, 2, 5, 0, 8, 6, 3])
  })
})

describe('a clock', () => {
  test('the clock reads CLOCK_MONOTONIC, which its timer uses', () => {
    const before = native.monotonic()
    const now = clock.now()
    expect(now).toBeGreaterThanOrEqual(before)
    expect(native.monotonic()).toBeGreaterThanOrEqual(now)
  })

  test('a closed clock rings no alarm, and may be closed twice and by an alarm', async () => {
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

  test('an alarm too late for a timerfd does not keep others from ringing', async () => {
    await using clock = new TimerfdClock(native)
    clock.alarm(() => {}).at(1e20)
    clock.alarm(() => {}).at(Number.POSITIVE_INFINITY)
    await new Promise<void>(resolve => clock.alarm(resolve).at(clock.now()))
  })

  test('a clock does not keep the process alive', () => {
    const calls: string[] = []
    const poller = {
      start: () => calls.push('start') && 0,
      unref: () => calls.push('unref') && 0,
      close: () => 0,
    }
    new TimerfdClock({ ...native, createPoller: () => poller as unknown as Poller }).close()
    expect(calls.sort()).toEqual(['start', 'unref'])
  })

  test('a clock that cannot poll closes its descriptor and throws the reason', () => {
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
