/** docs/drivers/exports.md sorts every export of 'vnet'. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as vnet from '#src/index.ts'
import { withoutBlock } from '../../../scripts/blocks.mjs'

const page: string = withoutBlock(readFileSync('docs/drivers/exports.md', 'utf8'), 'names')
const rows = page.split('\n').filter(line => line.startsWith('| '))
const listed = rows.flatMap(row =>
  [...row.matchAll(/`([A-Za-z]\w*\*?)`/g)].map(([, name]) => name as string),
)

test('each export of vnet has its place on the page, by its name or its family', () => {
  const families = listed.filter(name => name.endsWith('*')).map(name => name.slice(0, -1))
  const isError = (name: string) => /^E[A-Z0-9]{2,}$/.test(name)
  const hasPlace = (name: string) =>
    listed.includes(name) ||
    families.some(family => (family === 'E' ? isError(name) : name.startsWith(family)))
  expect(Object.keys(vnet).filter(name => !hasPlace(name))).toEqual([])
})

test('each name of the page is an export, once', () => {
  const isExport = (name: string) =>
    name.endsWith('*')
      ? Object.keys(vnet).some(each => each.startsWith(name.slice(0, -1)))
      : name in vnet
  expect(listed.filter(name => !isExport(name))).toEqual([])
  expect(listed.filter((name, i) => listed.indexOf(name) !== i && name !== 'EINVAL')).toEqual([])
})
