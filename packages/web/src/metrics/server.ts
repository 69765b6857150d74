/** Serves /metrics: OpenMetrics if the client accepts it, otherwise the Prometheus text format. */
import type { RegistryContentType } from 'prom-client'
import { type Asked, type HttpOptions, type HttpServer, isAllowed, refuse, serveHttp } from '../http/server.ts'
import { SharedReading } from '../http/shared-reading.ts'
import { metricsUrl } from '../http/token.ts'
import { metricsText, OPEN_METRICS, PROMETHEUS_TEXT } from './registry.ts'
import type { Snapshot } from './snapshot.ts'

/** Milliseconds from one snapshot to the next, for any number of clients. */
const SNAPSHOT_MS = 250

/** Listens. Returns the server with the URL of the metrics, with the token if reading needs it. */
export async function serveMetrics(options: HttpOptions, read: () => Promise<Snapshot>): Promise<HttpServer> {
  const metrics = new Metrics(read)
  const { isPublic } = options.access
  const server = await serveHttp(options, async asked => {
    const { request, response, path } = asked
    if (path !== '/metrics') refuse(response, 404, 'see /metrics')
    else if (!['GET', 'HEAD'].includes(request.method!)) refuse(response, 405, 'only GET', { allow: 'GET' })
    else if (isAllowed(asked, isPublic)) await metrics.reply(asked)
  })
  return { ...server, url: metricsUrl(server.url, options.access) }
}

/** The texts of a snapshot, by their types, written once for all clients that wait for it. */
type Scrape = (type: RegistryContentType) => Promise<Buffer>

/** Replies to requests for metrics. Nothing is read between them. */
export class Metrics {
  readonly #scrape: SharedReading<Scrape>

  constructor(read: () => Promise<Snapshot>) {
    this.#scrape = new SharedReading(async () => scrapeOf(await read()), SNAPSHOT_MS)
  }

  async reply({ request: { method, headers }, response }: Pick<Asked, 'request' | 'response'>): Promise<void> {
    const type = headers.accept?.includes('application/openmetrics-text') ? OPEN_METRICS : PROMETHEUS_TEXT
    const bytes = await (await this.#scrape.next())(type)
    response.writeHead(200, { 'content-type': type }).end(method === 'HEAD' ? '' : bytes)
  }
}

function scrapeOf(snapshot: Snapshot): Scrape {
  const written = new Map<string, Promise<Buffer>>()
  return type => {
    const bytes = written.get(type) ?? metricsText(snapshot, type).then(text => Buffer.from(text))
    written.set(type, bytes)
    return bytes
  }
}
