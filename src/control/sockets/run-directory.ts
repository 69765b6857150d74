/**
 * The directories in which vnets are found: /run/vnet for root's, and one for each user's own. A
 * directory that others may write, or that belongs to another user than it should, is never used:
 * neither to announce a vnet in, nor to find vnets.
 */
import { chmodSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, EACCES, explain, VnetError } from '../../base/errno.ts'
import { makeDirectories } from '../../linux/files.ts'

export const RUN_DIRECTORY = '/run/vnet'

const ROOT = 0
const OTHERS_WRITE = 0o022
const OPEN = 'others may write'

/** A directory, and the only user that may write it. */
export type RunDirectory = Readonly<{ path: string; uid: number }>

/** A directory with vnets that this process does not use, for a command to report. */
export interface Untrusted {
  readonly path: string
  /** The reason, with the path in it. */
  readonly reason: string
}

/**
 * Makes this process's directory for vnets: the first candidate that only this user may write. In a
 * user namespace, /run/vnet belongs to another user. Throws a VnetError with the problem of each
 * candidate if none can be used. `warn` gets a line about a better candidate that is passed over
 * because of its mode.
 */
export function makeRunDirectory(
  candidates = ownCandidates(effectiveUid()),
  warn?: (line: string) => void,
): RunDirectory {
  const uid = effectiveUid()
  const reasons: string[] = []
  for (const path of candidates) {
    try {
      // Every user may look at root's vnets. The umask reduces the mode of a new directory.
      const mode = path === RUN_DIRECTORY ? 0o755 : 0o700
      if (makeDirectories(path, mode)) {
        chmodSync(path, mode)
      }
      const reason = reasonAgainst(path, uid)
      if (reason === undefined) return { path, uid }
      reasons.push(reason)
      if (reason.startsWith(OPEN)) {
        warn?.(`${path} is not used: ${reason}; chmod go-w ${path}, and start again`)
      }
    } catch (error) {
      reasons.push(explain(error as Error))
    }
  }
  throw new VnetError(EACCES, 'a directory to be found in', reasons.join('; '))
}

/** The directories that only this user may enter: not /run/vnet. `vnet rootless` has its own. */
export function privateCandidates(): string[] {
  return ownCandidates(effectiveUid()).filter(path => path !== RUN_DIRECTORY)
}

/** The directories that this process trusts: root's and its own, or only `user`'s, for root. */
export function trustedDirectories(user?: number): RunDirectory[] {
  const self = effectiveUid()
  const candidates =
    user === undefined
      ? [
          { path: RUN_DIRECTORY, uid: ROOT },
          ...ownCandidates(self).map(path => ({ path, uid: self })),
        ]
      : userCandidates(user, innerUid(user)).map(path => ({ path, uid: innerUid(user) }))
  const found = candidates.filter(({ path, uid }) => reasonAgainst(path, uid) === undefined)
  return found.filter(({ path }, at) => found.findIndex(other => other.path === path) === at)
}

/** Existing directories of vnets that are not trusted, and why; root's in a user namespace. */
export function untrustedDirectories(candidates = ownCandidates(effectiveUid())): Untrusted[] {
  return [...new Set([RUN_DIRECTORY, ...candidates])].flatMap(path => {
    const reason = reasonAgainst(path, path === RUN_DIRECTORY ? ROOT : effectiveUid())
    return reason !== undefined && hasVnets(path) ? [{ path, reason }] : []
  })
}

/** A directory that was named, with its owner; empty if it is missing or not trusted. */
export function namedDirectory(path: string): RunDirectory[] {
  const uid = lstatSync(path, { throwIfNoEntry: false })?.uid
  return uid === undefined || reasonAgainst(path, uid) !== undefined ? [] : [{ path, uid }]
}

/** The other users with vnets. Root alone learns them; no file is read. */
export function otherUsers(): number[] {
  if (effectiveUid() !== ROOT) return []
  const users = [
    ...listed('/run/user').map(name => ({ name, path: join('/run/user', name, 'vnet') })),
    ...listed('/tmp').map(entry => ({
      name: /^vnet-(\d+)$/.exec(entry)?.[1] ?? '',
      path: join('/tmp', entry),
    })),
  ]
  const isUser = /^[1-9]\d*$/
  const found = users.filter(
    ({ name, path }) => isUser.test(name) && isOwned(path, Number(name)) && hasVnets(path),
  )
  return [...new Set(found.map(({ name }) => Number(name)))].sort((a, b) => a - b)
}

/** Files other than a vnet's, such as the token of a page, may remain in a directory. */
const hasVnets = (path: string): boolean => listed(path).some(name => name.endsWith('.json'))

const effectiveUid = (): number => process.geteuid?.() ?? ROOT

/** The directories for the vnets of this process, in the order of preference. */
function ownCandidates(self: number): string[] {
  const given = process.env.XDG_RUNTIME_DIR
  const isOurs = given?.startsWith('/') && isOwned(given, self)
  return [
    RUN_DIRECTORY,
    ...(isOurs ? [join(given as string, 'vnet')] : []),
    ...userCandidates(outerUid(self) ?? self, self),
  ]
}

/** The directories of user `uid`; their owner may have another number in this user namespace. */
function userCandidates(uid: number, owner = uid): string[] {
  const runtime = `/run/user/${uid}`
  return [...(isOwned(runtime, owner) ? [join(runtime, 'vnet')] : []), `/tmp/vnet-${uid}`]
}

/** The number of a user in the parent user namespace (user_namespaces(7)), if it has one. */
export function outerUid(uid: number): number | undefined {
  const range = uidRanges().find(({ inside, count }) => uid >= inside && uid < inside + count)
  return range && range.outside + uid - range.inside
}

/** The number that a user of the parent user namespace has in this one; the same if it has none. */
function innerUid(uid: number): number {
  const range = uidRanges().find(({ outside, count }) => uid >= outside && uid < outside + count)
  return range === undefined ? uid : range.inside + uid - range.outside
}

function uidRanges() {
  const lines = readFileSync('/proc/self/uid_map', 'utf8').trimEnd().split('\n')
  return lines.map(line => {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number)
    return { inside, outside, count }
  })
}

/** Why a directory is not one that only `uid` may write; undefined if it is. */
function reasonAgainst(path: string, uid: number): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return `${path}: there is none`
  if (!found.isDirectory()) return `${path} is not a directory`
  if (found.uid !== uid) {
    const isOutside = outerUid(found.uid) === undefined
    return `${path} belongs to ${isOutside ? 'a user outside of this user namespace' : `user ${found.uid}`}`
  }
  return (found.mode & OTHERS_WRITE) === 0 ? undefined : `${OPEN} ${path}`
}

function isOwned(path: string, uid: number): boolean {
  const found = attempt(() => lstatSync(path, { throwIfNoEntry: false }))
  return found?.isDirectory() === true && found.uid === uid
}

/** The names in a directory; empty if it cannot be read. */
export const listed = (path: string): string[] => attempt(() => readdirSync(path)) ?? []
