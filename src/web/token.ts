/** The secret of a server: a page that has it may change things, and see frames. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { closeSync, constants, fstatSync, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { makeRunDirectory } from '../control/protocol/run-directory.ts'

const FILE = 'page-token'
/** 192 bits, in characters that a URL needs not escape. */
const TOKEN = /^[\w-]{32}$/
const OTHERS = 0o077

/**
 * Returns the token of this user's servers. It is kept in a file that no other user can read, so
 * that an open page goes on after a restart; the first server makes it. Throws a VnetError if there
 * is no directory for it.
 */
export function keptToken(directory: string = makeRunDirectory().path): string {
  const path = join(directory, FILE)
  const kept = readKept(path)
  if (kept !== undefined) return kept
  const token = randomBytes(24).toString('base64url')
  const temporary = `${path}-${token}.tmp`
  writeFileSync(temporary, token, { mode: 0o600, flag: 'wx' })
  try {
    // Made only if there is no file: two servers that start at once get the same token.
    linkSync(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return readKept(path) ?? token
  } finally {
    rmSync(temporary)
  }
  return token
}

/** Removes what is no token, and one that others can read. */
function readKept(path: string): string | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const { uid, mode } = fstatSync(fd)
      const text = uid === process.geteuid?.() && (mode & OTHERS) === 0 ? readFileSync(fd, 'latin1') : ''
      if (TOKEN.test(text)) return text
    } finally {
      closeSync(fd)
    }
  } catch {
    // Missing, a link, or not readable.
  }
  rmSync(path, { force: true })
  return undefined
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
