/** Files and directories of Node's file system, with errors that name them. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  statSync,
  type WriteFileOptions,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  attempt,
  EEXIST,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  failedCall,
  isErrno,
  VnetError,
  withErrno,
} from '../base/errno.ts'

/**
 * Makes a directory that only this user may enter, and returns its path; the caller removes it. The
 * name starts with `prefix`. The parent is by default the directory for temporary files. Throws a
 * VnetError that names the parent directory, and the variable that chose it.
 */
export function makeTemporaryDirectory(prefix: string, parent = tmpdir()): string {
  try {
    return mkdtempSync(join(parent, prefix))
  } catch (error) {
    const { errno } = failedCall(error) ?? {}
    if (errno === undefined) throw error
    // The order of os.tmpdir().
    const name = ['TMPDIR', 'TMP', 'TEMP'].find(each => process.env[each])
    const isUsual = parent === tmpdir()
    const object = isUsual && name !== undefined ? `${name}=${parent}` : parent
    const instead = isUsual ? 'set TMPDIR to another directory' : 'choose another directory'
    let advice = instead
    if (errno === ENOENT) {
      advice = `no such directory; ${instead}`
    } else if (errno === ENOSPC) {
      advice = `free some space, or ${instead}`
    }
    throw new VnetError(errno, ['mkdtemp', object], advice, { cause: error })
  }
}

/** writeFileSync, but throws a VnetError with the path: Node's error of a full disk has none. */
export function writeFile(
  path: string,
  content: string | Uint8Array,
  options?: WriteFileOptions,
): void {
  withErrno(['write', path], () => writeFileSync(path, content, options))
}

/**
 * Makes a directory, and those above it. Returns true if it made the directory, false if it exists
 * already. Throws a VnetError with the errno of mkdir(2): Node's own mkdir, with `recursive`,
 * reports ENOENT for a read-only file system.
 */
export function makeDirectories(path: string, mode = 0o777): boolean {
  const isDirectory = () => attempt(() => statSync(path).isDirectory()) === true
  if (isDirectory()) return false
  if (!existsSync(dirname(path))) {
    makeDirectories(dirname(path), mode)
  }
  try {
    withErrno(['mkdir', path], () => mkdirSync(path, mode))
    return true
  } catch (error) {
    // Another process has made it meanwhile.
    if (isDirectory()) return false
    throw isErrno(error, EEXIST) ? new VnetError(ENOTDIR, ['mkdir', path]) : error
  }
}

/** Runs `fn` for a directory of this user's cache. An error of the system names what moves it. */
export function inCache<T>(path: string, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    const failure = failedCall(error)
    if (failure === undefined) throw error
    throw new VnetError(failure.errno, ['cache', path], 'set XDG_CACHE_HOME to another directory', {
      cause: error,
    })
  }
}

/** Returns the path of a directory of this user's cache. Throws a VnetError for a user without. */
export function cachePath(name: string): string {
  const { XDG_CACHE_HOME: cache } = process.env
  if (cache) return join(cache, 'vnet', name)
  const home = attempt(homedir)
  if (home === undefined) {
    throw new VnetError(
      ENOENT,
      ['homedir', 'HOME'],
      'this user has no home directory; set HOME or XDG_CACHE_HOME',
    )
  }
  return join(home, '.cache', 'vnet', name)
}
