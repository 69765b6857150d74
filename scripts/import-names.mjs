/**
 * The names by which tests and packages import files of this repository. They are declared for the
 * compiler of TypeScript: in `paths` of test/tsconfig.json, and as the `source` of the exports of
 * each package. vitest.config.mjs and check-quick-tests.mjs read them here.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const readJson = file => JSON.parse(readFileSync(join(root, file), 'utf8'))

/** Each name with its file: `['#src/*', 'src/*']`. */
function ofTests() {
  const { paths } = readJson('test/tsconfig.json').compilerOptions
  return Object.entries(paths).map(([name, [file]]) => [name, posix.join('test', file)])
}

/** Each name that a package exports, with its source. */
function ofPackage(folder) {
  const { name, exports = {} } = readJson(posix.join(folder, 'package.json'))
  return Object.entries(exports)
    .filter(([, { source }]) => source !== undefined)
    .map(([path, { source }]) => [posix.join(name, path), posix.join(folder, source)])
}

const packages = readdirSync(join(root, 'packages'))
  .map(name => `packages/${name}`)
  .filter(folder => existsSync(join(root, folder, 'package.json')))

/** Each name with its file. `*` at the end of a name is in its file, too. */
export const importNames = [ofTests(), ...['.', ...packages].map(ofPackage)].flat()

/** Returns the file that a name stands for: `src/wire/parse.ts`; undefined for other names. */
export function fileOfName(name) {
  const isIt = ([each]) => (each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : name === each)
  const [found, file] = importNames.find(isIt) ?? []
  return file?.replace('*', () => name.slice(found.length - 1))
}
