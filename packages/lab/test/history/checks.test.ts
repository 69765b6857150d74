/** The checks of sets, commands, counters and identifiers. */
import { expect, test } from 'vitest'
import { counter, History, noLostWrites, onceOnly, uniqueIds } from '../../src/history/index.ts'

/** Returns a history that has its operations one after the other, 1 ms each. */
function historyOf(
  ...operations: (readonly [
    name: string,
    value: unknown,
    end: 'ok' | 'fail' | 'info',
    result?: unknown,
  ])[]
) {
  const clock = { now: 0 }
  const history = new History(clock)
  for (const [name, value, end, result] of operations) {
    const operation = history.invoke(name, value)
    clock.now++
    history[end](operation, result)
  }
  return history
}

test('an acknowledged write must be in the last read', () => {
  const adds = [
    ['add', 1, 'ok'],
    ['add', [2], 'ok'],
    ['add', 3, 'info'],
    ['add', 4, 'fail'],
  ] as const
  noLostWrites(historyOf(...adds, ['read', undefined, 'ok', [1, [2]]]))
  noLostWrites(
    historyOf(
      ...adds,
      ['read', undefined, 'ok', []],
      ['read', undefined, 'ok', new Set([1, [2], 3])],
    ),
  )
  expect(() => noLostWrites(historyOf(...adds, ['read', undefined, 'ok', [1, 3]]))).toThrow(
    [
      '1 of 2 acknowledged writes are not in the last read:',
      '  1.0 to 2.0 ms         add [ 2 ]',
      '  4.0 to 5.0 ms         read -> [ 1, 3 ]',
    ].join('\n'),
  )
})

class Order {
  readonly id: number
  constructor(id: number) {
    this.id = id
  }
}

test.each<[string, unknown, unknown]>([
  ['an object', { id: 1 }, { id: 2 }],
  ['an instance of a class', new Order(1), new Order(2)],
  ['bytes', Buffer.from('1'), Buffer.from('2')],
])('a Set that changes after its read does not hide a lost write: %s', (_, kept, lost) => {
  const stored = new Set([kept])
  const history = historyOf(
    ['add', kept, 'ok'],
    ['add', lost, 'ok'],
    ['read', undefined, 'ok', stored],
  )
  stored.add(lost)
  expect(() => noLostWrites(history)).toThrow('1 of 2 acknowledged writes are not in the last read')
  expect(() => onceOnly(history, [kept, lost, kept])).toThrow('twice')
})

test('a reason of many operations has the last of them', () => {
  const adds = Array.from({ length: 50 }, (_, i) => ['add', i, 'ok'] as const)
  expect(() => noLostWrites(historyOf(...adds, ['read', undefined, 'ok', []]))).toThrow(
    /^50 of 50 acknowledged writes .*:\n {2}\(39 earlier operations\)\n.* add 39\n(.* add \d+\n){10}.* read -> \[\]$/,
  )
})

test('lost writes are not looked for without a read after the last acknowledgment', () => {
  const asks = 'noLostWrites: read once more, after the last add has ended'
  expect(() => noLostWrites(historyOf(['add', 1, 'ok'], ['read', undefined, 'info']))).toThrow(asks)
  expect(() => noLostWrites(historyOf(['read', undefined, 'ok', [1]], ['add', 1, 'ok']))).toThrow(
    asks,
  )
  const history = historyOf(['add', 1, 'ok'])
  const read = history.invoke('read')
  history.ok(history.invoke('add', 2))
  history.ok(read, [1, 2])
  expect(() => noLostWrites(history)).toThrow(asks)
  expect(() => noLostWrites(historyOf(['read', undefined, 'ok', 5]))).toThrow(
    'noLostWrites: the last read has an array or a Set of all values, not 5',
  )
})

test('each key has a last read of its own', () => {
  const history = new History({ now: 0 })
  for (const key of ['x', 'y']) {
    history.ok(history.invoke('add', key, { key }))
  }
  for (const key of ['x', 'y']) {
    history.ok(history.invoke('read', undefined, { key }), ['x'])
  }
  expect(() => noLostWrites(history)).toThrow(
    '1 of 1 acknowledged writes are not in the last read of y:',
  )
})

test('a server must not execute an operation twice', () => {
  const history = historyOf(['order', 'a', 'info'], ['order', 'b', 'ok'])
  onceOnly(history, ['b', 'a'])
  expect(() => onceOnly(history, ['a', 'b', 'a'])).toThrow(
    "the server has executed 'a' twice:\n  0.0 to 1.0 ms         order 'a' (unknown)",
  )
  expect(() => onceOnly(history, [{ id: 1 }, { id: 1 }])).toThrow(
    'the server has executed { id: 1 } twice',
  )
})

test('a read of a counter has all acknowledged additions, and at most the possible ones', () => {
  const adds = [
    ['add', 5, 'ok'],
    ['add', 2, 'info'],
    ['add', -1, 'info'],
    ['add', 100, 'fail'],
  ] as const
  const read = (result: unknown) =>
    historyOf(...adds, ['read', undefined, 'ok', result], ['add', 50, 'ok'])
  for (const result of [4, 5, 6, 7]) {
    counter(read(result))
  }
  expect(() => counter(read(3))).toThrow(
    'the counter can be 4 to 7 here, not 3:\n  4.0 to 5.0 ms         read -> 3',
  )
  expect(() => counter(read(8))).toThrow('the counter can be 4 to 7 here, not 8')
  counter(historyOf(['read', undefined, 'ok', 10]), { initial: 10 })
  expect(() => counter(historyOf(['read', undefined, 'ok', 10]))).toThrow(
    'the counter can be 0 here, not 10',
  )
})

test('an addition beside a read may be in it, or not', () => {
  for (const result of [0, 5]) {
    const history = new History({ now: 0 })
    const [read, add] = [history.invoke('read'), history.invoke('add', 5)]
    history.ok(add)
    history.ok(read, result)
    const check = () => counter(history)
    expect(check).not.toThrow()
  }
})

test('a counter of anything but numbers is refused', () => {
  expect(() => counter(historyOf(['add', '1', 'ok']))).toThrow(
    "counter: the value of an add is a number, not '1'",
  )
  expect(() => counter(historyOf(['read', undefined, 'ok', null]))).toThrow(
    'counter: the result of a read is a number, not null',
  )
})

test('two acknowledged identifiers must not be the same', () => {
  uniqueIds(
    historyOf(
      ['generate', undefined, 'ok', 1],
      ['generate', undefined, 'ok', '1'],
      ['generate', undefined, 'info'],
    ),
  )
  expect(() =>
    uniqueIds(
      historyOf(
        ['generate', undefined, 'ok', 1],
        ['generate', undefined, 'ok', 2],
        ['generate', undefined, 'ok', 1],
      ),
    ),
  ).toThrow(
    '1 is not unique:\n  0.0 to 1.0 ms         generate -> 1\n  2.0 to 3.0 ms         generate -> 1',
  )
})

test.each([
  ['noLostWrites', noLostWrites],
  ['counter', counter],
  ['uniqueIds', uniqueIds],
])('%s refuses a history without its operations', (name, check) => {
  expect(() => check(historyOf())).toThrow(`${name}: the history has no operations`)
  expect(() => check(historyOf(['push', 1, 'ok']))).toThrow(
    "leave others out: [...history].filter(({ name }) => name !== 'push')",
  )
})
