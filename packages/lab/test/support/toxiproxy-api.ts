/** The API of `vnet toxiproxy` in this process, without a lab. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { apiServer } from '../../src/toxiproxy/api.ts'
import { Names } from '../../src/toxiproxy/names.ts'
import { type Packets, Proxies } from '../../src/toxiproxy/proxies.ts'

const measures = { proxies: false, runtime: false }

export async function served(
  given: Partial<Parameters<typeof apiServer>[1]> = {},
  names = new Names(),
  packets: Packets | Promise<Packets> = { why: 'this is a test' },
) {
  const proxies = new Proxies(packets, 1, { names })
  const options = {
    hosts: [],
    measures,
    vnet: async () => ({ mode: 'streams' }),
    log: () => {},
    ...given,
  }
  const server = apiServer(proxies, options)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await proxies.close()
  })
  const { port } = server.address() as AddressInfo
  const call = (request: string, body?: unknown, headers: http.OutgoingHttpHeaders = {}) =>
    ask(port, request, body, headers)
  return { call, proxies, server, port }
}

export const serve = async (given: Parameters<typeof served>[0] = {}) => (await served(given)).call

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** With node:http, which sends the given Host. */
function ask(
  port: number,
  request: string,
  body: unknown,
  headers: http.OutgoingHttpHeaders,
): Promise<Answer> {
  const [method, path] = request.split(' ') as [string, string]
  return new Promise((resolve, reject) => {
    const asked = http.request(
      { host: '127.0.0.1', port, method, path, headers },
      async response => {
        let text = ''
        for await (const chunk of response.setEncoding('utf8')) {
          text += chunk
        }
        resolve({ status: response.statusCode as number, headers: response.headers, text })
      },
    )
    asked.on('error', reject)
    if (body == null) {
      asked.end()
    } else {
      asked.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
  })
}
