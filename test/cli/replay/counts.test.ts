/** The result of a replay that sent no frame. */
import { expect, test } from 'vitest'
import { nothingOf } from '#src/cli/commands/replay.ts'
import { ReplayCounts } from '#src/cli/replay/counts.ts'

test('a replay without a sent frame has the reasons, failures before skipped packets', () => {
  const counts = new ReplayCounts()
  expect(nothingOf('a', counts)).toBe('a: no frame was sent: the capture has no packets')
  counts.skipped.add('not Ethernet', 2)
  counts.skipped.add('cut short by a snaplen')
  const skipped = '2 not Ethernet, 1 cut short by a snaplen'
  expect(nothingOf('a', counts)).toBe(`a: no frame was sent: no packet can be played: ${skipped}`)
  counts.failed.add('longer than the MTU of 1500')
  expect(nothingOf('a', counts)).toBe(
    'a: no frame was sent: no frame was taken: 1 longer than the MTU of 1500',
  )
})
