/** DNS over TCP, on a connection in memory. */
import type { Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import { serveDnsOverTcp } from '../../../src/lan/services/dns.ts'
import { turn } from '../../support/memory-net.ts'

/**
 * Connects to a server that by default answers `abc` with `ABC` and never answers a query with a
 * leading dot.
 */
function connect(answer = (query: Uint8Array) => Buffer.from(Buffer.from(query).toString().toUpperCase())) {
  const [client, server] = duplexPair() as [Duplex, Duplex]
  let idle = { ms: 0, end() {} }
  const setTimeout = (ms: number, end: () => void) => {
    idle = { ms, end }
  }
  const socket = Object.assign(server, { setTimeout }) as unknown as Socket
  let queries = 0
  serveDnsOverTcp(socket, query => {
    queries++
    return query[0] === 0x2e ? undefined : answer(query)
  })
  return { client, server, queries: () => queries, idle: () => idle }
}

const message = (text: string) => Buffer.concat([Buffer.of(text.length >> 8, text.length & 0xff), Buffer.from(text)])

/** All bytes that the server sends until it ends. */
async function rest(client: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of client) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('queries are answered in order, however they are split, and after the client has ended', async () => {
  const { client } = connect()
  const texts = ['abc', '.no query', 'd', '', 'x'.repeat(700)]
  const octets = Buffer.concat(texts.map(message))
  for (const octet of octets.subarray(0, 12)) client.write(Buffer.of(octet))
  client.end(octets.subarray(12))
  const expected = texts.filter(text => text !== '.no query').map(text => message(text.toUpperCase()))
  expect(await rest(client)).toEqual(Buffer.concat(expected))
})

test('an incomplete query is not answered', async () => {
  const { client, queries } = connect()
  client.end(message('abc').subarray(0, 4))
  expect([(await rest(client)).length, queries()]).toEqual([0, 0])
})

test('queries of a client that does not read replies wait', async () => {
  const { client, queries } = connect(() => Buffer.alloc(60_000))
  const one = message('a')
  for (let i = 0; i < 1000; i++) client.write(one)
  for (let i = 0; i < 100; i++) await turn()
  expect(queries()).toBeLessThan(20)
  client.end()
  expect((await rest(client)).length).toBe(1000 * 60_002)
})

test('a connection that is silent for ten seconds is closed', () => {
  const { server, idle } = connect()
  expect([idle().ms, server.destroyed]).toEqual([10_000, false])
  idle().end()
  expect(server.destroyed).toBe(true)
})
