/**
 * Tokens: a client with the token of a server may see and do what the server's user may. Each
 * server has its own token, made from a secret that the user keeps, the kind of the server and its
 * address. So a stranger on the port of one server learns nothing that another server accepts. A
 * page never sends its token. It requests a proof, which only a server with the same token can
 * make, and then shows a key that this process alone accepts.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { closeSync, constants, fstatSync, linkSync, openSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { makeRunDirectory, outerUid, RUN_DIRECTORY } from 'vnet/kit/control'
import { writeFile } from 'vnet/kit/linux'

const FILE = 'page-secret'
/** 192 bits, in characters that a URL needs not escape. */
const SECRET = /^[\w-]{32}$/
const SECRET_BYTES = 24
const OTHERS = 0o077
const ROOT = 0

/** The rights of a server's clients. */
export interface Access {
  /** Whether requests without the token may read the data that a vnet gives to everybody. */
  readonly isPublic: boolean
  /** Returns the token of the server at `url`, which has no path. */
  tokenFor(url: string): string
}

type Kind = 'web' | 'metrics'

/**
 * The access to this user's servers of a kind. Like root's vnets, root's servers are public, unless
 * they show the vnets of another `user`. Throws a VnetError if no directory can hold the secret.
 */
export function ownAccess(kind: Kind, user?: number): Access {
  const { path } = makeRunDirectory()
  const secret = keptSecret(path)
  return {
    // In a user namespace, an ordinary user may have a separate /run.
    isPublic: path === RUN_DIRECTORY && outerUid(ROOT) === ROOT && user === undefined,
    tokenFor: url => tokenOf(secret, kind, url),
  }
}

/** Returns the page's URL with the token after the #, a part that browsers do not send. */
export const pageUrl = (url: string, { tokenFor }: Access): string =>
  `${url}/#token=${tokenFor(url)}`

/** Returns the URL of the metrics of the server at `url`, with the token if reading needs it. */
export const metricsUrl = (url: string, { isPublic, tokenFor }: Access): string =>
  `${url}/metrics${isPublic ? '' : `?token=${tokenFor(url)}`}`

/** Returns the token of the server of this kind at `url`: always the same for the same secret. */
export const tokenOf = (secret: string, kind: Kind, url: string): string =>
  hmac(secret, `vnet ${kind} ${url}`, 'base64url').slice(0, 32)

/** Returns this user's secret, which the first server keeps in a file that others cannot read. */
export function keptSecret(directory: string): string {
  const path = join(directory, FILE)
  const kept = readKept(path)
  if (kept !== undefined) return kept
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  // Everybody may see the name, so it has nothing of the secret.
  const temporary = `${path}-${randomBytes(8).toString('hex')}.tmp`
  writeFile(temporary, secret, { mode: 0o600, flag: 'wx' })
  try {
    // Fails if the file exists: two servers that start together get the same secret.
    linkSync(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return readKept(path) ?? secret
  } finally {
    rmSync(temporary)
  }
  return secret
}

/** Removes a file that holds no secret, or one that others can read. */
function readKept(path: string): string | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const { uid, mode } = fstatSync(fd)
      const text =
        uid === process.geteuid?.() && (mode & OTHERS) === 0 ? readFileSync(fd, 'latin1') : ''
      if (SECRET.test(text)) return text
    } finally {
      closeSync(fd)
    }
  } catch {
    // Missing, a link, or not readable.
  }
  rmSync(path, { force: true })
  return undefined
}

/** Whether a request has shown a token or a key, and an accepted one. */
export type Proof = 'right' | 'missing' | 'wrong'

/** The authenticated texts. The page has the same two (page/session.ts). */
const proofText = (nonce: string): string => `vnet server ${nonce}`
const keyText = (nonce: string): string => `vnet page ${nonce}`

/** The token of one server, and the key that pages of this process show. */
export class ServerToken {
  readonly #text: string
  readonly #nonce = randomBytes(SECRET_BYTES).toString('base64url')
  readonly #accepted: readonly Buffer[]

  constructor(text: string) {
    this.#text = text
    this.#accepted = [text, hmac(text, keyText(this.#nonce), 'hex')].map(digest)
  }

  /**
   * Returns the reply to a page that requests a proof: the HMAC-SHA256 (hex), by the token, of the
   * nonce of the page, and a nonce; the HMAC of that is the page's key.
   */
  prove(nonce: string) {
    return { proof: hmac(this.#text, proofText(nonce), 'hex'), nonce: this.#nonce }
  }

  /** The token or a key is in the query (`?token=`) or in `Authorization: Bearer`. */
  proofOf(query: URLSearchParams, { authorization }: IncomingHttpHeaders): Proof {
    const bearer =
      authorization === undefined ? [] : [/^Bearer +(.*)$/i.exec(authorization)?.[1] ?? '']
    const given = [...query.getAll('token'), ...bearer]
    if (given.length === 0) return 'missing'
    return given.every(each => this.#isAccepted(digest(each))) ? 'right' : 'wrong'
  }

  /** Takes the same time wherever two texts differ. */
  #isAccepted(given: Buffer): boolean {
    return this.#accepted.map(each => timingSafeEqual(each, given)).includes(true)
  }
}

const hmac = (key: string, text: string, encoding: 'hex' | 'base64url'): string =>
  createHmac('sha256', key).update(text).digest(encoding)

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
