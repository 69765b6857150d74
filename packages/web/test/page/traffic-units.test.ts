import { expect, it } from 'vitest'
import { clockText, lateText } from '../../src/page/driver-text.ts'

it('a time of the day is formatted in local time', () => {
  expect(clockText(new Date(2026, 10, 21, 6, 3, 9).getTime() / 1000)).toBe('06:03:09')
})

it('a lateness is formatted in ms with its unit, and no lateness as an empty text', () => {
  expect([0.041, 1.25, 2000, undefined].map(lateText)).toEqual(['41 µs', '1.25 ms', '2 s', ''])
})
