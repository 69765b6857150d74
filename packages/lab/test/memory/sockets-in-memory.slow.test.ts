/** Large bodies over sockets in memory. */
import http from 'node:http'
import http2 from 'node:http2'
import { Agent, fetch } from 'undici'
import { expect, test } from 'vitest'
import { freshWorld } from './fresh-world.ts'

const { connected, world } = freshWorld()

test('a writer waits for its reader, and ten megabytes arrive in both directions', async () => {
  const { client, served } = await connected()
  const bytes = Buffer.alloc(10 * 2 ** 20, 'ten megabytes ')
  const received = [client, served].map(async socket => {
    await world().time.sleep(1000)
    const chunks: Buffer[] = []
    for await (const chunk of socket) {
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  })
  const written: string[] = []
  for (const [name, socket] of Object.entries({ client, served })) {
    socket.write(bytes, () => written.push(name))
    socket.end()
  }
  await world().time.sleep(999)
  expect(written).toEqual([])
  expect(client.bufferSize).toBe(bytes.length)
  for (const whole of await Promise.all(received)) {
    expect(whole.equals(bytes)).toBe(true)
  }
  expect(written.sort()).toEqual(['client', 'served'])
})

test('fetch of undici sends and receives large bodies', async () => {
  const server = http.createServer((request, response) => request.pipe(response))
  const port = await world().listen(server)
  const dispatcher = new Agent({
    connect: (_options, callback) => {
      const socket = world().connect(port)
      socket.once('connect', () => callback(null, socket))
      socket.once('error', error => callback(error, null))
    },
  })
  const body = 'a large body '.repeat(100_000)
  const response = await fetch('http://server/', { method: 'POST', body, dispatcher })
  expect((await response.text()) === body).toBe(true)
  await dispatcher.close()
})

test('HTTP/2 over a socket follows the bytes that are not sent yet', async () => {
  const { client, served } = await connected()
  const first = Buffer.alloc(10 * 2 ** 20, 'ten megabytes ')
  client.write(first)
  const session = http2.connect('http://server', { createConnection: () => client })
  session.on('error', () => {})
  await world().time.sleep(1000)
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of served) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= first.length + 24) break
  }
  const all = Buffer.concat(chunks)
  expect(all.subarray(0, first.length).equals(first)).toBe(true)
  expect(all.toString('latin1', first.length, first.length + 24)).toBe(
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  )
  session.destroy()
})

test('a time-out waits as long as written bytes leave, and counts from the last', async () => {
  const { client, served } = await connected()
  served.pause()
  client.setTimeout(5000)
  const reads = setInterval(() => served.read(), 100)
  const due: number[] = []
  client.on('timeout', () => due.push(Math.round(world().time.now)))
  const began = world().time.now
  await new Promise(resolve => client.write(Buffer.alloc(30 * 2 ** 20), resolve))
  const written = world().time.now
  clearInterval(reads)
  expect(written - began).toBeGreaterThan(5000)
  await world().time.sleep(9000)
  expect(due).toEqual([Math.round(written) + 5000])
})
