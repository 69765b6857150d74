/** A written test that is explored. */
import { expect, test } from 'vitest'
import { neighbourhood } from '../../src/story/neighbourhood.ts'
import { STORIES } from '../support/stories.ts'

test('the neighbourhood of a fault that lasts has verdicts for shorter and longer ones', async () => {
  const end = 'client-server ab tcp client:* > server:80'
  const table = await neighbourhood(STORIES['a silence that ends']!, {})
  expect(table.split('\n')).toEqual([
    'no fault  passed',
    `captured  passed  silence 3s ${end} seq 121`,
    `earlier   passed  silence 3s ${end} seq 1`,
    `later     passed  silence 3s ${end} seq 241`,
    `shorter   passed  silence 1.5s ${end} seq 121`,
    `longer    passed  silence 6s ${end} seq 121`,
  ])
})

test('the neighbourhood has a verdict for packets before and after', async () => {
  const table = await neighbourhood(STORIES['a reset']!, {})
  const [clean, captured, earlier] = table.split('\n')
  const reset = 'FAILED  reset client-server ab tcp client:* > server:80'
  expect(clean).toBe('no fault  passed')
  expect(captured).toContain(`${reset} seq 121: `)
  expect(earlier).toContain(`${reset} seq 1: `)
})
