/** A history: the order, times and outcomes of operations. */
import { expect, test } from 'vitest'
import { operationText } from '../../src/history/history.ts'
import { History } from '../../src/history/index.ts'

/** Returns a history, and a clock that the test moves. */
function historyAt() {
  const clock = { now: 0 }
  return { clock, history: new History(clock) }
}

const textsOf = (history: History) => [...history].map(operationText)

test('an operation has its process, key, value, result and times', () => {
  const { clock, history } = historyAt()
  const write = history.invoke('write', 1, { process: 'client1', key: 'x' })
  clock.now = 2.25
  const read = history.invoke('read', undefined, { process: 'client2', key: 'x' })
  history.ok(write)
  clock.now = 3
  history.ok(read, 1)
  expect(textsOf(history)).toEqual([
    '0.0 to 2.3 ms         client1 write x 1',
    '2.3 to 3.0 ms         client2 read x -> 1',
  ])
})

test('an operation is unknown until it has ended, and its text says so', () => {
  const { history } = historyAt()
  history.invoke('write', 1)
  history.fail(history.invoke('write', 2))
  history.info(history.invoke('write', 3))
  expect(textsOf(history)).toEqual([
    'from 0.0 ms           write 1 (unknown)',
    '0.0 to 0.0 ms         write 2 (failed)',
    '0.0 to 0.0 ms         write 3 (unknown)',
  ])
})

test('operations at the same moment have an order', () => {
  const { history } = historyAt()
  const first = history.invoke('write', 1)
  history.ok(first)
  const second = history.invoke('write', 2)
  history.ok(second)
  expect([first.from, first.to, second.from, second.to]).toEqual([0, 1, 2, 3])
})

test('the acknowledgment of an operation may come after its timeout', () => {
  const { history } = historyAt()
  const write = history.invoke('write', 1)
  history.info(write)
  expect(write.to).toBe(Number.POSITIVE_INFINITY)
  history.ok(write)
  expect([write.outcome, write.to]).toEqual(['ok', 1])
})

test('an operation that has ended does not end again', () => {
  const { history } = historyAt()
  const write = history.invoke('write', 1)
  history.ok(write)
  expect(() => history.fail(write)).toThrow(
    'history.fail: it has ended already: 0.0 to 0.0 ms         write 1',
  )
  expect(() => new History({ now: 0 }).ok(write)).toThrow(
    'history.ok: give it what history.invoke has returned',
  )
})

test('run records the result of a function, and an error as unknown', async () => {
  const { history } = historyAt()
  expect(await history.run('read', undefined, () => 5, { process: 'a' })).toBe(5)
  await expect(history.run('write', 6, () => Promise.reject(new Error('reset')))).rejects.toThrow(
    'reset',
  )
  expect(textsOf(history).map(text => text.slice(22))).toEqual(['a read -> 5', 'write 6 (unknown)'])
})

test('an object that cannot be cloned is kept itself', () => {
  const { history } = historyAt()
  const value = { test }
  expect(history.invoke('write', value).value).toBe(value)
})

test('long values are cut in texts', () => {
  const { history } = historyAt()
  history.invoke('write', 'x'.repeat(1000))
  expect(textsOf(history)[0]?.length).toBeLessThan(110)
})
