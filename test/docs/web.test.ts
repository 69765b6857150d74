import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compileNumericFilter } from '#src/linux/pcap-filter.ts'

const page = readFileSync(join(import.meta.dirname, '../../packages/web/docs/web.md'), 'utf8')

test('each filter in the table of filters is one', () => {
  const [, table] = page.split('| filter | frames |\n|---|---|\n')
  const rows = table.split('\n\n')[0].split('\n')
  const filters = rows.flatMap(row =>
    [...row.split('|')[1].matchAll(/`([^`]+)`/g)].map(([, filter]) => filter),
  )
  expect(filters.length).toBeGreaterThan(12)
  for (const filter of filters) {
    expect(() => compileNumericFilter(filter), filter).not.toThrow()
  }
})
