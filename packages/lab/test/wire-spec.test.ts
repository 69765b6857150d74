/** The filters of wires, which the lab's thread compiles. */
import { expect, test } from 'vitest'
import { compiled } from '../src/world/wire-spec.ts'

test('a filter is compiled once, unless it has a name, which may get another address', async () => {
  const texts = ['tcp dst port 1024', 'udp', 'port domain']
  const [first, second] = [await compiled(texts), await compiled(texts)]
  expect(second?.map((filter, i) => filter === first?.[i])).toEqual([true, true, false])
  expect(second).toEqual(first)
})

test('filters are forgotten when there are more than a thousand', async () => {
  const [before] = (await compiled(['tcp'])) ?? []
  for (let port = 1; port <= 1000; port++) {
    await compiled([`udp port ${port}`])
  }
  const [after] = (await compiled(['tcp'])) ?? []
  expect(after).toEqual(before)
  expect(after).not.toBe(before)
})
