/**
 * node scripts/course-bundle.mjs DIRECTORY: writes the checks of the course for a browser, as
 * static files: check-worker.js, which runs them, a file for each exercise in exercises/, and
 * vnet.js, vnet-drivers.js and vnet-pci.js, which drivers import as 'vnet', 'vnet/drivers' and
 * 'vnet/pci'. Also writes playground-worker.js. Everything of src is in vnet/, in folders by which
 * vnet sorts the places of a stack.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { rolldown } from 'rolldown'
import { readOptions } from './options.mjs'
import { builtModule } from './setup/built-module.mjs'
import { throughDoors } from './setup/doors.mjs'

const root = resolve(import.meta.dirname, '..')
const COURSE = join(root, 'packages/learn/course')

/** Patterns of specifiers, and their files. */
const FILES = [
  [/^vnet\/(drivers|pci|bed)$/, 'src/$1/index.ts'],
  [/^vnet$/, 'src/index.ts'],
  [/^@vnet\/learn$/, 'packages/learn/src/index.ts'],
  [/^@vnet\/learn\/conform$/, 'packages/learn/src/conform.ts'],
]

/** Reads the cases of `vnet conform` from files, of which the bundle contains the texts. */
const TABLE = join(root, 'packages/conform/src/table.ts')
const GROUPS = ['arp', 'ipv4', 'icmp', 'udp']

/** Returns the module with the texts of the files. */
function tableOf() {
  const texts = GROUPS.map(name => [
    name,
    readFileSync(join(root, `packages/conform/cases/${name}.txt`), 'utf8'),
  ])
  return `import { parseCases } from './notation.ts'
const texts = ${JSON.stringify(Object.fromEntries(texts))}
export const readGroup = name => ({ name, cases: parseCases(texts[name]) })`
}

/** What touches the system has a counterpart for browsers. */
const NODE = /\.node\.ts$/

function pathOf(specifier, importer) {
  const { folder, module } = builtModule(specifier) ?? {}
  if (module !== undefined) return join(root, folder, 'src', `${module}.ts`)
  const [pattern, file] = FILES.find(([pattern]) => pattern.test(specifier)) ?? []
  if (pattern !== undefined) return join(root, specifier.replace(pattern, file))
  const isRelative = /^\.\.?\//.test(specifier) && importer !== undefined
  return isRelative ? resolve(importer, '..', specifier) : undefined
}

/** Resolves the packages to their source, and sees through doors. */
export const sources = [
  {
    name: 'sources',
    async resolveId(specifier, importer) {
      const path = pathOf(specifier, importer)
      if (path === undefined) return undefined
      const counterpart = path.replace(NODE, '.browser.ts')
      return existsSync(counterpart) ? counterpart : path
    },
    load: id => (id === TABLE ? tableOf() : undefined),
  },
  throughDoors(root),
]

/**
 * A file of each folder is loaded only where it is needed, and names the folder in stacks; the
 * first group that fits takes a module, with its imports.
 */
const groups = [
  ['vnet/base/vnet', /^src\/(?!netdev\/debug\/|drivers\/|wire\/|control\/)/],
  ['vnet/netdev/debug/debug', /^src\/netdev\/debug\//],
  ['vnet/wire/wire', /^src\/wire\//],
  ['vnet/drivers/drivers', /^src\/drivers\//],
  ['vnet/control/control', /^src\/control\//],
].map(([name, folder], i, { length }) => ({
  name,
  test: id => folder.test(relative(root, id)),
  priority: length - i,
}))

/**
 * Writes the files to a directory, and returns the output of rolldown. `more` has other entries, by
 * their names.
 */
export function bundleCourse(directory, more = {}) {
  const names = readdirSync(COURSE).filter(name => existsSync(join(COURSE, name, 'exercise.js')))
  return bundleAll(directory, {
    'check-worker': join(root, 'packages/learn/src/browser/check-worker.ts'),
    'playground-worker': join(root, 'packages/learn/src/browser/playground/playground-worker.ts'),
    vnet: join(root, 'src/index.ts'),
    'vnet-drivers': join(root, 'src/drivers/index.ts'),
    'vnet-pci': join(root, 'src/pci/index.ts'),
    ...Object.fromEntries(
      names.map(name => [`exercises/${name}`, join(COURSE, name, 'exercise.js')]),
    ),
    ...more,
  })
}

/**
 * Writes bundles of these entries, by their names, to a directory, and returns the output of
 * rolldown. Throws if a module is not found, such as one of Node, with the file that imports it.
 */
export async function bundleAll(directory, input) {
  const bundle = await rolldown({
    input,
    cwd: root,
    platform: 'browser',
    plugins: [sources],
    onLog(_level, { code, message }) {
      if (code === 'UNRESOLVED_IMPORT') throw new Error(message)
    },
  })
  try {
    const { output } = await bundle.write({
      dir: directory,
      entryFileNames: '[name].js',
      chunkFileNames: '[name].js',
      codeSplitting: { groups },
      // Stacks name functions and classes.
      minify: { mangle: { keepNames: true } },
    })
    return output
  } finally {
    await bundle.close()
  }
}

if (process.argv[1] === import.meta.filename) {
  await bundleCourse(resolve(readOptions({}, 1).positionals[0] ?? 'dist/course'))
}
