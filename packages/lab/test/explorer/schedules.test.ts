/** Schedules: sets of faults that a seed draws. */
import { expect, test } from 'vitest'
import { formatFault, parseFault } from '../../src/explore/fault-text.ts'
import { Schedules } from '../../src/explore/schedules.ts'
import type { Trial } from '../../src/explore/sets.ts'

const VERBS = ['drop', 'duplicate', 'swap']
const at = (verb: string, packet: number) =>
  parseFault(`${verb} a-b ab udp a:* > b:7 packet ${packet + 1}`)
const pool: Trial[] = Array.from({ length: 20 }, (_, packet) =>
  VERBS.map((verb, kind) => ({ packet, kind, faults: [at(verb, packet)] })),
).flat()
const textsOf = (schedules: Schedules) =>
  [...schedules].map(({ faults }) => faults.map(formatFault))

test('a seed draws the same schedules each time, and another seed others', () => {
  const drawn = (seed: number, count = 50) => textsOf(new Schedules(pool, { count, seed }))
  expect(drawn(7)).toEqual(drawn(7))
  expect(drawn(7, 10)).toEqual(drawn(7).slice(0, 10))
  expect(drawn(7)).not.toEqual(drawn(8))
})

test('a schedule has two to five faults of different packets, in their order', () => {
  const sizes = new Set<number>()
  const verbs = new Map<string, number>()
  for (const { faults } of new Schedules(pool, { count: 300, seed: 1 })) {
    sizes.add(faults.length)
    const numbers = faults.map(({ n }) => n)
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    for (const { verb } of faults) {
      verbs.set(verb, (verbs.get(verb) ?? 0) + 1)
    }
  }
  expect([...sizes].sort()).toEqual([2, 3, 4, 5])
  expect(Math.min(...verbs.values())).toBeGreaterThan(200)
})

test('a kind with few faults is drawn as often as one with many, and a fault with its repair', () => {
  const repaired = { packet: 3, kind: 3, faults: [at('silence forever', 3), at('repair', 9)] }
  const all = [...new Schedules([...pool, repaired], { count: 300, seed: 1 })]
  const texts = all.map(({ faults }) => faults.map(({ verb, n }) => `${verb} ${n}`).join())
  const silent = texts.filter(text => text.includes('silence'))
  expect(silent.length).toBeGreaterThan(100)
  for (const text of silent) {
    expect(text).toMatch(/silence 4,repair 10/)
  }
})

test('faults of one packet make no schedule', () => {
  const options = { count: 1, seed: 1 }
  expect(new Schedules(pool.slice(0, 3), options).canDraw).toBe(false)
  expect(new Schedules(pool.slice(0, 4), options).canDraw).toBe(true)
})

test('faults with the same repair make a schedule only with a fault of other packets', () => {
  const silent = Array.from({ length: 30 }, (_, i) => i).map(i => {
    return { packet: i, kind: 0, faults: [at('silence forever', i), at('repair', 40)] }
  })
  const options = { count: 100, seed: 1 }
  expect(new Schedules(silent, options).canDraw).toBe(false)
  const drop = { packet: 0, kind: 0, faults: [at('drop', 0)] }
  const drawn = textsOf(new Schedules([...silent, drop], options))
  expect(
    drawn.every(texts => texts.includes(formatFault(at('drop', 0))) && texts.length === 3),
  ).toBe(true)
  expect(drawn.some(texts => texts.includes(formatFault(at('silence forever', 0))))).toBe(false)
})
