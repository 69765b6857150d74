/** HTTP requests that no web page of a stranger has made, by their headers. */

/** The headers that browsers set, in lower case. */
interface RequestHeaders {
  readonly host?: string | undefined
  readonly origin?: string | undefined
  readonly 'sec-fetch-site'?: string | string[] | undefined
}

/** Returns the host of a Host header, without its port: `localhost`, `127.0.0.1`, `::1`. */
export const hostName = (header: string | undefined): string =>
  header?.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1') ?? ''

/** Returns whether a request is from a page of another origin (Origin, Sec-Fetch-Site). */
export function isForeign({ origin, host, 'sec-fetch-site': site }: RequestHeaders): boolean {
  if (origin !== undefined && origin.toLowerCase() !== `http://${host}`.toLowerCase()) return true
  // `same-site` is another port of this machine. `none` is an address that the user has typed.
  return site !== undefined && site !== 'same-origin' && site !== 'none'
}
