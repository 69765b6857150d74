/** Records, docs/records and packages/NAME/records: data that pages lead to, out of the search. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { onSite } from '../../docs/.vitepress/pages.mjs'
import { isLeftOut } from '../../scripts/check-pages.mjs'
import { generatedFiles } from '../../scripts/generate-records.mjs'
import { filesIn } from '../../scripts/project-files.mjs'

const isRecord = (path: string) => /^(docs|packages\/[\w-]+)\/records\/.*\.md$/.test(path)
const pages = filesIn('.').filter(file => file.endsWith('.md'))
const records = pages.filter(isRecord)
const read = (path: string) => readFileSync(path, 'utf8')

/** Returns the pages that a page links to. */
const linksOf = (page: string) =>
  [...read(page).matchAll(/\]\((?![a-z]+:)([^)#\s]+)/g)].map(([, path = '']) =>
    join(dirname(page), path),
  )

test('no record is in the search of the site', () => {
  expect(records.length).toBeGreaterThan(5)
  const found = records.filter(record => !read(record).startsWith('---\nsearch: false\n---\n'))
  expect(found).toEqual([])
})

test('only records, found defects and the front page are out of the search', () => {
  const others = pages.filter(
    page => !isRecord(page) && !/^examples\/found\/|^docs\/\.vitepress\/front\.md$/.test(page),
  )
  expect(others.filter(page => isLeftOut(read(page)))).toEqual([])
})

test('a page leads to every record, by a link or through another record', () => {
  const reached = new Set(pages.filter(page => !isRecord(page)).flatMap(linksOf))
  // A set visits what is added to it meanwhile.
  for (const page of reached) {
    if (!isRecord(page)) continue
    for (const link of linksOf(page)) {
      reached.add(link)
    }
  }
  expect(records.filter(record => !reached.has(record))).toEqual([])
})

test.each(Object.entries(generatedFiles()))(
  '%s follows from its data: npm run generate writes it',
  (path, text) => {
    expect(read(path)).toBe(text)
  },
)

test('the package has every page that its messages, units and manifests name', () => {
  const lines = execFileSync(
    'git',
    ['grep', '-hE', 'docs/[a-z]', '--', 'src', 'deploy', 'systemd', ':(glob)packages/*/src/**'],
    {
      encoding: 'utf8',
    },
  )
  const named = lines
    .split('\n')
    .filter(line => !/^\s*(\*|\/\*|\/\/)/.test(line))
    .flatMap(line => line.match(/\b(packages\/[\w-]+\/)?docs\/[\w/-]+\.(md|yaml)\b/g) ?? [])
  expect(named).toContain('docs/statistics.md')
  const shipped = /^(docs\/((drivers\/)?[\w-]+\.md|vnet_nl\.yaml)|packages\/\w+\/docs\/[\w-]+\.md)$/
  expect(named.filter(path => !shipped.test(path) || !existsSync(path))).toEqual([])
  const { files } = JSON.parse(read('package.json'))
  expect(files).toEqual(
    expect.arrayContaining(['docs/*.md', 'docs/drivers/*.md', 'docs/vnet_nl.yaml']),
  )
})

test.each([
  ['packages/lab/records/found.md', 'lab/found.md'],
  ['packages/lab/records/hunted.md', 'lab/hunted.md'],
  ['packages/lab/records/test-from-checked.md', 'lab/test-from-checked.md'],
  ['packages/conform/records/conform-mutations.md', 'inet/conform-mutations.md'],
  ['packages/conform/records/conform-stacks.md', 'inet/conform-stacks.md'],
  ['docs/records/performance-time.md', 'performance-time.md'],
  ['docs/records/wires-compared.md', 'wires-compared.md'],
  ['docs/records/kernel-map-frames.md', 'kernel-map-frames.md'],
  ['docs/records/tried.md', 'records/tried.md'],
])('%s is at %s on the site', (path, address) => {
  expect(records).toContain(path)
  expect(onSite(path)).toBe(address)
})
