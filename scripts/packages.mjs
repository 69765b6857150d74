/**
 * The packages of this repository, from the workspaces of package.json, and how they are packed.
 * A packed package has a package.json of its own: publishedManifest() removes the fields that only
 * this repository uses. Packing never changes the files of the repository.
 */

import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { withPublisher } from './publisher.mjs'
import { npm } from './setup/command.mjs'

const root = resolve(import.meta.dirname, '..')

const readText = folder => readFileSync(join(root, folder, 'package.json'), 'utf8')
export const manifestOf = folder => JSON.parse(readText(folder))

/** The folders of all packages, each after the packages that it depends on. */
export const PACKAGES = withDependencies(workspaces())

/** Returns the folders of the workspaces. A `/*` at the end stands for all packages in a folder. */
function workspaces() {
  return manifestOf('.').workspaces.flatMap(pattern => {
    if (!pattern.endsWith('/*')) return [pattern]
    const parent = dirname(pattern)
    const folders = readdirSync(join(root, parent)).map(name => join(parent, name))
    return folders.filter(folder => existsSync(join(root, folder, 'package.json')))
  })
}

/** Returns the folders and their dependencies in this repository, dependencies first. */
export function withDependencies(folders) {
  const byName = new Map(workspaces().map(folder => [manifestOf(folder).name, folder]))
  const found = new Set()
  const add = folder => {
    if (found.has(folder)) return
    for (const name of Object.keys(manifestOf(folder).dependencies ?? {})) {
      const dependency = byName.get(name)
      if (dependency !== undefined) {
        add(dependency)
      }
    }
    found.add(folder)
  }
  for (const folder of folders) {
    add(folder)
  }
  return [...found]
}

/** Fields that only this repository uses. yarn 1 warns of workspaces in an installed package. */
const OWN_FIELDS = ['workspaces', 'scripts', 'devDependencies']

/**
 * Returns the text of a package.json as it is published. The fields of `publisher` (publisher.mjs)
 * are added unless it is undefined; `folder` is the package's folder in the repository.
 */
export function publishedManifest(text, publisher, folder) {
  const entries = Object.entries(JSON.parse(text)).filter(([field]) => !OWN_FIELDS.includes(field))
  const manifest = Object.fromEntries(entries)
  if (manifest.exports !== undefined) {
    manifest.exports = withoutSource(manifest.exports)
  }
  const published = `${JSON.stringify(manifest, null, 2)}\n`
  return publisher === undefined ? published : withPublisher(published, publisher, folder)
}

/** Returns exports without the condition `source`: the sources are not published. */
function withoutSource(exports) {
  return Object.fromEntries(
    Object.entries(exports).map(([path, entry]) => {
      if (typeof entry === 'string') return [path, entry]
      const { source: _, ...conditions } = entry
      return [path, conditions]
    }),
  )
}

/**
 * Packs the packages of these folders, which must be built, into `directory`. Returns the paths of
 * the .tgz files in the same order. npm packs them twice: the second time copies with the published
 * manifests.
 */
export function pack(folders, directory, publisher) {
  const scratch = mkdtempSync(join(directory, '.pack-'))
  try {
    const copies = npmPack(folders, scratch).map((file, i) => {
      const copy = join(scratch, String(i))
      mkdirSync(copy)
      execFileSync('tar', ['-xzf', file, '-C', copy, '--strip-components=1'])
      const text = publishedManifest(readText(folders[i]), publisher, folders[i])
      writeFileSync(join(copy, 'package.json'), text)
      return copy
    })
    return npmPack(copies, directory)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Packs folders in one `npm pack`, without their scripts. Returns the paths of the files. */
function npmPack(folders, directory) {
  const [program, ...words] = npm()
  const paths = folders.map(folder => resolve(root, folder))
  const args = [
    'pack',
    '--json',
    '--ignore-scripts',
    '--pack-destination',
    resolve(directory),
    ...paths,
  ]
  // The settings of an outer npm, such as --dry-run or --workspace, must not apply here.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?!config_registry)/i.test(name)),
  )
  const options = { cwd: directory, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }
  const packed = JSON.parse(execFileSync(program, [...words, ...args], options))
  return packed.map(({ filename }) => join(resolve(directory), filename))
}
