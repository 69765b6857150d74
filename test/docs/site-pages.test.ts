/** The addresses of pages on the site. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { onSite } from '../../docs/.vitepress/pages.mjs'

test.each([
  ['README.md', 'readme.md'],
  ['docs/README.md', 'contents.md'],
  ['docs/wires.md', 'wires.md'],
  ['packages/lab/docs/run.md', 'lab/run.md'],
  ['packages/learn/course/01-drop/README.md', 'learn/01-drop.md'],
  ['packages/lab/README.md', undefined],
])('%s is at %s', (path, address) => {
  expect(onSite(path)).toBe(address)
})

test('the pages of conform keep the addresses that they had as pages of inet', () => {
  const pages = readdirSync('packages/conform/docs')
  expect(pages).toContain('conform.md')
  expect(pages.map(name => onSite(`packages/conform/docs/${name}`))).toEqual(
    pages.map(name => `inet/${name}`),
  )
})

test('no two pages have the same address', () => {
  const listed = ['ls-files', '--cached', '--others', '--exclude-standard', '--', '*.md']
  const pages = execFileSync('git', listed, { encoding: 'utf8' }).trimEnd().split('\n')
  const addresses = pages.map(onSite).filter(address => address !== undefined)
  expect(addresses).toContain('inet/conform.md')
  expect(addresses.filter((address, i) => addresses.indexOf(address) !== i)).toEqual([])
})
