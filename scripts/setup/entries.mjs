/**
 * Entries: the files that a project imports by the names of packages. An entry has Node itself
 * import a module of its package, and exports what the module exports.
 *
 * vitest transforms each file that is outside node_modules, again for each test file. All files of
 * a clone that npm has linked are outside. vitest does not see what native.cjs imports, so it
 * transforms the entries alone. All entries lead to modules that Node has loaded, so no test has
 * two copies of a class.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const FOLDER = './dist/entries/'

const NATIVE = `import { createRequire } from 'node:module';
const native = load();
function load() {
  try {
    return createRequire(import.meta.url)('./native.cjs');
  } catch (cause) {
    const why = 'is not beside this code, which was bundled: mark vnet as external in the bundler';
    throw new Error('vnet: dist/entries/native.cjs ' + why, { cause });
  }
}
`

/** The contexts of vitest's vmThreads take whole URLs only. */
const NATIVE_CJS = `const { pathToFileURL } = require('node:url');
module.exports = path => import(pathToFileURL(require.resolve(path)).href);
`

/** Writes the entries of the package in `folder` to `dist`, where its compiled modules are. */
export async function writeEntries(folder, dist) {
  const { exports = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const entries = Object.values(exports).filter(target => target.default?.startsWith(FOLDER))
  if (entries.length === 0) return
  // The first set-up has no parser before it has installed the dependencies.
  const { parseAst } = await import('rolldown/parseAst')
  const to = join(dist, basename(FOLDER))
  mkdirSync(to, { recursive: true })
  writeFileSync(join(to, 'native.cjs'), NATIVE_CJS)
  for (const { source, default: file } of entries) {
    const name = source.replace(/^\.\/src\/(.*)\.ts$/, '$1.js')
    const text = entryOf(dist, name, path => parseAst(readFileSync(path, 'utf8')))
    writeFileSync(join(to, basename(file)), text)
  }
}

/** Returns the text of the entry of a module, `name` in `dist`. */
function entryOf(dist, name, parse) {
  const text = readFileSync(join(dist, name), 'utf8')
  // It runs with the vitest of the project, which vitest finds for files that it has transformed.
  if (/^import .* from 'vitest';$/m.test(text)) return NATIVE + withNative(text)
  const names = [...namesOf(join(dist, name), parse)].filter(each => each !== 'default')
  return `${NATIVE}export const { ${names.join(', ')} } = await native('../${name}');\n`
}

/** Returns the text of a module in which Node itself imports other modules of the package. */
const withNative = text =>
  text
    .replace(/^\/\/# sourceMappingURL=.*\n?/m, '')
    .replace(
      /^import \{ (.*) \} from '\.\/(.*)';$/gm,
      (_, names, path) =>
        `const { ${names.replaceAll(' as ', ': ')} } = await native('../${path}');`,
    )

/** Returns the names that a compiled module exports. */
function namesOf(path, parse) {
  return new Set(parse(path).body.flatMap(statement => namesIn(statement, path, parse)))
}

function namesIn({ type, exported, source, declaration, specifiers }, path, parse) {
  if (type === 'ExportAllDeclaration') {
    return exported ? [exported.name] : [...namesOf(join(dirname(path), source.value), parse)]
  }
  if (type !== 'ExportNamedDeclaration') return []
  const declared = declaration?.declarations ?? (declaration ? [declaration] : [])
  return [...declared.map(({ id }) => id.name), ...specifiers.map(each => each.exported.name)]
}
