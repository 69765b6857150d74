/** A client of HTTP (npm: got) uses a connection again that the server is just closing. */
import { createServer } from 'node:http'
import { test } from '@vnet/lab/vitest'
import { got } from 'got'
import { expect } from 'vitest'

test('a request that crosses the end of its connection is sent again', async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  const web = createServer((_, response) => response.end('hello'))
  await server.listen(web, 80)
  const agent = client.agent({ keepAlive: true })
  const retried = []
  const get = () =>
    got('http://server/', {
      agent: { http: agent },
      retry: { calculateDelay: ({ computedValue }) => computedValue && 10 },
      hooks: { beforeRetry: [({ code }) => retried.push(code)] },
    }).text()
  await get()

  // The server closes the connection, and the client sends before it can know.
  await link.ba.wire('hold')
  web.closeIdleConnections()
  const response = get()
  await expect.poll(() => server.stats().TcpOutRsts).toBeGreaterThanOrEqual(1)
  await link.ba.wire('')

  expect(await response).toBe('hello')
  expect(retried).toEqual(['ECONNRESET'])
})
