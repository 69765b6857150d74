/** DNS over TCP, on a connection in memory. */
import type { Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Turns, Work } from '#src/base/turns.ts'
import { atOnce } from '#support/at-once.ts'
import { turn } from '#support/memory-net.ts'
import { serveDnsOverTcp } from '../../src/services/dns.ts'

/**
 * Connects to a server that by default replies to `abc` with `ABC`, but never to a query with a
 * leading dot.
 */
function connect(
  answer = (query: Uint8Array) => Buffer.from(Buffer.from(query).toString().toUpperCase()),
  {
    turns = atOnce as Pick<Turns, 'add' | 'delete'>,
    budget = { queries: Number.POSITIVE_INFINITY },
  } = {},
) {
  const [client, server] = duplexPair() as [Duplex, Duplex]
  let idle = { ms: 0, end() {} }
  const setTimeout = (ms: number, end: () => void) => {
    idle = { ms, end }
  }
  const socket = Object.assign(server, { setTimeout }) as unknown as Socket
  let queries = 0
  serveDnsOverTcp(socket, {
    turns,
    take: () => queries < budget.queries,
    answer(query) {
      queries++
      return query[0] === 0x2e ? undefined : answer(query)
    },
  })
  return { client, server, queries: () => queries, idle: () => idle }
}

const message = (text: string) =>
  Buffer.concat([Buffer.of(text.length >> 8, text.length & 0xff), Buffer.from(text)])

test('queries get replies in order, however they are split, and after the client has ended', async () => {
  const { client } = connect()
  const texts = ['abc', '.no query', 'd', '', 'x'.repeat(700)]
  const octets = Buffer.concat(texts.map(message))
  for (const octet of octets.subarray(0, 12)) {
    client.write(Buffer.of(octet))
  }
  client.end(octets.subarray(12))
  const expected = texts
    .filter(text => text !== '.no query')
    .map(text => message(text.toUpperCase()))
  expect(await buffer(client)).toEqual(Buffer.concat(expected))
})

test('an incomplete query gets no reply', async () => {
  const { client, queries } = connect()
  client.end(message('abc').subarray(0, 4))
  expect([(await buffer(client)).length, queries()]).toEqual([0, 0])
})

test('queries of a client that does not read replies wait', async () => {
  const { client, queries } = connect(() => Buffer.alloc(60_000))
  const one = message('a')
  for (let i = 0; i < 100; i++) {
    client.write(one)
  }
  for (let i = 0; i < 100; i++) {
    await turn()
  }
  expect(queries()).toBeLessThan(20)
  client.end()
  expect((await buffer(client)).length).toBe(100 * 60_002)
})

test('a connection that is silent for ten seconds is closed', () => {
  const { server, idle } = connect()
  expect([idle().ms, server.destroyed]).toEqual([10_000, false])
  idle().end()
  expect(server.destroyed).toBe(true)
})

/** Work that is done on command. */
function byHand() {
  const work = new Set<Work>()
  const turns = {
    add: (one: Work) => void work.add(one),
    delete: (one: Work) => void work.delete(one),
  }
  const step = () => {
    for (const one of work) {
      if (!one.step()) {
        work.delete(one)
      }
    }
  }
  return { turns, work, step }
}

test('a chunk of 2,000 queries is handled four at a time, and no more is read meanwhile', async () => {
  const { turns, work, step } = byHand()
  const { client, server, queries } = connect(undefined, { turns })
  client.resume()
  const chunk = Buffer.concat(new Array(2000).fill(message('abc')))
  for (let i = 0; i < 100; i++) {
    client.write(chunk)
  }
  await turn()
  expect([queries(), work.size]).toEqual([0, 1])
  step()
  expect(queries()).toBe(4)
  for (let i = 1; i < 500; i++) {
    step()
  }
  expect(queries()).toBe(2000)
  expect(server.isPaused()).toBe(true)
  expect([...work].map(({ share, privileged }) => [share, privileged])).toEqual([['tcp', false]])
})

test('queries beyond the budget of a client wait for it, and nothing more is read meanwhile', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const budget = { queries: 10 }
  const { turns, work, step } = byHand()
  const { client, server, queries } = connect(undefined, { turns, budget })
  client.resume()
  const chunk = Buffer.concat(new Array(2000).fill(message('abc')))
  for (let i = 0; i < 100; i++) {
    client.write(chunk)
  }
  await turn()
  while (work.size > 0) {
    step()
  }
  expect([queries(), server.isPaused(), server.destroyed]).toEqual([10, true, false])
  budget.queries = 13
  vi.advanceTimersByTime(100)
  expect(work.size).toBe(1)
  while (work.size > 0) {
    step()
  }
  expect(queries()).toBe(13)
  server.destroy()
  await turn()
  vi.advanceTimersByTime(100)
  expect([work.size, vi.getTimerCount()]).toEqual([0, 0])
})

test('each 512 bytes of a chunk after the first take one query from the budget of the client', async () => {
  const { turns, work, step } = byHand()
  const [client, server] = duplexPair() as [Duplex, Duplex]
  let taken = 0
  const take = () => taken < 4 && taken++ < 4
  const socket = Object.assign(server, { setTimeout() {} }) as unknown as Socket
  serveDnsOverTcp(socket, { turns, take, answer: () => Buffer.of(1) })
  client.resume()
  client.write(message('x'.repeat(510)))
  await turn()
  while (work.size > 0) {
    step()
  }
  expect(taken).toBe(1)
  client.write(message('x'.repeat(1534)))
  await turn()
  while (work.size > 0) {
    step()
  }
  expect(taken).toBe(4)
  server.destroy()
})

test('the queries of a closed connection get no reply', async () => {
  const { turns, work, step } = byHand()
  const { client, server, queries } = connect(undefined, { turns })
  client.write(Buffer.concat(new Array(2000).fill(message('abc'))))
  await turn()
  step()
  server.destroy()
  await turn()
  step()
  expect([queries(), work.size]).toEqual([4, 0])
})
