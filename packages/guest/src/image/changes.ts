/** The files of an image in its entry of the cache, so that a later image can name what differs. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { attempt } from 'vnet'
import { printable } from 'vnet/kit/base'
import { writeFile } from 'vnet/kit/linux'

/** The signatures of files, by their paths. */
export type Signatures = Readonly<Record<string, string>>

interface Kept {
  /** The programs, files and directory that the image is for. */
  readonly request: string
  readonly files: Signatures
}

const FILE = 'files.json'
/** The most paths in a line. */
const MOST = 3

/** Stores the files of an image in its entry. */
export function keepFiles(entry: string, request: string, files: Signatures): void {
  writeFile(join(entry, FILE), JSON.stringify({ request, files } satisfies Kept))
}

/**
 * Returns a line with the files that differ from the newest image for the same request, which is in
 * the directory `cache`; undefined without such an image.
 */
export function changeLine(cache: string, request: string, files: Signatures): string | undefined {
  const entries = readdirSync(cache).filter(name => name.startsWith('image-'))
  const times = entries.map(name => ({
    name,
    used: statSync(join(cache, name), { throwIfNoEntry: false })?.mtimeMs,
  }))
  for (const { name } of times.sort((a, b) => (b.used ?? 0) - (a.used ?? 0))) {
    const kept = attempt(() => JSON.parse(readFileSync(join(cache, name, FILE), 'utf8')) as Kept)
    if (kept?.request === request) return lineOf(differing(kept.files, files))
  }
  return undefined
}

/** Returns the paths of changed, new and removed files. */
function differing(before: Signatures, now: Signatures): string[] {
  const changed = Object.keys(now).filter(
    path => !Object.hasOwn(before, path) || before[path] !== now[path],
  )
  return [...changed, ...Object.keys(before).filter(path => !Object.hasOwn(now, path))]
}

function lineOf(paths: readonly string[]): string | undefined {
  if (paths.length === 0) return undefined
  const rest = paths.length > MOST ? ` and ${paths.length - MOST} more` : ''
  const shown = paths.slice(0, MOST).map(printable).join(', ')
  return `files of this machine have changed since the last run: ${shown}${rest}: the digest may change`
}
