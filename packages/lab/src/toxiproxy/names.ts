/** Names: looks up names of the machine, each only once at a time. */
import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/** Milliseconds for which a result stands: not every datagram or connection makes a look-up. */
const KNOWN_MS = 1000

export class Names {
  readonly #lookUp: (host: string) => Promise<readonly LookupAddress[]>
  /** Look-ups that run, and recent ones. */
  readonly #known = new Map<string, Promise<readonly LookupAddress[]>>()

  constructor(
    lookUp = (host: string): Promise<readonly LookupAddress[]> => lookup(host, { all: true }),
  ) {
    this.#lookUp = lookUp
  }

  /** Returns the addresses of a name or an address. Rejects with an Error if it has none. */
  find(host: string): Promise<readonly LookupAddress[]> {
    const family = isIP(host)
    if (family !== 0) return Promise.resolve([{ address: host, family }])
    const known = this.#known.get(host)
    if (known !== undefined) return known
    const found = this.#lookUp(host)
    this.#known.set(host, found)
    const forgetLater = () => void setTimeout(() => this.#known.delete(host), KNOWN_MS).unref()
    found.then(forgetLater, forgetLater)
    return found
  }
}
