/** A module that a slow test imports has a quick test as well. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { withoutQuickTest } from '../../scripts/check-quick-tests.mjs'

const root = freshDirectory()

/** Writes a slow test of src/a.ts, and other files. */
function write(files: Record<string, string>): void {
  const all = { 'test/a.slow.test.ts': "import { a } from '#src/a.ts'", ...files }
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
}

test('no module of this repository has a slow test only', () => {
  expect(withoutQuickTest(resolve(import.meta.dirname, '../..'))).toEqual([])
})

test.each([
  ['no other file', {}],
  ['a quick test of its type', { 'test/a.test.ts': "import type { A } from '#src/a.ts'" }],
  ['a kernel test', { 'test/kernel/a.test.ts': "import { a } from '#src/a.ts'" }],
  ['a test of a suite', { 'test/labs/a.test.ts': "import { a } from '#src/a.ts'" }],
  ['support that no quick test has', { 'test/support/a.ts': "import { a } from '#src/a.ts'" }],
])('a module with a slow test and %s is found', (_, files) => {
  write(files)
  expect(withoutQuickTest(root)).toEqual([['src/a.ts', 'test/a.slow.test.ts']])
})

test.each([
  [
    'by a path',
    { 'test/a.test.ts': "import { test } from 'vitest'\nimport {\n  a,\n} from '../src/a.ts'" },
  ],
  ['of a package', { 'packages/p/test/a.test.ts': "import * as a from '#src/a.ts'" }],
  ['later', { 'test/a.test.ts': "const a = await import('#src/a.ts')" }],
  ['in the kernel', { 'test/kernel/smoke/a.test.ts': "import '#src/a.ts'" }],
  [
    'by its support',
    {
      'test/a.test.ts': "import '#support/b.ts'",
      'test/support/b.ts': "export { c } from './c.ts'",
      'test/support/c.ts': "import { a } from '#src/a.ts'",
    },
  ],
])('a quick test may import it %s', (_, files) => {
  write(files)
  expect(withoutQuickTest(root)).toEqual([])
})

test('an import of an entry in the text of a program does not count', () => {
  write({
    'test/a.test.ts': "import '#src/a.ts'",
    'test/b.slow.test.ts': "run(`const { openTap } = await import('vnet/tap')`)",
  })
  expect(withoutQuickTest(root)).toEqual([])
})

test('a module of another package is found, by its path or as a door', () => {
  write({
    'test/a.test.ts': "import '#src/a.ts'",
    'packages/lan/test/b.slow.test.ts':
      "import { b } from '../../lab/src/x/b.ts'\nimport '@vnet/lan'\nimport '@vnet/lan/kit'",
  })
  const slow = 'packages/lan/test/b.slow.test.ts'
  expect(withoutQuickTest(root)).toEqual([
    ['packages/lab/src/x/b.ts', slow],
    ['packages/lan/src/index.ts', slow],
    ['packages/lan/src/kit.ts', slow],
  ])
})
