import http from 'node:http'
import { expect, test } from '@vnet/lab/playwright'
import { WebSocketServer } from 'ws'
import { call, openPeer } from './peer.js'

const BYTES = 200_000
/** 1 Mbit/s in the units of Chromium: 200 kB take 1600 ms. */
const EMULATION = {
  offline: false,
  latency: 0,
  downloadThroughput: 125_000,
  uploadThroughput: 125_000,
}
const NOMINAL_MS = 1600

async function measure(page, peer) {
  const http = await page.evaluate(async () => {
    const start = performance.now()
    await (await fetch('http://server:8081/')).arrayBuffer()
    return performance.now() - start
  })
  const webSocket = await page.evaluate(async () => {
    const socket = new WebSocket('ws://server:8082/')
    await new Promise(resolve => {
      socket.onopen = resolve
    })
    const start = performance.now()
    const received = new Promise(resolve => {
      socket.onmessage = resolve
    })
    socket.send('')
    await received
    return performance.now() - start
  })
  await call(page, peer)
  await expect.poll(() => peer.evaluate(() => channel?.readyState)).toBe('open')
  await peer.evaluate(bytes => {
    channel.onmessage = () => {
      for (let sent = 0; sent < bytes; sent += 10_000) {
        channel.send(new Uint8Array(10_000))
      }
    }
  }, BYTES)
  const dataChannel = await page.evaluate(async bytes => {
    channel.binaryType = 'arraybuffer'
    const start = performance.now()
    let length = 0
    const received = new Promise(resolve => {
      channel.onmessage = ({ data }) => {
        length += data.byteLength
        if (length >= bytes) {
          resolve()
        }
      }
    })
    channel.send('begin')
    await received
    return performance.now() - start
  }, BYTES)
  return { http, webSocket, dataChannel }
}

for (const [name, network] of [
  ['vnet', 'rate 1mbit'],
  ['cdp', ''],
]) {
  test.describe(name, () => {
    test.use({ network: { wire: network, capture: false } })
    test('HTTP, a WebSocket and a data channel are slow', async ({ client, server, browserIn }) => {
      const site = http.createServer((_request, response) => {
        response.setHeader('Access-Control-Allow-Origin', '*')
        response.end(Buffer.alloc(BYTES))
      })
      const sockets = new WebSocketServer({ noServer: true })
      const feed = http.createServer()
      feed.on('upgrade', (...upgrade) =>
        sockets.handleUpgrade(...upgrade, socket =>
          socket.on('message', () => socket.send(Buffer.alloc(BYTES))),
        ),
      )
      await server.listen(site, 8081)
      await server.listen(feed, 8082)
      const [page, peer] = [
        await openPeer(client, await browserIn(client)),
        await openPeer(server, await browserIn(server)),
      ]
      if (name === 'cdp') {
        const cdp = await page.context().newCDPSession(page)
        await cdp.send('Network.enable')
        await cdp.send('Network.emulateNetworkConditions', EMULATION)
      }
      const measured = await measure(page, peer)
      const text = Object.entries(measured).map(
        ([what, milliseconds]) => `${what} ${milliseconds.toFixed(0)} ms`,
      )
      console.log(`200 kB at 1 Mbit/s by ${name}: ${text.join(', ')}`)
      // What Chromium's own emulation does differs from version to version. The wire sends no bit
      // earlier; a busy machine adds to each time.
      if (name === 'vnet') {
        expect(Math.min(...Object.values(measured))).toBeGreaterThan(NOMINAL_MS)
      }
    })
  })
}
