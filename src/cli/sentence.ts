/** Failed calls as sentences for people. */
import { EAGAIN, EPROTO, ETIMEDOUT, errnoText, isErrno, VnetError } from '../base/errno.ts'

/** A request to a vnet, as a sentence of the protocol. */
const REQUEST = /^(?:ECHO|CUT|PLUG|STEP|INJECT|CAPTURE|TRIGGER|IOCTL|SUBSCRIBE|(?:GET|SET|RESET)_[A-Z]+)(?: of)?(?: |$)/

/**
 * Returns the message of an error: as it is for a failed call to the kernel, without the names of
 * the request and the error for a failed request to a vnet, or for a file of the user's.
 */
export function sentence(error: Error): string {
  if (!(error instanceof VnetError)) return error.message
  const { syscall, code, errno, advice, message } = error
  if (syscall.startsWith('open ') && advice === undefined) return message.slice('open '.length).replace(`${code}, `, '')
  if (!REQUEST.test(syscall)) return message
  const object = syscall.replace(REQUEST, '')
  const isOfClient = /^vnet \d/.test(object) || isErrno(error, EAGAIN, EPROTO, ETIMEDOUT)
  // The report of a vnet or its driver names its object, unless it is about several interfaces.
  if (advice !== undefined && !isOfClient) return syscall.startsWith('CAPTURE ') ? `${object}: ${advice}` : advice
  return [`${object || 'vnet'}: ${errnoText(errno)}`, ...(advice === undefined ? [] : [advice])].join('; ')
}
