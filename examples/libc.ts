/**
 * Calls libc, for echo.ts and reset_stats.ts: Node has no netlink sockets and no ioctl. ffi-rs
 * comes with vnet.
 */
import { getSystemErrorMap } from 'node:util'
import { DataType, load, open } from 'ffi-rs'

open({ library: 'libc', path: 'libc.so.6' })

/**
 * Calls a function that returns an int. Throws the error of errno if the int is negative. Buffers
 * are passed by address and may be written.
 */
export function libc(name: string, ...values: (number | Uint8Array)[]): number {
  const { value, errnoCode } = load({
    library: 'libc',
    funcName: name,
    retType: DataType.I32,
    paramsType: values.map(value => (typeof value === 'number' ? DataType.I64 : DataType.U8Array)),
    paramsValue: values,
    errno: true as const, // the type of the result depends on it
  })
  if (value < 0) throw failure(errnoCode)
  return value
}

/** Returns the Error for an errno. */
export function failure(errno: number): Error {
  return new Error(getSystemErrorMap().get(-errno)?.[1] ?? `errno ${errno}`)
}
