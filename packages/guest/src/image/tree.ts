/**
 * The files of an image: a list by path, not a copy. mksquashfs reads the list as definitions of
 * pseudo-files, and copies each file from its place.
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { accessSync, constants, lstatSync, readlinkSync, realpathSync, type Stats } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { attempt } from 'vnet'

/** A file of an image. Content comes from a file of this machine (`source`), or from a text. */
export type Entry =
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'file'; readonly source: string; readonly stats: Stats }
  | { readonly kind: 'text'; readonly content: Uint8Array; readonly mode: number }

const PERMISSIONS = 0o7777

/** A list of files. A later entry of the same path replaces the earlier one. */
export class Tree {
  /** Entries by path. A directory precedes its content. */
  protected readonly entries = new Map<string, Entry>()

  has(path: string): boolean {
    return this.entries.has(path)
  }

  get paths(): string[] {
    return [...this.entries.keys()]
  }

  /** The size of all files that have their content from this machine. */
  get bytes(): number {
    return [...this.entries.values()].reduce(
      (sum, entry) => sum + (entry.kind === 'file' ? entry.stats.size : 0),
      0,
    )
  }

  /** Adds a file with the content of another one, unless this user cannot read it. */
  addFile(path: string, source: string, stats: Stats = lstatSync(source)): void {
    if (!stats.isFile()) return
    const isReadable =
      (stats.mode & 0o004) !== 0 || attempt(() => accessSync(source, constants.R_OK) ?? true)
    if (isReadable) {
      this.#put(path, { kind: 'file', source, stats })
    }
  }

  addText(path: string, content: string | Uint8Array, mode = 0o644): void {
    this.#put(path, { kind: 'text', content: Buffer.from(content), mode })
  }

  addLink(path: string, target: string): void {
    this.#put(path, { kind: 'link', target })
  }

  addDirectory(path: string, mode = 0o755): void {
    this.#put(path, { kind: 'directory', mode: mode & PERMISSIONS })
  }

  #put(path: string, entry: Entry): void {
    const at = this.place(path)
    if (at !== undefined) {
      this.entries.set(at, entry)
    }
  }

  /** Adds the directories above a path. Returns its place, undefined if it has none. */
  protected place(path: string): string | undefined {
    const above = dirname(path)
    if (above !== path && above !== '/' && !this.entries.has(above)) {
      this.addDirectory(above)
    }
    return path
  }

  /** Returns a name for an image, from its options and the paths, sizes and times of all files. */
  digest(options = ''): string {
    const hash = createHash('sha256').update(options)
    for (const [path, entry] of this.entries) {
      hash.update(JSON.stringify([path, signature(entry)]))
    }
    return hash.digest('hex').slice(0, 24)
  }

  /** Returns a signature of each file, by its path. */
  signatures(): Record<string, string> {
    const short = (entry: Entry) =>
      createHash('sha256')
        .update(JSON.stringify(signature(entry)))
        .digest('hex')
        .slice(0, 16)
    return Object.fromEntries([...this.entries].map(([path, entry]) => [path, short(entry)]))
  }

  /**
   * Returns the definitions for `mksquashfs -pf`. `write` stores the content of a file that only
   * the image has, and returns its path.
   */
  definitions(write: (content: Uint8Array, mode: number) => string): string {
    const lines = [...this.entries].map(([path, entry]) => {
      if (/\n/.test(path) || path === '/') return ''
      const at = quoted(path)
      if (entry.kind === 'directory') return `${at} D 0 ${entry.mode.toString(8)} 0 0\n`
      if (entry.kind === 'link') {
        return /\n/.test(entry.target) ? '' : `${at} S 0 777 0 0 ${entry.target}\n`
      }
      const source = entry.kind === 'file' ? entry.source : write(entry.content, entry.mode)
      return /\n/.test(source) ? '' : `${at} l ${quoted(source)}\n`
    })
    return lines.join('')
  }
}

/** A path as mksquashfs reads it: spaces, quotation marks and backslashes follow a backslash. */
const quoted = (path: string): string => path.replace(/[\\"\s]/g, '\\$&')

function signature(entry: Entry): unknown {
  if (entry.kind === 'directory') return entry.mode
  if (entry.kind === 'link') return entry.target
  if (entry.kind === 'text') {
    return [createHash('sha256').update(entry.content).digest('hex'), entry.mode]
  }
  const { size, mtimeMs, ctimeMs, mode, ino } = entry.stats
  return [entry.source, size, mtimeMs, ctimeMs, mode, ino]
}

/** Documents, and headers of Node: no program reads them at run time. */
const LEFT_OUT = /^\/usr\/(share\/(doc|doc-base|man|info|locale|lintian|bug)|include\/node)(\/|$)/

/** The machine mounts its own files there. */
const MOUNTED = /^\/(dev|proc|run|sys)\//

/** Paths have no links in their directories: /bin/sh is at /usr/bin/sh where /bin is a link. */
export class HostTree extends Tree {
  /** The real paths of directories. */
  readonly #real = new Map<string, string | undefined>([['/', '/']])

  /**
   * Adds a file, directory or link of this machine, with the directories above it, and the target
   * of the link. A path that does not exist, or that this user cannot read, is left out; so are
   * documents, and directories that the machine mounts.
   */
  addHost(path: string): void {
    const at = MOUNTED.test(path) ? undefined : this.place(path)
    if (at === undefined || this.entries.has(at) || LEFT_OUT.test(at)) return
    const stats = attempt(() => lstatSync(at))
    if (stats?.isSymbolicLink()) {
      const target = readlinkSync(at)
      this.addLink(at, target)
      this.addHost(resolve(dirname(at), target))
    } else if (stats?.isDirectory()) {
      this.addDirectory(at, stats.mode)
    } else if (stats !== undefined) {
      this.addFile(at, at, stats)
    }
  }

  protected override place(path: string): string | undefined {
    if (path === '/') return path
    const directory = this.#realDirectory(dirname(path))
    return directory === undefined ? undefined : join(directory, basename(path))
  }

  /** Adds a directory with all links to it, and returns its path without links. */
  #realDirectory(path: string): string | undefined {
    if (!this.#real.has(path)) {
      this.#real.set(path, this.#addedDirectory(path))
    }
    return this.#real.get(path)
  }

  #addedDirectory(path: string): string | undefined {
    const at = this.place(path)
    if (at === undefined || this.entries.get(at)?.kind === 'directory') return at
    const stats = attempt(() => lstatSync(at))
    if (stats?.isSymbolicLink()) {
      this.entries.set(at, { kind: 'link', target: readlinkSync(at) })
      const real = attempt(() => realpathSync(at))
      return real === undefined ? undefined : this.#realDirectory(real)
    }
    // A directory that only the image has is new.
    if (stats === undefined || stats.isDirectory()) {
      this.addDirectory(at, stats?.mode)
    }
    return this.entries.get(at)?.kind === 'directory' ? at : undefined
  }
}
