/** A tree of files of this machine, at the same paths. */
import { lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { attempt } from 'vnet/internal/base/errno'
import { Tree } from './tree.ts'

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
   * of the link. A path that does not exist, or that this user cannot read, is left out.
   */
  addHost(path: string): void {
    const at = MOUNTED.test(path) ? undefined : this.place(path)
    if (at === undefined || this.entries.has(at) || LEFT_OUT.test(at)) return
    const stats = attempt(() => lstatSync(at))
    if (stats?.isSymbolicLink()) {
      const target = readlinkSync(at)
      this.addLink(at, target)
      this.addHost(resolve(dirname(at), target))
    } else if (stats?.isDirectory()) this.addDirectory(at, stats.mode)
    else if (stats !== undefined) this.addFile(at, at, stats)
  }

  protected override place(path: string): string | undefined {
    if (path === '/') return path
    const directory = this.#realDirectory(dirname(path))
    return directory === undefined ? undefined : join(directory, basename(path))
  }

  /** Adds a directory with all links to it, and returns its path without links. */
  #realDirectory(path: string): string | undefined {
    if (!this.#real.has(path)) this.#real.set(path, this.#addedDirectory(path))
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
    if (stats === undefined || stats.isDirectory()) this.addDirectory(at, stats?.mode)
    return this.entries.get(at)?.kind === 'directory' ? at : undefined
  }
}
