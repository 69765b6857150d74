/** Hides the contents of a message: a line of HTTP/1 keeps its protocol, and nothing of its user. */
import { METHODS, STATUS_CODES } from 'node:http'

/** Returns the first line of a request or reply of HTTP/1 with its texts as `x`; '' for others. */
export function hiddenLine(content: Uint8Array): string {
  const [line = ''] = Buffer.from(content).toString('latin1').split('\r\n', 1)
  const [, method = '', path = '', version = ''] = /^([A-Z-]+) (\S+) (HTTP\/1\.[01])$/.exec(line) ?? []
  // A path may have names and tokens in any part. Its separators and lengths remain.
  if (METHODS.includes(method)) return `${method} ${path.replace(/[^/?&=]/g, 'x')} ${version}`
  const [, reply = '', status = ''] = /^(HTTP\/1\.[01]) (\d{3})( .*)?$/.exec(line) ?? []
  return STATUS_CODES[status] === undefined ? '' : `${reply} ${status}`
}
