/** fetch() from a host. */
import type { ConnectionOptions } from 'node:tls'
import { anyOf, checkForms, type Forms, OBJECT } from '../model/options.ts'
import { type Dispatcher, dispatcherOf } from './pools.ts'

export interface LabRequestInit extends RequestInit {
  /** For https: `ca`, `rejectUnauthorized`, `servername` and other options of tls.connect. */
  readonly tls?: ConnectionOptions
}

/** The options of fetch(), which checks their values. */
const OPTIONS: Forms<
  Omit<LabRequestInit, 'dispatcher'> & { readonly cache?: string; readonly duplex?: string; readonly priority?: string }
> = {
  ...anyOf('method', 'headers', 'body', 'redirect', 'signal', 'duplex', 'referrer', 'referrerPolicy', 'mode'),
  ...anyOf('credentials', 'cache', 'integrity', 'keepalive', 'window', 'priority'),
  tls: OBJECT,
}

/** The requests of host.fetch. Those with options of TLS have a pool for each of these. */
export class Requests {
  #pools = new WeakMap<ConnectionOptions, Dispatcher>()

  /** Runs as code of the host. */
  async fetch(url: string | URL, given: LabRequestInit): Promise<Response> {
    checkForms('fetch', given, OPTIONS)
    const { tls, ...init } = given
    if (tls === undefined) return fetch(url, init)
    const dispatcher = this.#pools.get(tls) ?? dispatcherOf({ connect: tls })
    this.#pools.set(tls, dispatcher)
    return fetch(url, { ...init, dispatcher } as RequestInit)
  }

  /** Opens new connections for later requests. */
  forget(): void {
    this.#pools = new WeakMap()
  }
}
