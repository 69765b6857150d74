/**
 * node scripts/check-quick-tests.mjs [ROOT]: prints each module that a slow test imports, but no
 * quick one, and exits 1 if there is one. So a file can be split into examples and a
 * `*.slow.test.ts`, but no module loses its last test in `npm test` by it.
 *
 * A test also has the modules that its support imports: files of tests that it imports, through any
 * number of them. Imports of types do not count. Tests of the kernel outside `smoke` and the suites
 * are left out: what only they can test has no quick test.
 */

import { readFileSync } from 'node:fs'
import { join, posix, resolve } from 'node:path'
import { fileOfName } from './import-names.mjs'
import { testFiles } from './kernel-tests.mjs'
import { isKernel, suiteOf, tierOf } from './test-selection.mjs'

/** The statements `import` and `export ... from`, except imports of types, and `import()`. */
const IMPORT =
  /^(?:import|export)\s+(?!type\s)(?:[^'"]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'/gm

const MODULE = /^(packages\/[^/]+\/)?src\/.*\.ts$/

/** An entry of a package. Its `import()` is in the text of a program, which runs compiled files. */
const ENTRY = /^(vnet|@vnet\/\w+)(\/|$)/

/** Returns the path of an imported file: `src/wire/parse.ts`; undefined for other packages. */
const pathOf = (file, specifier) =>
  specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : fileOfName(specifier)

/** Returns the modules that only slow tests import, each as `[module, slow test]`. */
export function withoutQuickTest(root) {
  const ofTests = new Set(testFiles(root).filter(name => name.endsWith('.ts')))
  const read = new Map()
  function importsOf(file) {
    if (!read.has(file)) {
      const found = readFileSync(join(root, file), 'utf8').matchAll(IMPORT)
      read.set(
        file,
        [...found]
          .map(([, from, loaded]) => from ?? (ENTRY.test(loaded) ? '' : loaded))
          .map(specifier => pathOf(file, specifier))
          .filter(Boolean),
      )
    }
    return read.get(file)
  }
  function modulesOf(test) {
    const files = new Set([test])
    for (const file of files) {
      for (const path of importsOf(file).filter(path => ofTests.has(path))) {
        files.add(path)
      }
    }
    return [...files].flatMap(importsOf).filter(path => MODULE.test(path))
  }
  const tests = [...ofTests].filter(name => name.endsWith('.test.ts') && !suiteOf(name))
  const quick = new Set(tests.filter(name => tierOf(name) === 'quick').flatMap(modulesOf))
  const slow = tests.filter(name => tierOf(name) === 'slow' && !isKernel(name))
  const missing = slow.flatMap(name => modulesOf(name).map(module => [module, name]))
  return [...new Map(missing.filter(([module]) => !quick.has(module)))].sort()
}

if (process.argv[1] === import.meta.filename) {
  const missing = withoutQuickTest(resolve(process.argv[2] ?? '.'))
  for (const [module, slow] of missing) {
    console.error(`${module}: ${slow} tests it, and no quick test: add one`)
  }
  process.exitCode = missing.length > 0 ? 1 : 0
}
