/** The programs that runs in a directory turned out to need, in a file of the cache. */
import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { attempt } from 'vnet/internal/base/errno'
import { findProgram, writeFile } from 'vnet/internal/linux/index'
import { cacheDirectory } from './cache.ts'

const file = (): string => join(cacheDirectory('guest'), 'programs.json')

/** Returns the programs of each directory. A file that is not understood has none. */
function all(): Record<string, string[]> {
  const stored: unknown = attempt(() => JSON.parse(readFileSync(file(), 'utf8')))
  return typeof stored === 'object' && stored !== null ? { ...stored } : {}
}

/** Returns the names of the programs for a directory, except programs removed since. */
export function neededPrograms(directory: string): string[] {
  const names = all()[directory]
  if (!Array.isArray(names)) return []
  return names.filter(name => typeof name === 'string' && findProgram(name) !== undefined)
}

/** Adds a program, unless another run has added it. */
export function rememberProgram(directory: string, name: string): void {
  const names = new Set([...neededPrograms(directory), name])
  const text = JSON.stringify({ ...all(), [directory]: [...names].sort() }, undefined, 2)
  const making = `${file()}.${process.pid}.${threadId}`
  writeFile(making, `${text}\n`)
  renameSync(making, file())
}
