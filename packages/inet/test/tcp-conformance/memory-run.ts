/** Tests of the cases of conformance on a host in memory. */

import { type Case, isPassive, runCase } from '@vnet/conform'
import { expect, test } from 'vitest'
import { MemoryWorld } from './memory-world.ts'

/** `npm test` runs the first case of each group, and then one in this many. */
const STEP = 3

/** Whether `npm test` runs the case at this place of its group. */
export const isExample = (place: number): boolean => place % STEP === 0

export function testInMemory(cases: readonly Case[]): void {
  for (const one of cases) {
    const run = () => runCase(one, new MemoryWorld(one.family, one.sysctls, !isPassive(one)))
    // The host in memory differs from the RFCs where Linux does.
    if (one.linux === undefined) {
      test(`${one.name}: ${one.title}`, async () => expect(await run()).toBe(undefined))
    } else {
      test(`${one.name}: like Linux it ${one.linux}`, () => expect(run()).rejects.toThrow())
    }
  }
}
