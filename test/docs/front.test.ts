/** The front page of the site says the same as the pages to which it leads. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const front = readFileSync('docs/.vitepress/front.md', 'utf8').replace(/\s+/g, ' ')
const found = readFileSync('packages/lab/docs/found.md', 'utf8')

test('the front page has the numbers of found.md', () => {
  const [, count, often] = /^(\d+) packages, (\d+) of them with over 4 million downloads a month/m.exec(found) ?? []
  expect(count).toBeDefined()
  expect(front).toContain(`[${count} packages of npm](../../packages/lab/docs/found.md), ${often} of them with over 4`)
  const packages = [...front.matchAll(/\[([\w-]+)\]\(\S+found\.md#\S+\), (\d+ M)/g)]
  expect(packages).toHaveLength(3)
  for (const [, name, downloads] of packages)
    expect(found).toMatch(new RegExp(`^\\| \\[${name}\\]\\(\\S+\\) \\S+ \\| ${downloads} \\|`, 'm'))
})

test('the front page has the number of packages that run on hosts', () => {
  const [, count] = /\[(\d+) packages\]\(\S+lab\/docs\/packages\.md\)/.exec(front) ?? []
  expect(readFileSync('packages/lab/docs/packages.md', 'utf8')).toContain(`These ${count} do, in both worlds`)
})

test('the driver on the front page has lines of the solution of the first exercise', () => {
  const drawing = readFileSync('docs/.vitepress/front/editor.svg', 'utf8')
  const solution = readFileSync('packages/learn/course/01-drop/solution.js', 'utf8')
  const lines = [...drawing.matchAll(/<text x="\d+" y="\d+">(.*?)<\/text>/g)].map(([, line = '']) =>
    line.replace(/<[^>]+>/g, ''),
  )
  expect(lines).toHaveLength(4)
  for (const line of lines) expect(solution).toContain(line)
})
