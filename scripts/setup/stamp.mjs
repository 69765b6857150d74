/**
 * Stamps: the sha256 of the inputs from which a step was last made. A step is due if its stamp is
 * missing or different. A stamp is written under another name and renamed, so it is never
 * incomplete.
 */

import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/**
 * Returns all files under `path` (or `path` itself if it is a file), sorted, with `/` on every
 * system; none if it does not exist.
 */
export function filesUnder(path) {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return []
  if (!found.isDirectory()) return [path]
  const entries = readdirSync(path, { withFileTypes: true })
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => {
      const file = `${path}/${entry.name}`
      return entry.isFile() ? [file] : filesUnder(file)
    })
}

/**
 * sha256 (hex) over the names and contents of `files` and over `values`, each with its length in
 * front.
 */
export function digest(files, values = []) {
  const hash = createHash('sha256')
  const add = bytes => hash.update(`${bytes.length}:`).update(bytes)
  for (const file of files) {
    add(Buffer.from(file))
    add(readFileSync(file))
  }
  for (const value of values) {
    add(Buffer.from(JSON.stringify(value) ?? ''))
  }
  return hash.digest('hex')
}

/** Returns whether the stamp in `file` is `value`. */
export function isStamped(file, value) {
  return existsSync(file) && readFileSync(file, 'utf8') === value
}

/** Writes `value` to the stamp `file`. */
export function stamp(file, value) {
  mkdirSync(dirname(file), { recursive: true })
  const unfinished = `${file}.${process.pid}`
  writeFileSync(unfinished, value)
  renameSync(unfinished, file)
}

/** Removes the stamp, because the output is about to change. */
export function unstamp(file) {
  rmSync(file, { force: true })
}
