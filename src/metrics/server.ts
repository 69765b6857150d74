/** Serves /metrics over HTTP: OpenMetrics to who asks for it, else Prometheus's own text format. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'
import { metricsText, OPEN_METRICS, PROMETHEUS_TEXT } from './registry.ts'
import type { Snapshot } from './snapshot.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface MetricsServer extends AsyncDisposable {
  readonly url: string
}

/** Parses `[ADDR:]PORT`: `9100`, `192.0.2.1:9100`, `[::1]:9100`. Undefined if malformed. */
export function parseAddress(text: string): Address | undefined {
  const [, six, four, digits] = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text) ?? []
  const host = six ?? four ?? '127.0.0.1'
  const port = Number(digits)
  const version = six === undefined ? 4 : 6
  return isIP(host) === version && port <= 0xffff ? { host, port } : undefined
}

/** Listens. Each request reads a snapshot; nothing is read between requests. */
export async function serveMetrics({ host, port }: Address, read: () => Promise<Snapshot>): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    reply(request, response, host, read).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo
  const shown = isIP(host) === 6 ? `[${host}]` : host
  return { url: `http://${shown}:${address.port}/metrics`, [Symbol.asyncDispose]: () => close(server) }
}

async function reply(
  { method, url = '/', headers }: IncomingMessage,
  response: ServerResponse,
  host: string,
  read: () => Promise<Snapshot>,
): Promise<void> {
  const refuse = (status: number, text: string) =>
    response.writeHead(status, { 'content-type': 'text/plain' }).end(text)
  if (!isAllowedHost(headers.host, host)) return void refuse(403, 'wrong Host\n')
  if (new URL(url, 'http://vnet').pathname !== '/metrics') return void refuse(404, 'see /metrics\n')
  if (method !== 'GET' && method !== 'HEAD') return void refuse(405, 'only GET\n')
  const type = headers.accept?.includes('application/openmetrics-text') ? OPEN_METRICS : PROMETHEUS_TEXT
  const text = await metricsText(await read(), type)
  response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(method === 'HEAD' ? '' : text)
}

/** On this machine alone, a name that a stranger's web page chose must not lead here. */
function isAllowedHost(header: string | undefined, listening: string): boolean {
  if (!/^(127\.|::1$)/.test(listening)) return true
  const name = header?.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1') ?? ''
  return name === 'localhost' || isIP(name) !== 0
}

function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
