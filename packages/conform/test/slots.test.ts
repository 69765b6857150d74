/**
 * The cases about fragments complete them, for a host with few places for incomplete packets.
 * slots.slow.test.ts runs all cases.
 */
import { expect, test } from 'vitest'
import { MemoryWorld } from '../../inet/test/tcp-conformance/memory-world.ts'
import { CaseFailure, runCase } from '../src/run-case.ts'
import { readTable } from '../src/table.ts'
import { failedWith, Slots, withSlots } from './support/slots.ts'

const cases = readTable()
  .flatMap(group => group.cases)
  .filter(({ name }) => name.startsWith('fragments-'))

test('a host with four places passes the cases about fragments, and holds none afterwards', async () => {
  const slots = new Slots(4)
  expect(await failedWith(slots, cases)).toEqual([])
  expect(slots.names).toEqual([])
})

test('a case that fails completes its fragments, too', async () => {
  const slots = new Slots(4)
  for (const one of cases) {
    if (one.slow !== undefined) continue
    const world = withSlots(new MemoryWorld(one.family, one.sysctls, false), slots)
    await expect(runCase(one, { ...world, next: async () => undefined })).rejects.toThrow(
      CaseFailure,
    )
  }
  expect(slots.names).toEqual([])
})
