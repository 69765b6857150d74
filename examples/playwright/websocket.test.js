import http from 'node:http'
import { expect, test } from '@vnet/lab/playwright'
import { WebSocketServer } from 'ws'

const BYTES = 100_000

test.use({ network: 'rate 500kbit' })

test('a WebSocket is as slow as its link', async ({ page, server }) => {
  const site = http.createServer((_request, response) => response.end())
  const sockets = new WebSocketServer({ server: site })
  sockets.on('connection', socket => socket.on('message', () => socket.send(Buffer.alloc(BYTES))))
  await server.listen(site, 8080)
  await page.goto('http://server:8080/')

  const milliseconds = await page.evaluate(
    () =>
      new Promise(resolve => {
        const socket = new WebSocket('ws://server:8080/')
        let start
        socket.onopen = () => {
          start = performance.now()
          socket.send('')
        }
        socket.onmessage = () => {
          resolve(performance.now() - start)
          socket.close()
        }
      }),
  )

  // The bits of its payload alone take so long.
  expect(milliseconds).toBeGreaterThan((BYTES * 8) / 500)
})
