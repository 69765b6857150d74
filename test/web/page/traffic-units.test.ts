import { expect, it } from 'vitest'
import { clockText, lateText } from '../../../src/web/page/traffic-units.ts'

it('formats a time of the day in local time', () => {
  expect(clockText(new Date(2026, 10, 21, 6, 3, 9).getTime() / 1000)).toBe('06:03:09')
})

it('formats a lateness in ms with its unit, and none as empty', () => {
  expect([0.041, 1.25, 2000, undefined].map(lateText)).toEqual(['41 µs', '1.25 ms', '2 s', ''])
})
