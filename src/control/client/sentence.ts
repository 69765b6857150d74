/** Failed calls as sentences for people. */
import { EAGAIN, EPROTO, ETIMEDOUT, errnoText, explain, isErrno, VnetError } from '../../base/errno.ts'

/** A request to a vnet, as a sentence of the protocol. */
const REQUEST = /^(?:ECHO|CUT|PLUG|STEP|INJECT|CAPTURE|TRIGGER|IOCTL|SUBSCRIBE|(?:GET|SET|RESET)_[A-Z]+)(?: of)?(?: |$)/

/**
 * Returns the message of an error. A failed call has it without the names of the call or request
 * and of the error, unless nothing else is known.
 */
export function sentence(error: Error): string {
  if (!(error instanceof VnetError)) return error.message
  const { syscall, errno, advice } = error
  if (!REQUEST.test(syscall)) return explain(error)
  const object = syscall.replace(REQUEST, '')
  const isOfClient = /^vnet \d/.test(object) || isErrno(error, EAGAIN, EPROTO, ETIMEDOUT)
  // The report of a vnet or its driver names its object, unless it is about several interfaces.
  if (advice !== undefined && !isOfClient) return syscall.startsWith('CAPTURE ') ? `${object}: ${advice}` : advice
  return [`${object || 'vnet'}: ${errnoText(errno)}`, ...(advice === undefined ? [] : [advice])].join('; ')
}
