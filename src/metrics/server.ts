/** Serves /metrics over HTTP: OpenMetrics to who asks for it, else Prometheus's own text format. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Address, close, isAddressOrLocalhost, listen } from './address.ts'
import { metricsText, OPEN_METRICS, PROMETHEUS_TEXT } from './registry.ts'
import type { Snapshot } from './snapshot.ts'

export interface MetricsServer extends AsyncDisposable {
  readonly url: string
}

/** Listens. Each request reads a snapshot; nothing is read between requests. */
export async function serveMetrics(address: Address, read: () => Promise<Snapshot>): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    reply(request, response, address.host, read).catch(() => response.destroy())
  })
  const url = await listen(server, address)
  return { url: `${url}/metrics`, [Symbol.asyncDispose]: () => close(server) }
}

async function reply(
  request: IncomingMessage,
  response: ServerResponse,
  host: string,
  read: () => Promise<Snapshot>,
): Promise<void> {
  const { method, url = '/', headers } = request
  const refuse = (status: number, text: string) =>
    response.writeHead(status, { 'content-type': 'text/plain' }).end(text)
  if (!isAllowedHost(headers.host, host)) return void refuse(403, 'wrong Host\n')
  if (new URL(url, 'http://vnet').pathname !== '/metrics') return void refuse(404, 'see /metrics\n')
  if (method !== 'GET' && method !== 'HEAD') return void refuse(405, 'only GET\n')
  await sendMetrics(request, response, read)
}

/** Replies to a request for metrics. */
export async function sendMetrics(
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  read: () => Promise<Snapshot>,
): Promise<void> {
  const type = headers.accept?.includes('application/openmetrics-text') ? OPEN_METRICS : PROMETHEUS_TEXT
  const text = await metricsText(await read(), type)
  response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(method === 'HEAD' ? '' : text)
}

/** On this machine alone, a name that a stranger's web page chose must not lead here. */
function isAllowedHost(header: string | undefined, listening: string): boolean {
  return !/^(127\.|::1$)/.test(listening) || isAddressOrLocalhost(header)
}
