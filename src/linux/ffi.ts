/**
 * Calls of C libraries through ffi-rs, a few microseconds each, for the control path. ffi-rs is
 * loaded at the first use, because loading it takes longer than all calls together.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import type { DataType, FieldType, load, open } from 'ffi-rs'
import { EACCES, ERANGE, VnetError } from '../base/errno.ts'

/** Flags of dlopen(3): the library is never unloaded. */
const RTLD_LAZY_NODELETE = 0x1001

interface FfiRs {
  load: typeof load
  open: typeof open
  DataType: typeof DataType
}

/** A number is an integer, a bigint an address. A buffer may be written during the call only. */
export type FfiValue = number | bigint | string | Uint8Array

/** A shared library by its soname. Methods throw a VnetError if ffi-rs cannot be loaded. */
export class SharedLibrary {
  readonly #soname: string
  #isOpen = false

  constructor(soname: string) {
    this.#soname = soname
  }

  /** Whether dlopen(3) finds it. */
  isInstalled(): boolean {
    const ffi = loadFfi()
    try {
      this.#open(ffi)
      return true
    } catch {
      return false
    }
  }

  /** Calls a function that returns an int. The result for a void function means nothing. */
  int(name: string, ...values: FfiValue[]): number {
    const ffi = loadFfi()
    return this.#call(ffi, name, ffi.DataType.I32, values) as number
  }

  /** Calls a function that returns a pointer: 0n is NULL. The memory remains the library's. */
  address(name: string, ...values: FfiValue[]): bigint {
    const ffi = loadFfi()
    return this.#call(ffi, name, ffi.DataType.BigInt, values) as bigint
  }

  #call(ffi: FfiRs, funcName: string, retType: DataType, paramsValue: FfiValue[]): unknown {
    this.#open(ffi)
    const paramsType = paramsValue.map(value => typeOf(ffi, value))
    return ffi.load({ library: this.#soname, funcName, retType, paramsType, paramsValue })
  }

  #open(ffi: FfiRs): void {
    if (!this.#isOpen) {
      ffi.open({ library: this.#soname, path: this.#soname })
    }
    this.#isOpen = true
  }
}

/** Libraries that were found, by the names that were tried. */
const found = new Map<string, SharedLibrary>()

/** Returns the first library that is installed, for which it searches only once. */
export function findLibrary(sonames: readonly string[]): SharedLibrary | undefined {
  const key = sonames.join()
  const library =
    found.get(key) ??
    sonames.map(soname => new SharedLibrary(soname)).find(each => each.isInstalled())
  if (library !== undefined) {
    found.set(key, library)
  }
  return library
}

/** The ffi-rs of this thread, once it is loaded. */
const loaded: FfiRs[] = []

function loadFfi(): FfiRs {
  const [known] = loaded
  if (known !== undefined) return known
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report
  const { excludeNetwork = false } = report
  try {
    const require = createRequire(import.meta.url)
    // ffi-rs looks for musl in a report, for which Node would ask DNS for each address of a socket.
    report.excludeNetwork = true
    const ffi: FfiRs = require('ffi-rs')
    if (!isMainThread) {
      keepLoaded(ffi)
    }
    loaded.push(ffi)
    return ffi
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)
    const advice = `${reason}: not installed, or root may not read it without --keep-privileges`
    throw new VnetError(EACCES, 'load ffi-rs', advice, { cause })
  } finally {
    report.excludeNetwork = excludeNetwork
  }
}

/**
 * Keeps the addon of ffi-rs loaded until the process ends. Node unloads an addon with the last
 * worker that uses it. The thread of that worker then calls a destructor in the addon as it ends,
 * which is a segmentation fault (rust-lang/rust#91979).
 */
function keepLoaded(ffi: FfiRs): void {
  // Test runners that load modules in a vm context have no require.cache of Node.
  const [addon] = /\/.*\/ffi-rs[^/]*\.node$/m.exec(readFileSync('/proc/self/maps', 'utf8')) ?? []
  if (addon === undefined) return
  // The program itself, which has dlopen with every C library.
  const library = 'self'
  ffi.open({ library, path: '' })
  const paramsType = [ffi.DataType.String, ffi.DataType.I32]
  const paramsValue = [addon, RTLD_LAZY_NODELETE]
  ffi.load({ library, funcName: 'dlopen', retType: ffi.DataType.BigInt, paramsType, paramsValue })
}

function typeOf(ffi: FfiRs, value: FfiValue): FieldType {
  if (typeof value === 'number') return ffi.DataType.I64
  if (typeof value === 'bigint') return ffi.DataType.BigInt
  return typeof value === 'string' ? ffi.DataType.String : ffi.DataType.U8Array
}

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
    /** The pointer to the entry, which is NULL for an unknown name. */
    const result = Buffer.alloc(8)
    const error = libc.int(fn, name, entry, Buffer.alloc(length), length, result)
    if (error === ERANGE) continue
    if (error !== 0) throw new VnetError(error, [fn, name])
    return result.every(byte => byte === 0) ? undefined : entry.readUInt32LE(ID_AT)
  }
  throw new VnetError(ERANGE, [fn, name])
}

/** Returns the id of a user by name (getpwnam_r(3)), or undefined for an unknown user. */
export const getpwnam = (name: string): number | undefined => lookUp('getpwnam_r', name)

/** Returns the id of a group by name (getgrnam_r(3)), or undefined for an unknown group. */
export const getgrnam = (name: string): number | undefined => lookUp('getgrnam_r', name)

/** Copies `length` bytes of native memory. A wrong address ends the process. */
export function copyMemory(address: bigint, length: number): Buffer {
  const copy = Buffer.alloc(length)
  libc.address('memcpy', copy, address, length)
  return copy
}
