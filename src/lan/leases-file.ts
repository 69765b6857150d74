/**
 * Leases in a file of JSON, one a line. A change replaces the file whole and is on the disk when
 * its promise settles: what is there is always the old state or the new one. A file that is broken
 * is refused, never overwritten.
 *
 * All of a write is done by Node's thread pool, from open(2) to close(2): the main thread carries
 * frames, and has descriptors of its own (unshare(2) in cli/run.ts), which mean nothing there.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  openSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { EACCES, EBUSY, EINVAL, ENOENT, VnetError } from '../core/errno.ts'
import { formatAddress } from '../header/ipv4.ts'
import { parseIpv4 } from '../header/ipv4-address.ts'
import type { Lease, LeaseStore } from '../segment/dhcp/lease.ts'

const VERSION = 1
const MODE = 0o644
const HEAD = `{"version":${VERSION},"leases":[`
const TAIL = '\n]}\n'
const EXCLUSIVE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
/** Leases that are made text of in one go: frames come in between. */
const CHUNK = 256

/** Keeps leases in `path`; `load` makes the file when there is none. Both throw VnetError. */
export function leasesFile(path: string): LeaseStore {
  const lines = new WeakMap<Lease, string>()
  const line = (lease: Lease): string => {
    const known = lines.get(lease) ?? format(lease)
    lines.set(lease, known)
    return known
  }
  let own: string | undefined
  function load(): readonly Lease[] {
    refuseForeign(path)
    own = identityNow(path)
    const text = read(path)
    if (text !== undefined) return parse(path, text)
    create(path)
    own = identityNow(path)
    return []
  }
  async function save(leases: readonly Lease[]): Promise<void> {
    const there = identity(await statOf(path))
    if (there !== undefined && there !== own)
      throw new VnetError(EBUSY, `write leases ${path}`, 'another program writes it too: give each a file of its own')
    await replace(path, textOf(leases, line))
    own = identity(await statOf(path))
  }
  return { load, save: leases => save([...leases]) }
}

/**
 * Whoever else may rename in the directory, or keep us from it, has the leases in his hand; and
 * vnet has no capability to write there against the modes once it runs.
 */
function refuseForeign(path: string): void {
  const directory = dirname(path)
  let real: string
  try {
    real = realpathSync(directory)
  } catch (error) {
    throw writeError(path, error)
  }
  const uid = process.geteuid?.() ?? 0
  const found = statSync(real)
  if (found.uid !== uid || !allows(found, constants.W_OK | constants.X_OK))
    throw foreign(path, `the directory ${directory} is not user ${uid}'s to write in`)
  for (let above = dirname(real); above !== dirname(above); above = dirname(above))
    if (!allows(statSync(above), constants.X_OK)) throw foreign(path, `user ${uid} gets to ${above} by privilege alone`)
}

/** Whether the modes alone allow `mode`, as access(2) has it, to the effective user. */
function allows({ uid, gid, mode }: Stats, asked: number): boolean {
  if (uid === process.geteuid?.()) return ((mode >> 6) & asked) === asked
  const isOurs = gid === process.getegid?.() || process.getgroups?.().includes(gid)
  return ((isOurs ? mode >> 3 : mode) & asked) === asked
}

function foreign(path: string, why: string): VnetError {
  return new VnetError(EACCES, `write leases ${path}`, `${why}: name a file in a directory of that user's`)
}

function writeError(path: string, error: unknown): VnetError {
  const advice = 'name a file in a directory that can be written'
  return new VnetError(errnoOf(error), `write leases ${path}`, advice, { cause: error })
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === ENOENT) return undefined
    throw new VnetError(errnoOf(error), `read leases ${path}`, undefined, { cause: error })
  }
}

function create(path: string): void {
  try {
    const fd = openSync(path, EXCLUSIVE, MODE)
    try {
      fchmodSync(fd, MODE)
      writeFileSync(fd, HEAD + TAIL)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw writeError(path, error)
  }
}

/** Which file it is, and as who left it; undefined where there is none. */
function identity(found: { dev: bigint; ino: bigint; mtimeNs: bigint } | undefined): string | undefined {
  return found && `${found.dev} ${found.ino} ${found.mtimeNs}`
}

function identityNow(path: string): string | undefined {
  try {
    return identity(statSync(path, { bigint: true, throwIfNoEntry: false }))
  } catch (error) {
    throw writeError(path, error)
  }
}

async function statOf(path: string) {
  return await stat(path, { bigint: true }).catch(error => {
    if (errnoOf(error) === ENOENT) return undefined
    throw writeError(path, error)
  })
}

async function* textOf(leases: readonly Lease[], line: (lease: Lease) => string): AsyncGenerator<string> {
  yield HEAD
  for (let at = 0; at < leases.length; at += CHUNK) {
    const lines = leases.slice(at, at + CHUNK).map(lease => `\n${line(lease)}`)
    yield (at === 0 ? '' : ',') + lines.join(',')
    await setImmediate()
  }
  yield TAIL
}

/**
 * The new file has its whole text on the disk before it has its name, and the name before this is
 * over.
 */
async function replace(path: string, text: AsyncIterable<string>): Promise<void> {
  const temporary = `${path}.new`
  try {
    await rm(temporary, { force: true })
    await withFile(temporary, EXCLUSIVE, async file => {
      await file.chmod(MODE)
      for await (const part of text) await file.writeFile(part)
      await file.sync()
    })
    await rename(temporary, path)
    await withFile(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY, directory => directory.sync())
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw writeError(path, error)
  }
}

async function withFile(path: string, flags: number, use: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, MODE)
  try {
    await use(file)
  } finally {
    await file.close()
  }
}

function errnoOf(error: unknown): number {
  const { errno } = error as NodeJS.ErrnoException
  if (errno === undefined) throw error
  return Math.abs(errno)
}

function format({ address, mac, clientId, hostname, state, expires }: Lease): string {
  const until = expires === Number.POSITIVE_INFINITY ? null : new Date(expires).toISOString()
  return JSON.stringify({ address: formatAddress(address), mac, clientId, hostname, state, expires: until })
}

function parse(path: string, text: string): Lease[] {
  const broken = (what: string) =>
    new VnetError(EINVAL, `leases ${path}`, `${what}: mend the file, or remove it and all leases with it`)
  let file: { version?: unknown; leases?: unknown } | null
  try {
    file = JSON.parse(text)
  } catch (error) {
    throw broken(`it is no JSON (${(error as Error).message})`)
  }
  if (file?.version !== VERSION || !Array.isArray(file.leases))
    throw broken(`it is no list of leases, version ${VERSION}`)
  const leases = new Map<number, Lease>()
  for (const [i, entry] of file.leases.entries()) {
    const lease = toLease(entry)
    if (lease === undefined) throw broken(`lease ${i + 1} of it is none`)
    if (leases.has(lease.address)) throw broken(`${formatAddress(lease.address)} is leased twice`)
    leases.set(lease.address, lease)
  }
  return [...leases.values()]
}

const HEX = /^[0-9a-f]{2}(:[0-9a-f]{2})*$/
const MAC = /^([0-9]+-)?([0-9a-f]{2}(:[0-9a-f]{2})*)?$/
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

function toLease(entry: unknown): Lease | undefined {
  const { address, mac, clientId, hostname, state, expires } = Object(entry) as Record<string, unknown>
  const number = typeof address === 'string' ? parseIpv4(address) : undefined
  const until =
    expires === null ? Number.POSITIVE_INFINITY : typeof expires === 'string' ? Date.parse(expires) : Number.NaN
  if (number === undefined || Number.isNaN(until)) return undefined
  if (typeof mac !== 'string' || !MAC.test(mac)) return undefined
  if (state !== 'bound' && state !== 'free' && state !== 'declined') return undefined
  if (!isAbsentOr(clientId, HEX) || !isAbsentOr(hostname, LABEL)) return undefined
  return { address: number, mac, clientId, hostname, state, expires: until }
}

function isAbsentOr(value: unknown, pattern: RegExp): value is string | undefined {
  return value === undefined || (typeof value === 'string' && pattern.test(value))
}
