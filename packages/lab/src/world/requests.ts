/** fetch() from a host. */
import type { ConnectionOptions } from 'node:tls'
import type * as Undici from 'undici'
import type { Agent, buildConnector, FormData as UndiciForm } from 'undici'
import { anyOf, checkForms, type Forms, OBJECT } from '../model/options.ts'

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

/** The parts of undici for requests. Its caches, mocks and web sockets take as long to load. */
const UNDICI = ['index-fetch.js', 'lib/dispatcher/agent.js'].map(file => `undici/${file}`)

async function loadUndici(): Promise<Pick<typeof Undici, 'fetch' | 'FormData' | 'Agent'>> {
  const [parts, { default: Agent }] = await Promise.all(UNDICI.map(file => import(file)))
  return { fetch: parts.fetch, FormData: parts.FormData, Agent }
}

/** The key of the agent of requests without options of TLS. */
const PLAIN: ConnectionOptions = {}

/** The pools of host.fetch, each for some options of TLS. */
export class Requests {
  readonly #agents = new Map<ConnectionOptions, Agent>()

  /** Runs as code of the host. `hold` stops the time of its world until the result is called. */
  async fetch(url: string | URL, given: LabRequestInit, hold: () => () => void): Promise<Response> {
    checkForms('fetch', given, OPTIONS)
    const { tls = PLAIN, ...init } = given
    // Loaded at the first use, because loading takes longer than the first request.
    const release = hold()
    const { fetch, Agent, FormData } = await loadUndici().finally(release)
    let agent = this.#agents.get(tls)
    if (agent === undefined) {
      agent = new Agent({ connect: { noDelay: true, ...tls } as buildConnector.BuildOptions })
      this.#agents.set(tls, agent)
    }
    const { body } = init
    // It sends only its own FormData as a form.
    const form = body instanceof globalThis.FormData ? { body: copied(body, new FormData()) } : {}
    return fetch(url, { ...(init as object), ...form, dispatcher: agent }) as unknown as Promise<Response>
  }

  /** Opens new connections for later requests. */
  forget(): void {
    this.#agents.clear()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map(agent => agent.destroy()))
    this.#agents.clear()
  }
}

function copied(from: FormData, to: UndiciForm): UndiciForm {
  for (const [name, value] of from) {
    if (typeof value === 'string') to.append(name, value)
    else to.append(name, value, value.name)
  }
  return to
}
