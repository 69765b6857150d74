/**
 * The requests that the server refuses, whatever their path. A stranger's web page, open in the
 * user's browser, can send requests here too. Its requests have a Host that DNS resolves to this
 * server, or another origin (Origin, Sec-Fetch-Site).
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { hostName, isAddressOrLocalhost } from './address.ts'

export interface HttpRefusal {
  readonly status: number
  readonly text: string
}

/** Headers of each reply. The live page needs nothing but the files of its server. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data: blob:",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
}

/** Returns why a request is refused; undefined if it is not. `hosts` are names for this server. */
export function refusalOf({ url = '', headers }: IncomingMessage, hosts: readonly string[]): HttpRefusal | undefined {
  if (!isAddressOrLocalhost(headers.host) && !hosts.includes(hostName(headers.host).toLowerCase())) {
    return {
      status: 403,
      text: 'wrong Host: use the address, localhost, or a name given by --host of vnet web and vnet metrics',
    }
  }
  if (isForeign(headers)) return { status: 403, text: 'this request is from another origin' }
  // A proxy's form, `GET http://other/ HTTP/1.1`, would carry another host.
  if (!url.startsWith('/')) return { status: 400, text: 'the request names no path' }
  return undefined
}

function isForeign({ origin, host, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  if (origin !== undefined && origin.toLowerCase() !== `http://${host}`.toLowerCase()) return true
  // `same-site` is another port of this machine. `none` is an address that the user has typed.
  return site !== undefined && site !== 'same-origin' && site !== 'none'
}
