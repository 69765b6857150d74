/** ddmin reduces a failing set. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { forAllAsync } from '../../../../test/support/for-all.ts'
import { ddmin } from '../../src/explore/describe.ts'

/** Reduces the numbers below `size`, where a set fails if it has all of `needed`. */
async function reduce(size: number, needed: readonly number[]) {
  const tried: string[] = []
  const set = Array.from({ length: size }, (_, i) => i)
  const smallest = await ddmin(set, async subset => {
    tried.push(subset.join())
    return needed.every(each => subset.includes(each))
  })
  return { smallest, tried }
}

test('any set is reduced to exactly the elements that are needed', async () => {
  const needs = fc
    .integer({ min: 1, max: 40 })
    .chain(size => fc.tuple(fc.constant(size), fc.uniqueArray(fc.nat(size - 1), { minLength: 1, maxLength: 5 })))
  await forAllAsync(100, [needs], async ([size, needed]) => {
    expect((await reduce(size, needed)).smallest).toEqual(needed.sort((a, b) => a - b))
  })
})

test('one element of a thousand is found in the steps of a binary search', async () => {
  const { smallest, tried } = await reduce(1000, [777])
  expect(smallest).toEqual([777])
  expect(tried.length).toBeLessThanOrEqual(20)
})

test('a set of which every element is needed remains', async () => {
  expect((await reduce(4, [0, 1, 2, 3])).smallest).toEqual([0, 1, 2, 3])
})
