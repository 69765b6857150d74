/** What set-up makes of doors: compiled packages import none, and each file loads alone. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importsOf, programOf } from '../../../scripts/check-imports.mjs'

const dists = ['.', ...readdirSync('packages').map(name => `packages/${name}`)]
  .map(folder => join(folder, 'dist'))
  .filter(existsSync)
const modules = dists.flatMap(dist =>
  readdirSync(dist, { recursive: true })
    .map(name => join(dist, `${name}`))
    .filter(name => name.endsWith('.js')),
)

/** What compiled modules import of vnet and its packages. */
const imported = modules
  .filter(file => !file.startsWith('dist/entries/'))
  .flatMap(file => importsOf(programOf(file, readFileSync(file, 'utf8'))))
  .map(({ specifier }) => specifier)
  .filter(specifier => /^(vnet|@vnet\/\w+)(\/|$)/.test(specifier))

test('no compiled module imports a door', () => {
  expect(imported.length).toBeGreaterThan(500)
  const found = imported.filter(specifier => !/^(vnet|@vnet\/\w+)\/built\//.test(specifier))
  expect(found).toEqual([])
})

test('each module that compiled modules import is offered by its package', () => {
  const { resolve } = createRequire(import.meta.url)
  for (const specifier of new Set(imported)) {
    expect(() => resolve(specifier), specifier).not.toThrow()
  }
})

// Two joined files that import each other would fail in one order only.
test.each(
  modules.filter(file => /\/joined[^/]*$|^dist\/kit\/|^packages\/\w+\/dist\/kit\.js$/.test(file)),
)('%s loads alone', file => {
  execFileSync(process.execPath, ['--input-type=module', '-e', `await import('./${file}')`])
})
