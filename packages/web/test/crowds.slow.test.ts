/** Strangers who hold many connections and feeds of the server of the page. */
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { CONNECTIONS_MAX } from '#src/base/http-connections.node.ts'
import { commands } from '#src/control/protocol/family.ts'
import { FEEDS_MAX } from '../src/server.ts'
import { type OpenFeed, type Served, served } from './served.ts'

let web: Served
beforeEach(async () => {
  web = await served()
})
afterEach(() => web[Symbol.asyncDispose]())

describe('connections that strangers hold', () => {
  /** Connects `count` times, sends bytes on each, and reads nothing. */
  async function hold(count: number, bytes = ''): Promise<Socket[]> {
    const sockets = Array.from({ length: count }, () =>
      connect(web.port, '127.0.0.1').on('error', () => {}),
    )
    onTestFinished(() => {
      for (const socket of sockets) {
        socket.destroy()
      }
    })
    await Promise.all(sockets.map(socket => once(socket, 'connect')))
    for (const socket of sockets) {
      if (bytes !== '') {
        socket.write(bytes)
      }
    }
    return sockets
  }

  test('a page is served beside more connections than there are, which send nothing', async () => {
    await hold(CONNECTIONS_MAX + 10)
    expect((await web.ask('/')).status).toBe(200)
    expect((await web.feed()).status).toBe(200)
  })

  test('a page that has shown the token keeps its place, and strangers lose theirs to newer ones', async () => {
    web.vnet()
    const stranger = await web.feed('', false)
    const page = await web.feed()
    await Promise.all([stranger.next('hello'), page.next('hello')])
    await hold(CONNECTIONS_MAX)
    await expect(stranger.next('problem')).rejects.toThrow('the feed has ended')
    await page.next('stats')
  })

  test('a client that sends requests before it reads the replies is cut off', async () => {
    const request = 'GET /uPlot.js HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const [socket] = await hold(1, request.repeat(100))
    let length = 0
    socket?.on('data', bytes => {
      length += bytes.length
    })
    await once(socket!, 'close')
    const { headers } = await web.ask('/uPlot.js')
    expect(length).toBeLessThan(2 * Number(headers['content-length']))
  })

  test('a connection serves 100 requests, one after the other', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const sockets = new Set<Socket>()
    for (let i = 0; i < 101; i++) {
      const asked = request({ host: '127.0.0.1', port: web.port, path: '/', agent }).end()
      const [response] = (await once(asked, 'response')) as [IncomingMessage]
      expect(response.statusCode).toBe(200)
      sockets.add(response.socket)
      await once(response.resume(), 'end')
    }
    expect(sockets.size).toBe(2)
  })

  test('pages that want unknown interfaces together cause one search', async () => {
    const fake = web.vnet()
    const searches = () => fake.asked.filter(({ cmd }) => cmd === commands.getDevices.cmd).length
    const feeds = await Promise.all(
      Array.from({ length: FEEDS_MAX / 2 }, (_, i) =>
        web.feed(`device=1//none${i}&want=parts`, false),
      ),
    )
    for (const feed of feeds) {
      await feed.next('hello')
    }
    // One for the first page, one for all others, and one for hello; more if the machine is busy.
    expect(searches()).toBeLessThan(FEEDS_MAX / 4)
  })
})

describe('many pages', () => {
  const open = (count: number, hasToken: boolean) =>
    Promise.all(Array.from({ length: count }, () => web.feed('', hasToken)))
  const statuses = (feeds: readonly OpenFeed[]) => new Set(feeds.map(({ status }) => status))

  test('the 33rd feed is refused until one of the others is closed', async () => {
    const feeds = await open(FEEDS_MAX, true)
    expect(statuses(feeds)).toEqual(new Set([200]))
    const refused = await web.feed()
    expect(refused.status).toBe(503)
    expect(refused.response.headers['retry-after']).toBe('10')
    await feeds[0]?.close()
    await expect.poll(async () => (await web.feed()).status).toBe(200)
  })

  test('strangers cannot take the places of pages with the token', async () => {
    const strangers = await open(FEEDS_MAX / 2, false)
    expect(statuses(strangers)).toEqual(new Set([200]))
    expect((await web.feed('', false)).status).toBe(503)
    expect(statuses(await open(FEEDS_MAX / 2, true))).toEqual(new Set([200]))
  })
})
