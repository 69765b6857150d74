/** The division of time between requests, with a fake clock and event loop. */
import { expect, test } from 'vitest'
import { PAUSE_MS, type Schedule, TURN_NS, Turns, type Work } from '../../../src/control/server/turns.ts'

/** An event loop that runs on command; each step takes `cost` ns. */
function loop(cost = 10_000) {
  let now = 0
  let frames = 0
  const soon: (() => void)[] = []
  const later: { fn: () => void; ms: number }[] = []
  const callOff =
    <T>(from: T[], item: T) =>
    () =>
      void (from.includes(item) && from.splice(from.indexOf(item), 1))
  const schedule: Schedule = {
    soon(fn) {
      soon.push(fn)
      return callOff(soon, fn)
    },
    later(fn, ms) {
      const item = { fn, ms }
      later.push(item)
      return callOff(later, item)
    },
  }
  const turns = new Turns(
    () => now,
    () => frames,
    schedule,
  )
  const done: string[] = []
  /** Work of `steps` steps that counts how often it had to wait. */
  function work(name: string, share: number, steps: number): Work & { waited: number } {
    return {
      share,
      waited: 0,
      step() {
        done.push(name)
        now += cost
        return --steps > 0
      },
      wait() {
        this.waited++
      },
    }
  }
  /** Runs the next turn and returns what it did. */
  function turn(): string {
    const from = done.length
    soon.shift()?.()
    return done.slice(from).join('')
  }
  function frame(): void {
    frames++
  }
  return { turns, work, turn, soon, later, frame }
}

test('a turn works for 200 us, and the next follows at once if no frame came', () => {
  const { turns, work, turn, soon, later } = loop()
  const flood = work('a', 1, 100)
  turns.add(flood)
  expect(turn()).toHaveLength(TURN_NS / 10_000)
  expect([soon.length, later.length, flood.waited]).toEqual([1, 0, 1])
  // Work that is added now waits for the turn like the rest.
  const other = work('b', 2, 1)
  turns.add(other)
  expect([soon.length, other.waited]).toEqual([1, 1])
  expect(turn()).toHaveLength(20)
})

test('a pause follows a turn that was too short if a frame came before the next turn', () => {
  const { turns, work, turn, soon, later, frame } = loop()
  turns.add(work('a', 1, 100))
  turn()
  frame()
  expect([turn(), soon.length, later.map(({ ms }) => ms)]).toEqual(['', 0, [PAUSE_MS]])
  const other = work('b', 2, 1)
  turns.add(other)
  expect([soon.length, later.length, other.waited]).toEqual([0, 1, 1])
  frame()
  soon.push(later.shift()!.fn)
  // After the pause comes a turn, whatever happened meanwhile.
  expect(turn()).toHaveLength(20)
})

test('no turn follows when all work is done', () => {
  const { turns, work, turn, soon, later } = loop()
  const one = work('a', 1, 3)
  turns.add(one)
  turns.add(one)
  expect([turn(), soon.length, later.length, one.waited]).toEqual(['aaa', 0, 0, 0])
})

test('a step that takes longer than a turn is still done, one per turn', () => {
  const { turns, work, turn, later, soon } = loop(TURN_NS * 3)
  turns.add(work('a', 1, 2))
  expect([turn(), soon.length, turn(), soon.length, later.length]).toEqual(['a', 1, 'a', 0, 0])
})

test('users take turns, and so do the connections of each', () => {
  const { turns, work, turn } = loop()
  for (const name of ['a', 'b', 'c']) turns.add(work(name, 1, 4))
  turns.add(work('x', 2, 4))
  expect(turn()).toBe('axbxcxaxbcabcabc')
})

test('deleted work gets no further step, even if another step deleted it', () => {
  const { turns, work, turn } = loop()
  const [one, other] = [work('a', 1, 5), work('b', 1, 5)]
  const deleting: Work = {
    share: 2,
    step() {
      turns.delete(one)
      turns.delete(deleting)
      return true
    },
    wait() {},
  }
  for (const each of [one, deleting, other]) turns.add(each)
  expect(turn()).toBe('abbbbb')
})

test('no step is done after close()', () => {
  const { turns, work, soon } = loop()
  turns.add(work('a', 1, 1))
  turns.close()
  expect(soon).toEqual([])
})
