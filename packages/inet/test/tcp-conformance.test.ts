/** The cases of conformance on a host in memory. They also run on the kernel (test/kernel). */

import { isPassive, readTable, runCase } from '@vnet/conform'
import { expect, test } from 'vitest'
import { MemoryWorld } from './tcp-conformance/memory-world.ts'

const cases = readTable().flatMap(group => group.cases)

test('each case has a name of its own', () => {
  const names = cases.map(({ name }) => name)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

for (const one of cases) {
  const run = () => runCase(one, new MemoryWorld(one.family, one.sysctls, !isPassive(one)))
  // The host in memory differs from the RFCs where Linux does.
  if (one.linux === undefined) {
    test(`${one.name}: ${one.title}`, async () => expect(await run()).toBe(undefined))
  } else {
    test(`${one.name}: like Linux it ${one.linux}`, () => expect(run()).rejects.toThrow())
  }
}
