/** Calls of libc. */
import { ERANGE, VnetError } from '../base/errno.ts'
import { SharedLibrary } from './ffi.ts'

/** Room for struct passwd (48 bytes) or struct group (32 bytes), with the id at offset 16. */
const ENTRY_LEN = 64
const ID_AT = 16
const BUFFER_MIN = 4096
const BUFFER_MAX = 1 << 20

const libc = new SharedLibrary('libc.so.6')

/** The id in the entry that getpwnam_r or getgrnam_r finds; undefined for an unknown name. */
function lookUp(fn: 'getpwnam_r' | 'getgrnam_r', name: string): number | undefined {
  for (let length = BUFFER_MIN; length <= BUFFER_MAX; length *= 4) {
    const entry = Buffer.alloc(ENTRY_LEN)
    const found = Buffer.alloc(8)
    const error = libc.int(fn, name, entry, Buffer.alloc(length), length, found)
    if (error === ERANGE) continue
    if (error !== 0) throw new VnetError(error, [fn, name])
    return found.every(byte => byte === 0) ? undefined : entry.readUInt32LE(ID_AT)
  }
  throw new VnetError(ERANGE, [fn, name])
}

/** The id of a user by name (getpwnam_r(3)), or undefined. */
export function getpwnam(name: string): number | undefined {
  return lookUp('getpwnam_r', name)
}

/** The id of a group by name (getgrnam_r(3)), or undefined. */
export function getgrnam(name: string): number | undefined {
  return lookUp('getgrnam_r', name)
}

/** Copies `length` bytes of native memory. A wrong address ends the process. */
export function copyMemory(address: bigint, length: number): Buffer {
  const copy = Buffer.alloc(length)
  libc.address('memcpy', copy, address, length)
  return copy
}
