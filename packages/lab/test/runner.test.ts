/** The lines that fixtures of test runners add to a failed test. */
import { expect, test } from 'vitest'
import { addDrops, addMissed, worldLine } from '../src/network/fixture.ts'

test('the message of a failed test gets five lines about drops at most, and the seed', () => {
  const drops = Array.from({ length: 7 }, (_, i) => `a-b ab: ${7 - i} by loss`)
  const error = new Error('expected')
  addDrops(error, drops, 42)
  const lines = error.message.split('\n')
  expect(lines.slice(0, 3)).toEqual(['expected', '', 'vnet: dropped on a-b ab: 7 by loss'])
  expect(lines.slice(6)).toEqual(['vnet: dropped on 3 more', 'vnet: the seed was VNET_SEED=42'])
  expect(error.stack).toContain('VNET_SEED=42')
})

test('a failed test without drops keeps its message', () => {
  const error = new Error('expected')
  addDrops(error, [], 42)
  expect(error.message).toBe('expected')
})

test('the message of a failed test has the clock of a lab in memory', () => {
  const line = worldLine({ world: 'memory', now: 7_200_000.4, isIdle: true, awaited: [] }, false)
  expect(line).toBe('the lab was in memory, its clock at 7200 s')
  expect(worldLine({ world: 'kernel', now: 12, isIdle: false, awaited: [] }, true)).toBe(
    'the lab was in the kernel',
  )
})

test('the message of a test that waited in vain says what its lab waited for', () => {
  const line = (isIdle: boolean, awaited: string[]) =>
    worldLine({ world: 'memory', now: 0, isIdle, awaited }, true)
  expect(line(false, [])).toBe('the lab was in memory, its clock at 0 s')
  expect(line(true, [])).toMatch(/ at 0 s; none of its timers and packets was due$/)
  expect(line(false, ['a real pipe', 'a worker'])).toMatch(
    / at 0 s, where it waited for a real pipe and a worker$/,
  )
})

test('the message of a failed test gets the faults that hit no packet, unless it has them', () => {
  const error = new Error('expected')
  addMissed(error, ['no packet was hit by drop on a-b, ab', 'no packet was hit by drop on a-b, ba'])
  expect(error.message).toBe(
    'expected\n\nvnet: no packet was hit by drop on a-b, ab\nvnet: no packet was hit by drop on a-b, ba',
  )
  const same = new Error('no packet was hit by drop on a-b, ab')
  addMissed(same, ['no packet was hit by drop on a-b, ab'])
  expect(same.message).toBe('no packet was hit by drop on a-b, ab')
  const many = new Error('expected')
  addMissed(many, ['1', '2', '3', '4', '5', '6', '7'])
  expect(many.message.split('\n').slice(5)).toEqual(['vnet: 4', 'vnet: 3 more'])
})
