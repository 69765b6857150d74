/** DNS over TCP on a connection in memory. */
import type { Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import { serveDnsOverTcp } from '../../src/lan/tcp-dns.ts'
import { turn } from '../support/memory-net.ts'

/** A connection; the server's end answers `abc` with `ABC`, and with nothing what begins with a dot. */
function connect(answer = (query: Uint8Array) => Buffer.from(Buffer.from(query).toString().toUpperCase())) {
  const [client, server] = duplexPair() as [Duplex, Duplex]
  let idle = { ms: 0, end() {} }
  const setTimeout = (ms: number, end: () => void) => {
    idle = { ms, end }
  }
  const socket = Object.assign(server, { setTimeout }) as unknown as Socket
  let asked = 0
  serveDnsOverTcp(socket, query => {
    asked++
    return query[0] === 0x2e ? undefined : answer(query)
  })
  return { client, server, asked: () => asked, idle: () => idle }
}

const message = (text: string) => Buffer.concat([Buffer.of(text.length >> 8, text.length & 0xff), Buffer.from(text)])

/** All that the server sends until it ends. */
async function rest(client: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of client) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('queries are answered in their order, however they come in, also when no more come', async () => {
  const { client } = connect()
  const queries = ['abc', '.no query', 'd', '', 'x'.repeat(700)]
  const octets = Buffer.concat(queries.map(message))
  for (const octet of octets.subarray(0, 12)) client.write(Buffer.of(octet))
  client.end(octets.subarray(12))
  const expected = queries.filter(text => text !== '.no query').map(text => message(text.toUpperCase()))
  expect(await rest(client)).toEqual(Buffer.concat(expected))
})

test('half of a query is no query', async () => {
  const { client, asked } = connect()
  client.end(message('abc').subarray(0, 4))
  expect([(await rest(client)).length, asked()]).toEqual([0, 0])
})

test('who takes no answers is asked no more questions of', async () => {
  const { client, asked } = connect(() => Buffer.alloc(60_000))
  const one = message('a')
  for (let i = 0; i < 1000; i++) client.write(one)
  for (let i = 0; i < 100; i++) await turn()
  expect(asked()).toBeLessThan(20)
  client.end()
  expect((await rest(client)).length).toBe(1000 * 60_002)
})

test('who says nothing for ten seconds is hung up on', () => {
  const { server, idle } = connect()
  expect([idle().ms, server.destroyed]).toEqual([10_000, false])
  idle().end()
  expect(server.destroyed).toBe(true)
})
