/** docs/capture.md has every reason for which the summary of `vnet replay` skips packets. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = readFileSync('docs/capture.md', 'utf8')

test('docs/capture.md has a row for every reason for which a packet of a replay is skipped', () => {
  const [, body = ''] = readFileSync('src/cli/replay/selection.ts', 'utf8').split(
    'export function skipReason',
  )
  const reasons = [...body.matchAll(/(?:return|\?|:) '([^']+)'/g)].map(
    ([, reason]) => reason as string,
  )
  expect(reasons).toHaveLength(7)
  // Those by --direction are one row.
  for (const reason of reasons.filter(each => each !== 'sent by the interface')) {
    expect(page).toContain(`| ${reason} |`)
  }
})
