/** The addresses of pages on the site. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MOVED, onSite, redirects } from '../../docs/.vitepress/pages.mjs'
import { filesIn } from '../../scripts/project-files.mjs'

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

const pages = filesIn('.').filter(file => file.endsWith('.md'))
const addresses = pages.map(onSite).filter(address => address !== undefined)

test('no two pages have the same address', () => {
  expect(addresses).toContain('inet/conform.md')
  expect(addresses.filter((address, i) => addresses.indexOf(address) !== i)).toEqual([])
})

test('the address of a page that has moved leads to a heading of another page', () => {
  const anchors = (page: string) =>
    [...readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-')
        .replace(/^(?=\d)/, '_'),
    )
  const dead = Object.entries<string>(MOVED).filter(([from, to]) => {
    const [address, heading = ''] = to.split('#')
    const page = pages.find(path => onSite(path) === address)
    return addresses.includes(from) || page === undefined || !anchors(page).includes(heading)
  })
  expect(dead).toEqual([])
})

test('a moved page keeps the heading of its address, and has a link without scripts', () => {
  const [[path, html] = []] = redirects({ 'lab/old.md': 'lab/new.md#a-part' }, '/base/')
  expect(path).toBe('lab/old.html')
  expect(html).toContain("location.replace('/base/lab/new.html' + (location.hash || '#a-part'))")
  expect(html).toContain('<a href="/base/lab/new.html#a-part">')
})
