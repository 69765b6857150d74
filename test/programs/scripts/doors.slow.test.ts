/** What set-up makes of doors: compiled packages import none, and each file loads alone. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
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

test('no compiled module imports a door', () => {
  const files = modules.filter(file => !file.startsWith('dist/entries/'))
  expect(files.length).toBeGreaterThan(500)
  const found = files.filter(file =>
    importsOf(programOf(file, readFileSync(file, 'utf8'))).some(({ specifier }) =>
      /^(vnet|@vnet\/\w+)(\/(?!built\/)|$)/.test(specifier),
    ),
  )
  expect(found).toEqual([])
})

// Two joined files that import each other would fail in one order only.
test.each(
  modules.filter(file => /\/joined[^/]*$|^dist\/kit\/|^packages\/\w+\/dist\/kit\.js$/.test(file)),
)('%s loads alone', file => {
  execFileSync(process.execPath, ['--input-type=module', '-e', `await import('./${file}')`])
})
