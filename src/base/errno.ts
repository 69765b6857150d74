/**
 * Errors as in the kernel: functions return 0 or more, or -errno. VnetError is a failure for a
 * user, with a message of one line that says what to do.
 */
import { ERRNO_TABLE } from './errno-table.ts'

/** The name of an error number, such as 'EBUSY'. */
export type ErrnoName = keyof typeof ERRNO_TABLE

const numbers = Object.fromEntries(Object.entries(ERRNO_TABLE).map(([name, [number]]) => [name, number])) as {
  readonly [Name in ErrnoName]: (typeof ERRNO_TABLE)[Name][0]
}
export const { EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, EAGAIN, ENOMEM } = numbers
export const { EACCES, EFAULT, EBUSY, EEXIST, ENODEV, EISDIR, EINVAL, ENFILE, EMFILE, ENOTTY } = numbers
export const { ENOSPC, ERANGE, ENAMETOOLONG, ENOSYS, ENODATA, ENOLINK, EPROTO, EBADMSG, EOVERFLOW } = numbers
export const { ENOTUNIQ, EBADFD, ENOTSOCK, EMSGSIZE, ENOPROTOOPT, EPROTONOSUPPORT, EOPNOTSUPP } = numbers
export const { EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL, ENETDOWN, ENETUNREACH, ECONNRESET, ENOBUFS } = numbers
export const { ESHUTDOWN, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, EALREADY, EINPROGRESS, ECANCELED, EPIPE, EDQUOT } =
  numbers

/** Name and text by number. */
const byNumber: ReadonlyMap<number, readonly [name: string, text: string]> = new Map(
  Object.entries(ERRNO_TABLE).map(([name, [number, text]]) => [number, [name, text]]),
)

/** Returns 'EBUSY' for 16 and for -16, 'E999' for a number that Linux does not use. */
export function errnoName(errno: number): string {
  const number = Math.abs(errno)
  return byNumber.get(number)?.[0] ?? `E${number}`
}

/** Returns what error `errno` (of either sign) means, in a few words. */
export function errnoText(errno: number): string {
  return byNumber.get(Math.abs(errno))?.[1] ?? 'unknown error'
}

/**
 * A failed call to the system. The message is one line: `TUNSETIFF vnet0: EBUSY, device or resource
 * busy; advice`. `advice` says what to do, or what the kernel reported beyond the number.
 */
export class VnetError extends Error {
  override readonly name = 'VnetError'
  /** The error's name, such as 'EBUSY'. */
  readonly code: string
  /** The error's number, positive. */
  readonly errno: number
  /** What failed, and on what: 'TUNSETIFF vnet0'. */
  readonly syscall: string
  /** What the user can do about it, without a full stop. */
  readonly advice: string | undefined

  /** @param errno of either sign, so that a result can be passed on as it is */
  constructor(errno: number, syscall: string, advice?: string, options?: { cause?: unknown }) {
    const code = errnoName(errno)
    const line = `${syscall}: ${code}, ${errnoText(errno)}${advice === undefined ? '' : `; ${advice}`}`
    super(line.replaceAll(/\s*\n\s*/g, ' '), options)
    this.code = code
    this.errno = Math.abs(errno)
    this.syscall = syscall
    this.advice = advice
  }
}

/** Returns true if `error` is a VnetError with one of these numbers. */
export function isErrno(error: unknown, ...errnos: number[]): error is VnetError {
  return error instanceof VnetError && errnos.includes(error.errno)
}
