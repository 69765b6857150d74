/** `toEqual` has the same results with the faster equality that all tests load. */
import { expect, test } from 'vitest'

const list = Array.from({ length: 100 }, (_, i) => i)
const changed = (at: number, value: unknown) => list.with(at, value as number)

test('equal bytes and lists are equal, also inside of others', () => {
  expect(Buffer.from(list)).toEqual(Buffer.from(list))
  expect({ frames: [list, [...list]] }).toEqual({ frames: [[...list], list] })
})

test.each([
  ['another byte', Buffer.from(list), Buffer.from(changed(99, 5))],
  ['a longer one', Buffer.from(list), Buffer.from([...list, 1])],
  ['another class', Buffer.from(list), Uint8Array.from(list)],
  ['another number', list, changed(99, 5)],
  ['a text', list, changed(99, '99')],
  ['a negative zero', list, changed(0, -0)],
  ['a hole', list, changed(99, undefined)],
  ['a longer list', list, [...list, 1]],
])('%s is not equal', (_, one, other) => {
  expect(one).not.toEqual(other)
  expect([one]).not.toEqual([other])
})
