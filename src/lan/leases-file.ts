/**
 * Leases in a file of JSON, one a line. A change replaces the file whole and is on the disk when `save` returns: what is there
 * is always the old state or the new one. A file that is broken is refused, never overwritten.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { EBUSY, EINVAL, ENOENT, VnetError } from '../core/errno.ts'
import { formatAddress } from '../header/ipv4.ts'
import { parseIpv4 } from '../header/ipv4-address.ts'
import type { Lease, LeaseStore } from '../segment/dhcp/lease.ts'

const VERSION = 1
const MODE = 0o644

/** Keeps leases in `path`; `load` makes the file when there is none. Both throw VnetError. */
export function leasesFile(path: string): LeaseStore {
  const lines = new WeakMap<Lease, string>()
  const line = (lease: Lease): string => {
    const known = lines.get(lease) ?? format(lease)
    lines.set(lease, known)
    return known
  }
  let own: string | undefined
  const save = (leases: readonly Lease[]): void => {
    const there = identity(path)
    if (there !== undefined && there !== own)
      throw new VnetError(EBUSY, `write leases ${path}`, 'another program writes it too: give each a file of its own')
    replace(path, `{"version":${VERSION},"leases":[${leases.map(lease => `\n${line(lease)}`).join(',')}\n]}\n`)
    own = identity(path)
  }
  const load = (): readonly Lease[] => {
    own = identity(path)
    const text = read(path)
    if (text !== undefined) return parse(path, text)
    save([])
    return []
  }
  return { load, save }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === ENOENT) return undefined
    throw new VnetError(errnoOf(error), `read leases ${path}`, undefined, { cause: error })
  }
}

/** Which file it is, and as who left it; undefined where there is none. */
function identity(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev} ${found.ino} ${found.mtimeNs}`
}

/** The new file has its whole text on the disk before it has its name, and the name before this returns. */
function replace(path: string, text: string): void {
  const temporary = `${path}.new`
  try {
    rmSync(temporary, { force: true })
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    withFile(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, fd => {
      fchmodSync(fd, MODE)
      writeFileSync(fd, text)
      fsyncSync(fd)
    })
    renameSync(temporary, path)
    withFile(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY, fsyncSync)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new VnetError(errnoOf(error), `write leases ${path}`, 'name a file in a directory that can be written', {
      cause: error,
    })
  }
}

function withFile(path: string, flags: number, use: (fd: number) => void): void {
  const fd = openSync(path, flags, MODE)
  try {
    use(fd)
  } finally {
    closeSync(fd)
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
