import { once } from 'node:events'
import http from 'node:http'
import { expect, test } from '@vnet/lab/playwright'

const outside = http.createServer((_request, response) => response.end('a server of the machine'))
outside.listen(0, 'localhost')
await once(outside, 'listening')
outside.unref()
const { port } = outside.address()

test.use({ network: { wire: 'delay 50ms', forward: [port] } })

test('a page reaches a server of the machine through the link', async ({ page, network }) => {
  for (const host of ['localhost', '127.0.0.1', 'server']) {
    await page.goto(`http://${host}:${port}/`)
    await expect(page.getByText('a server of the machine')).toBeVisible()
  }
  const { ab } = await network.stats()
  expect(ab.stages[0].out).toBeGreaterThan(0)
})
