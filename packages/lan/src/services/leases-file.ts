/**
 * Stores leases in a JSON file, one per line. A save replaces the whole file and is on the disk
 * when its promise settles, so the file always has the old state or the new one. A malformed file
 * is refused, never overwritten. All steps of a save run in Node's thread pool: the main thread
 * forwards frames, and its descriptors are its own (unshare(2) in cli/run.ts), invalid in the pool.
 */
import * as fs from 'node:fs'
import { chmod, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import {
  EACCES,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  explain,
  formatIpv4,
  isErrno,
  parseIpv4,
  VnetError,
} from 'vnet'
import { makeDirectories, refuseForeign } from 'vnet/kit/linux'
import type { Log } from 'vnet/net'
import type { Lease, LeaseStore } from './dhcp/lease.ts'

const VERSION = 1
const MODE = 0o644
const HEAD = `{"version":${VERSION},"leases":[`
const TAIL = '\n]}\n'
/** Leases that are formatted in one turn of the event loop, between frames. */
const CHUNK = 64

/** The store in file `path`, which load() creates if it does not exist. Errors are VnetErrors. */
export function leasesFile(path: string): LeaseStore {
  let own: string | undefined
  function load(): readonly Lease[] {
    checkDirectory(path)
    for (const each of [path, `${path}.new`]) {
      refuseForeign(each)
    }
    own = identityNow(path)
    const text = read(path)
    if (text !== undefined) return parse(path, text)
    create(path)
    own = identityNow(path)
    return []
  }
  async function save(leases: readonly Lease[]): Promise<void> {
    const there = identity(await statOf(path))
    if (there !== undefined && there !== own) {
      throw new VnetError(
        EBUSY,
        `write leases ${path}`,
        'another program writes it, too: use one file per program',
      )
    }
    await replace(path, textOf(leases))
    own = identity(await statOf(path))
  }
  return { load, save: leases => save([...leases]) }
}

/**
 * Refuses another user's directory: that user could replace or withhold the file. Refuses one that
 * needs a privilege to reach or write: vnet drops its capabilities before it saves.
 */
function checkDirectory(path: string): void {
  const directory = dirname(path)
  const real = writing(path, () => fs.realpathSync(directory))
  const uid = process.geteuid?.() ?? 0
  const found = fs.statSync(real)
  if (found.uid !== uid || !allows(found, fs.constants.W_OK | fs.constants.X_OK)) {
    throw foreign(
      path,
      `the directory ${directory} does not belong to user ${uid}, or is not writable`,
    )
  }
  for (let above = dirname(real); above !== dirname(above); above = dirname(above)) {
    if (!allows(fs.statSync(above), fs.constants.X_OK)) {
      throw foreign(path, `user ${uid} reaches ${above} only by privilege`)
    }
  }
}

/** Whether file modes alone grant `access`, as in access(2), to the effective user. */
function allows({ uid, gid, mode }: fs.Stats, access: number): boolean {
  if (uid === process.geteuid?.()) return ((mode >> 6) & access) === access
  const isOurs = gid === process.getegid?.() || process.getgroups?.().includes(gid)
  return ((isOurs ? mode >> 3 : mode) & access) === access
}

function foreign(path: string, why: string): VnetError {
  return new VnetError(
    EACCES,
    ['write', `leases ${path}`],
    `${why}: name a file in a directory of that user`,
  )
}

/** Returns the result of `fn`, or throws a writeError. */
function writing<T>(path: string, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    throw writeError(path, error)
  }
}

function writeError(path: string, error: unknown): VnetError {
  const errno = errnoOf(error)
  const call = ['write', `leases ${path}`] as const
  if (Math.abs(errno) === EEXIST) {
    return new VnetError(
      errno,
      call,
      'another program has just made it: use one file per program',
      { cause: error },
    )
  }
  const missing = Math.abs(errno) === ENOENT ? 'there is no such directory: ' : ''
  return new VnetError(errno, call, `${missing}name a file in a writable directory`, {
    cause: error,
  })
}

function read(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === ENOENT) return undefined
    throw new VnetError(errnoOf(error), ['read', `leases ${path}`], undefined, { cause: error })
  }
}

function create(path: string): void {
  writing(path, () => {
    fs.writeFileSync(path, HEAD + TAIL, { flag: 'wx' })
    // Whatever the umask.
    fs.chmodSync(path, MODE)
  })
}

/** Identifies a file and its last change; undefined without a file. */
function identity(
  found: { dev: bigint; ino: bigint; mtimeNs: bigint } | undefined,
): string | undefined {
  return found && `${found.dev} ${found.ino} ${found.mtimeNs}`
}

function identityNow(path: string): string | undefined {
  return identity(writing(path, () => fs.statSync(path, { bigint: true, throwIfNoEntry: false })))
}

async function statOf(path: string) {
  return await stat(path, { bigint: true }).catch(error => {
    if (errnoOf(error) === ENOENT) return undefined
    throw writeError(path, error)
  })
}

async function* textOf(leases: readonly Lease[]): AsyncGenerator<string> {
  yield HEAD
  for (let at = 0; at < leases.length; at += CHUNK) {
    const lines = leases.slice(at, at + CHUNK).map(lease => `\n${format(lease)}`)
    yield (at === 0 ? '' : ',') + lines.join(',')
    await setImmediate()
  }
  yield TAIL
}

/** The text is on the disk before the file gets its name, and the name before this returns. */
async function replace(path: string, text: AsyncIterable<string>): Promise<void> {
  const temporary = `${path}.new`
  try {
    await rm(temporary, { force: true })
    await writeFile(temporary, text, { flag: 'wx', flush: true })
    await chmod(temporary, MODE)
    await rename(temporary, path)
    await using directory = await open(
      dirname(path),
      fs.constants.O_RDONLY | fs.constants.O_DIRECTORY,
    )
    await directory.sync()
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw writeError(path, error)
  }
}

function errnoOf(error: unknown): number {
  const { errno } = error as NodeJS.ErrnoException
  if (errno === undefined) throw error
  return Math.abs(errno)
}

function format({ address, mac, clientId, hostname, state, expires }: Lease): string {
  const until = expires === Number.POSITIVE_INFINITY ? null : new Date(expires).toISOString()
  return JSON.stringify({
    address: formatIpv4(address),
    mac,
    clientId,
    hostname,
    state,
    expires: until,
  })
}

function parse(path: string, text: string): Lease[] {
  const malformed = (what: string) =>
    new VnetError(
      EINVAL,
      `leases ${path}`,
      `${what}: correct the file, or remove it with all leases`,
    )
  let file: { version?: unknown; leases?: unknown } | null
  try {
    file = JSON.parse(text)
  } catch (error) {
    throw malformed(`it is not JSON (${(error as Error).message})`)
  }
  if (file?.version !== VERSION || !Array.isArray(file.leases)) {
    throw malformed(`it is not a list of leases, version ${VERSION}`)
  }
  const leases = new Map<number, Lease>()
  for (const [i, entry] of file.leases.entries()) {
    const lease = toLease(entry)
    if (lease === undefined) throw malformed(`lease ${i + 1} is invalid`)
    if (leases.has(lease.address)) throw malformed(`${formatIpv4(lease.address)} is leased twice`)
    leases.set(lease.address, lease)
  }
  return [...leases.values()]
}

const HEX = /^[0-9a-f]{2}(:[0-9a-f]{2})*$/
const MAC = /^([0-9]+-)?([0-9a-f]{2}(:[0-9a-f]{2})*)?$/
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

function toLease(entry: unknown): Lease | undefined {
  const { address, mac, clientId, hostname, state, expires } = Object(entry) as Record<
    string,
    unknown
  >
  const number = typeof address === 'string' ? parseIpv4(address) : undefined
  const written = typeof expires === 'string' ? Date.parse(expires) : Number.NaN
  const until = expires === null ? Number.POSITIVE_INFINITY : written
  if (number === undefined || Number.isNaN(until)) return undefined
  if (typeof mac !== 'string' || !MAC.test(mac)) return undefined
  if (state !== 'bound' && state !== 'free' && state !== 'declined') return undefined
  if (!isAbsentOr(clientId, HEX) || !isAbsentOr(hostname, LABEL)) return undefined
  return { address: number, mac, clientId, hostname, state, expires: until }
}

const isAbsentOr = (value: unknown, pattern: RegExp): value is string | undefined =>
  value === undefined || (typeof value === 'string' && pattern.test(value))

export const STATE_DIRECTORY = '/var/lib/vnet'

/** Named network namespaces (ip-netns(8)). */
const NAMESPACES = '/run/netns'

/** Keeps no leases: they end with the program. */
const NO_STORE: LeaseStore = { load: () => [], save: () => undefined }

/** Only the initial network namespace has files: other namespaces may have the same names. */
export function usualLeases(name: string, netns: string | undefined, log: Log): LeaseStore {
  if (netns !== undefined || !isInitialNamespace()) return NO_STORE
  return leasesFileIfAny(`${STATE_DIRECTORY}/${name}.leases`, log)
}

/** Creates the directory, too. If that fails, load() logs it, once, and nothing is stored. */
export function leasesFileIfAny(path: string, log: Log): LeaseStore {
  const file = leasesFile(path)
  let store = file
  return {
    load() {
      if (store === NO_STORE) return []
      try {
        makeDirectories(dirname(path))
        return file.load()
      } catch (error) {
        // The file exists but is malformed.
        if (isErrno(error, EINVAL)) throw error
        log.warn(`leases are not stored: ${explain(error as Error)}`)
        store = NO_STORE
        return []
      }
    },
    save: leases => store.save(leases),
  }
}

/** Compares namespaces with process 1; if it may not, any unnamed namespace counts. */
function isInitialNamespace(): boolean {
  const own = fs.statSync('/proc/thread-self/ns/net').ino
  try {
    return fs.statSync('/proc/1/ns/net').ino === own
  } catch {
    const names = fs.existsSync(NAMESPACES) ? fs.readdirSync(NAMESPACES) : []
    return !names.some(
      name => fs.statSync(`${NAMESPACES}/${name}`, { throwIfNoEntry: false })?.ino === own,
    )
  }
}
