import { once } from 'node:events'
import http from 'node:http'
import { expect, test } from '@vnet/lab/playwright'

test.use({ network: 'delay 200ms' })

test('Firefox loads a page through the link', async ({ client, server, network }) => {
  await server.listen(
    http.createServer((_request, response) => response.end('Hello')),
    8080,
  )
  const executablePath = client.launcher('/usr/bin/firefox-esr')
  const file = new URL('firefox-worker.js', import.meta.url)

  const worker = client.worker(file, { workerData: { executablePath, url: 'http://server:8080/' } })

  const [{ version, text }] = await once(worker, 'message')
  console.log(version)
  expect(text).toBe('Hello')
  expect((await network.stats()).ab.stages[0].out).toBeGreaterThan(0)
  await once(worker, 'exit')
})
