/** The entries of packages: what a project imports by their names. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory, written } from '#support/fresh-directory.ts'
import { writeEntries } from '../../scripts/setup/entries.mjs'

/** Writes a package with these entries and compiled modules. Returns the folder of its entries. */
async function packageOf(
  entries: Readonly<Record<string, string>>,
  modules: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = testDirectory()
  const exports = Object.fromEntries(
    Object.entries(entries).map(([path, source]) => [
      path,
      { source: `./src/${source}.ts`, default: `./dist/entries/${path.slice(2) || 'index'}.js` },
    ]),
  )
  written(folder, 'package.json', JSON.stringify({ type: 'module', exports }))
  for (const [name, text] of Object.entries(modules)) {
    mkdirSync(dirname(join(folder, 'dist', name)), { recursive: true })
    written(join(folder, 'dist'), name, text)
  }
  await writeEntries(folder, join(folder, 'dist'))
  return join(folder, 'dist/entries')
}

test('an entry exports each value of its module, the same object', async () => {
  const entries = await packageOf(
    { '.': 'index', './part': 'part/index' },
    {
      'index.js': `export * from './part/index.js'
        export * as space from './part/more.js'
        export class A {}
        export function f() {}
        export async function g() {}
        export const b = 1, c = {}
        const d = 2
        export { d, d as e }
        export { f as default }`,
      'part/index.js': "export { h as i } from './more.js'\nexport default 7",
      'part/more.js': 'export const h = {}',
    },
  )
  for (const [name, path] of [
    ['index', '../index.js'],
    ['part', '../part/index.js'],
  ] as const) {
    // An import here would load another copy, which vitest has transformed.
    const native = createRequire(import.meta.url)(join(entries, 'native.cjs'))
    const { default: _, ...own } = await native(path)
    const entry = await import(/* @vite-ignore */ join(entries, `${name}.js`))
    expect(Object.keys(entry).sort()).toEqual(Object.keys(own).sort())
    for (const key of Object.keys(own)) {
      expect(entry[key]).toBe(own[key])
    }
  }
})

test('an entry of a module that imports vitest imports vitest itself, and its other modules natively', async () => {
  const entries = await packageOf(
    { './vitest': 'vitest' },
    {
      'vitest.js': `import * as vitest from 'vitest';
import { a, b as c } from './part/more.js';
export const test = a(vitest, c);
//# sourceMappingURL=vitest.js.map`,
    },
  )
  const text = readFileSync(join(entries, 'vitest.js'), 'utf8')
  expect(text.split('\n').slice(-4)).toEqual([
    "import * as vitest from 'vitest';",
    "const { a, b: c } = await native('../part/more.js');",
    'export const test = a(vitest, c);',
    '',
  ])
})

test('an entry in a bundle says that vnet must be external', async () => {
  const entries = await packageOf({ '.': 'index' }, { 'index.js': 'export const a = 1' })
  const bundle = written(testDirectory(), 'bundle.js', readFileSync(`${entries}/index.js`, 'utf8'))
  await expect(import(/* @vite-ignore */ bundle)).rejects.toThrow(
    'native.cjs is not beside this code, which was bundled: mark vnet as external in the bundler',
  )
})

test('a package without entries gets none', async () => {
  expect(existsSync(await packageOf({}, {}))).toBe(false)
})
