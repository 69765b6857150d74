import http from 'node:http'
import { expect, test } from '@vnet/lab/playwright'

const PAGE = `<!doctype html>
  <output>Loading</output>
  <script>
    const output = document.querySelector('output')
    const load = async () => {
      const response = await fetch('/news')
      output.value = await response.text()
    }
    addEventListener('offline', () => (output.value = 'Offline'))
    addEventListener('online', load)
    load()
  </script>`

test('a page loads the news again when it is online again', async ({ page, server, network }) => {
  let visits = 0
  const site = http.createServer(({ url }, response) => {
    response.setHeader('Content-Type', 'text/html')
    response.end(url === '/news' ? `News ${++visits}` : PAGE)
  })
  await server.listen(site, 8080)
  await page.goto('http://server:8080/')
  await expect(page.getByText('News 1')).toBeVisible()

  await network.down()
  await expect(page.getByText('Offline')).toBeVisible()
  await network.up()

  await expect(page.getByText('News 2')).toBeVisible()
})
