/** The secret of a server: a page that has it may change things, and see frames. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** Returns a new token: 192 bits, in characters that a URL needs not escape. */
export function newToken(): string {
  return randomBytes(24).toString('base64url')
}

/** Whether a request has the token, has none, or has a wrong one. */
export type Proof = 'right' | 'missing' | 'wrong'

/** The token of a request is in its query (`?token=`), or in `Authorization: Bearer`. */
export function proofOf(query: URLSearchParams, { authorization }: IncomingHttpHeaders, token: string): Proof {
  const bearer = authorization === undefined ? [] : [/^Bearer +(.*)$/i.exec(authorization)?.[1] ?? '']
  const given = [...query.getAll('token'), ...bearer]
  if (given.length === 0) return 'missing'
  return given.every(each => isSame(each, token)) ? 'right' : 'wrong'
}

/** Takes the same time wherever two tokens differ. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
