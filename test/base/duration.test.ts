import fc from 'fast-check'
import { expect, test } from 'vitest'
import { durationOf, formatDuration, parseDuration } from '#src/base/duration.ts'
import { UsageError } from '#src/base/usage-error.ts'
import { forAll } from '#support/for-all.ts'
import { SEED, scaled } from '#support/scale.ts'

const MS = 1e6

test('a duration is a number with a unit, in the spelling of tc too', () => {
  expect(
    ['20ms', '1.5s', '7ns', '50us', '2min', '1h', '3msecs', '1e3us', '.5S'].map(text =>
      parseDuration(text),
    ),
  ).toEqual([20 * MS, 1500 * MS, 7, 50_000, 120_000 * MS, 3_600_000 * MS, 3 * MS, MS, 500 * MS])
})

test('a duration without a unit is refused in one line that shows how to write it, unless it is 0', () => {
  const advice = "the time '50' has no unit: write 50ms, or 50us as tc takes it"
  expect(() => parseDuration('50')).toThrow(new UsageError(advice))
  expect(() => durationOf('50')).toThrow(new UsageError(advice))
  expect(['0', '0.0'].map(text => parseDuration(text))).toEqual([0, 0])
})

test('a duration without a unit is in microseconds where tc(8) takes it', () => {
  expect(['50', '0.5', '20ms'].map(text => parseDuration(text, { bareUs: true }))).toEqual([
    50_000,
    500,
    20 * MS,
  ])
})

test.each(['', 'fast', 'm', '5mbit', '-1s', '1 s', `${'9'.repeat(400)}s`, '1e400'])(
  '%j is not a duration',
  text => {
    const wrong = `'${text}' is not a duration: a number with us, ms, s, min or h`
    expect(() => parseDuration(text)).toThrow(new UsageError(wrong))
  },
)

test('a number of m is not a duration, and the unit of minutes is named', () => {
  for (const text of ['5m', '1.5m']) {
    const wrong = `'${text}' is not a duration: write ${text}in for minutes`
    expect(() => parseDuration(text)).toThrow(new UsageError(wrong))
  }
})

test('a number that a user passes is in milliseconds', () => {
  expect([0, 1, 20.5, 0.000_001, '1ms'].map(durationOf)).toEqual([0, MS, 20.5 * MS, 1, MS])
  for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => durationOf(wrong)).toThrow(new UsageError(`${wrong} is not a duration in ms`))
  }
})

test('a formatted duration is parsed as the same number', () => {
  const any = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 53 - 1 }),
    fc.double({ min: 2 ** 53, max: 1e300, noNaN: true }),
  )
  forAll({ numRuns: scaled(5000), seed: SEED }, [any], ns => {
    expect(parseDuration(formatDuration(ns))).toBe(ns)
  })
  expect([0, 999, 1500, 20 * MS, 90_000 * MS].map(ns => formatDuration(ns))).toEqual([
    '0ns',
    '999ns',
    '1.5us',
    '20ms',
    '90s',
  ])
})

test('a duration for people is rounded to some digits', () => {
  const durations = [0, 12.34, 340_400, 12_345_678, 2 * MS, 61_250 * MS]
  expect(durations.map(ns => formatDuration(ns, { digits: 3 }))).toEqual([
    '0ns',
    '12.3ns',
    '340us',
    '12.3ms',
    '2ms',
    '61.3s',
  ])
})
