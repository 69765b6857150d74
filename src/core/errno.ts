/**
 * Errors as the kernel has them: functions answer 0 or more, or -errno; VnetError is a failure on its way to a user,
 * its message one line to act on.
 */
import { ERRNO_TABLE } from './errno-table.ts'

/** The name of an error number, as 'EBUSY'. */
export type ErrnoName = keyof typeof ERRNO_TABLE

export const EPERM = ERRNO_TABLE.EPERM[0]
export const ENOENT = ERRNO_TABLE.ENOENT[0]
export const ESRCH = ERRNO_TABLE.ESRCH[0]
export const EINTR = ERRNO_TABLE.EINTR[0]
export const EIO = ERRNO_TABLE.EIO[0]
export const ENXIO = ERRNO_TABLE.ENXIO[0]
export const E2BIG = ERRNO_TABLE.E2BIG[0]
export const ENOEXEC = ERRNO_TABLE.ENOEXEC[0]
export const EBADF = ERRNO_TABLE.EBADF[0]
export const EAGAIN = ERRNO_TABLE.EAGAIN[0]
export const ENOMEM = ERRNO_TABLE.ENOMEM[0]
export const EACCES = ERRNO_TABLE.EACCES[0]
export const EFAULT = ERRNO_TABLE.EFAULT[0]
export const EBUSY = ERRNO_TABLE.EBUSY[0]
export const EEXIST = ERRNO_TABLE.EEXIST[0]
export const ENODEV = ERRNO_TABLE.ENODEV[0]
export const EISDIR = ERRNO_TABLE.EISDIR[0]
export const EINVAL = ERRNO_TABLE.EINVAL[0]
export const ENFILE = ERRNO_TABLE.ENFILE[0]
export const EMFILE = ERRNO_TABLE.EMFILE[0]
export const ENOTTY = ERRNO_TABLE.ENOTTY[0]
export const ENOSPC = ERRNO_TABLE.ENOSPC[0]
export const ERANGE = ERRNO_TABLE.ERANGE[0]
export const ENAMETOOLONG = ERRNO_TABLE.ENAMETOOLONG[0]
export const ENOSYS = ERRNO_TABLE.ENOSYS[0]
export const ENODATA = ERRNO_TABLE.ENODATA[0]
export const ENOLINK = ERRNO_TABLE.ENOLINK[0]
export const EPROTO = ERRNO_TABLE.EPROTO[0]
export const EBADMSG = ERRNO_TABLE.EBADMSG[0]
export const EOVERFLOW = ERRNO_TABLE.EOVERFLOW[0]
export const ENOTUNIQ = ERRNO_TABLE.ENOTUNIQ[0]
export const EBADFD = ERRNO_TABLE.EBADFD[0]
export const ENOTSOCK = ERRNO_TABLE.ENOTSOCK[0]
export const EMSGSIZE = ERRNO_TABLE.EMSGSIZE[0]
export const ENOPROTOOPT = ERRNO_TABLE.ENOPROTOOPT[0]
export const EPROTONOSUPPORT = ERRNO_TABLE.EPROTONOSUPPORT[0]
export const EOPNOTSUPP = ERRNO_TABLE.EOPNOTSUPP[0]
export const EAFNOSUPPORT = ERRNO_TABLE.EAFNOSUPPORT[0]
export const EADDRINUSE = ERRNO_TABLE.EADDRINUSE[0]
export const EADDRNOTAVAIL = ERRNO_TABLE.EADDRNOTAVAIL[0]
export const ENETDOWN = ERRNO_TABLE.ENETDOWN[0]
export const ENETUNREACH = ERRNO_TABLE.ENETUNREACH[0]
export const ECONNRESET = ERRNO_TABLE.ECONNRESET[0]
export const ENOBUFS = ERRNO_TABLE.ENOBUFS[0]
export const ESHUTDOWN = ERRNO_TABLE.ESHUTDOWN[0]
export const ETIMEDOUT = ERRNO_TABLE.ETIMEDOUT[0]
export const ECONNREFUSED = ERRNO_TABLE.ECONNREFUSED[0]
export const EHOSTUNREACH = ERRNO_TABLE.EHOSTUNREACH[0]
export const EALREADY = ERRNO_TABLE.EALREADY[0]
export const EINPROGRESS = ERRNO_TABLE.EINPROGRESS[0]
export const ECANCELED = ERRNO_TABLE.ECANCELED[0]

/** Name and text by number. */
const byNumber: ReadonlyMap<number, readonly [name: string, text: string]> = new Map(
  Object.entries(ERRNO_TABLE).map(([name, [number, text]]) => [number, [name, text]]),
)

/** 'EBUSY' for 16 and for -16; 'E999' for a number that Linux does not use. */
export function errnoName(errno: number): string {
  const number = Math.abs(errno)
  return byNumber.get(number)?.[0] ?? `E${number}`
}

/** What error `errno` (either sign) says, in a few words. */
export function errnoText(errno: number): string {
  return byNumber.get(Math.abs(errno))?.[1] ?? 'unknown error'
}

/**
 * A failed call to the system: `TUNSETIFF vnet0: EBUSY, device or resource busy; advice`, always one line. `advice`
 * says what to do, or what the kernel said beyond the number.
 */
export class VnetError extends Error {
  override readonly name = 'VnetError'
  /** The error's name, as 'EBUSY'. */
  readonly code: string
  /** The error's number, positive. */
  readonly errno: number
  /** What failed, and on what: 'TUNSETIFF vnet0'. */
  readonly syscall: string
  /** What the user can do about it, without a full stop. */
  readonly advice: string | undefined

  /** @param errno of either sign, so that a result can be passed on as it is */
  constructor(errno: number, syscall: string, advice?: string, options?: ErrorOptions) {
    const code = errnoName(errno)
    const line = `${syscall}: ${code}, ${errnoText(errno)}${advice === undefined ? '' : `; ${advice}`}`
    super(line.replaceAll(/\s*\n\s*/g, ' '), options)
    this.code = code
    this.errno = Math.abs(errno)
    this.syscall = syscall
    this.advice = advice
  }
}

/** Whether `error` is a VnetError of one of these numbers. */
export function isErrno(error: unknown, ...errnos: number[]): error is VnetError {
  return error instanceof VnetError && errnos.includes(error.errno)
}
