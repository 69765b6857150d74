/** ddmin reduces a failing set. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { forAllAsync } from '#support/for-all.ts'
import { ddmin } from '../../src/explore/ddmin.ts'
import { describeFailure } from '../../src/explore/describe.ts'
import { parseFault } from '../../src/explore/fault-text.ts'
import { Judge } from '../../src/explore/judge.ts'
import type { RunResult, RunSpec } from '../../src/explore/run-once.ts'
import type { PlannedFault } from '../../src/model/packet-name.ts'

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
    .chain(size =>
      fc.tuple(fc.constant(size), fc.uniqueArray(fc.nat(size - 1), { minLength: 1, maxLength: 5 })),
    )
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

test('the smallest part of a failing set has no repair that comes before its fault', async () => {
  const name = 'a-b ab udp a:* > b:7 packet'
  const set = ['silence forever', 'repair', 'drop', 'drop'].map((verb, i) =>
    parseFault(`${verb} ${name} ${i + 1}`),
  )
  const [fault] = set as [PlannedFault]
  const run = async ({ plan }: RunSpec): Promise<RunResult> => {
    // With one lost packet the fault comes after the repair, and with both it is repaired.
    const spans = plan.length === 3 ? [{ fault, hosts: [], from: 1, held: 0 }] : []
    const error = plan.length < 3 ? undefined : 'no'
    return { error, spans, ms: 1, left: [], output: '', links: new Map() }
  }
  const spec = { seed: 1, sysctls: [], world: 'memory' } as const
  const judge = new Judge({ concurrency: 1, run, close: () => {} }, spec, { times: [1], left: [] })
  const place = {
    module: undefined,
    test: { invariant: false },
    captures: false,
    clean: [],
    world: 'memory',
  } as const
  const failure = await describeFailure(set, await judge.judge(set), {
    ...place,
    judge,
    known: new Set(),
  })
  expect(failure?.faults).toHaveLength(4)
})
