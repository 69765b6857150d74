/** The API reference has every public name, with its docstring. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { apiReference } from '../../scripts/api-reference.mjs'

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, { readonly types?: string; readonly default: string }>>
}

/** Each public entry point with its compiled file. */
const entries = ['.', 'packages/lab', 'packages/lan', 'packages/learn'].flatMap(folder => {
  const { name, exports } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as Manifest
  return Object.entries(exports)
    .filter(([path, { types }]) => types !== undefined && !/\*|^\.\/(commands|kit)$/.test(path))
    .map(([path, target]) => ({
      entry: path.replace(/^\./, name),
      file: resolve(folder, target.default),
    }))
})
const { pages, index, exports } = apiReference()
const pageOf = (entry: string) => `${entry.replace('@', '').replaceAll('/', '-')}.md`
const of = (entry: string) => exports.filter(each => each.entry === entry)
/** Values with the tag @internal, which vnet's own entry points use. */
const INTERNAL = ['createLabWith', 'warmLabs']
/** Loading these makes a lab, or needs Playwright. */
const HEAVY = ['@vnet/lab/vitest', '@vnet/lab/playwright']

/** The values of each entry point. Node loads the compiled files: here, `vnet` is its sources. */
const LOAD = `const named = async ([entry, file]) => [entry, Object.keys(await import(file))]
  console.log(JSON.stringify(await Promise.all(JSON.parse(process.argv[1]).map(named))))`
const light = entries
  .filter(({ entry }) => !HEAVY.includes(entry))
  .map(({ entry, file }) => [entry, file])
const modules: [entry: string, names: string[]][] = JSON.parse(
  execFileSync(process.execPath, ['--input-type=module', '-e', LOAD, JSON.stringify(light)], {
    encoding: 'utf8',
  }),
)

test('the reference has a page for each entry point of vnet and its packages', () => {
  expect(entries.length).toBe(16)
  expect(pages.map(([file]) => file)).toEqual(entries.map(({ entry }) => pageOf(entry)))
  for (const { entry } of entries) {
    expect(of(entry).length, entry).toBeGreaterThan(0)
  }
})

test('a page has every type that its declarations name, or a link to it', () => {
  const { 'vnet-tap.md': tap = '', ...others } = Object.fromEntries(pages)
  expect(tap).toMatch(/^### OnFrames\n\n/m)
  expect(tap).toContain('[Platform](vnet-net.md#platform)')
  const all: Record<string, string> = { 'vnet-tap.md': tap, ...others }
  const headings = (page: string) =>
    [...page.matchAll(/^### (\w+)$/gm)].map(([, name = '']) => name.toLowerCase())
  for (const [file, page] of Object.entries(all)) {
    for (const [link, to = '', anchor = ''] of page.matchAll(
      /\[\w+\]\((vnet[\w-]*\.md)#(\w+)\)/g,
    )) {
      expect(headings(all[to] ?? '').includes(anchor), `${file}: ${link}`).toBe(true)
    }
  }
})

test('the index of the reference has a sentence for each page', () => {
  for (const [file] of pages) {
    expect(index).toMatch(new RegExp(`^- \\[@?vnet[/\\w]*\\]\\(${file}\\): \\S.*\\.$`, 'm'))
  }
  expect(index).toContain('- [vnet/tap](vnet-tap.md): TAP interfaces for programs.\n')
})

test('the reference has every value that an entry point exports, unless it is internal', () => {
  expect(modules.length).toBe(14)
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
    const [, page = ''] = pages.find(([file]) => file === pageOf(entry)) ?? []
    const [start = ''] = /[A-Za-z][^\n*]{8,}/.exec(doc) ?? []
    const words = start.replace(/^[\w, ]+: ./, '').trim()
    expect(page.includes(words), `${entry}: ${name}: ${words}`).toBe(true)
  }
})

test('the prose of a name is whole sentences, and its kernel name follows', () => {
  for (const [file, page] of pages) {
    for (const [, words = ''] of page.matchAll(/^### .*\n\n(?!```)(.*)/gm)) {
      expect(words, file).toMatch(/^[A-Z0-9`']/)
    }
  }
  const { 'vnet.md': page = '' } = Object.fromEntries(pages)
  expect(page).toMatch(
    /^### netifRx\n\nGives a frame to the kernel[^#`]*`skb.dev`[^#`]*\n\nIn the kernel: `netif_rx`\.\n/m,
  )
})

test('the accessors of headers are shown as functions with their parameters', () => {
  const { 'vnet.md': page = '' } = Object.fromEntries(pages)
  expect(page).toContain('\nfunction setOp(bytes: Uint8Array, at: number, value: number): void;\n')
  for (const [file, text] of pages) {
    expect(text, file).not.toMatch(/: (Getter|Setter|Predicate);|\b_\w+: /)
  }
})
