/**
 * The output of dpkg-query and ldd, which the cache keeps, because these programs take longer than
 * the rest of the work.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, renameSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { attempt } from 'vnet/internal/base/errno'
import { makeDirectories, writeFile } from 'vnet/internal/linux/files'
import { cacheDirectory, removeOld } from '../cache.ts'
import { GuestSetupError } from '../programs.ts'

/** Bytes: the list of a machine's packages can be long. */
const OUTPUT_MAX = 256 << 20
/** The newest outputs that the cache keeps. */
const KEPT = 100

/**
 * Returns the output of a program, also if it fails; the empty string if it is not installed. The
 * output is assumed to be the same while the size and time of each source are. Throws a
 * GuestSetupError if a signal ends the program: its output is not complete.
 */
export function lookUp(program: string, args: readonly string[], sources: readonly string[]): string {
  const signatures = sources.map(path => {
    const { size, mtimeMs, ino } = attempt(() => statSync(path)) ?? {}
    return [path, size, mtimeMs, ino]
  })
  const question = JSON.stringify([program, args, process.env.PATH, process.env.LD_LIBRARY_PATH, signatures])
  const directory = join(cacheDirectory('guest'), 'lookups')
  const path = join(directory, createHash('sha256').update(question).digest('hex').slice(0, 32))
  const known = attempt(() => readFileSync(path, 'utf8'))
  if (known !== undefined) {
    attempt(() => utimesSync(path, new Date(), new Date()))
    return known
  }
  const env = { ...process.env, LC_ALL: 'C' }
  const { stdout, status } = spawnSync(program, args, { encoding: 'utf8', env, maxBuffer: OUTPUT_MAX })
  if (stdout === null) return ''
  if (status === null) throw new GuestSetupError(`${program} was ended: start again`)
  makeDirectories(directory)
  const making = `${path}.${process.pid}.${threadId}`
  writeFile(making, stdout)
  renameSync(making, path)
  removeOld(directory, /^/, KEPT)
  return stdout
}
