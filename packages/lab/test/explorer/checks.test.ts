/** The checks of a run: when they are called. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Checks } from '../../src/explore/checks.ts'
import type { Nemesis } from '../../src/nemesis/nemesis.ts'
import type { Lab } from '../../src/network/lab.ts'

/** A lab whose pauses end in the next turn. */
const lab = { now: 0, links: { lab: { world: { time: { sleep: () => setImmediate() } } } } }
const make = () =>
  new Checks(
    lab as unknown as Lab,
    { spans: { over: 0 } } as unknown as Nemesis,
    new AbortController().signal,
  )

test('a check of always is called once more at the end, and not after it', async () => {
  const checks = make()
  let calls = 0
  checks.always(() => {
    calls++
  })
  await setImmediate()
  const before = calls
  await checks.end()
  const atEnd = calls
  expect(atEnd).toBeGreaterThan(before)
  for (let turn = 0; turn < 5; turn++) {
    await setImmediate()
  }
  expect(calls).toBe(atEnd)
})

test('a check of always that fails rejects with its name and the time', async () => {
  const checks = make()
  checks.always(() => {
    throw new Error('odd')
  })
  await expect(checks.failed).rejects.toThrow('always, at 0 ms: odd')
  await expect(checks.end()).rejects.toThrow('always, at 0 ms: odd')
})
