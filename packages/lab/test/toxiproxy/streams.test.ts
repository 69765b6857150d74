/** Toxics on the bytes of connections, in user space. Delays end when a toxic is removed. */
import { once } from 'node:events'
import net, { type AddressInfo, Socket } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { random } from '#src/base/random.ts'
import { TcpConnection } from '../../src/toxiproxy/connection.ts'
import type { LabProcess } from '../../src/toxiproxy/lab-process.ts'
import { Names } from '../../src/toxiproxy/names.ts'
import { ToxicProxy } from '../../src/toxiproxy/proxy.ts'
import { Room } from '../../src/toxiproxy/room.ts'
import { all, echo, HOUR, proxied } from '../support/toxiproxy.ts'

describe('a proxy without toxics', () => {
  test('carries a megabyte both ways, and the ends of both directions', async () => {
    const { connect, proxy } = await proxied()
    const socket = await connect()
    const sent = 'x'.repeat(1_000_000)
    socket.end(sent)
    expect(await all(socket)).toBe(sent)
    socket.destroy()
    await expect
      .poll(() => proxy.traffic.sent)
      .toEqual({ upstream: 1_000_000, downstream: 1_000_000 })
  })

  test('closes a connection whose upstream refuses', async () => {
    const { connect, proxies } = await proxied()
    await proxies.update('a', JSON.stringify({ upstream: '127.0.0.1:1' }))
    expect(await all(await connect())).toBe('')
  })

  test('passes on a reset', async () => {
    const { connect, server } = await proxied()
    const accepted = once(server, 'connection')
    const socket = await connect()
    await echo(socket, 'a')
    const [other] = (await accepted) as [Socket]
    socket.resetAndDestroy()
    await expect(once(other, 'close')).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  test('closes its connections and its port when it is disabled, and listens there again', async () => {
    const { connect, proxies } = await proxied()
    const socket = await connect()
    await echo(socket, 'a')
    await proxies.update('a', '{"enabled":false}')
    expect(await all(socket)).toBe('')
    await expect(connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await proxies.reset()
    expect(await echo(await connect(), 'b')).toBe('b')
  })
})

describe('toxics of connections that exist', () => {
  test('latency: bytes wait, and pass when it is removed', async () => {
    const { connect, toxic, proxies } = await proxied()
    const socket = await connect()
    expect(await echo(socket, 'a')).toBe('a')
    await toxic('latency', { latency: HOUR })
    const got = echo(socket, 'b')
    await toxic('latency', { latency: HOUR }, { stream: 'upstream' })
    await proxies.removeToxic('a', 'latency_upstream')
    await proxies.removeToxic('a', 'latency_downstream')
    expect(await got).toBe('b')
  })

  test('latency: a change applies to bytes that wait', async () => {
    const { connect, toxic, proxies } = await proxied()
    const socket = await connect()
    await toxic('latency', { latency: HOUR })
    const got = echo(socket, 'b')
    await proxies.updateToxic('a', 'latency_downstream', '{"attributes":{"latency":1}}')
    expect(await got).toBe('b')
  })

  test('bandwidth: 0 stops bytes until it is removed', async () => {
    const { connect, toxic, proxies } = await proxied()
    const socket = await connect()
    await toxic('bandwidth', { rate: 0 }, { stream: 'upstream' })
    const got = echo(socket, 'c')
    await proxies.updateToxic('a', 'bandwidth_upstream', '{"attributes":{"rate":1000}}')
    expect(await got).toBe('c')
  })

  test('bandwidth: everything arrives', async () => {
    const { connect, toxic } = await proxied()
    await toxic('bandwidth', { rate: 5000 })
    const socket = await connect()
    const sent = 'y'.repeat(500_000)
    socket.end(sent)
    expect(await all(socket)).toBe(sent)
  })

  test('slow_close: the end waits, bytes do not', async () => {
    const { connect, toxic, proxies } = await proxied()
    const socket = await connect()
    await toxic('slow_close', { delay: HOUR })
    expect(await echo(socket, 'd')).toBe('d')
    socket.end()
    const ended = once(socket, 'end')
    await proxies.removeToxic('a', 'slow_close_downstream')
    await ended
  })

  test('timeout: bytes are lost, and the connection ends after it', async () => {
    const { connect, toxic } = await proxied()
    const socket = await connect()
    expect(await echo(socket, 'e')).toBe('e')
    await toxic('timeout', { timeout: 20 })
    socket.write('lost')
    expect(await all(socket)).toBe('')
  })

  test('timeout: 0 ends the connection when it is removed', async () => {
    const { connect, toxic, proxies } = await proxied()
    const socket = await connect()
    await echo(socket, 'e')
    await toxic('timeout', { timeout: 0 })
    socket.write('lost')
    await proxies.removeToxic('a', 'timeout_downstream')
    expect(await all(socket)).toBe('')
  })

  test('reset_peer: resets both ends at the next bytes', async () => {
    const { connect, toxic, server } = await proxied()
    const accepted = once(server, 'connection')
    const socket = await connect()
    await echo(socket, 'f')
    const [other] = (await accepted) as [Socket]
    await toxic('reset_peer', { timeout: 1 })
    socket.write('g')
    const reset = expect(once(other, 'close')).rejects.toMatchObject({ code: 'ECONNRESET' })
    await expect(all(socket)).rejects.toMatchObject({ code: 'ECONNRESET' })
    await reset
  })

  test('limit_data: exactly so many bytes pass, also over a change', async () => {
    const { connect, toxic, proxies } = await proxied()
    const socket = await connect()
    await toxic('limit_data', { bytes: 100 })
    expect(await echo(socket, 'h'.repeat(60))).toHaveLength(60)
    await proxies.updateToxic('a', 'limit_data_downstream', '{"attributes":{"bytes":80}}')
    socket.write('h'.repeat(60))
    expect(await all(socket)).toHaveLength(20)
  })

  test('limit_data: what has passed it passes the toxics after it, too', async () => {
    const { connect, toxic } = await proxied()
    await toxic('limit_data', { bytes: 5 })
    await toxic('latency', { latency: 20 })
    const socket = await connect()
    socket.write('more than five')
    expect(await all(socket)).toBe('more ')
  })

  test('slicer: the bytes arrive in pieces, in order', async () => {
    const { connect, toxic, proxies } = await proxied()
    await toxic('slicer', { average_size: 10, size_variation: 3, delay: 1000 * HOUR })
    const socket = await connect()
    const sent = Array.from({ length: 100 }, (_, i) => String.fromCharCode(33 + (i % 90))).join('')
    const first = await echo(socket, sent)
    expect(first.length).toBeGreaterThanOrEqual(7)
    expect(first.length).toBeLessThanOrEqual(13)
    socket.end()
    const rest = all(socket)
    await proxies.removeToxic('a', 'slicer_downstream')
    expect(first + (await rest)).toBe(sent)
  })
})

test('bytes that wait pass in order when all toxics are removed after one has drawn again', async () => {
  const { connect, toxic, proxies } = await proxied()
  await toxic('latency', { latency: HOUR })
  await toxic('bandwidth', { rate: 0 })
  const socket = await connect()
  socket.write('first ')
  await proxies.updateToxic('a', 'latency_downstream', '{"toxicity":2}')
  socket.end('second')
  const received = all(socket)
  await proxies.reset()
  expect(await received).toBe('first second')
})

test('a connection that ends before it has crossed the link closes once, and its sockets of the link', async () => {
  const { server } = await proxied()
  const { port } = server.address() as AddressInfo
  const to = { port, host: '127.0.0.1' }
  const client = net.connect(to)
  const ends = [new Socket(), new Socket()]
  let cross = (_: Socket[]) => {}
  const crossing = new Promise<Socket[]>(resolve => {
    cross = resolve
  })
  const onClose = vi.fn()
  const link = vi.fn(() => crossing)
  const connection = new TcpConnection(client, to, {
    random: random(1),
    stages: () => [],
    link,
    onClose,
  })
  await expect.poll(() => link.mock.calls.length).toBe(1)
  const over = Promise.all([client, ...ends].map(socket => once(socket, 'close')))
  connection.close()
  await once(client, 'close')
  // The sockets of the link still take their room.
  expect(onClose).not.toHaveBeenCalled()
  cross(ends)
  await over
  expect(onClose).toHaveBeenCalledTimes(1)
})

test('a proxy that a failed populate has stopped leaves nothing on the wire of the link', async () => {
  const call = vi.fn(async (call: string) =>
    call === 'listen' ? { port: 1024, address: '192.0.2.1' } : undefined,
  )
  const { proxies, proxy, toxic } = await proxied({
    lab: { call, close: async () => {} } as unknown as LabProcess,
  })
  await toxic('packet_loss', { percent: 50 })
  expect(proxies.state.wire.ba).toContain('1024')
  const { name, upstream } = proxy
  await expect(proxies.populate([{ name, listen: '192.0.2.1:1', upstream }], [])).rejects.toThrow(
    'bind',
  )
  expect(proxies.state.wire).toEqual({ ab: '', ba: '' })
  expect(call).toHaveBeenLastCalledWith('wire', { ba: '' })
})

/** Starts a proxy of its own, without a link. */
async function alone(upstream: string, room: Room, names = new Names()): Promise<ToxicProxy> {
  const [open, hops] = [new Set<TcpConnection>(), new Map<number, number>()]
  const place = { lab: undefined, random: random(1), open, room, names, hops }
  const fields = { name: 'b', listen: '127.0.0.1:0', upstream, enabled: true, network: 'tcp' }
  const proxy = new ToxicProxy(place, fields)
  await proxy.start()
  onTestFinished(() => proxy.stop())
  return proxy
}

test('a connection is closed if its upstream leads to the proxy itself since the proxy started', async () => {
  const { connect } = await proxied()
  const names = new Names(async () => [{ address: '127.0.0.1', family: 4 }])
  const proxy = await alone('own.example:1', new Room(421), names)
  proxy.upstream = `own.example:${proxy.listen.split(':')[1]}`
  const find = vi.spyOn(names, 'find')
  expect(await all(await connect(proxy))).toBe('')
  // A connection to itself would be a second one.
  expect(find).toHaveBeenCalledTimes(1)
})

test('a connection for which there is no room is closed', async () => {
  const { proxy: upstream, connect } = await proxied()
  // For the proxy, and one connection.
  const proxy = await alone(upstream.listen, new Room(403))
  const first = await connect(proxy)
  expect(await echo(first, 'a')).toBe('a')
  expect(await all(await connect(proxy))).toBe('')
  expect(await echo(first, 'b')).toBe('b')
})

describe('toxicity', () => {
  test('0 hits no connection, and 1 hits each after a change', async () => {
    const { connect, toxic, proxies } = await proxied()
    await toxic('timeout', { timeout: 1 }, { toxicity: 0 })
    const socket = await connect()
    expect(await echo(socket, 'a')).toBe('a')
    await proxies.updateToxic('a', 'timeout_downstream', '{"toxicity":1}')
    expect(await all(socket)).toBe('')
  })

  test('0.5 hits the same connections with the same seed', async () => {
    const drawn = async () => {
      const { connect, toxic } = await proxied()
      await toxic('limit_data', { bytes: 0 }, { toxicity: 0.5 })
      const hits: boolean[] = []
      for (let i = 0; i < 12; i++) {
        const socket = await connect()
        socket.end('a')
        hits.push((await all(socket)) === '')
      }
      return hits
    }
    const hits = await drawn()
    expect(new Set(hits).size).toBe(2)
    expect(await drawn()).toEqual(hits)
  })
})

test('stops reading when the receiver does not read', async () => {
  const { connect, server } = await proxied({ serve: socket => void socket.pause() })
  const accepted = once(server, 'connection')
  const socket = await connect()
  const [upstream] = (await accepted) as [Socket]
  let isFull = false
  while (!isFull) {
    isFull = !socket.write(Buffer.alloc(1 << 20)) && socket.writableLength > 32 << 20
  }
  expect(socket.bytesWritten - socket.writableLength).toBeLessThan(200 << 20)
  upstream.destroy()
})
