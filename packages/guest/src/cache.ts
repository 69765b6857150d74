/** The cache of snapshots, images and kernels, and of the programs that directories need. */
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { attempt } from 'vnet'
import {
  cachePath,
  findProgram,
  inCache,
  makeDirectories,
  makeTemporaryDirectory,
  startRemover,
  writeFile,
} from 'vnet/kit/linux'

/** Returns a directory of this user's cache, such as `kernel`, and makes it. */
export function cacheDirectory(name: string): string {
  const directory = cachePath(name)
  inCache(directory, () => makeDirectories(directory))
  return directory
}

const MAKING = 'making-'
const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** A new directory, which becomes an entry of a cache, or is removed even after a SIGKILL. */
export class Making {
  readonly path: string
  readonly #remover = startRemover()

  constructor(cache: string) {
    // A machine that lost its power leaves some.
    removeOld(cache, new RegExp(`^${MAKING}`), 0, DAY_MS)
    this.path = makeTemporaryDirectory(MAKING, cache)
    this.#remover.stdin?.write(`${this.path}\0`)
  }

  /** Renames the directory, or one in it, unless another process has made the entry meanwhile. */
  become(entry: string, directory = this.path): void {
    try {
      renameSync(directory, entry)
    } catch (error) {
      if (!existsSync(entry)) throw error
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
    this.#remover.stdin?.end()
  }
}

/**
 * Returns the entry `KIND-KEY` of the cache for guests, a directory. If it does not exist, `make`
 * fills a new one, and the `kept` newest entries of its kind remain. Returns undefined if `make`
 * returns false: then there is nothing to keep. If `make` rejects, nothing is kept either.
 */
export async function cachedEntry(
  kind: string,
  key: string,
  kept: number,
  make: (directory: string) => Promise<boolean>,
): Promise<string | undefined> {
  const cache = cacheDirectory('guest')
  const entry = join(cache, `${kind}-${key}`)
  if (isUsed(entry)) return entry
  using making = new Making(cache)
  if (!(await make(making.path))) return undefined
  making.become(entry)
  removeOld(cache, new RegExp(`^${kind}-`), kept)
  return entry
}

/** Notes that an entry is used now. Returns whether it exists. */
export const isUsed = (entry: string): boolean =>
  attempt(() => utimesSync(entry, new Date(), new Date()) ?? true) === true

/**
 * Removes the entries of a directory with matching names, except the `kept` newest and the ones
 * used in the last `sparedMs` milliseconds: another run may be about to open their files.
 */
export function removeOld(
  directory: string,
  pattern: RegExp,
  kept: number,
  sparedMs = MINUTE_MS,
): void {
  const entries = readdirSync(directory)
    .filter(name => pattern.test(name))
    .map(name => join(directory, name))
    .map(path => ({ path, used: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.used - a.used)
  for (const { path, used } of entries.slice(kept)) {
    if (used < Date.now() - sparedMs) {
      rmSync(path, { recursive: true, force: true })
    }
  }
}

const programsFile = (): string => join(cacheDirectory('guest'), 'programs.json')

/** Returns the programs of each directory. A file that is not understood has none. */
function allPrograms(): Record<string, string[]> {
  const stored: unknown = attempt(() => JSON.parse(readFileSync(programsFile(), 'utf8')))
  return typeof stored === 'object' && stored !== null ? { ...stored } : {}
}

/** Returns the names of the programs for a directory, except programs removed since. */
export function neededPrograms(directory: string): string[] {
  const names = allPrograms()[directory]
  if (!Array.isArray(names)) return []
  return names.filter(name => typeof name === 'string' && findProgram(name) !== undefined)
}

/** Adds a program, unless another run has added it. */
export function rememberProgram(directory: string, name: string): void {
  const names = new Set([...neededPrograms(directory), name])
  const text = JSON.stringify({ ...allPrograms(), [directory]: [...names].sort() }, undefined, 2)
  writeEntry(programsFile(), `${text}\n`)
}

/** Writes a file, which other runs see as a whole. */
export function writeEntry(path: string, text: string): void {
  const making = `${path}.${process.pid}.${threadId}`
  writeFile(making, text)
  renameSync(making, path)
}
