/**
 * Directories in which vnets are found: /run/vnet for root's, and one of each user's own. Who may write a directory decides
 * whose vnets are in it, so one that others may write, or that is another's, is never used.
 */
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EACCES, VnetError } from '../core/errno.ts'

export const RUN_DIRECTORY = '/run/vnet'

const ROOT = 0
const OTHERS_WRITE = 0o022

/** A directory, and the user that alone may write it. */
export interface RunDirectory {
  readonly path: string
  readonly uid: number
}

/**
 * Makes the directory in which a vnet of this process is found: the first that this user alone may write. In a user namespace
 * the effective uid is 0, but /run/vnet is another's. Throws a VnetError that says what is wrong with each.
 */
export function makeRunDirectory(candidates = ownCandidates(effectiveUid())): RunDirectory {
  const uid = effectiveUid()
  const reasons: string[] = []
  for (const path of candidates) {
    try {
      // Everybody may look at root's vnets.
      const mode = path === RUN_DIRECTORY ? 0o755 : 0o700
      if (!isThere(path)) make(path, mode)
      const reason = reasonAgainst(path, uid)
      if (reason === undefined) return { path, uid }
      reasons.push(reason)
    } catch (error) {
      reasons.push((error as Error).message)
    }
  }
  throw new VnetError(EACCES, 'a directory to be found in', reasons.join('; '))
}

/** The directories whose vnets this process believes: root's, and its own user's; or, for root, those of `user` alone. */
export function trustedDirectories(user?: number): RunDirectory[] {
  const self = effectiveUid()
  const candidates =
    user === undefined
      ? [{ path: RUN_DIRECTORY, uid: ROOT }, ...ownCandidates(self).map(path => ({ path, uid: self }))]
      : userCandidates(user).map(path => ({ path, uid: user }))
  const found = candidates.filter(({ path, uid }) => reasonAgainst(path, uid) === undefined)
  return found.filter(({ path }, at) => found.findIndex(other => other.path === path) === at)
}

/** A directory that was named: it is its owner's. Empty where there is none, or others may write it. */
export function namedDirectory(path: string): RunDirectory[] {
  const uid = lstatSync(path, { throwIfNoEntry: false })?.uid
  return uid === undefined || reasonAgainst(path, uid) !== undefined ? [] : [{ path, uid }]
}

/** The other users who have a directory for vnets, as root sees them: told by its name and owner, and not looked into. */
export function otherUsers(): number[] {
  if (effectiveUid() !== ROOT) return []
  const users = [
    ...list('/run/user').map(name => ({ name, path: join('/run/user', name, 'vnet') })),
    ...list('/tmp').map(entry => ({ name: /^vnet-(\d+)$/.exec(entry)?.[1] ?? '', path: join('/tmp', entry) })),
  ]
  const found = users.filter(({ name, path }) => /^[1-9]\d*$/.test(name) && isOwned(path, Number(name)))
  return [...new Set(found.map(({ name }) => Number(name)))].sort((a, b) => a - b)
}

function effectiveUid(): number {
  return process.geteuid?.() ?? ROOT
}

/** In the order of preference. */
function ownCandidates(self: number): string[] {
  const given = process.env.XDG_RUNTIME_DIR
  const isOurs = given?.startsWith('/') && isOwned(given, self)
  return [RUN_DIRECTORY, ...(isOurs ? [join(given as string, 'vnet')] : []), ...userCandidates(outerUid(self), self)]
}

/** Those of a user by number, which the owner of the files has perhaps another number for. */
function userCandidates(uid: number, owner = uid): string[] {
  const runtime = `/run/user/${uid}`
  return [...(isOwned(runtime, owner) ? [join(runtime, 'vnet')] : []), `/tmp/vnet-${uid}`]
}

/** The number that the user namespace above ours has for a user of ours (user_namespaces(7)). */
function outerUid(uid: number): number {
  for (const line of readFileSync('/proc/self/uid_map', 'utf8').split('\n')) {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number)
    if (uid >= inside && uid < inside + count) return outside + uid - inside
  }
  return uid
}

/** Why a directory is not used as one that `uid` alone may write; undefined when it is. */
function reasonAgainst(path: string, uid: number): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return `${path}: there is none`
  if (!found.isDirectory()) return `${path} is not a directory`
  if (found.uid !== uid) return `${path} belongs to user ${found.uid}`
  return (found.mode & OTHERS_WRITE) === 0 ? undefined : `others may write ${path}`
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function isOwned(path: string, uid: number): boolean {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false })
    return found?.isDirectory() === true && found.uid === uid
  } catch {
    return false
  }
}

/** The umask takes from the mode at creation; chmod gives it back. */
function make(path: string, mode: number): void {
  mkdirSync(path, { mode })
  chmodSync(path, mode)
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
