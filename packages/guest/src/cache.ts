/** What is kept for the next run. */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Returns a directory of this user's cache, such as `kernel`, and makes it. */
export function cacheDirectory(name: string): string {
  const directory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vnet', name)
  mkdirSync(directory, { recursive: true })
  return directory
}

/**
 * Removes all entries of a directory whose names match, but the `kept` newest. A machine that runs
 * keeps its own.
 */
export function removeOld(directory: string, pattern: RegExp, kept: number): void {
  const entries = readdirSync(directory)
    .filter(name => pattern.test(name))
    .map(name => join(directory, name))
    .map(path => ({ path, used: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.used - a.used)
  for (const { path } of entries.slice(kept)) rmSync(path, { recursive: true, force: true })
}
