/**
 * Calls of libc through ffi-rs, a few microseconds each, for the control path. ffi-rs is loaded at
 * the first call, because loading it takes longer than all calls together.
 */
import { createRequire } from 'node:module'
import type { DataType, FieldType, load, open } from 'ffi-rs'
import { ERANGE, VnetError } from '../netdev/errno.ts'

type FfiRs = { load: typeof load; open: typeof open; DataType: typeof DataType }

const LIBC = 'libc'
/**
 * Room for struct passwd (48 bytes) and struct group (32 bytes); the id is at offset 16 in both.
 */
const ENTRY_LEN = 64
const ID_AT = 16
const BUFFER_MIN = 4096
const BUFFER_MAX = 1 << 20

type Argument = number | string | Uint8Array

/** Calls a libc function that returns an int. Buffers are passed by address and may be written. */
function call(name: string, ...values: Argument[]): number {
  const ffi: FfiRs = createRequire(import.meta.url)('ffi-rs')
  // Only a lookup after the first time.
  ffi.open({ library: LIBC, path: 'libc.so.6' })
  const paramsType: FieldType[] = values.map(value =>
    typeof value === 'number'
      ? ffi.DataType.I64
      : typeof value === 'string'
        ? ffi.DataType.String
        : ffi.DataType.U8Array,
  )
  return ffi.load({
    library: LIBC,
    funcName: name,
    retType: ffi.DataType.I32,
    paramsType,
    paramsValue: values,
  }) as number
}

/**
 * The id in the entry that getpwnam_r or getgrnam_r finds; undefined if there is none of that name.
 */
function lookUp(fn: 'getpwnam_r' | 'getgrnam_r', name: string): number | undefined {
  for (let length = BUFFER_MIN; length <= BUFFER_MAX; length *= 4) {
    const entry = Buffer.alloc(ENTRY_LEN)
    const found = Buffer.alloc(8)
    const error = call(fn, name, entry, Buffer.alloc(length), length, found)
    if (error === ERANGE) continue
    if (error !== 0) throw new VnetError(error, `${fn} ${name}`)
    return found.every(byte => byte === 0) ? undefined : entry.readUInt32LE(ID_AT)
  }
  throw new VnetError(ERANGE, `${fn} ${name}`)
}

/** The id of a user by name (getpwnam_r(3)), or undefined. */
export function getpwnam(name: string): number | undefined {
  return lookUp('getpwnam_r', name)
}

/** The id of a group by name (getgrnam_r(3)), or undefined. */
export function getgrnam(name: string): number | undefined {
  return lookUp('getgrnam_r', name)
}
