/** CHANGELOG.md: entries are whole, and each is there once. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const lines = readFileSync(new URL('../../CHANGELOG.md', import.meta.url), 'utf8').split('\n')

/** The entries, each on one line. */
const entries = lines
  .join('\n')
  .replaceAll(/\n {2}(?=\S)/g, ' ')
  .split('\n')
  .filter(line => line.startsWith('- '))

test('each entry of the changelog is whole sentences', () => {
  expect(entries.length).toBeGreaterThan(50)
  expect(entries.filter(entry => !/[.:]$/.test(entry))).toEqual([])
})

test('no two entries of the changelog have a line or a beginning in common', () => {
  const known = new Set<string>()
  const parts = [
    ...lines.filter(line => line.startsWith('  ')),
    ...entries.map(entry => entry.slice(0, 50)),
  ]
  expect(parts.filter(part => known.size === known.add(part).size)).toEqual([])
})
