/** The server of /metrics: where it listens, which clients it serves, and in which format. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { request } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { CONNECTIONS_MAX } from '#src/base/http-connections.node.ts'
import { parseAddress } from '../../src/http/address.ts'
import type { HttpOptions } from '../../src/http/server.ts'
import { OPEN_METRICS, serveMetrics } from '../../src/metrics/server.ts'
import type { Snapshot } from '../../src/metrics/snapshot.ts'

const nothing = async () => ({ devices: [], vnets: [{ pid: 7, replied: 0.5, runtime: undefined }] })

const TOKEN = 'a-token-of-32-characters-for-test'

/** Serves what `read` returns, by default as root's servers do. */
const serve = (read: () => Promise<Snapshot>, options: Partial<HttpOptions> = {}) =>
  serveMetrics(
    {
      address: { host: '127.0.0.1', port: 0 },
      access: { isPublic: true, tokenFor: () => TOKEN },
      ...options,
    },
    read,
  )

interface Reply {
  readonly status: number | undefined
  readonly type: string | undefined
  readonly text: string
}

function get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, method, agent: false }, async response => {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) {
        text += chunk
      }
      resolve({ status: response.statusCode, type: response.headers['content-type'], text })
    })
    asked.on('error', reject).end()
  })
}

test('an address is a port, on 127.0.0.1, or an IP address and a port', () => {
  expect(parseAddress('9100')).toEqual({ host: '127.0.0.1', port: 9100 })
  expect(parseAddress('192.0.2.1:0')).toEqual({ host: '192.0.2.1', port: 0 })
  expect(parseAddress('[::1]:9100')).toEqual({ host: '::1', port: 9100 })
  for (const text of [
    '',
    'x',
    '65536',
    '::1:9100',
    '[192.0.2.1]:1',
    'localhost:1',
    ':1',
    '1:',
    '-1',
  ]) {
    expect([text, parseAddress(text)]).toEqual([text, undefined])
  }
})

test('clients that accept OpenMetrics get it, all others the Prometheus text format', async () => {
  await using server = await serve(nothing)
  const plain = await get(server.url)
  expect(plain).toMatchObject({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' })
  expect(plain.text).toContain('vnet_up{pid="7"} 1\n')
  const open = await get(server.url, {
    accept: 'application/openmetrics-text; version=1.0.0,text/plain;q=0.5',
  })
  expect(open.type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
  expect(open.text).toMatch(/\n# EOF\n$/)
})

test('a foreign Host, another path and another method are refused without reading anything', async () => {
  let reads = 0
  const read = () => {
    reads++
    return nothing()
  }
  await using server = await serve(read)
  for (const host of ['evil.example', 'evil.example:80', 'localhost.evil.example', '[::1']) {
    expect((await get(server.url, { host })).status).toBe(403)
  }
  expect((await get(server.url.replace('/metrics', '/'))).status).toBe(404)
  expect((await get(server.url, {}, 'POST')).status).toBe(405)
  expect(reads).toBe(0)
  for (const host of ['localhost', 'localhost:1', '[::1]:1']) {
    expect((await get(server.url, { host })).status).toBe(200)
  }
})

test.each(['::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '0.0.0.0', '127.0.0.2'])(
  'at %s too, a name is refused unless the server is reached by it',
  async host => {
    await using server = await serve(nothing, {
      address: { host, port: 0 },
      hosts: ['Lab.Example'],
    })
    const url = server.url.replace('0.0.0.0', '127.0.0.1')
    expect((await get(url, { host: 'evil.example' })).status).toBe(403)
    expect((await get(url, { host: 'lab.example:9100' })).status).toBe(200)
    expect((await get(url)).status).toBe(200)
  },
)

test('an ordinary user’s metrics need the token, which is in the address', async () => {
  let reads = 0
  const read = () => {
    reads++
    return nothing()
  }
  const access = { isPublic: false, tokenFor: () => TOKEN }
  await using server = await serve(read, { access })
  const { origin, pathname, searchParams } = new URL(server.url)
  expect([pathname, searchParams.get('token')]).toEqual(['/metrics', TOKEN])
  expect((await get(`${origin}/metrics`)).status).toBe(401)
  for (const given of ['x', `${TOKEN}x`]) {
    expect((await get(`${origin}/metrics`, { authorization: `Bearer ${given}` })).status).toBe(403)
  }
  expect(reads).toBe(0)
  expect((await get(server.url)).status).toBe(200)
  expect((await get(`${origin}/metrics`, { authorization: `Bearer ${TOKEN}` })).status).toBe(200)
})

test('a wrong token is refused where none is needed', async () => {
  await using server = await serve(nothing)
  expect((await get(server.url, { authorization: 'Bearer x' })).status).toBe(403)
})

describe('clients that flood', () => {
  test('simultaneous scrapes share one snapshot, and wait while another is read', async () => {
    let asked = 0
    const count = () => asked++
    subscribe('http.server.request.start', count)
    onTestFinished(() => void unsubscribe('http.server.request.start', count))
    const begun: (() => void)[] = []
    const read = async () => {
      await new Promise<void>(resolve => begun.push(resolve))
      return nothing()
    }
    await using server = await serve(read)
    const first = get(server.url)
    await expect.poll(() => begun.length).toBe(1)
    const others = Array.from({ length: 100 }, (_, i) =>
      get(server.url, i % 2 ? { accept: OPEN_METRICS } : {}),
    )
    const later = get(server.url)
    await expect.poll(() => asked).toBe(102)
    begun[0]?.()
    expect((await first).status).toBe(200)
    await expect.poll(() => begun.length).toBe(2)
    begun[1]?.()
    for (const { status, text } of await Promise.all([...others, later])) {
      expect([status, text.includes('vnet_up{pid="7"} 1')]).toEqual([200, true])
    }
    expect(begun).toHaveLength(2)
  })

  test('a client with the token is served beside more connections than there are', async () => {
    let serveAll = () => {}
    const all = new Promise<void>(resolve => {
      serveAll = resolve
    })
    let reads = 0
    const read = async () => {
      reads++
      await all
      return nothing()
    }
    await using server = await serve(read)
    const { hostname, port } = new URL(server.url)
    const scraped = get(server.url, { authorization: `Bearer ${TOKEN}` })
    const strange = get(server.url).catch((error: Error) => error.message)
    await expect.poll(() => reads).toBe(1)
    const sockets = Array.from({ length: CONNECTIONS_MAX }, () =>
      connect(Number(port), hostname).on('error', () => {}),
    )
    expect(await strange).toBe('socket hang up')
    serveAll()
    expect((await scraped).status).toBe(200)
    for (const socket of sockets) {
      socket.destroy()
    }
  })
})

test('a request that fails is cut off, and the next is served', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
  let isBroken = true
  const read = () => (isBroken ? Promise.reject(new Error('broken')) : nothing())
  await using server = await serve(read)
  await expect(get(server.url)).rejects.toThrow('socket hang up')
  expect(warn.mock.calls).toEqual([[new Error('broken')]])
  isBroken = false
  expect((await get(server.url)).status).toBe(200)
})
