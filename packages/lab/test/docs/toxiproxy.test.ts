/** The page of `vnet toxiproxy` has each toxic, with its attributes. */
import { expect, test } from 'vitest'
import { readPages } from '#support/pages.ts'
import { isOfToxiproxy, TOXIC_KINDS } from '../../src/toxiproxy/toxic-kinds.ts'

const [, start = ''] = readPages('packages/lab/docs/toxiproxy.md').split('## Toxics\n')
const [section = ''] = start.split('\n## ')

/** The types of a row, and its other cells. */
const rows = [...section.matchAll(/^\| (`.*?`) (\|.*)$/gm)].map(
  ([, types = '', text = '']) => [types.replaceAll('`', '').split(', '), text] as const,
)

test('the page has a row for each toxic, and those of toxiproxy come first', () => {
  const kinds = [...TOXIC_KINDS.values()]
  const types = rows.flatMap(([names]) => names)
  expect([...types].sort()).toEqual(kinds.map(({ type }) => type).sort())
  const own = kinds.filter(isOfToxiproxy).map(({ type }) => type)
  expect(types.slice(0, own.length)).toEqual(own)
  expect(section).toMatch(/its own toxics here, the first seven\./)
  expect(own).toHaveLength(7)
})

test.each([...TOXIC_KINDS])('the row of %s names its attributes', (type, { attributes }) => {
  const [, text = ''] = rows.find(([types]) => types.includes(type)) ?? []
  for (const name of Object.keys(attributes)) {
    expect(text).toContain(`\`${name}\``)
  }
})
