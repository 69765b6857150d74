import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CAUSES } from '../../src/page/drop-reason.ts'

test('the page explains each reason as the page about statistics does', () => {
  const [, table = ''] = readFileSync('docs/statistics.md', 'utf8').split('| reason | cause |')
  const rows = [...table.split('\n\n')[0]!.matchAll(/^\| ([A-Z0-9_, ]+) \| (.*) \|$/gm)]
  const causes = rows.flatMap(([, names = '', cause = '']) =>
    names.split(', ').map(name => [name, cause.replaceAll('`', '')] as const),
  )
  expect(causes.length).toBeGreaterThan(40)
  expect(CAUSES).toEqual(Object.fromEntries(causes))
})
