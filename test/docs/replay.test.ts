/** docs/replay.md has every option of `vnet replay`, and every reason that its summary names. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runMain } from '#support/run-main.ts'

const page = readFileSync('docs/replay.md', 'utf8')

test('docs/replay.md names every option of vnet replay', async () => {
  const { stdout } = await runMain('replay', '--help')
  const options = [...stdout.matchAll(/^ {2}(--[a-z]+)/gm)].map(([, option]) => option as string)
  expect(options.length).toBeGreaterThan(4)
  for (const option of options) {
    expect(page).toMatch(new RegExp(`\`${option}[ \`]`))
  }
})

test('docs/replay.md has a row for every reason for which a packet is skipped', () => {
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
