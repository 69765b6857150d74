/** The cases complete their fragments: a host with few places for incomplete packets passes. */
import { expect, test } from 'vitest'
import { readTable } from '../src/table.ts'
import { failedWith, Slots } from './support/slots.ts'

test('a host with four places for incomplete packets passes all cases, and holds none afterwards', async () => {
  const slots = new Slots(4)
  const cases = readTable().flatMap(group => group.cases)
  expect(await failedWith(slots, cases)).toEqual([])
  expect(slots.names).toEqual([])
})
