/** The time of a scenario. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  Axis,
  COLUMNS,
  columnsOf,
  formatTime,
  lengthOf,
  progress,
} from '../../src/page/scenario.tsx'

const STARTED = 1_700_000_000_000
const steps = [0, 30_000, 40_000].map(at => ({ at, text: `wire delay ${at}ms` }))
const once = { started: STARTED, repeat: undefined, steps }
const again = { ...once, repeat: 60_000 }

describe('progress', () => {
  test.each([undefined, STARTED + 1])('a scenario whose time 0 is %j waits', started => {
    const waiting = { state: 'waiting', round: 0, at: 0, step: undefined, next: undefined }
    expect(progress({ ...again, started }, STARTED)).toEqual(waiting)
  })

  test('a step is taken at its time, and the next one is announced', () => {
    const before = { state: 'running', round: 1, at: 29_999, step: 0, next: { step: 1, wait: 1 } }
    expect(progress(once, STARTED + 29_999)).toEqual(before)
    const after = {
      state: 'running',
      round: 1,
      at: 30_000,
      step: 1,
      next: { step: 2, wait: 10_000 },
    }
    expect(progress(once, STARTED + 30_000)).toEqual(after)
  })

  test('a scenario without a repeat has ended after its last step', () => {
    expect(progress(once, STARTED + 90_000)).toMatchObject({
      state: 'ended',
      round: 1,
      at: 90_000,
      step: 2,
    })
  })

  test('a round that repeats is followed by its first step', () => {
    const { state, next } = progress(again, STARTED + 59_000)
    expect([state, next]).toEqual(['running', { step: 0, wait: 1000 }])
    expect(progress(again, STARTED + 60_000)).toMatchObject({ round: 2, at: 0, step: 0 })
    expect(progress(again, STARTED + 60_000 * 9 + 31_000)).toMatchObject({
      round: 10,
      at: 31_000,
      step: 1,
    })
  })

  test('the last step of a round lasts until the first of the next one', () => {
    const late = { ...again, steps: steps.slice(1) }
    expect(progress(late, STARTED + 1000)).toMatchObject({
      round: 1,
      step: undefined,
      next: { step: 0, wait: 29_000 },
    })
    expect(progress(late, STARTED + 61_000)).toMatchObject({
      round: 2,
      step: 1,
      next: { step: 0, wait: 29_000 },
    })
  })
})

describe('the axis', () => {
  test('the axis is as long as a round, or a little longer than the last step', () => {
    expect(lengthOf(again)).toBe(60_000)
    expect(lengthOf(once)).toBeCloseTo(44_000)
    expect(lengthOf({ ...once, steps: [] })).toBe(1000)
  })

  test('a step is as wide as the time until the next one, and the last one reaches the end', () => {
    expect(columnsOf(again)).toEqual([
      { start: 1, end: 31 },
      { start: 31, end: 41 },
      { start: 41, end: COLUMNS + 1 },
    ])
  })

  test('the style sheet has the columns from the list that is rendered', () => {
    const { type, props } = Axis({ scenario: again, now: 1 })
    expect([type, props.style]).toEqual(['ol', { '--columns': COLUMNS }])
    const css = readFileSync(new URL('../../src/page/style.css', import.meta.url), 'utf8')
    expect(/\.axis \{[^}]*\bgrid-template-columns: (.*);/.exec(css)?.[1]).toBe(
      'repeat(var(--columns), minmax(0, 1fr))',
    )
  })

  test('a step that is too short for a column has one', () => {
    const short = [0, 1, 2, 59_999].map(at => ({ at, text: '' }))
    expect(columnsOf({ ...again, steps: short })).toEqual([
      { start: 1, end: 2 },
      { start: 1, end: 2 },
      { start: 1, end: 60 },
      { start: 60, end: 61 },
    ])
  })
})

test.each([
  [0, '0 s'],
  [250, '250 ms'],
  [2540, '2.5 s'],
  [30_000, '30 s'],
  [59_990, '59.9 s'],
  [90_000, '1:30'],
  [3_723_000, '1:02:03'],
])('%d ms are formatted as %s', (ms, text) => {
  expect(formatTime(ms)).toBe(text)
})
