/** The record of what was tried, and the programs that test/run runs. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { table } from '../support/tried-programs.ts'

const page = readFileSync(new URL('../../../../docs/records/tried.md', import.meta.url), 'utf8')

test('the record has the table of the programs that were tried in vnet run', () => {
  const [, start = ''] = page.split('## Programs in vnet run\n')
  const [section = ''] = start.split('\n## ')
  expect(section.match(/^\|.*$/gm)?.join('\n')).toBe(table())
})
