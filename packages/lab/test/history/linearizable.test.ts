/** linearizable: registers of many clients, against a search that tries every order. */
import { expect, test } from 'vitest'
import { History } from '../../src/history/index.ts'
import { type Event, historyOf, judgedAsByEveryOrder, reasonOf } from './registers.ts'

const reason = (...events: Event[]) => reasonOf(historyOf(events))

test('a read of an overwritten value is refused with the operations that contradict each other', () => {
  const events: Event[] = [
    ['a', 'write', 1],
    ['a', 'ok'],
    ['b', 'read'],
    ['b', 'ok', 1],
    ['a', 'write', 2],
    ['a', 'ok'],
    ['b', 'read'],
    ['b', 'ok', 1],
  ]
  expect(reason(...events)).toBe(
    [
      'not linearizable: no order explains these operations of x:',
      '  0.0 to 1.0 ms         a write x 1',
      '  4.0 to 5.0 ms         a write x 2',
      '  6.0 to 7.0 ms         b read x -> 1',
    ].join('\n'),
  )
  expect(reason(...events.slice(0, -1), ['b', 'ok', 2])).toBeUndefined()
})

test('a write of unknown outcome may happen at any later time, or never', () => {
  const write: Event[] = [
    ['a', 'write', 1],
    ['a', 'info'],
  ]
  const reads = (...values: unknown[]) =>
    values.flatMap((value): Event[] => [
      ['b', 'read'],
      ['b', 'ok', value],
    ])
  expect(reason(...write, ...reads(undefined, undefined))).toBeUndefined()
  expect(reason(...write, ...reads(undefined, 1, 1))).toBeUndefined()
  expect(reason(...write, ...reads(1, undefined))).toContain('b read x -> undefined')
  expect(reason(...reads(1), ...write)).toContain('b read x -> 1')
})

test('a failed write must not be read', () => {
  expect(reason(['a', 'write', 1], ['a', 'fail'], ['b', 'read'], ['b', 'ok', 1])).toContain(
    'b read x -> 1',
  )
})

test('a cas that found another value must not have found its own', () => {
  const asked: Event[] = [
    ['a', 'write', 1],
    ['a', 'ok'],
    ['a', 'cas', [1, 2]],
  ]
  expect(reason(...asked, ['a', 'ok', true])).toBeUndefined()
  expect(reason(...asked, ['a', 'ok'])).toBeUndefined()
  expect(reason(...asked, ['a', 'ok', false])).toContain('a cas x [ 1, 2 ] -> false')
})

test('each key is a register of its own', () => {
  const history = new History({ now: 0 })
  history.ok(history.invoke('write', 1, { key: 'x' }))
  history.ok(history.invoke('read', undefined, { key: 'y' }), null)
  expect(reasonOf(history)).toBeUndefined()
  history.ok(history.invoke('read', undefined, { key: 'y' }), 1)
  expect(reasonOf(history)).toContain('not linearizable: no order explains these operations of y:')
})

test('a register may start with a value, and values are compared by their parts', () => {
  const history = new History({ now: 0 })
  history.ok(history.invoke('read'), { a: [1] })
  expect(reasonOf(history, { initial: { a: [1] } })).toBeUndefined()
  expect(reasonOf(history, { initial: { a: [2] } })).toContain(
    'no order explains these operations:',
  )
})

test('a register of bytes may start with bytes', () => {
  const history = new History({ now: 0 })
  history.ok(history.invoke('read'), Buffer.from('a'))
  expect(reasonOf(history, { initial: Buffer.from('a') })).toBeUndefined()
})

test('a check of nothing, of other operations or of a wrong cas is refused', () => {
  const history = new History({ now: 0 })
  expect(reasonOf(history)).toBe('linearizable: the history has no operations read, write, cas')
  history.invoke('cas', 1)
  expect(reasonOf(history)).toContain(
    "the value of a cas is a pair: history.invoke('cas', [from, to])",
  )
  history.invoke('push', 1)
  expect(reasonOf(history)).toContain(
    "leave others out: [...history].filter(({ name }) => name !== 'push')",
  )
})

test('small histories are judged as by every order', () => {
  expect(judgedAsByEveryOrder(1, 100)).toBe(0)
  const refused = judgedAsByEveryOrder(0.8, 100)
  expect(refused).toBeGreaterThan(15)
  expect(refused).toBeLessThan(85)
})

test('a search that ends at its limit fails, and says so', () => {
  const clients = Array.from({ length: 12 }, (_, i) => `client${i}`)
  const history = historyOf([
    ...clients.map((client, i): Event => [client, 'write', i]),
    ...[0, 1, 0].flatMap((value): Event[] => [
      ['reader', 'read'],
      ['reader', 'ok', value],
    ]),
    ...clients.map((client): Event => [client, 'ok']),
  ])
  expect(reasonOf(history, { limit: 100 })).toBe(
    'cannot tell if the 15 operations of x are linearizable: the limit is 100 states, and 0 have no known outcome',
  )
})
