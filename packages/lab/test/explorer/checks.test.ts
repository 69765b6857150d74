/** The checks of a run: when they are called. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { argumentOf } from '../../src/explore/call-text.ts'
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

/** Returns the error of a promise that has not settled. */
const lateOf = (settled: Promise<unknown>) => settled.then(String, error => error.message)

test('settles names what has not settled: by its text in the source, or by the option what', async () => {
  const { settles } = make()
  const never = (_: object) => new Promise<never>(() => {})
  const within = 5
  expect(await lateOf(settles(never({ a: ',)' }), { within }))).toBe(
    "not settled within 5: never({ a: ',)' })",
  )
  const long =
    'not settled within 5ms: never({ one: 1, two: 2 }).catch(() => { // This is a comment. })'
  expect(
    await lateOf(
      settles(
        never({ one: 1, two: 2 }).catch(() => {
          // This is a comment.
        }),
        { within: '5ms' },
      ),
    ),
  ).toBe(`${long.slice(0, 84)}...`)
  const what = 'the reply to ping'
  expect(await lateOf(settles(never({}), { within, what }))).toBe(
    'not settled within 5: the reply to ping',
  )
  expect(await settles(Promise.resolve(1), { within })).toBe(1)
})

test('a call has no text if its source cannot be read', () => {
  const frame = (place: string) => `Error: late\n    at scenario (${place})`
  expect(argumentOf('settles', frame('file:///none/at/all.mjs:3:9'))).toBeUndefined()
  expect(argumentOf('settles', frame('data:text/javascript,export%20default:3:9'))).toBeUndefined()
  expect(argumentOf('settles', frame(`${import.meta.filename}:1:1`))).toBeUndefined()
  expect(argumentOf('settles')).toBeUndefined()
})
