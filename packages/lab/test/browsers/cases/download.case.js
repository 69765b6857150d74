import http from 'node:http'
import { expect, test } from '@vnet/lab/playwright'

const BYTES = 1_000_000
const FORMAT = ['-s', '-o', '/dev/null', '-w', '%{time_total}']

for (const [network, bitsPerMs] of [
  ['preset slow-3g', 500],
  ['rate 10mbit', 10_000],
]) {
  test.describe(network, () => {
    test.use({ network: { wire: network, capture: false } })
    test('a download takes the time of its bits, like curl', async ({ page, client, server }) => {
      // Both open a connection for each download.
      const site = http.createServer(({ url }, response) => {
        response.setHeader('Connection', 'close')
        response.end(url === '/file' ? Buffer.alloc(BYTES) : 'page')
      })
      await server.listen(site, 8080)
      await page.goto('http://server:8080/')

      const byBrowser = await page.evaluate(async () => {
        const start = performance.now()
        await (await fetch('/file', { cache: 'no-store' })).arrayBuffer()
        return performance.now() - start
      })
      const byCurl =
        Number((await client.exec('curl', [...FORMAT, 'http://server:8080/file'])).stdout) * 1000

      console.log(
        `1 MB, ${network}: ${byBrowser.toFixed(0)} ms by Chromium, ${byCurl.toFixed(0)} ms by curl`,
      )
      // The wire sends no bit earlier. A busy machine adds to both.
      expect(Math.min(byBrowser, byCurl)).toBeGreaterThan((BYTES * 8) / bitsPerMs)
    })
  })
}
