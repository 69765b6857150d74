/**
 * What strangers send to the server of the page: other web pages, other users, broken clients.
 * crowds.slow.test.ts has many of them at a time.
 */
import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commands, vnetAttributes as of } from '#src/control/protocol/family.ts'
import { device, ROOT_ACCESS, type Served, served, stats, TOKEN } from './served.ts'

const id = `${process.pid}//sn0`
const JSON_TYPE = { 'content-type': 'application/json' }
const hmacSha256 = (key: string, text: string) =>
  createHmac('sha256', key).update(text).digest('hex')
const cut = JSON.stringify({ id, command: { do: 'cut' } })

let web: Served
beforeEach(async () => {
  web = await served({ hosts: ['Lab.Example'] })
})
afterEach(() => web[Symbol.asyncDispose]())

/** All that the server has: a file, and each route. */
const routes = ['/', '/main.js', '/proof', '/events', '/command', '/capture', '/metrics']
const secret = ['/command', '/capture', '/metrics']
const methodOf = (path: string) => (path === '/command' ? 'POST' : 'GET')

/** A request with the token, which is accepted if nothing else is wrong with it. */
const ask = (path: string, headers: Record<string, string> = {}) =>
  web.ask(`${path}?token=${TOKEN}`, {
    method: methodOf(path),
    headers: { ...JSON_TYPE, ...headers },
  })

describe('web pages of strangers', () => {
  const hosts = [
    'evil.example',
    'evil.example:80',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[::1',
    'x@127.0.0.1',
  ]

  test.each(routes)('a name that leads here by DNS rebinding is refused at %s', async path => {
    for (const host of [...hosts, 'lab.example.evil']) {
      expect([host, (await ask(path, { host })).status]).toEqual([host, 403])
    }
  })

  test('an address, localhost and the name of --host are taken', async () => {
    for (const host of [
      '127.0.0.1',
      '127.0.0.1:8080',
      '[::1]:1',
      '192.0.2.1',
      'LOCALHOST:1',
      'lab.example:8',
      'Lab.Example',
    ]) {
      expect([host, (await ask('/', { host })).status]).toEqual([host, 200])
    }
  })

  test.each(routes)('a request from another origin is refused at %s', async path => {
    const host = `127.0.0.1:${web.port}`
    const foreign = [
      'http://evil.example',
      'null',
      `https://${host}`,
      `http://127.0.0.1:${web.port + 1}`,
      'http://127.0.0.1',
      `http://localhost:${web.port}`,
    ]
    for (const origin of foreign) {
      expect([origin, (await ask(path, { host, origin })).status]).toEqual([origin, 403])
    }
    for (const site of ['cross-site', 'same-site', 'x']) {
      expect([site, (await ask(path, { host, 'sec-fetch-site': site })).status]).toEqual([
        site,
        403,
      ])
    }
  })

  test('the own origin, and an address that the user has typed, are taken', async () => {
    const host = `127.0.0.1:${web.port}`
    expect((await ask('/metrics', { host, origin: `http://${host}` })).status).toBe(200)
    for (const site of ['same-origin', 'none']) {
      expect((await ask('/metrics', { host, 'sec-fetch-site': site })).status).toBe(200)
    }
  })

  test('a command must be JSON, which a form of another page cannot send', async () => {
    const fake = web.vnet({ [commands.cut.cmd]: () => [] })
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const headers = { 'content-type': type }
      const { status } = await web.ask(`/command?token=${TOKEN}`, {
        method: 'POST',
        headers,
        body: cut,
      })
      expect([type, status]).toEqual([type, 415])
    }
    expect(fake.asked.map(({ cmd }) => cmd)).not.toContain(commands.cut.cmd)
  })

  test.each([
    ['/', 'GET', 200] as const,
    ['/none', 'GET', 404] as const,
    ['/', 'POST', 405] as const,
    ['/metrics', 'GET', 401] as const,
    ['/metrics?token=x', 'GET', 403] as const,
    [`/metrics?token=${TOKEN}`, 'GET', 200] as const,
    [`/command?token=${TOKEN}`, 'POST', 415] as const,
  ])(
    'the reply to %s by %s has a policy without inline script, and is kept by no cache',
    async (path, method, status) => {
      const { headers, status: found } = await web.ask(path, { method })
      expect(found).toBe(status)
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; " +
          "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      )
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      })
      expect(headers).not.toHaveProperty('access-control-allow-origin')
    },
  )

  test('a feed has the policy too', async () => {
    const { response } = await web.feed()
    expect(response.headers['content-security-policy']).toContain("default-src 'none'")
    expect(response.headers['content-type']).toBe('text/event-stream')
  })
})

describe('the token', () => {
  const wrong = [
    '',
    'x',
    TOKEN.slice(0, -1),
    `${TOKEN}x`,
    TOKEN.toUpperCase(),
    `${TOKEN.slice(0, -1)}x`,
    '%00',
    'é',
  ]

  test.each(secret)('%s needs the token', async path => {
    const fake = web.vnet({ [commands.cut.cmd]: () => [] })
    const options = { method: methodOf(path), headers: JSON_TYPE, body: cut }
    const sent = path === '/command' ? options : { headers: {} }
    const missing = await web.ask(`${path}?device=${id}`, sent)
    expect(missing).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } })
    for (const token of wrong) {
      expect([
        token,
        (await web.ask(`${path}?token=${encodeURIComponent(token)}`, sent)).status,
      ]).toEqual([token, 403])
    }
    expect(fake.asked).toEqual([])
  })

  test('a wrong token is refused in a header, beside a right one, and for a feed', async () => {
    for (const authorization of ['Bearer x', 'Bearer', `Basic ${TOKEN}`, TOKEN]) {
      expect([
        authorization,
        (await web.ask('/metrics', { headers: { authorization } })).status,
      ]).toEqual([authorization, 403])
    }
    expect((await web.ask(`/metrics?token=${TOKEN}&token=x`)).status).toBe(403)
    expect(
      (await web.ask(`/metrics?token=${TOKEN}`, { headers: { authorization: 'Bearer x' } })).status,
    ).toBe(403)
    expect((await web.ask('/events?token=x')).status).toBe(403)
    expect(
      (await web.ask('/metrics', { headers: { authorization: `Bearer ${TOKEN}` } })).status,
    ).toBe(200)
  })

  test('without the token a page sees devices and numbers, and neither frames nor the right to change', async () => {
    let captures = 0
    web.vnet()
    web.client.capture = async () => {
      captures++
      throw new Error('no frames for strangers')
    }
    const feed = await web.feed(`device=${id}&want=frames,dhcp,parts`, false)
    expect((await feed.next('hello')).mayChange).toBe(false)
    await feed.next('parts')
    await feed.next('stats')
    expect(captures).toBe(0)
  })

  test('the token is in no error, no header and no file', async () => {
    const replies = await Promise.all([
      web.ask('/'),
      web.ask('/none'),
      web.ask('/main.js'),
      web.ask(`/metrics?token=${TOKEN}x`),
      web.ask(`/none?token=${TOKEN}`),
      web.ask(`/capture?token=${TOKEN}&device=none`),
    ])
    for (const { text, headers } of replies) {
      expect(text + JSON.stringify(headers)).not.toContain(TOKEN)
    }
  })
})

describe('the page of an ordinary user', () => {
  const withToken = (path: string) => `${path}?token=${TOKEN}`

  test.each(['/events', ...secret])('%s needs the token', async path => {
    await using own = await served({ access: { ...ROOT_ACCESS, isPublic: false } })
    const fake = own.vnet()
    const { status } = await own.ask(`${path}?device=${id}`, {
      method: methodOf(path),
      headers: JSON_TYPE,
      body: cut,
    })
    expect([status, fake.asked]).toEqual([401, []])
  })

  test('the files of the page and the proof need no token, and everything is served with it', async () => {
    await using own = await served({ access: { ...ROOT_ACCESS, isPublic: false } })
    own.vnet()
    for (const path of ['/', '/main.js', `/proof?nonce=${'n'.repeat(22)}`]) {
      expect([path, (await own.ask(path)).status]).toEqual([path, 200])
    }
    expect((await own.ask(withToken('/metrics'))).status).toBe(200)
    expect((await (await own.feed()).next('hello')).mayChange).toBe(true)
  })
})

describe('the proof', () => {
  test('a server proves to a page that it has the token, and accepts the key that the page makes', async () => {
    const nonce = 'n'.repeat(22)
    const { text } = await web.ask(`/proof?nonce=${nonce}`)
    const reply = JSON.parse(text)
    expect(reply.proof).toBe(hmacSha256(TOKEN, `vnet server ${nonce}`))
    const key = hmacSha256(TOKEN, `vnet page ${reply.nonce}`)
    expect((await web.ask(`/metrics?token=${key}`)).status).toBe(200)
    await using restarted = await served()
    expect((await restarted.ask(`/metrics?token=${key}`)).status).toBe(403)
  })

  test.each([
    '',
    '?nonce=',
    '?nonce=short',
    `?nonce=${'n'.repeat(65)}`,
    `?nonce=${'n'.repeat(22)}%20`,
  ])('nothing is proved for /proof%s', async query => {
    expect(await web.ask(`/proof${query}`)).toMatchObject({
      status: 400,
      text: 'a proof needs a nonce\n',
    })
  })
})

describe('paths', () => {
  test.each([
    '/../package.json',
    '/..%2fpackage.json',
    '/%2e%2e/package.json',
    '//etc/passwd',
    '/etc/passwd',
    '/./main.js',
    '/main.js/',
    '/main.js%00',
    '/main%2ejs',
    '/..\\package.json',
    '/__proto__',
    '/constructor',
    '/main.ts',
    '/main.js.map',
    '/app.d.ts',
    '/token',
    '/;/main.js',
    '/EVENTS',
  ])('%s is not a file of the page', async path => {
    const reply = await web.raw(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    )
    expect(reply).toMatch(/^HTTP\/1.1 404 /)
  })

  test('a path with the host of another server is refused', async () => {
    const reply = await web.raw(
      'GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    )
    expect(reply).toMatch(/^HTTP\/1.1 400 /)
  })

  test.each(['PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'])('%s is refused', async method => {
    for (const path of routes) {
      expect((await web.ask(path, { method })).status).toBe(405)
    }
  })

  test('a change by GET is refused', async () => {
    expect((await web.ask(`/command?token=${TOKEN}`)).status).toBe(405)
  })
})

describe('bodies', () => {
  const post = (body: string) =>
    web.ask(`/command?token=${TOKEN}`, { method: 'POST', headers: JSON_TYPE, body })

  test.each([
    '',
    '{',
    'null',
    '[]',
    '"cut"',
    '1',
    '{"id":1,"command":{"do":"cut"}}',
    '{"id":"x"}',
    '{"id":"x","command":null}',
    '{"id":"x","command":{"do":"constructor"}}',
    '{"id":"x","command":{"do":"__proto__"}}',
    '{"id":"x","command":[]}',
    '{"id":"x","command":{"do":["cut"]}}',
    '{"id":"x","command":{"do":"carrier"}}',
    '{"id":"x","command":{"do":"carrier","on":1}}',
    '{"id":"x","command":{"do":"param","name":"a"}}',
    '{"id":"x","command":{"do":"trigger","fault":"f","queue":-1}}',
    '{"id":"x","command":{"do":"trigger","fault":"f","queue":"0"}}',
    '{"id":"x","command":{"do":"wire","text":null}}',
    '{"id":"x","command":{"do":"wire","direction":"ac"}}',
    '{"id":"x","command":{"do":"step","mode":"all"}}',
    '{"id":"x","command":{"do":"step","mode":"on","every":0.5}}',
    '{"id":"x","command":{"do":"step","mode":"on","every":4294967296}}',
  ])('%s is not a command', async body => {
    expect(await post(body)).toMatchObject({
      status: 400,
      text: 'the body is not a valid command\n',
    })
  })

  test('a body of more than 64 KiB is refused, one of 64 KiB is read', async () => {
    const longest = cut.padEnd(64 * 1024)
    expect((await post(longest)).status).toBe(200)
    expect((await post(`${longest} `)).status).toBe(413)
    expect((await post(cut.padEnd(1 << 20))).status).toBe(413)
  })

  test('a body that is not UTF-8, or holds control characters, harms nothing', async () => {
    expect((await post('\xff\xfe\x00')).status).toBe(400)
    const odd = { id: 'a\u0000\ud800\u202e', command: { do: 'cut' } }
    expect(JSON.parse((await post(JSON.stringify(odd))).text).ok).toBe(false)
  })
})

describe('requests that two servers read differently', () => {
  const head = 'POST /command HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
  const hidden = `GET /metrics?token=${TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n`

  test.each([
    [
      'both lengths',
      `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    ],
    ['two lengths', `${head}Content-Length: 0\r\nContent-Length: 4\r\n\r\n${hidden}`],
    [
      'an unknown coding last',
      `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`,
    ],
    ['a length with a sign', `${head}Content-Length: +4\r\n\r\n${hidden}`],
    ['a space before the colon', `${head}Content-Length : 4\r\n\r\n${hidden}`],
    ['a folded header', `${head}X: a\r\n Content-Length: 4\r\n\r\n${hidden}`],
    ['a broken chunk', `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n${hidden}`],
    ['no host', `GET / HTTP/1.1\r\n\r\n${hidden}`],
    ['nonsense', `\x16\x03\x01\x02\x00${hidden}`],
    [
      'endless headers',
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n${hidden}`,
    ],
  ])('a request with %s ends the connection, and later bytes are not served', async (_, bytes) => {
    const reply = await web.raw(bytes)
    expect(reply).toMatch(/^HTTP\/1.1 4\d\d /)
    expect(reply.match(/HTTP\/1.1/g)).toHaveLength(1)
    expect(reply).not.toContain('vnet_up')
  })

  test('a refused request ends the connection, so its body is not read as a request', async () => {
    const reply = await web.raw(`${head}Content-Length: ${hidden.length}\r\n\r\n${hidden}`)
    expect(reply).toMatch(/^HTTP\/1.1 401 /)
    expect(reply).toContain('\r\nconnection: close\r\n')
    expect(reply.match(/HTTP\/1.1/g)).toHaveLength(1)
  })
})

describe('names', () => {
  test('markup and control characters in names are data in JSON, and shown escaped', async () => {
    const name = '<img>\x1b[2J\u202e'
    const netns = '</script><script>alert(1)'
    web.vnet({
      [commands.getDevices.cmd]: () => [device(7, name, b => void b.string(of.netns.type, netns))],
      [commands.getStats.cmd]: () => [stats(7, name, 1, b => void b.string(of.netns.type, netns))],
    })
    const feed = await web.feed()
    const row = (await feed.next('hello')).vnets[0]?.devices[0]
    expect(row?.name).toBe(name)
    expect(row?.label).toBe('</script><script>alert(1)/<img>\\x1b[2J\\u202e')
    expect((await feed.next('stats')).devices[0]).toMatchObject({ id: row?.id, txPackets: 1 })
    // The id must not end a line in the stream of events.
    expect(row?.id).not.toMatch(/[\n\r]/)
    const again = await web.feed(`device=${encodeURIComponent(row?.id ?? '')}&want=parts`)
    expect((await again.next('parts')).id).toBe(row?.id)
  })

  test('different names never have one id, and each id fits in a URL', async () => {
    const names = ['a\x1b', 'a\\x1b', 'a\\\\x1b', 'a\udc80', 'a\\x80']
    web.vnet({ [commands.getDevices.cmd]: () => names.map((name, i) => device(i + 1, name)) })
    const ids = (await (await web.feed()).next('hello')).vnets[0]?.devices.map(({ id }) => id) ?? []
    expect(new Set(ids).size).toBe(names.length)
    for (const id of ids) {
      expect(decodeURIComponent(encodeURIComponent(id))).toBe(id)
    }
  })
})

describe('files', () => {
  test('a wire spec that names a file is refused, and the file is not opened', async () => {
    const fake = web.vnet()
    for (const words of [
      'trace /etc/shadow',
      'delay 5ms 1ms distribution /etc/shadow',
      'replay /etc/shadow',
    ]) {
      for (const command of [
        { do: 'wire', text: words } as const,
        { do: 'check-wire', text: words } as const,
      ]) {
        const result = await web.command(id, command)
        expect(result.ok).toBe(false)
        expect(JSON.stringify(result)).not.toMatch(/root:|EACCES|ENOENT/)
      }
    }
    expect(fake.asked.map(({ cmd }) => cmd)).not.toContain(commands.setWire.cmd)
  })
})
