/** The line that shows how far a replay is. */
import { expect, test } from 'vitest'
import { type Progress, progressLine } from '../../../src/cli/replay/progress.ts'

const line = (progress: Partial<Progress>) =>
  progressLine({ read: 0, size: 1000, frames: 0, limit: Number.POSITIVE_INFINITY, seconds: 0, ...progress })

test('the line has the part of the file, frames, their rate and the time that is left', () => {
  expect(line({ read: 450, frames: 900, seconds: 9 })).toBe(
    ' 45% [=========>          ] 900 frames, 100 frames/s, 0:11 left',
  )
  expect(line({ read: 1, frames: 5, seconds: 10 })).toBe(
    '  0% [>                   ] 5 frames, 1 frames/s, 2:46:30 left',
  )
})

test('the line begins at nothing and ends at all', () => {
  expect(line({})).toBe('  0% [>                   ] 0 frames, 0 frames/s')
  expect(line({ read: 2000, frames: 10, seconds: 5 })).toBe(
    '100% [====================] 10 frames, 2 frames/s, 0:00 left',
  )
})

test('a limit of frames counts if it is nearer than the end of the file', () => {
  expect(line({ read: 100, frames: 50, limit: 100, seconds: 60 })).toBe(
    ' 50% [==========>         ] 50 frames, 1 frames/s, 1:00 left',
  )
})

test('without a length and a limit the line has what was read', () => {
  expect(line({ read: 2_500_000, size: undefined, frames: 70, seconds: 7 })).toBe('2.5 MB, 70 frames, 10 frames/s')
})
