/** run.md and the programs that were tried. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { table } from '../support/tried-programs.ts'

const page = readFileSync(new URL('../../docs/run.md', import.meta.url), 'utf8')

test('run.md has the table of the programs that were tried', () => {
  const [, start = ''] = page.split('## Programs that were tried\n')
  expect(start.match(/^\|.*$/gm)?.join('\n')).toBe(table())
})
