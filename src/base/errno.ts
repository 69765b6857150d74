/**
 * Errors as in the kernel: functions return 0 or more, or -errno. VnetError is a failure for a
 * user, with a message and advice in one line.
 */
import { ERRNO_TABLE } from './errno-table.ts'

/** The name of an error number, such as 'EBUSY'. */
export type ErrnoName = keyof typeof ERRNO_TABLE

const numbers = Object.fromEntries(
  Object.entries(ERRNO_TABLE).map(([name, [number]]) => [name, number]),
) as {
  readonly [Name in ErrnoName]: (typeof ERRNO_TABLE)[Name][0]
}

export const EPERM = numbers.EPERM
export const ENOENT = numbers.ENOENT
export const ESRCH = numbers.ESRCH
export const EINTR = numbers.EINTR
export const EIO = numbers.EIO
export const ENXIO = numbers.ENXIO
export const E2BIG = numbers.E2BIG
export const ENOEXEC = numbers.ENOEXEC
export const EBADF = numbers.EBADF
export const EAGAIN = numbers.EAGAIN
export const ENOMEM = numbers.ENOMEM
export const EACCES = numbers.EACCES
export const EFAULT = numbers.EFAULT
export const EBUSY = numbers.EBUSY
export const EEXIST = numbers.EEXIST
export const ENODEV = numbers.ENODEV
export const EISDIR = numbers.EISDIR
export const EINVAL = numbers.EINVAL
export const ENFILE = numbers.ENFILE
export const EMFILE = numbers.EMFILE
export const EFBIG = numbers.EFBIG
export const ENOTTY = numbers.ENOTTY
export const ENOSPC = numbers.ENOSPC
export const EROFS = numbers.EROFS
export const ERANGE = numbers.ERANGE
export const ENAMETOOLONG = numbers.ENAMETOOLONG
export const ENOSYS = numbers.ENOSYS
export const ENODATA = numbers.ENODATA
export const ENOLINK = numbers.ENOLINK
export const EPROTO = numbers.EPROTO
export const EBADMSG = numbers.EBADMSG
export const EOVERFLOW = numbers.EOVERFLOW
export const ENOTUNIQ = numbers.ENOTUNIQ
export const EBADFD = numbers.EBADFD
export const ENOTSOCK = numbers.ENOTSOCK
export const EMSGSIZE = numbers.EMSGSIZE
export const ENOPROTOOPT = numbers.ENOPROTOOPT
export const EPROTONOSUPPORT = numbers.EPROTONOSUPPORT
export const EOPNOTSUPP = numbers.EOPNOTSUPP
export const EAFNOSUPPORT = numbers.EAFNOSUPPORT
export const EADDRINUSE = numbers.EADDRINUSE
export const EADDRNOTAVAIL = numbers.EADDRNOTAVAIL
export const ENETDOWN = numbers.ENETDOWN
export const ENETUNREACH = numbers.ENETUNREACH
export const ECONNRESET = numbers.ECONNRESET
export const ENOBUFS = numbers.ENOBUFS
export const ESHUTDOWN = numbers.ESHUTDOWN
export const ETIMEDOUT = numbers.ETIMEDOUT
export const ECONNREFUSED = numbers.ECONNREFUSED
export const EHOSTUNREACH = numbers.EHOSTUNREACH
export const EALREADY = numbers.EALREADY
export const EINPROGRESS = numbers.EINPROGRESS
export const ECANCELED = numbers.ECANCELED
export const EPIPE = numbers.EPIPE
export const EDQUOT = numbers.EDQUOT
export const ENOTDIR = numbers.ENOTDIR
export const EDESTADDRREQ = numbers.EDESTADDRREQ
export const EHOSTDOWN = numbers.EHOSTDOWN
export const ENONET = numbers.ENONET
export const ECONNABORTED = numbers.ECONNABORTED

const byNumber: ReadonlyMap<number, readonly [name: string, text: string]> = new Map(
  Object.entries(ERRNO_TABLE).map(([name, [number, text]]) => [number, [name, text]]),
)

/** Returns 16 for 'EBUSY'. */
export const errnoOf = (name: ErrnoName): number => numbers[name]

/** Returns 'EBUSY' for 16 and for -16, 'E999' for a number that Linux does not use. */
export function errnoName(errno: number): string {
  const number = Math.abs(errno)
  return byNumber.get(number)?.[0] ?? `E${number}`
}

/** Returns the meaning of error `errno` (of either sign) in a few words. */
export function errnoText(errno: number): string {
  return byNumber.get(Math.abs(errno))?.[1] ?? 'unknown error'
}

/** A system call or a request to a vnet, and its object: ['TUNSETIFF', 'vnet0']. */
export type Call = readonly [call: string, object: string]

/**
 * A failed call to the system. The message is one line: `TUNSETIFF vnet0: EBUSY, device or resource
 * busy; advice`. `advice` is advice for the user, or the kernel's report beyond the number.
 */
export class VnetError extends Error {
  override readonly name = 'VnetError'
  /** The error's name, such as 'EBUSY'. */
  readonly code: string
  /** The error's number, positive. */
  readonly errno: number
  /** The failed call and its object, as one text: 'TUNSETIFF vnet0'. */
  readonly syscall: string
  /** The same in parts. An object of '' is named in the advice. */
  readonly what: string | Call
  /** Advice for the user, without a full stop. */
  readonly advice: string | undefined

  /**
   * @param errno of either sign, so that a result can be passed on as it is
   * @param what a call, with a name that people need not see, or a plain description of the failure
   */
  constructor(errno: number, what: string | Call, advice?: string, options?: { cause?: unknown }) {
    const code = errnoName(errno)
    const syscall = typeof what === 'string' ? what : what.join(' ').trimEnd()
    const line = `${syscall}: ${code}, ${errnoText(errno)}${advice === undefined ? '' : `; ${advice}`}`
    super(oneLine(line), options)
    this.code = code
    this.errno = Math.abs(errno)
    this.syscall = syscall
    this.what = what
    this.advice = advice
  }

  /** Returns the same failure of a call, about `object`. Plain words are taken for its name. */
  about(object: string): VnetError {
    const call = typeof this.what === 'string' ? this.what : this.what[0]
    return new VnetError(
      this.errno,
      [call, object],
      this.advice,
      this.cause === undefined ? {} : { cause: this.cause },
    )
  }
}

/** Errors for which the advice replaces the text of the number: it is more specific. */
const ADVISED =
  /^(ENOENT|ESRCH|ENOEXEC|EBADF|EAGAIN|EBUSY|EEXIST|ENODEV|EINVAL|ENOTTY|EBADFD|EOPNOTSUPP|ENETDOWN)$/

/** Directories of vnet that are made in the directory for temporary files. */
const TEMPORARY = /\/vnet-(lab|guest|course|way-out)-/
/** A call of Node's that starts a process, `spawn PROGRAM`, or a thread. */
const STARTS = /^(spawn|fork|thread)/

/** What to do if a call fails because the machine has no more of something. */
function remedyFor(call: string, errno: number, object = ''): string | undefined {
  if (call === 'watch' && errno === EMFILE) {
    return 'raise ulimit -n and fs.inotify.max_user_instances'
  }
  if (call === 'watch' && errno === ENOSPC) return 'raise fs.inotify.max_user_watches'
  if (errno === EMFILE) return 'raise ulimit -n'
  if (errno === ENFILE) return 'raise fs.file-max'
  if (errno === EFBIG) return 'raise ulimit -f'
  if (errno === EAGAIN && STARTS.test(call)) {
    return 'no more processes and threads can be started; raise ulimit -u'
  }
  const isFull = (errno === ENOSPC || errno === EDQUOT) && TEMPORARY.test(object)
  return isFull ? 'free some space, or set TMPDIR to another directory' : undefined
}

/**
 * Returns the failed call that an error reports, which is not a defect of a program: a VnetError,
 * or a call of Node's, about its path, program or address. Returns undefined for any other error.
 */
export function failedCall(error: unknown): VnetError | undefined {
  if (error instanceof VnetError) return error
  const failed = (error ?? {}) as SystemError
  const { code, message, syscall, path } = failed
  if (code === 'ERR_WORKER_INIT_FAILED') {
    return new VnetError(numberOf(/E[A-Z]+$/.exec(message)?.[0]) ?? EAGAIN, ['thread', 'a thread'])
  }
  const errno = numberOf(code)
  if (errno === undefined || typeof syscall !== 'string') return undefined
  // Any file would have failed. The first is often one of the program's own.
  if (errno === EMFILE && /\.[cm]?js$/.test(path ?? '')) {
    return new VnetError(errno, ['open', 'this program'])
  }
  const object = subjectOf(failed)
  return new VnetError(errno, object === '' ? syscall : [syscall, object], undefined, {
    cause: error,
  })
}

/** Returns what a call of Node was about, its path or address; empty if the error has neither. */
function subjectOf({ path, dest, address, port }: SystemError): string {
  if (path !== undefined) return dest === undefined ? path : `${path} to ${dest}`
  if (address !== undefined) return port === undefined ? address : `${address} port ${port}`
  return ''
}

/** An error of Node for a call of the system. Browsers load this file, without types of Node. */
interface SystemError extends Error {
  readonly code?: string
  readonly errno?: number
  readonly syscall?: string
  readonly path?: string
  readonly dest?: string
  readonly address?: string
  readonly port?: number
}

/** Returns the message of an error for people, without the names of the call and the error. */
export function explain(error: Error): string {
  const failure = failedCall(error)
  if (failure === undefined) return error.message
  const { what, errno, message } = failure
  const {
    advice = remedyFor(typeof what === 'string' ? what : what[0], errno, objectOf(failure)),
  } = failure
  if (advice === undefined && typeof what === 'string') return message
  const object = objectOf(failure)
  const isSaid = advice !== undefined && (object === '' || ADVISED.test(failure.code))
  const reason = [
    ...(isSaid ? [] : [errnoText(errno)]),
    ...(advice === undefined ? [] : [advice]),
  ].join('; ')
  return oneLine(object === '' ? reason : `${object}: ${reason}`)
}

/** Returns what a failed call is about. */
export function objectOf({ what }: VnetError): string {
  return typeof what === 'string' ? what : what[1]
}

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ')

/** Returns why a call of Node failed, and the remedy if there is one; else the error's message. */
export function reasonOf(error: unknown): string {
  const { message = String(error), code, errno, syscall = 'open' } = error as SystemError
  if (errno === undefined) return message
  const number = numberOf(code) ?? errno
  return [errnoText(number), remedyFor(syscall, number) ?? []].flat().join('; ')
}

/** Returns Linux's number for the name of an error; other systems have other numbers. */
function numberOf(code: string | undefined): number | undefined {
  return (numbers as { readonly [name: string]: number })[code ?? '']
}

/** Returns true if `error` is a VnetError with one of these numbers. */
export function isErrno(error: unknown, ...errnos: number[]): error is VnetError {
  return error instanceof VnetError && errnos.includes(error.errno)
}

/** Returns the result of `fn`, or undefined if that throws. */
export function attempt<T>(fn: () => T): T | undefined {
  try {
    return fn()
  } catch {
    return undefined
  }
}

/** Returns the result of `fn`. Rethrows an error of Node's file system as a VnetError. */
export function withErrno<T>(what: string | Call, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    throw new VnetError(numberOf((error as SystemError).code) ?? EINVAL, what, undefined, {
      cause: error,
    })
  }
}
