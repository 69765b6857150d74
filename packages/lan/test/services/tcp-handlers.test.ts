/** The small TCP services on a connection in memory. */
import type { Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Work } from '#src/base/turns.ts'
import type { SegmentHost, SmallService } from '../../src/machines/host.ts'
import { handlerOf, TCP_SERVICES } from '../../src/services/tcp-handlers.ts'

function connect(service: SmallService): Duplex {
  const [client, server] = duplexPair() as [Duplex, Duplex]
  TCP_SERVICES[service](server as Socket)
  return client
}

test('echo returns all received bytes until the client ends', async () => {
  const client = connect('echo')
  const octets = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
  client.end(octets)
  expect((await buffer(client)).equals(octets)).toBe(true)
})

test('echo handles one chunk per step, in the share of all clients, and reads no more meanwhile', async () => {
  const [client, server] = duplexPair() as [Duplex, Duplex]
  const work = new Set<Work>()
  const turns = {
    add: (one: Work) => void work.add(one),
    delete: (one: Work) => void work.delete(one),
  }
  const socket = Object.assign(server, { remoteAddress: '::ffff:198.18.0.9' }) as unknown as Socket
  handlerOf('echo', turns)?.(socket, {} as SegmentHost)
  let got = 0
  client.on('data', chunk => {
    got += chunk.length
  })
  for (let i = 0; i < 100; i++) {
    client.write(Buffer.alloc(10_000))
  }
  await setImmediate()
  expect([got, server.isPaused(), [...work].map(({ share }) => share)]).toEqual([0, true, ['tcp']])
  for (let steps = 1; steps <= 10; steps++) {
    for (const one of work) {
      if (!one.step()) {
        work.delete(one)
      }
    }
    await setImmediate()
    expect(got).toBeLessThanOrEqual(steps * 64 * 1024)
  }
  expect(got).toBeGreaterThan(0)
})

test('discard sends nothing and ends with the client', async () => {
  const client = connect('discard')
  client.end(Buffer.alloc(300_000))
  expect((await buffer(client)).length).toBe(0)
})

test('daytime sends the time and ends, whatever it receives', async () => {
  const client = connect('daytime')
  client.write('what?')
  const text = (await buffer(client)).toString()
  expect(text).toMatch(/^\w+day, \w+ \d+, \d{4} \d\d:\d\d:\d\d-UTC\r\n$/)
  expect(Math.abs(Date.parse(text.replace('-UTC', ' UTC')) - Date.now())).toBeLessThan(60_000)
})

test('chargen sends its pattern forever, even after the client has ended', async () => {
  const client = connect('chargen')
  client.end('enough')
  let text = ''
  for await (const chunk of client) {
    text += chunk
    if (text.length > 3 * 95 * 74) break
  }
  const lines = text.split('\r\n')
  expect(lines[0]).toBe(
    ` !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_\`abcdefg`,
  )
  expect(lines[1]).toBe(
    `!"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_\`abcdefgh`,
  )
  expect(lines.slice(95, 190)).toEqual(lines.slice(0, 95))
  expect(lines.slice(0, 190).every(line => line.length === 72)).toBe(true)
})

test('a handler is a function or the name of a service; anything else is undefined', () => {
  const mine = () => {}
  expect([mine, 'echo', 'toString', 80, undefined].map(value => handlerOf(value))).toEqual([
    mine,
    expect.any(Function),
    undefined,
    undefined,
    undefined,
  ])
})
