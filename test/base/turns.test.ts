/** How time is granted to work, with a fake clock and event loop. */
import { expect, test } from 'vitest'
import { type Clock, NSEC_PER_MSEC } from '#src/base/clock.ts'
import { TURN_NS, Turns, type Work } from '#src/base/turns.ts'

const STEP_NS = 10_000
/** Steps of a full turn. */
const FULL = TURN_NS / STEP_NS

/** A number of steps, and how often the work had to wait. */
interface Steps extends Work {
  waited: number
}

/** An event loop that runs on command; only steps and pauses take time. */
function loop() {
  let now = 0
  let soon: (() => void)[] = []
  const alarms = new Map<() => void, number>()
  const clock: Clock = {
    now: () => now,
    alarm: fn => ({ at: ns => alarms.set(fn, ns), cancel: () => alarms.delete(fn) }),
  }
  const turns = new Turns(clock, fn => soon.push(fn))
  const done: string[] = []
  /** Work of `steps` steps of `cost` ns each. */
  function work(
    name: string,
    share: Work['share'],
    steps: number,
    { cost = STEP_NS, privileged = false } = {},
  ): Steps {
    let left = steps
    return {
      share,
      privileged,
      waited: 0,
      step() {
        done.push(name)
        now += cost
        return --left > 0
      },
      wait() {
        this.waited++
      },
    }
  }
  /** Runs the next turn of the event loop and returns the steps that it did. */
  function turn(): string {
    const from = done.length
    const due = [...alarms].filter(([, ns]) => ns <= now).map(([fn]) => fn)
    for (const fn of due) {
      alarms.delete(fn)
    }
    const fns = [...soon, ...due]
    soon = []
    for (const fn of fns) {
      fn()
    }
    return done.slice(from).join('')
  }
  /** The time until the end of the next pause, ns; undefined without a pause. */
  function pause(): number | undefined {
    return alarms.size === 0 ? undefined : Math.min(...alarms.values()) - now
  }
  /** Waits for the end of the pause, if there is one, and runs the next turn. */
  function next(): string {
    if (soon.length === 0) {
      now += pause() ?? 0
    }
    return turn()
  }
  return { turns, work, turn, pause, next, now: () => now, pending: () => soon.length }
}

/** Returns the part of `ns` that the steps of `next()` take, counted by their `name`. */
function partOf(
  ns: number,
  name: string,
  { now, next }: Pick<ReturnType<typeof loop>, 'now' | 'next'>,
): number {
  let steps = 0
  for (const end = now() + ns; now() < end; ) {
    steps += next().split(name).length - 1
  }
  return (steps * STEP_NS) / ns
}

test('a turn takes 200 us, and the pause after a full one is four times as long', () => {
  const { turns, work, turn, next, pause, pending } = loop()
  const flood = work('a', 1, 1000)
  turns.add(flood)
  expect(turn()).toHaveLength(FULL)
  expect([pending(), flood.waited, pause()]).toEqual([0, 1, 4 * TURN_NS])
  // Work that is added during a pause waits for its end.
  const other = work('b', 2, 1)
  turns.add(other)
  expect([pending(), other.waited]).toEqual([0, 1])
  expect([next().length, pause()]).toEqual([FULL, 4 * TURN_NS])
})

test('a step that takes longer than a turn is followed by a pause in proportion', () => {
  const { turns, work, turn, pause } = loop()
  turns.add(work('a', 1, 2, { cost: 5 * NSEC_PER_MSEC }))
  expect([turn(), pause()]).toEqual(['a', 20 * NSEC_PER_MSEC])
})

test.each([
  [false, 400],
  [true, 100],
])(
  'a turn in which the process was stopped for 5 s is followed by a short pause: privileged %s',
  (privileged, ms) => {
    const { turns, work, turn, pause } = loop()
    turns.add(work('a', 0, 2, { cost: 5000 * NSEC_PER_MSEC, privileged }))
    expect([turn(), pause()]).toEqual(['a', ms * NSEC_PER_MSEC])
  },
)

test('floods without rights together get 10 ms of each 50 ms', () => {
  const { turns, work, ...time } = loop()
  turns.add(work('a', 1, Number.POSITIVE_INFINITY))
  turns.add(work('a', 'netns 2', Number.POSITIVE_INFINITY))
  expect(partOf(500 * NSEC_PER_MSEC, 'a', time)).toBeCloseTo(0.2, 2)
})

test('partial turns are charged too: one request after the other gets no more time', () => {
  const { turns, work, ...time } = loop()
  // Each request is added when the one before has been served, as by a client that waits for it.
  const next = () => {
    turns.add(work('a', 1, 1))
    return time.next()
  }
  partOf(50 * NSEC_PER_MSEC, 'a', { ...time, next })
  expect(partOf(500 * NSEC_PER_MSEC, 'a', { ...time, next })).toBeCloseTo(0.2, 2)
})

test('the first 10 ms after a time without requests are granted without a pause', () => {
  const { turns, work, turn, pause } = loop()
  for (let n = 0; n < (10 * NSEC_PER_MSEC) / STEP_NS; n++) {
    turns.add(work('a', 1, 1))
    expect([turn(), pause()]).toEqual(['a', undefined])
  }
})

test('root has an account of its own: a pause as long as each full turn, and no other limit', () => {
  const { turns, work, turn, pause, ...time } = loop()
  turns.add(work('a', 1, Number.POSITIVE_INFINITY))
  turn()
  turns.add(work('r', 0, Number.POSITIVE_INFINITY, { privileged: true }))
  expect([turn(), pause()]).toEqual(['r'.repeat(FULL), TURN_NS])
  expect(partOf(500 * NSEC_PER_MSEC, 'r', time)).toBeGreaterThanOrEqual(0.4)
})

test('root may take short turns one after the other indefinitely', () => {
  const { turns, work, turn, pause } = loop()
  for (let n = 0; n < 5000; n++) {
    turns.add(work('r', 0, 1, { privileged: true }))
    expect([turn(), pause()]).toEqual(['r', undefined])
  }
})

test('no turn follows when all work is done', () => {
  const { turns, work, turn, pause, pending } = loop()
  const one = work('a', 1, 3)
  turns.add(one)
  turns.add(one)
  expect([turn(), pending(), pause(), one.waited]).toEqual(['aaa', 0, undefined, 0])
})

test('users take turns, and so does the work of each', () => {
  const { turns, work, turn } = loop()
  for (const name of ['a', 'b', 'c']) {
    turns.add(work(name, 1, 4))
  }
  turns.add(work('x', 'netns 2', 4))
  expect(turn()).toBe('axbxcxaxbcabcabc')
})

test('deleted work gets no further step, even if another step deleted it', () => {
  const { turns, work, turn } = loop()
  const [one, other] = [work('a', 1, 5), work('b', 1, 5)]
  const deleting: Work = {
    share: 2,
    privileged: false,
    step() {
      turns.delete(one)
      turns.delete(deleting)
      return true
    },
    wait() {},
  }
  for (const each of [one, deleting, other]) {
    turns.add(each)
  }
  expect(turn()).toBe('abbbbb')
})

test('work that throws ends the turns of no other work', () => {
  const { turns, work, turn } = loop()
  const defect: Work = {
    ...work('a', 1, 1),
    step() {
      throw new Error('defect')
    },
  }
  turns.add(defect)
  expect(() => turn()).toThrow('defect')
  turns.delete(defect)
  turns.add(work('b', 2, 1))
  expect(turn()).toBe('b')
})

test('urgent work has its turn before add returns, 500 us, and once a second 5 ms', () => {
  const { turns, work, turn, pause } = loop()
  const urgent = () => turns.addNow(work('a', 'netns 1', 10_000))
  urgent()
  expect(turn()).toBe('')
  expect(pause()).toBe(4 * 5 * NSEC_PER_MSEC)
})

test('urgent work waits while the account is overdrawn or another turn is due', () => {
  const { turns, work, turn, next, pending } = loop()
  turns.add(work('a', 1, 1))
  turns.addNow(work('b', 2, 1))
  expect([pending(), turn()]).toEqual([1, 'ab'])
  turns.add(work('c', 1, FULL + 1))
  turn()
  const late = work('d', 2, 1)
  turns.addNow(late)
  expect([late.waited, turn()]).toEqual([1, ''])
  expect(next()).toContain('d')
})

test('the second urgent turn within a second is short', () => {
  const { turns, work, pause } = loop()
  turns.addNow(work('a', 1, 1))
  turns.addNow(work('b', 1, 10_000))
  expect(pause()).toBe(4 * 500_000)
})
