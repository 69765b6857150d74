/** Servers of plain Python that replay a conversation with a fault. */
import { describe, expect, test } from 'vitest'
import type { Connection, StreamPoint, Turn } from '../../src/hunt/conversation.ts'
import { type Reproducer, reproducerOf } from '../../src/hunt/reproducer.ts'

const turn = (from: Turn['from'], text: string): Turn => ({
  from,
  bytes: Buffer.from(text, 'latin1'),
})
const connection = (more: Partial<Connection> = {}): Connection => ({
  number: 1,
  port: 8080,
  turns: [
    turn('client', 'GET /a HTTP/1.1\r\n\r\n'),
    turn('server', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none'),
    turn('client', 'GET /b HTTP/1.1\r\n\r\n'),
    turn('server', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo'),
  ],
  closedBy: 'client',
  isWhole: true,
  ...more,
})
const point = (more: Partial<StreamPoint> = {}): StreamPoint => ({
  fault: 'fin',
  connection: 1,
  from: 'server',
  byte: 45,
  ...more,
})

const textOf = (made: Reproducer): string => ('text' in made ? made.text : made.why)
const whyOf = (made: Reproducer): string | undefined => ('why' in made ? made.why : undefined)

test('a program replays the turns, and ends its first connection at a byte of one', () => {
  const made = reproducerOf([connection()], point())
  expect(
    textOf(made),
  ).toBe(String.raw`# Replays a recorded TCP connection on port 8080. Connection 1 has its fault:
# FIN after 4 bytes of turn 4. Other connections are whole.
# With the argument "whole", no connection has the fault.
import itertools, socket, sys, threading

def say(n, what):
    print(f'connection {n}: {what}', flush=True)

def read(n, c, turn):
    got = b''
    while len(got) < len(turn) and (len(got) < len(turn) - 16 or got[-16:] != turn[-16:]):
        c.settimeout(3 if got else None)
        more = c.recv(len(turn) - len(got))
        if not more: raise EOFError('the client has closed it')
        got += more
    c.settimeout(None)
    if got.split(b'\n')[0] != turn.split(b'\n')[0]: say(n, f'the client says something else: {got[:60]}')

def end(c):
    c.shutdown(socket.SHUT_WR)
    while c.recv(65536): pass
    c.close()

def serve(n, c):
    has_fault = n == 1 and 'whole' not in sys.argv
    if not has_fault: say(n, 'whole')
    try:
        for i, (who, turn) in enumerate(TURNS, 1):
            is_hit = has_fault and i == 4
            part = turn[:4] if is_hit else turn
            if who == 'client': read(n, c, part)
            else: c.sendall(part)
            if is_hit:
                say(n, 'FIN after 4 bytes of turn 4')
                return end(c)
        if c.recv(65536): say(n, 'the client says something else: more than recorded')
        end(c)
    except (OSError, EOFError) as error: say(n, error)

TURNS = [
    ('client',
     b'GET /a HTTP/1.1\r\n' +
     b'\r\n'),
    ('server',
     b'HTTP/1.1 200 OK\r\n' +
     b'Content-Length: 3\r\n' +
     b'\r\n' +
     b'one'),
    ('client',
     b'GET /b HTTP/1.1\r\n' +
     b'\r\n'),
    ('server',
     b'HTTP/1.1 200 OK\r\n' +
     b'Content-Length: 3\r\n' +
     b'\r\n' +
     b'two'),
]
server = socket.create_server(('127.0.0.1', 8080))
print('ready', flush=True)
for n in itertools.count(1):
    threading.Thread(target=serve, args=(n, server.accept()[0]), daemon=True).start()
`)
  expect(made).toMatchObject({ hit: 'connection 1: FIN after 4 bytes of turn 4' })
})

describe('the fault of a program', () => {
  test('is a reset when all bytes before it have been acknowledged', () => {
    const text = textOf(reproducerOf([connection()], point({ fault: 'reset' })))
    expect(text).toContain(
      'import fcntl, itertools, socket, struct, sys, termios, threading, time\n',
    )
    expect(text).toContain(
      "say(n, 'RST after 4 bytes of turn 4')\n                return reset(c)\n",
    )
    expect(text).toMatch(/TIOCOUTQ[\s\S]*SO_LINGER, struct\.pack\('ii', 1, 0\)\)\n {4}c\.close\(\)/)
  })

  test.each(['silence', 'mute'] as const)('is a server that sends nothing more for %s', fault => {
    const text = textOf(reproducerOf([connection()], point({ fault })))
    expect(text).toContain(
      "say(n, 'silence after 4 bytes of turn 4')\n                threading.Event().wait()\n",
    )
    expect(text).toContain('Other connections are whole')
    expect(text).not.toContain('if n > 1')
  })

  test('may leave later connections unanswered', () => {
    const text = textOf(reproducerOf([connection()], point({ fault: 'silence' }), 'unanswered'))
    expect(text).toContain('Other connections are unanswered')
    expect(text).toContain("    if n > 1 and 'whole' not in sys.argv: threading.Event().wait()\n")
  })

  test('may be in the middle of a turn of the client', () => {
    const at = point({ from: 'client', byte: 19 + 5, fault: 'reset' })
    expect(textOf(reproducerOf([connection()], at))).toContain('RST after 5 bytes of turn 3')
  })

  test.each([
    [0, 'FIN after 0 bytes of turn 2'],
    [40, 'FIN after 40 bytes of turn 2'],
    [41, 'FIN after 0 bytes of turn 4'],
    [81, 'FIN after 40 bytes of turn 4'],
  ])('at byte %i of the server is: %s', (byte, hit) => {
    expect(reproducerOf([connection()], point({ byte }))).toMatchObject({
      hit: `connection 1: ${hit}`,
    })
  })

  test('is on the connection of the point if all are alike', () => {
    const made = reproducerOf([connection(), connection({ number: 2 })], point({ connection: 2 }))
    expect(made).toMatchObject({ hit: 'connection 2: FIN after 4 bytes of turn 4' })
    expect(textOf(made)).toContain('    has_fault = n == 2 and')
  })
})

test('connections that differ are recorded once each, in the order of the clean run', () => {
  const other = connection({
    number: 2,
    port: 2121,
    closedBy: 'server',
    turns: [turn('server', 'x')],
  })
  const all = [connection(), other, connection({ number: 3 })]
  const text = textOf(reproducerOf(all, point({ connection: 2, byte: 0 })))
  expect(text).toContain('# Replays 3 recorded connections on ports 2121, 8080. Connection 2 has')
  expect(text).toContain(
    "    (2121, True, [\n    ('server',\n     b'x'),\n    ]),\n]\nORDER = [0, 1, 0]\n",
  )
  expect(text.match(/GET \/a/g)).toHaveLength(1)
  expect(text).toContain('            is_hit = has_fault and i == 1\n            part = turn[:0]')
})

test('a server that ends connections itself waits for no more', () => {
  const text = textOf(reproducerOf([connection({ closedBy: 'server' })], point()))
  expect(text).toContain('                return end(c)\n        end(c)\n')
})

test('base64 is imported if the turns need it', () => {
  const body = Array.from({ length: 300 }, (_, i) => ((i * 7919) ** 3).toString(16)).join('\n')
  const turns = [turn('client', 'GET\n'), turn('server', body)]
  const text = textOf(reproducerOf([connection({ turns })], point({ byte: 9 })))
  expect(text).toContain('import base64, itertools, socket, sys, threading, zlib\n')
})

describe('a program is not possible', () => {
  const tls = turn('client', '\x16\x03\x01\x02\x00')
  const long = turn('server', Array.from({ length: 4500 }, (_, i) => Math.sqrt(i)).join('\n'))
  const longest = turn('server', 'x'.repeat(300_000))
  const cases: readonly [string, readonly Connection[], Partial<StreamPoint>, RegExp][] = [
    ['a SYN that is reset', [connection()], { byte: -1, fault: 'reset' }, /no program listens/],
    ['a SYN without a reply', [connection()], { byte: -1, fault: 'mute' }, /queue .* is full/],
    ['TLS', [connection({ turns: [tls] })], {}, /a connection is TLS/],
    ['missing bytes', [connection({ isWhole: false })], {}, /were not recorded/],
    ['a byte past the end', [connection()], { byte: 82 }, /byte 82 of the server was not recorded/],
    ['another connection', [connection()], { connection: 2 }, /no clean run has a connection 2/],
    [
      'another connection with missing bytes',
      [connection(), connection({ number: 2, isWhole: false })],
      {},
      /were not recorded/,
    ],
    [
      'too many bytes',
      [connection({ turns: [turn('client', 'GET\n'), long] })],
      {},
      /its \d+ bytes are too many for an issue/,
    ],
    [
      'very many bytes',
      [connection({ turns: [turn('client', 'GET\n'), longest] })],
      {},
      /its 300004 bytes are too many/,
    ],
  ]
  test.each(cases)('for %s', (_, connections, more, why) => {
    expect(whyOf(reproducerOf(connections, point(more)))).toMatch(why)
  })
})
