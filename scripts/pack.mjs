/**
 * node scripts/pack.mjs [PACKAGE...], which is `npm run pack`: packs vnet for a project on this
 * machine. The folder `packed` then has a .tgz file for each PACKAGE, such as `lab`, and for each
 * that it depends on; without a PACKAGE, for all that a project installs. It builds what is due,
 * and prints the command that installs the files. They work without the clone, and without a
 * compiler.
 */

import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { PACKAGES, pack, withDependencies } from './packages.mjs'
import { prebuild } from './prebuild.mjs'
import { SetupError } from './setup/command.mjs'
import { OWN } from './setup/prebuilds.mjs'

const root = resolve(import.meta.dirname, '..')

/** A project is made by this package, and does not depend on it. */
const CREATOR = 'create-vnet-driver'

const nameOf = folder => (folder === '.' ? 'vnet' : basename(folder))

/** Returns the folders of the packages with these names, dependencies first. */
function foldersOf(names) {
  if (names.length === 0) return PACKAGES.filter(folder => nameOf(folder) !== CREATOR)
  const folders = names.map(name => {
    const folder = PACKAGES.find(each => nameOf(each) === name.replace('@vnet/', ''))
    if (folder !== undefined) return folder
    throw new SetupError(
      `vnet: ${name} is not a package: the packages are ${PACKAGES.map(nameOf).join(', ')}`,
    )
  })
  return withDependencies(folders)
}

/** Packs into a new folder, which replaces `packed` only once it is whole. */
function packAll(folders) {
  const packed = join(root, 'packed')
  const unfinished = mkdtempSync(join(root, '.packed-'))
  try {
    for (const file of pack(folders, unfinished)) {
      renameSync(file, file.replace(/\.tgz$/, `-${digestOf(file)}.tgz`))
    }
    process.stderr.write(`vnet: packed ${folders.map(nameOf).join(', ')}\n`)
    // Unlike the folder of mkdtemp(), it can be read by other users.
    chmodSync(unfinished, 0o755)
    rmSync(packed, { recursive: true, force: true })
    renameSync(unfinished, packed)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return packed
}

/**
 * Part of the name of each file, because npm takes a file of the same name and version from its
 * cache, although it has changed.
 */
const digestOf = file => createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 8)

/** Quotes a path for a shell, but leaves the pattern after it to the shell. */
const quoted = path => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)

let folders
try {
  folders = foldersOf(process.argv.slice(2))
  await prebuild([OWN])
  const packed = packAll(folders)
  console.log(
    `In the folder of your project, run\n  npm install --save-dev ${quoted(packed)}/*.tgz`,
  )
} catch (error) {
  if (!error.advice) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = folders === undefined ? 2 : 1
}
