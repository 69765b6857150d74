/** The user's directory as an image, without version control and caches. */
import { lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { attempt } from 'vnet/internal/base/errno'
import { cacheDirectory } from '../cache.ts'
import { GuestSetupError } from '../programs.ts'
import { Tree } from './tree.ts'

const LIMITS = { bytes: 2 * 1024 ** 3, files: 300_000 }
const LEFT_OUT = /\/(\.git|\.hg|\.svn|node_modules\/\.(vite|cache))(\/|$)/

/** Returns a function that says whether a guest with a directory has no path `/a/b` of it. */
export function leftOut(directory: string): (at: string) => boolean {
  const cache = realpathSync(cacheDirectory('.'))
  return at => LEFT_OUT.test(at) || `${directory}${at}/`.startsWith(`${cache}/`)
}

/**
 * Returns the files of a directory, which is `/` in the tree. Sockets, devices and
 * files that this user cannot read are left out. Throws a GuestSetupError if it is too large.
 */
export function directoryTree(directory: string, limits: Readonly<typeof LIMITS> = LIMITS): Tree {
  const tree = new Tree()
  const count = { bytes: 0, files: 0 }
  const isLeftOut = leftOut(directory)
  const add = (from: string, to: string): void => {
    for (const name of (attempt(() => readdirSync(from)) ?? []).sort()) {
      const [path, at] = [join(from, name), `${to}/${name}`]
      const stats = isLeftOut(at) ? undefined : attempt(() => lstatSync(path))
      if (stats === undefined) continue
      count.files += 1
      if (stats.isFile()) count.bytes += stats.size
      if (count.bytes > limits.bytes || count.files > limits.files) throw tooLarge(directory, limits)
      if (stats.isSymbolicLink()) tree.addLink(at, attempt(() => readlinkSync(path)) ?? '')
      else if (stats.isDirectory()) {
        tree.addDirectory(at, stats.mode)
        add(path, at)
      } else tree.addFile(at, path, stats)
    }
  }
  add(directory, '')
  return tree
}

function tooLarge(directory: string, { bytes, files }: Readonly<typeof LIMITS>): GuestSetupError {
  const most = `${bytes / 1024 ** 3} GiB or ${files} files`
  return new GuestSetupError(
    `${directory} has more than ${most}: start in a smaller directory, and name others by --file`,
  )
}
