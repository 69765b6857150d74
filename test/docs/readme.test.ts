import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runMain } from '#support/run-main.ts'
import { withFigures } from '../../bench/figures.mjs'
import { withoutBlocks } from '../../scripts/blocks.mjs'
import { contentsPage, GROUPS, opening } from '../../scripts/generate-contents.mjs'
import { core, products } from '../../scripts/rooms.mjs'

const readme = readFileSync('README.md', 'utf8')
/** The folders with pages. */
const folders = [
  'docs',
  'docs/drivers',
  ...readdirSync('packages').map(name => `packages/${name}/docs`),
].filter(existsSync)

test('the test in the README is the one in packages/lab/docs/testing.md, without its limit', () => {
  const [, code = ''] = readme.match(/```js\n(.*?test\(.*?)```/s) ?? []
  expect(code).not.toBe('')
  const page = readFileSync('packages/lab/docs/testing.md', 'utf8')
  expect(page.replace(', { signal: AbortSignal.timeout(500) }', '')).toContain(code)
})

test('the contents have every page of the core and of the packages once', () => {
  const listed = Object.values(GROUPS).flat()
  for (const folder of folders) {
    const pages = readdirSync(folder).filter(name => name.endsWith('.md') && name !== 'README.md')
    expect(pages, folder).not.toEqual([])
    expect(listed).toEqual(expect.arrayContaining(pages.map(page => `${folder}/${page}`)))
  }
  expect(listed.filter((page, i) => listed.indexOf(page) !== i)).toEqual([])
})

test('docs/README.md follows from the pages: npm run generate writes it', () => {
  const read = (path: string) => readFileSync(path, 'utf8')
  expect(read('docs/README.md')).toBe(contentsPage(read))
})

test.each([
  ['# A\n\nFirst, with a [link](b.md). Second.\n', 'First, with a link.', 'a link is its text'],
  ['# A\n\n```sh\nls\n```\n\nRun\n`ls`: it lists.\n', 'Run `ls`: it lists.', 'code comes first'],
  ['# A\n\nThe command:\n\n    ls\n', 'The command.', 'code follows'],
  ['---\ntitle: x\n---\n\n# A\n\nversion 1.2 is here. B\n', 'version 1.2 is here.', 'a number'],
  ['# A\n\n![](a.png)\n\n| a |\n|---|\n\nText\n', 'Text', 'pictures and tables come first'],
])('the first sentence of %j is "%s": %s', (page, sentence) => {
  expect(opening(page)).toEqual({ title: 'A', sentence })
})

// The pages of commands, the first one except for its head, and tables between marks are generated.
test('no page that is read as a whole has more than 250 lines without its code', () => {
  const pages = folders.flatMap(folder => readdirSync(folder).map(name => `${folder}/${name}`))
  const textOf = (page: string) =>
    withoutBlocks(readFileSync(page, 'utf8')).replace(/^```[\s\S]*?^```$|^ {4}[^\n]*$/gm, '')
  const long = pages.filter(
    page =>
      page.endsWith('.md') &&
      !page.startsWith('docs/commands') &&
      textOf(page).split('\n').length > 251,
  )
  expect(long).toEqual([])
})

test('scripts/rooms.mjs has each folder of src and each package with sources', () => {
  const foldersIn = (path: string) =>
    readdirSync(path, { withFileTypes: true }).filter(entry => entry.isDirectory())
  const rooms = new Set(core.map(({ room }) => room.split('/')[0]))
  expect(foldersIn('src').filter(({ name }) => !rooms.has(name))).toEqual([])
  const packages = foldersIn('packages').filter(({ name }) => existsSync(`packages/${name}/src`))
  expect(packages.map(({ name }) => name).sort()).toEqual(
    products.map(({ product }) => product).sort(),
  )
})

test('every command that the README names has a help text', async () => {
  const names = new Set(
    [...readme.matchAll(/(?:`vnet |vnet\.js )([a-z]+)/g)].map(([, word]) => word as string),
  )
  expect([...names]).toEqual(expect.arrayContaining(['run', 'snull', 'wire', 'stats', 'web']))
  for (const name of names) {
    expect(await runMain(name, '--help'), name).toMatchObject({ status: 0, stderr: '' })
  }
})

test('the figures of the README are those of docs/performance.json: node bench/figures.mjs writes them', () => {
  const report = JSON.parse(readFileSync('docs/performance.json', 'utf8'))
  expect(withFigures(readme, report)).toBe(readme)
  const changed = structuredClone(report)
  changed.cases.find(
    ({ kase }: { kase: string }) => kase === 'cable-long',
  ).summary.vnet.tcp.median = 1
  expect(withFigures(readme, changed)).toContain('vnet, in TypeScript | 1.0 Gbit/s')
  changed.cases.find(({ kase }: { kase: string }) => kase === 'cable-long').rounds = 3
  expect(() => withFigures(readme, changed)).toThrow('3 rounds')
  expect(() => withFigures('no marks', report)).toThrow('marks')
})

test('the README is at most 110 lines long', () => {
  expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(110)
})
