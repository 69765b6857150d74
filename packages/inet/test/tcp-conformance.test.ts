/**
 * A third of the cases of conformance of each group, on a host in memory.
 * tcp-conformance.slow.test.ts has the others. They also run on the kernel (test/kernel).
 */

import { readTable } from '@vnet/conform'
import { expect, test } from 'vitest'
import { isExample, testInMemory } from './tcp-conformance/memory-run.ts'

const groups = readTable()

test('each case has a name of its own', () => {
  const names = groups.flatMap(({ cases }) => cases.map(({ name }) => name))
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

testInMemory(groups.flatMap(({ cases }) => cases.filter((_, place) => isExample(place))))
