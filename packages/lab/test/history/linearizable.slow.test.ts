/** linearizable: many histories, long ones, and ones that take the search to its limit. */
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import type { Operation } from '../../src/history/index.ts'
import { historyOf, judgedAsByEveryOrder, randomEvents, reasonOf } from './registers.ts'

test.each([
  { honesty: 1, least: 0, most: 0 },
  { honesty: 0.8, least: 300, most: 1700 },
])(
  'small histories of a register whose results are right at $honesty are judged as by every order',
  ({ honesty, least, most }) => {
    const refused = judgedAsByEveryOrder(honesty, 2000)
    expect(refused).toBeGreaterThanOrEqual(least)
    expect(refused).toBeLessThanOrEqual(most)
  },
)

test('a long history of many clients is searched in few states', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const history = historyOf(randomEvents(random(seed), 20, 1000, 1))
    expect(reasonOf(history, { limit: 10_000 }), `seed ${seed}`).toBeUndefined()
    history.ok(history.invoke('read', undefined, { key: 'x' }), 'never written')
    expect(reasonOf(history)).toMatch(/^not linearizable: .*\n.* read x -> 'never written'$/)
  }
})

/** Returns a thousand operations whose last 30 reads have a wrong result. */
function brokenOperations(values: number, known: number): Operation[] {
  const events = randomEvents(random(1), 10, 1000, 1, { values, known })
  const operations = [...historyOf(events)].map(each => ({ ...each }))
  const reads = operations.filter(({ name, outcome }) => name === 'read' && outcome === 'ok')
  for (const read of reads.slice(-30)) {
    read.result = (Number(read.result ?? 0) + 1) % values || undefined
  }
  return operations
}

test('a long history that no order explains has a reason of few lines, within the time of a test', () => {
  const lines = reasonOf(brokenOperations(50, 0.98))?.split('\n') ?? []
  expect(lines.slice(0, 2)).toEqual([
    'not linearizable: no order explains these operations of x:',
    expect.stringMatching(/^ {2}\(\d+ earlier operations\)$/),
  ])
  expect(lines).toHaveLength(14)
})

test('a long history with many unknown outcomes ends at the limit, within the time of a test', () => {
  expect(reasonOf(brokenOperations(20, 0.7))).toMatch(
    /^cannot tell .* the limit is 200000 states, and \d+ have no known/,
  )
})
