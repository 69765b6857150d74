/** The API of `vnet toxiproxy`, compared with the replies of toxiproxy 2.12. */
import type { LookupAddress } from 'node:dns'
import type http from 'node:http'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Names } from '../../src/toxiproxy/names.ts'
import { NOW } from '../../src/toxiproxy/toxic-kind.ts'
import { withToxic } from '../support/toxiproxy.ts'
import { serve, served } from '../support/toxiproxy-api.ts'
import table from './conformance.json' with { type: 'json' }

type Row = readonly [request: string, body: unknown, status: number, reply: unknown]

/** A star in an expected text stands for anything. */
function expected(value: unknown): unknown {
  if (typeof value === 'string' && value.includes('*')) {
    return expect.stringMatching(new RegExp(`^${value.split('*').map(escaped).join('.*')}$`, 's'))
  }
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
    expect((await call('GET /version')).headers['content-type']).toBe(
      'application/json;charset=utf-8',
    )
    const { headers, text } = await call('GET /proxies/a')
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
    })
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
    const body =
      '{"name":"a","upstream":"u:1","enabled":false,"constructor":1,"toString":{},"__proto__":{"name":"b"}}'
    expect(await call('POST /proxies', body)).toMatchObject({
      status: 201,
      text: expect.stringContaining('"a"'),
    })
  })

  test('and finds a name with a slash, which a URL encodes', async () => {
    const call = await serve()
    await call('POST /proxies', { name: 'a/b', upstream: 'u:1', enabled: false })
    await call('POST /proxies/a%2Fb/toxics', { type: 'latency', name: 'c/d?' })
    expect(await call('GET /proxies/a%2Fb/toxics/c%2Fd%3F')).toMatchObject({ status: 200 })
    expect(await call('DELETE /proxies/a%2Fb')).toMatchObject({ status: 204 })
  })

  test('and puts proxies in the order of their names', async () => {
    const call = await serve()
    for (const name of ['b', '10', 'a', '9']) {
      await call('POST /proxies', { name, upstream: 'u:1', enabled: false })
    }
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
    expect(
      await call('GET /version', undefined, { 'user-agent': 'curl Mozilla/5.0' }),
    ).toMatchObject({ status: 200 })
  })

  test('requests for another host, by a name with dots', async () => {
    const call = await serve({ hosts: ['proxies.example.org'] })
    const hostOf = async (host: string) => (await call('GET /version', undefined, { host })).status
    expect(await hostOf('evil.example.org')).toBe(403)
    expect(await hostOf('127.0.0.1.example.org:8474')).toBe(403)
    for (const host of [
      'localhost:8474',
      '127.0.0.1',
      '[::1]:8474',
      'toxiproxy:8474',
      'PROXIES.example.org',
      '[::ffff:127.0.0.1]',
      '[::ffff:127.0.0.1]:8474',
    ]) {
      expect(await hostOf(host)).toBe(200)
    }
  })

  test('requests from pages of another origin', async () => {
    const call = await serve()
    const of = async (headers: http.OutgoingHttpHeaders) =>
      (await call('POST /reset', undefined, headers)).status
    expect(await of({ host: 'localhost:1', origin: 'http://localhost:2' })).toBe(403)
    expect(await of({ 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await of({ host: 'localhost:1', origin: 'http://localhost:1' })).toBe(204)
  })

  test('long names', async () => {
    const call = await serve()
    const fields = { name: 'a', upstream: 'u:1', listen: '127.0.0.1:0', enabled: false }
    for (const [field, text] of Object.entries({
      name: 'n'.repeat(256),
      upstream: `${'u'.repeat(254)}:1`,
      listen: ' '.repeat(256),
    })) {
      const refused = { status: 400, text: expect.stringContaining('at most 255 characters') }
      expect(await call('POST /proxies', { ...fields, [field]: text })).toMatchObject(refused)
    }
    await call('POST /proxies', fields)
    expect(await call('PATCH /proxies/a', { upstream: `${'u'.repeat(254)}:1` })).toMatchObject({
      status: 400,
    })
  })

  test('names that no URL can have', async () => {
    const call = await serve()
    const add = (name: string) => call('POST /proxies', { name, upstream: 'u:1', enabled: false })
    for (const name of ['.', '..', '\ud800']) {
      expect([name, (await add(name)).status]).toEqual([name, 400])
    }
  })

  test('values of a wrong type, with a short message however long they are', async () => {
    const call = await serve()
    for (const value of [JSON.stringify('x'.repeat(1000)), '[[[]]]', '{"a":[[]]}']) {
      const { status, text } = await call(
        'POST /proxies',
        `{"name":"a","upstream":"u:1","enabled":${value}}`,
      )
      expect({ status, text }).toEqual({
        status: 400,
        text: expect.stringContaining('into the boolean enabled'),
      })
      expect(text.length).toBeLessThan(200)
    }
  })

  test.each([
    [
      { type: 'packet_loss', attributes: { percnt: 10 } },
      `packet_loss has no "percnt": it takes percent, burst; did you mean 'percent'?`,
    ],
    [
      { type: 'drop', attributes: { Nht: 3 } },
      `drop has no "Nht": it takes filter, first, nth, every, data; did you mean 'nth'?`,
    ],
    [{ type: 'silence', attributes: { percent: 1 } }, 'silence has no "percent": it takes none'],
    [
      { type: 'wire', attributes: { ['x'.repeat(1000)]: 1 } },
      `wire has no "${'x'.repeat(59)}...: it takes text`,
    ],
    [{ type: 'preset', atributes: {} }, "did you mean 'attributes'?"],
    [{ type: 'corrupt', percent: 5 }, 'a toxic has no "percent"'],
  ])('a field that a toxic of vnet does not have: %j', async (body, message) => {
    const call = await serve()
    await call('POST /proxies', { name: 'a', upstream: 'u:1', enabled: false })
    const { status, text } = await call('POST /proxies/a/toxics', body)
    expect([status, JSON.parse(text).error]).toEqual([400, expect.stringContaining(message)])
  })

  test('a field that a toxic on bytes does not have, if only vnet has this toxic', async () => {
    withToxic({ type: 'upper_case', attributes: {}, stage: { judge: () => NOW } })
    const call = await serve()
    await call('POST /proxies', { name: 'a', upstream: 'u:1', enabled: false })
    const body = { type: 'upper_case', attributes: { percent: 1 } }
    const { status, text } = await call('POST /proxies/a/toxics', body)
    expect([status, JSON.parse(text).error]).toEqual([
      400,
      'upper_case has no "percent": it takes none',
    ])
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

describe('a name that takes long to look up', () => {
  test('delays no other request', async () => {
    let found = (_: LookupAddress[]) => {}
    const { call } = await served(
      {},
      new Names(
        () =>
          new Promise(resolve => {
            found = resolve
          }),
      ),
    )
    const slow = call('POST /proxies', {
      name: 'slow',
      listen: 'slow.example:0',
      upstream: '127.0.0.1:9',
    })
    expect(await call('GET /version')).toMatchObject({ status: 200 })
    const other = { name: 'a', listen: '127.0.0.1:0', upstream: '127.0.0.1:9' }
    expect(await call('POST /proxies', other)).toMatchObject({ status: 201 })
    expect(await call('POST /reset')).toMatchObject({ status: 204 })
    found([{ address: '127.0.0.1', family: 4 }])
    expect(await slow).toMatchObject({
      status: 201,
      text: expect.stringMatching('"listen":"127.0.0.1:'),
    })
  })

  test('is looked up once for all proxies, and again after a second', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const lookUp = vi.fn(() => Promise.reject(new Error('getaddrinfo ENOTFOUND')))
    const names = new Names(lookUp)
    const find = () => expect(names.find('gone.invalid')).rejects.toThrow('ENOTFOUND')
    await Promise.all([find(), find()])
    vi.advanceTimersByTime(999)
    await find()
    expect(lookUp).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(1)
    await find()
    expect(lookUp).toHaveBeenCalledTimes(2)
  })
})

describe('an upstream', () => {
  const hosts = new Map([
    ['own.example', ['192.0.2.1', '127.0.0.1']],
    ['other.example', ['192.0.2.1']],
  ])
  const found = (host: string) => {
    const all = hosts.get(host)?.map(address => ({ address, family: 4 }))
    return all === undefined ? Promise.reject(new Error('not found')) : Promise.resolve(all)
  }
  const add = async (listen: string, upstream: string, more: object = {}) => {
    const { call } = await served({}, new Names(found))
    return (await call('POST /proxies', { name: 'a', listen, upstream, ...more })).status
  }

  test.each([
    ['127.0.0.1', 'localhost'],
    ['127.0.0.1', '0.0.0.0'],
    ['127.0.0.1', ''],
    ['127.0.0.1', '[::ffff:127.0.0.1]'],
    ['127.0.0.1', '[::ffff:7f00:1]'],
    ['127.0.0.1', 'own.example'],
    ['own.example', '192.0.2.1'],
    ['localhost', '127.0.0.1'],
    ['0.0.0.0', '127.1.2.3'],
    ['', '[::1]'],
    ['[::]', '[0:0:0:0:0:0:0:1]'],
    ['[::1]', '[::]'],
    ['[::1]', '[::1%lo]'],
  ])('that leads from %s to %s, the proxy itself, is refused', async (listen, upstream) => {
    expect(await add(`${listen}:34567`, `${upstream}:34567`)).toBe(400)
  })

  test.each([
    ['127.0.0.1:34567', '127.0.0.1:34568'],
    ['127.0.0.1:34567', '127.0.0.2:34567'],
    ['127.0.0.1:34567', '[::1]:34567'],
    ['[::1]:34567', '127.0.0.1:34567'],
    ['0.0.0.0:34567', '192.0.2.1:34567'],
    ['127.0.0.1:34567', 'other.example:34567'],
    ['127.0.0.1:34567', 'unknown.example:34567'],
    ['0.0.0.0:34567', 'constructor:34567'],
    ['127.0.0.1:0', '127.0.0.1:34567'],
  ])('that leads from %s to %s is accepted', async (listen, upstream) => {
    expect(await add(listen, upstream)).toBe(201)
  })

  test.each([
    'unix:/run/a',
    'nowhere',
    'a:',
    'a:0',
    'a:70000',
    '::1:80',
    'redis:http',
    'http://a:80',
  ])('%j is refused, also of a proxy that is disabled, and by a change', async upstream => {
    const { call } = await served()
    const refused = { status: 400, text: expect.stringContaining('expected HOST:PORT') }
    for (const enabled of [true, false]) {
      expect(await call('POST /proxies', { name: 'a', upstream, enabled })).toMatchObject(refused)
    }
    await call('POST /proxies', { name: 'a', upstream: 'u:1', enabled: false })
    expect(await call('PATCH /proxies/a', { upstream })).toMatchObject(refused)
  })

  test('a change that leads to the proxy itself is refused', async () => {
    const { call } = await served({}, new Names(found))
    await call('POST /proxies', { name: 'a', listen: '127.0.0.1:0', upstream: 'u:1' })
    const { listen } = JSON.parse((await call('GET /proxies/a')).text)
    const [, port] = listen.split(':')
    for (const host of ['127.0.0.1', 'own.example']) {
      expect(await call('PATCH /proxies/a', { upstream: `${host}:${port}` })).toMatchObject({
        status: 400,
      })
    }
    expect(await call('GET /proxies/a')).toMatchObject({
      text: expect.stringContaining('"upstream":"u:1"'),
    })
  })
})

describe('one proxy that would lead to itself', () => {
  const own = async () => [{ address: '127.0.0.1', family: 4 }]
  const names = () =>
    new Names(host =>
      host === 'unknown.example' ? Promise.reject(new Error('no address')) : own(),
    )
  const loop = {
    name: 'b',
    listen: '127.0.0.1:34567',
    upstream: 'own.example:34567',
    enabled: false,
  }

  test('keeps a reset neither from removing toxics nor from enabling the other proxies', async () => {
    const { call } = await served({}, names())
    for (const name of ['a', 'c']) {
      await call('POST /proxies', { ...loop, name, listen: '127.0.0.1:0' })
    }
    await call('POST /proxies', loop)
    await call('POST /proxies/a/toxics', { type: 'latency' })
    const refused = { status: 400, text: expect.stringContaining('would connect to itself') }
    expect(await call('POST /reset')).toMatchObject(refused)
    const { a, b, c } = JSON.parse((await call('GET /proxies')).text)
    expect([a.enabled, a.toxics, b.enabled, c.enabled]).toEqual([true, [], false, true])
  })

  test('is refused by a populate, also after a proxy whose name to listen at is unknown', async () => {
    const { call } = await served({}, names())
    const unknown = { ...loop, name: 'a', listen: 'unknown.example:1', enabled: true }
    const answer = await call('POST /populate', [unknown, { ...loop, enabled: true }])
    expect(answer).toMatchObject({
      status: 400,
      text: expect.stringContaining('would connect to itself'),
    })
  })
})

test('a reset enables the proxies after one that cannot listen, and reports the first failure', async () => {
  const { call } = await served()
  const add = (name: string, listen: string) =>
    call('POST /proxies', { name, listen, upstream: 'u:1', enabled: false })
  for (const name of ['b', 'd']) {
    await add(name, '192.0.2.1:0')
  }
  for (const name of ['a', 'c', 'e']) {
    await add(name, '127.0.0.1:0')
  }
  const answer = await call('POST /reset')
  expect(answer).toMatchObject({
    status: 500,
    text: expect.stringContaining('listen tcp 192.0.2.1:0: bind'),
  })
  const all = JSON.parse((await call('GET /proxies')).text) as Record<string, { enabled: boolean }>
  expect(Object.keys(all).filter(name => all[name]?.enabled)).toEqual(['a', 'c', 'e'])
})
