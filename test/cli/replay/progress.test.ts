/** The line that shows how far a replay is. */
import { expect, test } from 'vitest'
import { progressLine, type ReplayProgress } from '#src/cli/commands/replay.ts'

const line = (progress: Partial<ReplayProgress>) =>
  progressLine({
    read: 0,
    size: 1e9 - 1,
    frames: 0,
    limit: Number.POSITIVE_INFINITY,
    seconds: 0,
    ...progress,
  })

test('the line has the part of the file, frames, their rate and the time that is left', () => {
  expect(line({ read: 450e6, frames: 900, seconds: 9 })).toBe(
    ' 45% [=========>          ] 450.0/1000.0 MB, 900 frames, 100/s, 0:11 left',
  )
  expect(line({ read: 5e6, size: 10e9, frames: 5, seconds: 5 })).toBe(
    '  0% [>                   ] 0.0/10.0 GB, 5 frames, 1/s, 2:46:35 left',
  )
})

test('the progress line starts at 0% and ends at 100%', () => {
  expect(line({})).toBe('  0% [>                   ] 0.0/1000.0 MB, 0 frames, 0/s')
  expect(line({ size: 0 })).toBe('  0% [>                   ] 0.0/0.0 MB, 0 frames, 0/s')
  expect(line({ read: 2e9, size: 2e9, frames: 10, seconds: 5 })).toBe(
    '100% [====================] 2.0/2.0 GB, 10 frames, 2/s, 0:00 left',
  )
})

test('a limit of frames counts if it is nearer than the end of the file', () => {
  expect(line({ read: 1e6, frames: 50, limit: 100, seconds: 60 })).toBe(
    ' 50% [==========>         ] 1.0/1000.0 MB, 50 frames, 1/s, 1:00 left',
  )
})

test('without a length and a limit, the progress line has the amount read', () => {
  expect(line({ read: 2_500_000, size: undefined, frames: 70, seconds: 7 })).toBe(
    '2.5 MB, 70 frames, 10/s',
  )
})
