/** The cache of snapshots, images and kernels. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { attempt } from 'vnet/internal/base/errno'

/** Returns a directory of this user's cache, such as `kernel`, and makes it. */
export function cacheDirectory(name: string): string {
  const directory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vnet', name)
  mkdirSync(directory, { recursive: true })
  return directory
}

/** Directories that are being made, or were when a process was killed. */
const MAKING = 'making-'
const MAKING_KEPT = 8

/**
 * Returns the entry `KIND-KEY` of the cache for guests, a directory. If it is not there, `make`
 * fills a new one, and the `kept` newest of its kind remain. Returns undefined if `make` returns
 * false: then there is nothing to keep.
 */
export async function cachedEntry(
  kind: string,
  key: string,
  kept: number,
  make: (directory: string) => Promise<boolean>,
): Promise<string | undefined> {
  const cache = cacheDirectory('guest')
  const entry = join(cache, `${kind}-${key}`)
  // The time says when it was used last.
  if (attempt(() => utimesSync(entry, new Date(), new Date()) ?? true)) return entry
  const making = mkdtempSync(join(cache, MAKING))
  try {
    if (!(await make(making))) return undefined
    // Another process may have made it meanwhile.
    if (attempt(() => renameSync(making, entry) ?? true) !== true) statSync(entry)
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  removeOld(cache, new RegExp(`^${kind}-`), kept)
  removeOld(cache, new RegExp(`^${MAKING}`), MAKING_KEPT)
  return entry
}

/**
 * Removes the entries of a directory with matching names, except the `kept` newest. A running
 * machine keeps its own.
 */
export function removeOld(directory: string, pattern: RegExp, kept: number): void {
  const entries = readdirSync(directory)
    .filter(name => pattern.test(name))
    .map(name => join(directory, name))
    .map(path => ({ path, used: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.used - a.used)
  for (const { path } of entries.slice(kept)) rmSync(path, { recursive: true, force: true })
}
