/** The API of `vnet toxiproxy`, compared with the replies of toxiproxy 2.12. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { apiServer } from '../../src/toxiproxy/api.ts'
import { Proxies } from '../../src/toxiproxy/proxies.ts'
import table from './conformance.json' with { type: 'json' }

type Row = readonly [request: string, body: unknown, status: number, reply: unknown]

const measures = { proxies: false, runtime: false }

async function serve(given: Partial<Parameters<typeof apiServer>[1]> = {}) {
  const proxies = new Proxies(undefined, 'this is a test', 1)
  const options = { hosts: [], measures, vnet: { mode: 'streams' }, log: () => {}, ...given }
  const server = apiServer(proxies, options)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await proxies.close()
  })
  const { port } = server.address() as AddressInfo
  return (request: string, body?: unknown, headers: http.OutgoingHttpHeaders = {}) => ask(port, request, body, headers)
}

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** With node:http, which sends the given Host. */
function ask(port: number, request: string, body: unknown, headers: http.OutgoingHttpHeaders): Promise<Answer> {
  const [method, path] = request.split(' ') as [string, string]
  return new Promise((resolve, reject) => {
    const asked = http.request({ host: '127.0.0.1', port, method, path, headers }, async response => {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      resolve({ status: response.statusCode as number, headers: response.headers, text })
    })
    asked.on('error', reject)
    asked.end(body == null ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  })
}

/** A star in an expected text stands for anything. */
function expected(value: unknown): unknown {
  if (typeof value === 'string' && value.includes('*'))
    return expect.stringMatching(new RegExp(`^${value.split('*').map(escaped).join('.*')}$`, 's'))
  if (Array.isArray(value)) return value.map(expected)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, expected(each)]))
}

const escaped = (text: string) => text.replace(/[.[\]()]/g, '\\$&')

describe('answers as toxiproxy does', () => {
  for (const [name, rows] of table as unknown as [string, Row[]][]) {
    test(name, async () => {
      const call = await serve()
      for (const [request, body, status, reply] of rows) {
        const answer = await call(request, body)
        const isText = typeof reply === 'string'
        expect({ request, status: answer.status }).toEqual({ request, status })
        expect({ request, reply: isText ? answer.text : JSON.parse(answer.text) }).toEqual({
          request,
          reply: expected(reply),
        })
      }
    })
  }

  test('with JSON as application/json, and errors as text', async () => {
    const call = await serve()
    expect((await call('GET /proxies')).headers['content-type']).toBe('application/json')
    expect((await call('GET /version')).headers['content-type']).toBe('application/json;charset=utf-8')
    const { headers, text } = await call('GET /proxies/a')
    expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' })
    expect(text).toBe('{"error":"proxy not found","status":404}\n')
    expect(headers['x-toxiproxy-request-id']).toMatch(/^[\da-f]{20}$/)
  })

  test('with the fields of a toxic and a proxy in their order', async () => {
    const call = await serve()
    await call('POST /proxies', { name: 'a', upstream: 'localhost:1', enabled: false })
    const toxic =
      '{"attributes":{"bytes":0},"name":"limit_data_downstream","type":"limit_data","stream":"downstream","toxicity":1}'
    expect((await call('POST /proxies/a/toxics', { type: 'limit_data' })).text).toBe(toxic)
    expect((await call('GET /proxies')).text).toBe(
      `{"a":{"name":"a","listen":"","upstream":"localhost:1","enabled":false,"toxics":[${toxic}]}}`,
    )
  })

  test('and ignores fields with names of JavaScript', async () => {
    const call = await serve()
    const body = '{"name":"a","upstream":"u:1","enabled":false,"constructor":1,"toString":{},"__proto__":{"name":"b"}}'
    expect(await call('POST /proxies', body)).toMatchObject({ status: 201, text: expect.stringContaining('"a"') })
  })

  test('and puts proxies in the order of their names', async () => {
    const call = await serve()
    for (const name of ['b', '10', 'a', '9']) await call('POST /proxies', { name, upstream: 'u:1', enabled: false })
    expect((await call('GET /proxies')).text.match(/"name":"\w+"/g)?.join()).toBe(
      '"name":"10","name":"9","name":"a","name":"b"',
    )
  })
})

describe('refuses', () => {
  test('browsers', async () => {
    const call = await serve()
    const answer = await call('GET /version', undefined, { 'user-agent': 'Mozilla/5.0 (X11)' })
    expect(answer).toMatchObject({ status: 403, text: 'User agent not allowed\n' })
    expect(await call('GET /version', undefined, { 'user-agent': 'curl Mozilla/5.0' })).toMatchObject({ status: 200 })
  })

  test('requests for another host, by a name with dots', async () => {
    const call = await serve({ hosts: ['proxies.example.org'] })
    const hostOf = async (host: string) => (await call('GET /version', undefined, { host })).status
    expect(await hostOf('evil.example.org')).toBe(403)
    expect(await hostOf('127.0.0.1.example.org:8474')).toBe(403)
    for (const host of ['localhost:8474', '127.0.0.1', '[::1]:8474', 'toxiproxy:8474', 'PROXIES.example.org'])
      expect(await hostOf(host)).toBe(200)
  })

  test('requests from pages of another origin', async () => {
    const call = await serve()
    const of = async (headers: http.OutgoingHttpHeaders) => (await call('POST /reset', undefined, headers)).status
    expect(await of({ host: 'localhost:1', origin: 'http://localhost:2' })).toBe(403)
    expect(await of({ 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await of({ host: 'localhost:1', origin: 'http://localhost:1' })).toBe(204)
  })

  test('long names and bodies, and more than 64 toxics', async () => {
    const call = await serve()
    expect(await call('POST /proxies', { name: 'n'.repeat(256), upstream: 'u:1' })).toMatchObject({ status: 400 })
    expect(await call('POST /proxies', ' '.repeat(5_000_000))).toMatchObject({ status: 413 })
    await call('POST /proxies', { name: 'a', upstream: 'u:1', enabled: false })
    const add = (name: string) => call('POST /proxies/a/toxics', { type: 'latency', name })
    for (let i = 0; i < 64; i++) expect(await add(`t${i}`)).toMatchObject({ status: 200 })
    expect(await add('one more')).toMatchObject({ status: 400 })
  })

  test('UDP, and toxics of packets, without a lab, with the reason', async () => {
    const call = await serve()
    const answer = await call('POST /proxies', { name: 'a', upstream: 'u:1', network: 'udp' })
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining('needs packets') })
    expect(answer.text).toContain('this is a test')
  })
})

test('serves the bytes of each proxy at /metrics', async () => {
  const call = await serve({ measures: { proxies: true, runtime: true } })
  await call('POST /proxies', { name: 'a"b', upstream: 'u:1', enabled: false })
  const { text, status } = await call('GET /metrics')
  expect(status).toBe(200)
  expect(text).toContain(
    'toxiproxy_proxy_sent_bytes_total{direction="downstream",listener="",proxy="a\\"b",upstream="u:1"} 0\n',
  )
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m)
})
