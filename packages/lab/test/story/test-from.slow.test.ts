/** The story of a capture with thousands of flows. */
import { expect, test } from 'vitest'
import { dataSegment, LOST, storyOfSegments } from '../support/story-captures.ts'

test('flows that were not used for long are closed when there are too many', () => {
  const many = Array.from({ length: 9000 }, (_, i) => ({ ...dataSegment(i), port: 1025 + i }))
  const { flows, forgotten } = storyOfSegments([
    ...LOST,
    ...many.map(one => ({ ...one, at: one.at + 500 })),
  ])
  expect(flows.length + forgotten).toBe(9001)
  expect(flows.filter(({ statements }) => statements.length > 0)).toHaveLength(1)
})
