/**
 * Errors as in the kernel: functions return 0 or more, or -errno. VnetError is a failure for a
 * user, with a message and advice in one line.
 */

/**
 * Linux's error numbers (include/uapi/asm-generic/errno-base.h and errno.h; x86_64 and aarch64 use
 * these), each with its meaning. Numbers 41 and 58 are unused; EWOULDBLOCK is EAGAIN, EDEADLOCK is
 * EDEADLK, ENOTSUP is EOPNOTSUPP.
 */
const ERRNO_TABLE = {
  EPERM: [1, 'operation not permitted'],
  ENOENT: [2, 'no such file or directory'],
  ESRCH: [3, 'no such process'],
  EINTR: [4, 'interrupted by a signal'],
  EIO: [5, 'input/output error'],
  ENXIO: [6, 'no such device or address'],
  E2BIG: [7, 'too big'],
  ENOEXEC: [8, 'not an executable of this kind'],
  EBADF: [9, 'bad file descriptor'],
  ECHILD: [10, 'no child processes'],
  EAGAIN: [11, 'try again later'],
  ENOMEM: [12, 'out of memory'],
  EACCES: [13, 'permission denied'],
  EFAULT: [14, 'bad address'],
  ENOTBLK: [15, 'not a block device'],
  EBUSY: [16, 'device or resource busy'],
  EEXIST: [17, 'exists already'],
  EXDEV: [18, 'crosses devices'],
  ENODEV: [19, 'no such device'],
  ENOTDIR: [20, 'not a directory'],
  EISDIR: [21, 'is a directory'],
  EINVAL: [22, 'invalid argument'],
  ENFILE: [23, 'too many open files in the system'],
  EMFILE: [24, 'too many open files in the process'],
  ENOTTY: [25, 'the device does not know this ioctl'],
  ETXTBSY: [26, 'file is being executed'],
  EFBIG: [27, 'file too large'],
  ENOSPC: [28, 'no space left on device'],
  ESPIPE: [29, 'cannot seek'],
  EROFS: [30, 'read-only file system'],
  EMLINK: [31, 'too many links'],
  EPIPE: [32, 'broken pipe'],
  EDOM: [33, "argument outside the function's domain"],
  ERANGE: [34, 'result out of range'],
  EDEADLK: [35, 'would deadlock'],
  ENAMETOOLONG: [36, 'name too long'],
  ENOLCK: [37, 'no locks left'],
  ENOSYS: [38, 'no such system call'],
  ENOTEMPTY: [39, 'directory not empty'],
  ELOOP: [40, 'too many symbolic links'],
  ENOMSG: [42, 'no message of this type'],
  EIDRM: [43, 'identifier removed'],
  ECHRNG: [44, 'channel number out of range'],
  EL2NSYNC: [45, 'level 2 not synchronized'],
  EL3HLT: [46, 'level 3 halted'],
  EL3RST: [47, 'level 3 reset'],
  ELNRNG: [48, 'link number out of range'],
  EUNATCH: [49, 'protocol driver not attached'],
  ENOCSI: [50, 'no CSI structure'],
  EL2HLT: [51, 'level 2 halted'],
  EBADE: [52, 'invalid exchange'],
  EBADR: [53, 'invalid request descriptor'],
  EXFULL: [54, 'exchange full'],
  ENOANO: [55, 'no anode'],
  EBADRQC: [56, 'invalid request code'],
  EBADSLT: [57, 'invalid slot'],
  EBFONT: [59, 'bad font file'],
  ENOSTR: [60, 'not a stream'],
  ENODATA: [61, 'no data'],
  ETIME: [62, 'timer expired'],
  ENOSR: [63, 'out of streams'],
  ENONET: [64, 'not on the network'],
  ENOPKG: [65, 'package not installed'],
  EREMOTE: [66, 'object is remote'],
  ENOLINK: [67, 'link severed'],
  EADV: [68, 'advertise error'],
  ESRMNT: [69, 'srmount error'],
  ECOMM: [70, 'communication error on send'],
  EPROTO: [71, 'protocol error'],
  EMULTIHOP: [72, 'multihop attempted'],
  EDOTDOT: [73, 'RFS error'],
  EBADMSG: [74, 'not a data message'],
  EOVERFLOW: [75, 'value too large'],
  ENOTUNIQ: [76, 'name not unique on the network'],
  EBADFD: [77, 'descriptor in a bad state'],
  EREMCHG: [78, 'remote address changed'],
  ELIBACC: [79, 'cannot reach a shared library'],
  ELIBBAD: [80, 'corrupt shared library'],
  ELIBSCN: [81, 'corrupt .lib section'],
  ELIBMAX: [82, 'too many shared libraries'],
  ELIBEXEC: [83, 'cannot execute a shared library'],
  EILSEQ: [84, 'invalid multibyte sequence'],
  ERESTART: [85, 'restart the system call'],
  ESTRPIPE: [86, 'streams pipe error'],
  EUSERS: [87, 'too many users'],
  ENOTSOCK: [88, 'not a socket'],
  EDESTADDRREQ: [89, 'destination address required'],
  EMSGSIZE: [90, 'message too long'],
  EPROTOTYPE: [91, 'wrong protocol for this socket'],
  ENOPROTOOPT: [92, 'no such protocol option'],
  EPROTONOSUPPORT: [93, 'protocol not supported'],
  ESOCKTNOSUPPORT: [94, 'socket type not supported'],
  EOPNOTSUPP: [95, 'operation not supported'],
  EPFNOSUPPORT: [96, 'protocol family not supported'],
  EAFNOSUPPORT: [97, 'address family not supported'],
  EADDRINUSE: [98, 'address in use'],
  EADDRNOTAVAIL: [99, 'address not available here'],
  ENETDOWN: [100, 'network is down'],
  ENETUNREACH: [101, 'network unreachable'],
  ENETRESET: [102, 'network dropped the connection'],
  ECONNABORTED: [103, 'connection aborted'],
  ECONNRESET: [104, 'connection reset by peer'],
  ENOBUFS: [105, 'no buffer space'],
  EISCONN: [106, 'connected already'],
  ENOTCONN: [107, 'not connected'],
  ESHUTDOWN: [108, 'shut down'],
  ETOOMANYREFS: [109, 'too many references'],
  ETIMEDOUT: [110, 'timed out'],
  ECONNREFUSED: [111, 'connection refused'],
  EHOSTDOWN: [112, 'host is down'],
  EHOSTUNREACH: [113, 'no route to host'],
  EALREADY: [114, 'under way already'],
  EINPROGRESS: [115, 'now under way'],
  ESTALE: [116, 'stale file handle'],
  EUCLEAN: [117, 'structure needs cleaning'],
  ENOTNAM: [118, 'not a named type file'],
  ENAVAIL: [119, 'no semaphores available'],
  EISNAM: [120, 'is a named type file'],
  EREMOTEIO: [121, 'remote input/output error'],
  EDQUOT: [122, 'quota exceeded'],
  ENOMEDIUM: [123, 'no medium'],
  EMEDIUMTYPE: [124, 'wrong medium type'],
  ECANCELED: [125, 'cancelled'],
  ENOKEY: [126, 'no such key'],
  EKEYEXPIRED: [127, 'key expired'],
  EKEYREVOKED: [128, 'key revoked'],
  EKEYREJECTED: [129, 'key rejected'],
  EOWNERDEAD: [130, 'owner died'],
  ENOTRECOVERABLE: [131, 'state not recoverable'],
  ERFKILL: [132, 'blocked by RF-kill'],
  EHWPOISON: [133, 'memory page has a hardware error'],
} as const

/** The name of an error number, such as 'EBUSY'. */
export type ErrnoName = keyof typeof ERRNO_TABLE

const numbers = Object.fromEntries(Object.entries(ERRNO_TABLE).map(([name, [number]]) => [name, number])) as {
  readonly [Name in ErrnoName]: (typeof ERRNO_TABLE)[Name][0]
}
export const { EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, EAGAIN, ENOMEM } = numbers
export const { EACCES, EFAULT, EBUSY, EEXIST, ENODEV, EISDIR, EINVAL, ENFILE, EMFILE, ENOTTY } = numbers
export const { ENOSPC, EROFS, ERANGE, ENAMETOOLONG, ENOSYS, ENODATA, ENOLINK, EPROTO, EBADMSG, EOVERFLOW } = numbers
export const { ENOTUNIQ, EBADFD, ENOTSOCK, EMSGSIZE, ENOPROTOOPT, EPROTONOSUPPORT, EOPNOTSUPP } = numbers
export const { EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL, ENETDOWN, ENETUNREACH, ECONNRESET, ENOBUFS } = numbers
export const { ESHUTDOWN, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, EALREADY, EINPROGRESS, ECANCELED, EPIPE, EDQUOT } =
  numbers
export const { EDESTADDRREQ, EHOSTDOWN, ENONET, ECONNABORTED } = numbers

/** Name and text by number. */
const byNumber: ReadonlyMap<number, readonly [name: string, text: string]> = new Map(
  Object.entries(ERRNO_TABLE).map(([name, [number, text]]) => [number, [name, text]]),
)

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
    return new VnetError(this.errno, [call, object], this.advice, this.cause === undefined ? {} : { cause: this.cause })
  }
}

/** Errors for which the advice replaces the text of the number: it is more specific. */
const ADVISED: readonly number[] = [
  ENOENT,
  ESRCH,
  ENOEXEC,
  EBADF,
  EBUSY,
  EEXIST,
  ENODEV,
  EINVAL,
  ENOTTY,
  EBADFD,
  EOPNOTSUPP,
  ENETDOWN,
]

/** Returns the message of an error for people, without the names of the call and the error. */
export function explain(error: Error): string {
  if (!(error instanceof VnetError)) return error.message
  const { what, errno, advice, message } = error
  if (advice === undefined && typeof what === 'string') return message
  const object = objectOf(error)
  const isSaid = advice !== undefined && (object === '' || ADVISED.includes(errno))
  const reason = [...(isSaid ? [] : [errnoText(errno)]), ...(advice === undefined ? [] : [advice])].join('; ')
  return oneLine(object === '' ? reason : `${object}: ${reason}`)
}

/** Returns what a failed call is about. */
export function objectOf({ what }: VnetError): string {
  return typeof what === 'string' ? what : what[1]
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ')
}

/** Returns why a call of Node failed: the text of its error number, or its message. */
export function reasonOf(error: unknown): string {
  const { message = String(error) } = error as { readonly message?: string }
  const errno = errnoOf(error)
  return errno === undefined ? message : errnoText(errno)
}

/** Returns Linux's number for an error of Node; other systems have other numbers for its name. */
function errnoOf(error: unknown): number | undefined {
  const { code = '', errno } = error as { readonly code?: string; readonly errno?: number }
  return errno === undefined ? undefined : ((numbers as { readonly [name: string]: number })[code] ?? errno)
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
    throw new VnetError(errnoOf(error) ?? EINVAL, what, undefined, { cause: error })
  }
}
