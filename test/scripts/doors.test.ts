/** Modules that import doors import the modules of the names, by scripts/setup/doors.mjs. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { Doors } from '../../scripts/setup/doors.mjs'

const root = fileDirectory()
const FILES = {
  'package.json': JSON.stringify({
    name: 'vnet',
    exports: {
      '.': { source: './src/index.ts' },
      './kit/*': { source: './src/kit/*.ts' },
      './built/*': { default: './dist/*.js' },
    },
  }),
  'src/index.ts': "import './effect.ts'\nexport * from './a.ts'\nexport * as b from './b.ts'",
  'src/a.ts':
    'export class A {}\nexport const one = 1\nexport type T = 1\nconst own = 2\nexport { own as two }',
  'src/b.ts': 'export const { x, y } = { x: 1, y: 2 }',
  'src/kit/mixed.ts': "export { one as first, type T } from '../a.ts'\nexport { x } from '../b.ts'",
  'packages/lan/package.json': JSON.stringify({
    name: '@vnet/lan',
    exports: {
      '.': { source: './src/index.ts' },
      './commands': { source: './src/commands/index.ts' },
      './kit': { source: './src/kit.ts' },
      './none': { source: './src/none.ts' },
    },
  }),
  'packages/lan/src/index.ts':
    "import 'vnet'\nimport { x } from 'vnet'\nexport { A, type T } from 'vnet'\nexport * from './port/c.ts'\nexport { b } from 'other'\nexport { x }",
  'packages/lan/src/kit.ts': "export { d as inner } from './port/c.ts'",
  'packages/lan/src/port/c.ts': 'export const c = 1\nconst d = 2\nexport { d }',
  'packages/lan/src/commands/index.ts': 'export const commands = []',
}
for (const [file, text] of Object.entries(FILES)) {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
}
const doors = new Doors(root)
const through = (text: string) => doors.seeThrough(text, 'the module')

test.each([
  [
    "import { A, b, one as uno, type T } from 'vnet'",
    "import { A, one as uno } from 'vnet/built/a'; import * as b from 'vnet/built/b';",
  ],
  ["import { two } from 'vnet'", "import { own as two } from 'vnet/built/a';"],
  [
    "export { first, x as other } from 'vnet/kit/mixed'",
    "export { one as first } from 'vnet/built/a'; export { x as other } from 'vnet/built/b';",
  ],
  ["import type { T } from 'vnet'", ''],
  ["import 'vnet'", "import 'vnet/built/effect';"],
  ["import * as all from 'vnet'", "import * as all from 'vnet/built/index';"],
  [
    "const { first, x: other } = await import('vnet/kit/mixed')",
    "const { one: first } = await import('vnet/built/a'), { x: other } = await import('vnet/built/b')",
  ],
  ["const { b } = await import('vnet')", "const b = await import('vnet/built/b')"],
  ["(await import('vnet/kit/mixed')).first()", "(await import('vnet/built/a')).one()"],
  [
    "import { c, A } from '@vnet/lan'",
    "import { c } from '@vnet/lan/built/port/c'; import { A } from 'vnet/built/a';",
  ],
  ["import { inner } from '@vnet/lan/kit'", "import { d as inner } from '@vnet/lan/built/port/c';"],
  ["import '@vnet/lan'", "import 'vnet/built/effect';"],
  ["import * as lan from '@vnet/lan'", "import * as lan from '@vnet/lan/built/index';"],
  [
    "const { inner } = await import('@vnet/lan/kit')",
    "const { d: inner } = await import('@vnet/lan/built/port/c')",
  ],
  ["(await import('@vnet/lan/kit')).inner()", "(await import('@vnet/lan/built/port/c')).d()"],
  [
    "import { commands } from '@vnet/lan/commands'",
    "import { commands } from '@vnet/lan/commands'",
  ],
  ["import { a } from '@vnet/lan/none'", "import { a } from '@vnet/lan/none'"],
  ["import { c } from '@vnet/lan/built/port/c'", "import { c } from '@vnet/lan/built/port/c'"],
  ["import { a } from 'vnet/other'", "import { a } from 'vnet/other'"],
  ["import { a } from 'vnets'", "import { a } from 'vnets'"],
])('%s becomes %s', (text, expected) => {
  expect(through(text)).toBe(expected)
})

test('lines keep their numbers', () => {
  expect(through("import {\n  A,\n  two,\n} from 'vnet'\nlast()")).toBe(
    "import { A, own as two } from 'vnet/built/a';\n\n\n\nlast()",
  )
})

test.each([
  ["import { none } from 'vnet'", 'vnet does not export none'],
  ["import { b } from '@vnet/lan'", '@vnet/lan does not export b'],
  ["await Promise.all([import('vnet')])", "the module: import('vnet') would load a whole room"],
  ["const kit = await import('@vnet/lan/kit')", "import('@vnet/lan/kit') would load a whole room"],
])('%s is an error', (text, message) => {
  expect(() => through(text)).toThrow(message)
})

const manifests = ['.', ...readdirSync('packages').map(name => `packages/${name}`)].map(
  folder => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest,
)
interface Manifest {
  readonly name: string
  readonly exports?: Readonly<Record<string, { readonly types?: string | null }>>
}

test('a package offers its files only as built modules, which have no types', () => {
  const all = manifests.flatMap(({ name, exports = {} }) =>
    Object.entries(exports).map(([path, target]) => ({ name, path, types: target.types })),
  )
  const open = all.filter(({ path, types }) => path.includes('*') && types !== null)
  expect(open).toMatchObject([{ name: 'vnet', path: './kit/*' }])
  const built = all.filter(({ types }) => types === null).map(({ path }) => path)
  expect([...new Set(built)]).toEqual(['./built/*'])
})

test('a compiled module imports the names that it takes from a namespace', () => {
  const text =
    "import * as b from './b.js';\nimport * as c from './c.js';\nf(b.x, b.y, b.x, c, { b: c.y });\n"
  const spaces = [...text.matchAll(/^import \* as (\w+) from '([^']+)';/gm)]
  expect(doors.withoutSpaces(text, spaces)).toBe(
    "import { x as b_x, y as b_y } from './b.js';\nimport * as c from './c.js';\nf(b_x, b_y, b_x, c, { b: c.y });\n",
  )
})
