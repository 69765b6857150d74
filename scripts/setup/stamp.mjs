/**
 * Stamps: what a step was last made from, as a sha256 over its inputs. A step is due when its stamp is missing or
 * different. A stamp is written under another name and renamed, so it is there whole or not at all.
 */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** All files under `path` (itself, if it is a file), sorted; none if it does not exist. */
export function filesUnder(path) {
  if (!existsSync(path)) return []
  try {
    return readdirSync(path)
      .sort()
      .flatMap(name => filesUnder(join(path, name)))
  } catch (error) {
    if (error.code === 'ENOTDIR') return [path]
    throw error
  }
}

/** sha256 (hex) over the names and contents of `files` and over `values`, each with its length in front. */
export function digest(files, values = []) {
  const hash = createHash('sha256')
  const add = bytes => hash.update(`${bytes.length}:`).update(bytes)
  for (const file of files) {
    add(Buffer.from(file))
    add(readFileSync(file))
  }
  for (const value of values) add(Buffer.from(JSON.stringify(value) ?? ''))
  return hash.digest('hex')
}

/** Whether the stamp in `file` says `value`. */
export function isStamped(file, value) {
  return existsSync(file) && readFileSync(file, 'utf8') === value
}

/** Puts `value` into the stamp `file`. */
export function stamp(file, value) {
  mkdirSync(dirname(file), { recursive: true })
  const unfinished = `${file}.${process.pid}`
  writeFileSync(unfinished, value)
  renameSync(unfinished, file)
}

/** Takes the stamp away: whatever was stamped is about to change. */
export function unstamp(file) {
  rmSync(file, { force: true })
}
