/** Clients of the API of `vnet toxiproxy` that take as much as they can. */
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Names } from '../../src/toxiproxy/names.ts'
import { served } from '../support/toxiproxy-api.ts'

describe('clients that hold connections', () => {
  const head = (request: string, more = '') =>
    `${request} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`

  /** Connects, and sends bytes. Reads nothing yet. */
  async function open(port: number, bytes = '') {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {})
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    socket.write(bytes)
    return socket
  }

  /** Reads up to the end or a reset. */
  const closing = (socket: Socket) =>
    new Promise<void>(resolve => socket.resume().once('close', () => resolve()))

  /** Sends a request on a connection that remains, and reads the reply. */
  async function use(socket: Socket): Promise<void> {
    socket.write(head('GET /version'))
    await once(socket, 'data')
  }

  /** Proxies of which `GET /proxies` has 9 MB, more than the buffers of the kernel. */
  async function withLargeReply() {
    let log = () => {}
    const { call, proxies, server, port } = await served({ log: () => log() })
    // After the line of the log, it is sent.
    const replied = () =>
      new Promise<void>(resolve => {
        log = () => setImmediate(resolve)
      })
    const long = (text: string) => text.padEnd(255, '\u0001')
    for (let i = 0; i < 2000; i++) {
      await proxies.create(
        JSON.stringify({ name: long(`${i}`), listen: long(''), upstream: 'u:1', enabled: false }),
      )
    }
    const { text } = await call('GET /proxies', undefined, { connection: 'close' })
    const replies = vi.spyOn(proxies, 'all', 'get')
    return { call, server, port, replied, replies, length: text.length }
  }

  test('get a reply to each request in its order, however many they send before they read', async () => {
    const { port } = await served()
    const all = Array.from({ length: 10_000 }, (_, i) =>
      i % 2 === 0 ? 'GET /proxies' : 'GET /nothing',
    )
    const socket = await open(
      port,
      all.map(each => head(each)).join('') + head('GET /version', 'Connection: close\r\n'),
    )
    let text = ''
    for await (const chunk of socket.setEncoding('latin1')) {
      text += chunk
    }
    const statuses = text.match(/(?<=HTTP\/1\.1 )\d+/g)
    expect(statuses).toEqual([...all.map((_, i) => (i % 2 === 0 ? '200' : '404')), '200'])
  })

  test('see the effect of each request in the reply to the next one, which they send with it', async () => {
    const { port } = await served()
    const body = JSON.stringify({ name: 'a', listen: '127.0.0.1:0', upstream: '127.0.0.1:9' })
    const post = head('POST /proxies', `Content-Length: ${body.length}\r\n`) + body
    const socket = await open(port, post + head('GET /proxies/a', 'Connection: close\r\n'))
    let text = ''
    for await (const chunk of socket.setEncoding('latin1')) {
      text += chunk
    }
    expect(text.match(/(?<=HTTP\/1\.1 )\d+/g)).toEqual(['201', '200'])
  })

  test('get no second reply while they do not read the first', async () => {
    const { call, port, replies, length } = await withLargeReply()
    const socket = await open(
      port,
      head('GET /proxies').repeat(2) + head('GET /proxies', 'Connection: close\r\n'),
    )
    await expect.poll(() => replies.mock.calls.length).toBe(1)
    await call('GET /version')
    expect(replies).toHaveBeenCalledTimes(1)
    let got = 0
    for await (const chunk of socket) {
      got += chunk.length
    }
    expect(got).toBeGreaterThan(3 * length)
    expect(replies).toHaveBeenCalledTimes(3)
  })

  test('are disconnected when a reply waits for 60 s', async () => {
    const { server, port, replied } = await withLargeReply()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const sent = replied()
    await open(port, head('GET /proxies'))
    await sent
    const count = promisify(server.getConnections.bind(server))
    vi.advanceTimersByTime(59_999)
    expect(await count()).toBe(1)
    vi.advanceTimersByTime(1)
    expect(await count()).toBe(0)
  })

  test('leave in the order of their idle time when there are too many', async () => {
    const { call, port } = await served()
    const [first, second] = [await open(port), await open(port)]
    await use(second)
    await use(first)
    const others = await Promise.all(Array.from({ length: 238 }, () => open(port)))
    for (const socket of others) {
      await use(socket)
    }
    const gone = closing(second)
    const last = await open(port)
    await gone
    await use(first)
    await use(last)
    await Promise.all(Array.from({ length: 300 }, () => open(port)))
    expect(await call('GET /version')).toMatchObject({ status: 200 })
  })

  test('leave in the order of the age of their bodies when these take too much memory', async () => {
    const { call, port } = await served()
    const length = 4 * 1024 * 1024
    const send = (port: number) =>
      open(port, head('POST /populate', `Content-Length: ${length}\r\n`) + ' '.repeat(length - 1))
    const first = await send(port)
    const gone = closing(first)
    const others: Socket[] = []
    while (!first.destroyed && others.length < 40) {
      others.push(await send(port))
    }
    await gone
    expect(others.length).toBeGreaterThan(10)
    expect(await call('GET /version')).toMatchObject({ status: 200 })
  })

  test('are disconnected when 4,096 requests wait for the reply to one before them', async () => {
    const { port, call } = await served({}, new Names(() => new Promise(() => {})))
    const body = '{"name":"a","listen":"unknown:0","upstream":"u:1"}'
    const blocked = head('POST /proxies', `Content-Length: ${body.length}\r\n`) + body
    const sockets: Socket[] = []
    for (let i = 0; i < 5; i++) {
      sockets.push(await open(port, blocked + head('GET /version').repeat(1400)))
    }
    await Promise.race(sockets.map(socket => closing(socket)))
    expect(await call('GET /version')).toMatchObject({ status: 200 })
  })
})

test('more than 10,000 toxics together are refused', async () => {
  const { call, proxies } = await served()
  for (let i = 0; i < 157; i++) {
    await proxies.create(`{"name":"${i}","upstream":"u:1","enabled":false}`)
    for (let k = 0; k < 64 && i * 64 + k < 10_000; k++) {
      await proxies.addToxic(`${i}`, `{"type":"latency","name":"${k}"}`)
    }
  }
  const refused = {
    status: 400,
    text: expect.stringContaining('all proxies have at most 10000 toxics'),
  }
  expect(await call('POST /proxies/156/toxics', { type: 'latency' })).toMatchObject(refused)
})
