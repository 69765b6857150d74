/** The servers of examples/servers with protocols of lines, by the bytes that a client gets. */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { serve as serveFtp } from '../../../../examples/servers/ftp.mjs'
import { page, serve as serveHttp } from '../../../../examples/servers/http.mjs'
import { serve as serveImap } from '../../../../examples/servers/imap.mjs'
import { mails, serve as servePop3 } from '../../../../examples/servers/pop3.mjs'
import { serve as serveRedis } from '../../../../examples/servers/redis.mjs'
import { serve as serveSmtp } from '../../../../examples/servers/smtp.mjs'
import { serve as serveWebsocket } from '../../../../examples/servers/websocket.mjs'
import { exampleServers, exchange, lines } from '../support/example-servers.ts'

const { start, repliesTo } = exampleServers()

/** Returns the head and the body of the reply to a request for a path. */
async function get(path: string, ...headers: string[]) {
  const request = [`GET ${path} HTTP/1.1`, 'Host: server', ...headers, 'Connection: close', '']
  const reply = await repliesTo(serveHttp, lines(...request))
  const end = reply.indexOf('\r\n\r\n')
  return { head: reply.slice(0, end).split('\r\n'), body: reply.slice(end + 4) }
}

test('http ends its page by a length, by chunks, and by the connection, and compresses it', async () => {
  expect(page).toHaveLength(19_500)
  expect(await get('/length')).toEqual({
    head: [
      'HTTP/1.1 200 OK',
      'accept-ranges: bytes',
      'etag: "page"',
      'Connection: close',
      'Content-Length: 19500',
    ],
    body: page,
  })
  const chunked = await get('/chunked')
  expect(chunked.head).toContain('Transfer-Encoding: chunked')
  const chunks = [0, 5000, 10_000, 15_000].map(at => page.slice(at, at + 5000))
  const framed = chunks.map(chunk => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
  expect(chunked.body).toBe(`${framed.join('')}0\r\n\r\n`)
  expect(await get('/close')).toEqual({
    head: ['HTTP/1.1 200 OK', 'connection: close'],
    body: page,
  })
  const { head, body } = await get('/gzip')
  expect(head).toContain('content-encoding: gzip')
  expect(gunzipSync(Buffer.from(body, 'latin1')).toString()).toBe(page)
})

test('http sends ranges and redirects, and has no other page', async () => {
  const { head, body } = await get('http://server/length?a', 'Range: bytes=19490-')
  expect(head).toContain('HTTP/1.1 206 Partial Content')
  expect(head).toContain('content-range: bytes 19490-19499/19500')
  expect(body).toBe('line 1950\n')
  expect((await get('/length', 'Range: bytes=5-9')).body).toBe('0001\n')
  expect((await get('/length', 'Range: bytes=19500-')).head).toContain(
    'content-range: bytes */19500',
  )
  expect((await get('/redirect')).head).toContain('location: /')
  expect((await get('/moved')).head).toContain('location: /length')
  expect((await get('/loop')).head).toContain('location: /loop')
  expect((await get('/')).body).toBe('hello\n')
  expect((await get('/other')).head[0]).toBe('HTTP/1.1 404 Not Found')
})

test('http replies to further requests on a connection', async () => {
  const request = lines('GET / HTTP/1.1', 'Host: server', '')
  expect((await repliesTo(serveHttp, request + request)).match(/hello/g)).toHaveLength(2)
})

/** Returns a frame of a client, with a mask. */
function masked(opcode: number, text: string): string {
  const mask = [1, 2, 3, 4]
  const length =
    text.length > 125 ? [254, text.length >> 8, text.length & 255] : [128 | text.length]
  const payload = [...Buffer.from(text)].map((byte, i) => byte ^ mask[i % 4]!)
  return Buffer.from([128 | opcode, ...length, ...mask, ...payload]).toString('latin1')
}

test('websocket accepts the key of RFC 6455, and sends frames of all lengths back', async () => {
  const long = 'x'.repeat(500)
  const upgrade = lines(
    'GET /chat HTTP/1.1',
    'Host: server',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    '',
  )
  const upgraded = lines(
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    '',
  )
  const sent = [masked(1, 'hello'), masked(9, 'ping'), masked(1, long), masked(8, '')]
  const received = ['\x81\x05hello', '\x8a\x04ping', `\x81\x7e\x01\xf4${long}`, '\x88\x00']
  expect(await repliesTo(serveWebsocket, upgrade + sent.join(''))).toBe(
    upgraded + received.join(''),
  )
})

/** Returns a command of Redis. */
function command(text: string): string {
  const words = text.split(' ')
  return lines(`*${words.length}`, ...words.flatMap(word => [`$${word.length}`, word]))
}

test('redis keeps values and lists, and publishes to subscribers', async () => {
  const commands = ['SET a b', 'get a', 'GET none', 'INCR n', 'INCR n', 'DEL a none', 'RPUSH l x y']
  const kept = ['LRANGE l 0 -1', 'LPOP l', 'PING']
  const more = [...kept, 'SUBSCRIBE c', 'PING', 'PUBLISH c hi', 'PUBLISH d hi', 'HELLO 3']
  const sent = [...commands, ...more].map(command).join('')
  expect(await repliesTo(serveRedis, sent)).toBe(
    lines('+OK', '$1', 'b', '$-1', ':1', ':2', ':1', ':2') +
      lines('*2', '$1', 'x', '$1', 'y', '$1', 'x', '+PONG') +
      lines('*3', '$9', 'subscribe', '$1', 'c', ':1', '*2', '$4', 'pong', '$0', '') +
      lines(
        '*3',
        '$7',
        'message',
        '$1',
        'c',
        '$2',
        'hi',
        ':1',
        ':0',
        "-ERR unknown command 'HELLO'",
      ),
  )
})

test('redis waits for the rest of a command, and keeps values for the next connection', async () => {
  const connect = await start(serveRedis, 6379)
  const socket = await connect()
  const set = command('SET key value')
  socket.write(command('PING') + set.slice(0, 20))
  expect(String(await once(socket, 'data'))).toBe('+PONG\r\n')
  expect(await exchange(socket, set.slice(20))).toBe('+OK\r\n')
  expect(await exchange(await connect(), command('GET key'))).toBe('$5\r\nvalue\r\n')
})

test('smtp accepts a mail up to its dot', async () => {
  const mail = ['MAIL FROM:<a@example.com>', 'RCPT TO:<b@example.com>', 'DATA', 'QUIT', '.']
  expect(await repliesTo(serveSmtp, lines('EHLO client', ...mail, 'VRFY a', 'QUIT'))).toBe(
    lines('220 server ready', '250-server', '250-8BITMIME', '250 AUTH PLAIN', '250 sender ok') +
      lines('250 recipient ok', '354 end with a line of one dot', '250 accepted') +
      lines('502 unknown command', '221 goodbye'),
  )
})

test('pop3 lists two mails and sends them', async () => {
  const [first, second] = mails as [string, string]
  const commands = [
    'USER me',
    'PASS secret',
    'STAT',
    'LIST',
    'UIDL 2',
    'RETR 2',
    'TOP 1 1',
    'DELE 1',
  ]
  const replies = await repliesTo(servePop3, lines(...commands, 'RETR 3', 'RETR', 'QUIT'))
  expect(replies).toBe(
    lines('+OK ready', '+OK', '+OK', `+OK 2 ${first.length + second.length}`, '+OK') +
      lines(`1 ${first.length}`, `2 ${second.length}`, '.', '+OK 2 mail-2', '+OK') +
      `${second}.\r\n+OK\r\n${first.slice(0, first.indexOf('line 2 '))}.\r\n` +
      lines('+OK', '-ERR no such mail', '-ERR unknown command', '+OK'),
  )
})

test('imap sends the mails of a set, whole or not, by numbers and by UIDs', async () => {
  const [first, second] = mails as [string, string]
  const fetched = (n: number, mail: string, item: string) =>
    `* ${n} FETCH (UID ${n} FLAGS (\\Seen) RFC822.SIZE ${mail.length} ${item} {${mail.length}}\r\n${mail})\r\n`
  const commands = [
    'a LOGIN me secret',
    'b SELECT INBOX',
    'c UID FETCH 2:* (UID BODY.PEEK[])',
    'd FETCH 1 RFC822',
    'e FETCH 1,3 (RFC822.SIZE)',
    'f SEARCH ALL',
    'g XYZ',
    'h LOGOUT',
  ]
  expect(await repliesTo(serveImap, lines(...commands))).toBe(
    lines('* OK ready', 'a OK done', '* FLAGS (\\Seen)', '* 2 EXISTS', '* OK [UIDVALIDITY 1] ok') +
      `b OK done\r\n${fetched(2, second, 'BODY[]')}c OK done\r\n${fetched(1, first, 'RFC822')}` +
      lines('d OK done', `* 1 FETCH (UID 1 FLAGS (\\Seen) RFC822.SIZE ${first.length})`) +
      lines('e OK done', '* SEARCH 1 2', 'f OK done', 'g BAD unknown', '* BYE', 'h OK done'),
  )
})

test('ftp sends its file from an offset, and its list, and takes a file', async () => {
  const connect = await start(port => serveFtp(port), 21)
  const control = await connect()
  let replies = ''
  control.setEncoding('latin1').on('data', data => {
    replies += data
  })
  /** Waits for the end of a reply, which starts at a position. Returns the reply. */
  async function replyAt(start: number, end: RegExp): Promise<string> {
    while (!end.test(replies.slice(start))) {
      await once(control, 'data')
    }
    return replies.slice(start)
  }
  function say(command: string, end: RegExp): Promise<string> {
    control.write(lines(command))
    return replyAt(replies.length, end)
  }
  /** Sends a text on the data connection of a command. Returns what the server sends. */
  async function transfer(passive: string, end: RegExp, command: string, sent?: string) {
    await say(passive, end)
    const data = await connect(2121)
    const received = text(data)
    if (sent !== undefined) {
      data.end(sent)
    }
    expect(await say(command, /^226 [^\n]*\n/m)).toMatch(/^150 /)
    return received
  }
  expect(await replyAt(0, /\n/)).toBe('220 server ready\r\n')
  expect(await say('USER me', /\n/)).toBe('331 the password, please\r\n')
  expect(await say('SIZE page', /\n/)).toBe('213 19500\r\n')
  expect(await say('REST 19490', /\n/)).toBe('350 from there\r\n')
  const epsv = /^229 here \(\|\|\|2121\|\)\r\n/
  expect(await transfer('EPSV', epsv, 'RETR page')).toBe('line 1950\n')
  const pasv = /^227 here \(\d+,\d+,\d+,\d+,8,73\)\r\n/
  expect(await transfer('PASV', pasv, 'LIST')).toMatch(/^-rw.* 19500 .* page\r\n$/)
  expect(await transfer('EPSV', epsv, 'STOR new', 'a file')).toBe('')
  expect(await transfer('EPSV', epsv, 'RETR page')).toBe(page)
  for (const command of ['RETR page', 'STOR new']) {
    await say('EPSV', epsv)
    const data = await connect(2121)
    await say(command, /^150 /)
    const end = replyAt(replies.length, /\n/)
    data.resetAndDestroy()
    expect(await end).toBe('426 the connection broke\r\n')
  }
  await say('EPSV', epsv)
  const broken = await connect(2121)
  broken.resetAndDestroy()
  await say('NOOP', /\n/)
  expect(await say('STOR new', /^426 [^\n]*\n/m)).toContain('426 the connection broke')
  expect(await say('QUIT', /\n/)).toBe('221 goodbye\r\n')
})
