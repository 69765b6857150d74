/** What Chromium's own emulation does not reach, and a link does. */
import { once } from 'node:events'
import http from 'node:http'
import { expect, test } from '@vnet/lab/playwright'
import { WebSocketServer } from 'ws'

const NONE = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 }
const HOUR_MS = 3_600_000

/** Functions for a page. */
const load = () => fetch('/news', { cache: 'no-store' }).then(response => response.text())
const open = () =>
  new Promise((resolve, reject) => {
    window.socket = new WebSocket('ws://server:8081/')
    window.socket.onopen = resolve
    window.socket.onerror = reject
  })
const echo = () =>
  new Promise(resolve => {
    window.socket.onmessage = ({ data }) => resolve(data)
    window.socket.send('echo')
  })

/** Starts a site and a feed, and opens two pages and a WebSocket. */
async function opened({ page, context, server }) {
  const site = http.createServer(({ url }, response) => {
    response.setHeader('Content-Type', 'text/html')
    response.end(url === '/news' ? 'News' : 'Page')
  })
  await server.listen(site, 8080)
  const feed = http.createServer()
  new WebSocketServer({ server: feed }).on('connection', socket =>
    socket.on('message', data => socket.send(`${data}`)),
  )
  await server.listen(feed, 8081)
  const other = await context.newPage()
  for (const each of [page, other]) {
    await each.goto('http://server:8080/')
  }
  await page.evaluate(open)
  return { site, other }
}

test('emulation by CDP leaves other pages, open WebSockets, requests and packets of TCP alone', async ({
  page,
  context,
  server,
}) => {
  const { site, other } = await opened({ page, context, server })
  const cdp = await context.newCDPSession(page)
  await cdp.send('Network.enable')
  const emulate = conditions =>
    cdp.send('Network.emulateNetworkConditions', { ...NONE, ...conditions })

  await emulate({ offline: true })
  await expect(page.evaluate(load)).rejects.toThrow('Failed to fetch')
  expect(await other.evaluate(load)).toBe('News')

  await emulate({ packetLoss: 100, downloadThroughput: 1e6, uploadThroughput: 1e6 })
  expect(await page.evaluate(load)).toBe('News')
  expect(await page.evaluate(echo)).toBe('echo')

  await emulate({ latency: HOUR_MS })
  expect(await page.evaluate(echo)).toBe('echo')
  const requested = once(site, 'request')
  // The page has the response after an hour.
  page.evaluate(load).catch(() => {})
  await requested
})

test('a link drops packets of all of them', async ({ page, context, server, client, network }) => {
  const { other } = await opened({ page, context, server })
  const isDropped = async (filter, use, expected) => {
    const fault = await network.ab.drop(filter, { first: 1 })
    expect(await use()).toBe(expected)
    expect(fault.hits).toBe(1)
    await fault.remove()
  }
  const text = async response => (await response).text()

  await isDropped('tcp port 8080', () => page.evaluate(load), 'News')
  await isDropped('tcp port 8080', () => other.evaluate(load), 'News')
  await isDropped('tcp port 8081', () => page.evaluate(echo), 'echo')
  await isDropped('tcp port 8080', () => text(client.fetch('http://server:8080/news')), 'News')
})
