/** Sessions of UDP proxies, and the descriptors that they share with connections. */
import dgram from 'node:dgram'
import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Room } from '../../src/toxiproxy/room.ts'
import { UdpRelay } from '../../src/toxiproxy/udp.ts'
import { udpSocket } from '../support/toxiproxy.ts'

/** Descriptors that a room keeps for others. */
const LEFT = 400

/** A relay to a server of this process. Its link is this process, too. */
async function relayed(
  room: Room,
  given: {
    upstream?: () => Promise<LookupAddress & { port: number }>
    hops?: Map<number, number>
  } = {},
) {
  const server = await udpSocket()
  const listening = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  const far = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await Promise.all([listening, far].map(socket => once(socket, 'listening')))
  const bound = async () => {
    const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return socket
  }
  const bind = vi.fn(bound)
  const upstream = vi.fn(
    given.upstream ??
      (async () => ({ address: '127.0.0.1', family: 4, port: server.address().port })),
  )
  const at = { port: far.address().port, address: '127.0.0.1', isUdp: true }
  const relay = new UdpRelay(listening, {
    at,
    far,
    room,
    hops: given.hops ?? new Map(),
    bind,
    upstream,
  })
  let isOpen = true
  const close = () => {
    if (isOpen) {
      relay.close()
    }
    isOpen = false
  }
  onTestFinished(close)
  const receive = (port: number, text = 'a') =>
    listening.emit('message', Buffer.from(text), { address: '127.0.0.1', port })
  const arrived = () => once(server, 'message').then(([bytes]) => `${bytes}`)
  return { port: listening.address().port, close, bind, upstream, receive, arrived }
}

const files = () => readdirSync('/proc/self/fd').length

test('the session that was silent longest ends for the 1,001st client of a proxy', async () => {
  const { upstream, receive } = await relayed(new Room(100_000), {
    upstream: () => new Promise(() => {}),
  })
  for (let port = 1; port <= 1000; port++) {
    receive(port)
  }
  receive(1)
  receive(1001)
  expect(upstream).toHaveBeenCalledTimes(1001)
  receive(1)
  expect(upstream).toHaveBeenCalledTimes(1001)
  receive(2)
  expect(upstream).toHaveBeenCalledTimes(1002)
})

describe('a session that cannot be made', () => {
  test.each([
    [
      'has an upstream without an address',
      { upstream: () => Promise.reject(new Error('getaddrinfo ENOTFOUND')) },
    ],
    // A broadcast address, which a socket may not send to.
    [
      'cannot connect',
      { upstream: async () => ({ address: '255.255.255.255', family: 4, port: 9 }) },
    ],
  ])('leaves no descriptor, and is not made again for a second: it %s', async (_, given) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const room = new Room(LEFT + 2)
    const { upstream, receive } = await relayed(room, given)
    const before = files()
    for (let i = 0; i < 10; i++) {
      receive(1)
      await expect.poll(() => [files(), room.roomFor(2)]).toEqual([before, 1])
    }
    expect(upstream).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(1000)
    receive(1)
    expect(upstream).toHaveBeenCalledTimes(2)
    await expect.poll(() => [files(), room.roomFor(2)]).toEqual([before, 1])
  })

  test('leaves none when its proxy closes before it has its first socket', async () => {
    const room = new Room(LEFT + 2)
    const { close, bind, receive } = await relayed(room)
    let hand = (_: dgram.Socket) => {}
    bind.mockImplementation(
      () =>
        new Promise(resolve => {
          hand = resolve
        }),
    )
    receive(1)
    await expect.poll(() => bind.mock.calls.length).toBe(1)
    expect(room.roomFor(2)).toBe(0)
    close()
    const late = dgram.createSocket('udp4').bind(0, '127.0.0.1')
    await once(late, 'listening')
    const closed = once(late, 'close')
    hand(late)
    await closed
    expect(room.roomFor(2)).toBe(1)
  })
})

test('the oldest session of all proxies ends when no descriptor is left', async () => {
  const room = new Room(LEFT + 2 * 2)
  const [first, second] = [await relayed(room), await relayed(room)]
  first.receive(1)
  await first.arrived()
  second.receive(1)
  await second.arrived()
  first.receive(1)
  await first.arrived()
  expect(room.sessions).toBe(2)
  // The session of the second proxy was silent longest.
  first.receive(2)
  await first.arrived()
  expect([room.sessions, room.roomFor(2)]).toEqual([2, 2])
  first.receive(1)
  await first.arrived()
  expect(first.bind).toHaveBeenCalledTimes(2)
  second.receive(1)
  await second.arrived()
  expect(second.bind).toHaveBeenCalledTimes(2)
})

test('sessions end for a connection, and none is made while connections have all descriptors', async () => {
  const room = new Room(LEFT + 5)
  const { receive, arrived, bind } = await relayed(room)
  for (const port of [1, 2]) {
    receive(port)
    await arrived()
  }
  // No session ends for what does not fit without it either.
  expect([room.take(6), room.sessions]).toEqual([false, 2])
  expect([room.take(5), room.sessions, room.take(1)]).toEqual([true, 0, false])
  receive(3)
  await new Promise(setImmediate)
  expect(bind).toHaveBeenCalledTimes(2)
  room.free(5)
  expect(room.roomFor(5)).toBe(1)
})

test('a datagram in a loop of two proxies ends', async () => {
  const room = new Room(100_000)
  const hops = new Map<number, number>()
  const to = (port: () => number) => async () => ({ address: '127.0.0.1', family: 4, port: port() })
  let back = 0
  const first = await relayed(room, { hops, upstream: to(() => back) })
  const second = await relayed(room, { hops, upstream: to(() => first.port) })
  back = second.port
  first.receive(1)
  const passed = () => first.upstream.mock.calls.length + second.upstream.mock.calls.length
  await expect.poll(() => [passed(), room.sessions]).toEqual([16, 16])
  expect(first.bind.mock.calls.length + second.bind.mock.calls.length).toBe(16)
})
