/** The API reference has every public name, with its docstring. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { apiReference } from '../../scripts/api-reference.mjs'

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, { types?: string; default: string }>
}
/** Without `./internal/*`. */
const entries = Object.fromEntries(Object.entries(manifest.exports).filter(([path]) => !path.includes('*')))
const { pages, index, exports } = apiReference()
const of = (path: string) => exports.filter(({ entry }) => entry === path.replace(/^\./, 'vnet'))
/** Values with the tag @internal, which vnet's own entry points use. */
const INTERNAL = ['createLabWith', 'warmLabs']
/** Loading these makes a lab, or needs Playwright. */
const HEAVY = ['./vitest', './playwright']

/** The values of each entry point, loaded outside of the tests' time. */
const modules: [path: string, names: string[]][] = []
for (const [path, target] of Object.entries(entries)) {
  if (target.types === undefined || HEAVY.includes(path)) continue
  modules.push([path, Object.keys(await import(/* @vite-ignore */ resolve(target.default)))])
}

test('the reference has a page for each entry point of the package', () => {
  const paths = Object.keys(entries).filter(path => entries[path]?.types !== undefined)
  expect(pages.map(([file]) => file)).toEqual(paths.map(path => `${path.replace(/^\./, 'vnet').replace('/', '-')}.md`))
  for (const path of paths) expect(of(path).length, path).toBeGreaterThan(0)
})

test('a page has every type that its declarations name, or a link to it', () => {
  const { 'vnet-tap.md': tap = '', ...others } = Object.fromEntries(pages)
  expect(tap).toMatch(/^### OnFrames\n\n/m)
  expect(tap).toContain('[Platform](vnet-net.md#platform)')
  const all: Record<string, string> = { 'vnet-tap.md': tap, ...others }
  const headings = (page: string) => [...page.matchAll(/^### (\w+)$/gm)].map(([, name = '']) => name.toLowerCase())
  for (const [file, page] of Object.entries(all)) {
    for (const [link, to = '', anchor = ''] of page.matchAll(/\[\w+\]\((vnet[\w-]*\.md)#(\w+)\)/g)) {
      expect(headings(all[to] ?? '').includes(anchor), `${file}: ${link}`).toBe(true)
    }
  }
})

test('the index of the reference has a sentence for each page', () => {
  for (const [file] of pages) expect(index).toMatch(new RegExp(`^- \\[vnet[/\\w]*\\]\\(${file}\\): \\S.*\\.$`, 'm'))
  expect(index).toContain('- [vnet/tap](vnet-tap.md): TAP interfaces for programs.\n')
})

test('the reference has every value that an entry point exports, unless it is internal', () => {
  expect(modules.length).toBe(9)
  for (const [path, exported] of modules) {
    const names = of(path).map(({ name }) => name)
    const missing = exported.filter(name => !names.includes(name) && !INTERNAL.includes(name))
    expect(missing, path).toEqual([])
  }
})

test('every public function, class and driver has a docstring, which its page shows', () => {
  for (const { entry, name, kind, doc } of exports) {
    if (!['function', 'class', 'const'].includes(kind) || /^[A-Z_0-9]+$/.test(name)) continue
    expect(doc, `${entry}: ${name}`).not.toBe('')
    const [, page = ''] = pages.find(([file]) => file === `${entry.replace('/', '-')}.md`) ?? []
    const [start = ''] = /[A-Za-z][^\n*]{8,}/.exec(doc) ?? []
    const words = start.replace(/^[\w, ]+: ./, '').trim()
    expect(page.includes(words), `${entry}: ${name}: ${words}`).toBe(true)
  }
})

test('the prose of a name is whole sentences, and its kernel name follows', () => {
  for (const [file, page] of pages) {
    for (const [, words = ''] of page.matchAll(/^### .*\n\n(?!```)(.*)/gm)) expect(words, file).toMatch(/^[A-Z0-9`']/)
  }
  const { 'vnet.md': page = '' } = Object.fromEntries(pages)
  expect(page).toMatch(
    /^### netifRx\n\nGives a frame to the kernel[^#`]*`skb.dev`[^#`]*\n\nIn the kernel: `netif_rx`\.\n/m,
  )
})

test('the accessors of headers are shown as functions with their parameters', () => {
  const { 'vnet.md': page = '' } = Object.fromEntries(pages)
  expect(page).toContain('\nfunction setOp(bytes: Uint8Array, at: number, value: number): void;\n')
  for (const [file, text] of pages) expect(text, file).not.toMatch(/: (Getter|Setter|Predicate);|\b_\w+: /)
})
