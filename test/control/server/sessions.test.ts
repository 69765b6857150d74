/** The server's side of a connection, over a real Unix socket. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Turns } from '#src/base/turns.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { type Caller, type Family, operation } from '#src/control/operations/operation.ts'
import { ListeningSocket } from '#src/control/server/listening-socket.ts'
import type { Rights } from '#src/control/server/rights.ts'
import { Session, Sessions } from '#src/control/server/sessions.ts'
import { Connection } from '#src/control/sockets/connection.ts'
import { loadNative } from '#src/linux/native.ts'
import { SO_PEERCRED } from '#src/linux/uapi.ts'
import { genlmsghdr, MessageBuilder, NLM_F_ACK, NLM_F_REQUEST, policy } from '#src/netlink/index.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const FAMILY = 100
/** More than the buffers of both sockets and the output queue hold together. */
const REQUESTS = 1000
const REPLY_BYTES = 4096

const native = loadNative()
const directory = freshDirectory()

test('users without rights get 64 connections each, and 192 in all', () => {
  let user = 0
  const calls: typeof native = {
    ...native,
    getsockopt(fd, level, name, into) {
      const length = native.getsockopt(fd, level, name, into)
      // The uid of a struct ucred.
      if (name === SO_PEERCRED) {
        new DataView(into.buffer).setUint32(4, user, true)
      }
      return length
    },
  }
  const rights = { missing: () => 'everything', missingToCapture: () => 'everything' }
  const listening = new ListeningSocket(calls, join(directory, 'a.sock'), 0o600, () => {})
  const turns = new Turns(new FakeClock())
  const server = { families: new Map(), turns, onEnd() {}, onDefect() {} }
  const sessions = new Sessions(listening, rights as unknown as Rights, server)
  const clients: Connection[] = []
  /** Connects `count` clients; returns how many there are in all. */
  const connect = (count: number, by: number) => {
    user = by
    for (let i = 0; i < count; i++) {
      clients.push(
        Connection.connect(native, listening.path, { onMessage() {}, onEnd() {} }) as Connection,
      )
      sessions.step()
    }
    return sessions.size
  }
  expect([connect(65, 1), connect(65, 2), connect(65, 3), connect(1, 4)]).toEqual([
    64, 128, 192, 192,
  ])
  sessions.close(0)
  for (const each of [...clients, listening]) {
    each.close()
  }
})

test('a client gets the input buffer of one that has ended, and reads nothing of it', () => {
  const listening = new ListeningSocket(native, join(directory, 'a.sock'), 0o600, () => {})
  const spares: Uint8Array[] = []
  const heads: number[] = []
  const listener = {
    onMessage: (bytes: Uint8Array, at: number) => void heads.push(bytes[at + 8]!),
    onEnd() {},
  }
  const buffers = new Set<Uint8Array | undefined>()
  for (const seq of [1, 2, 3]) {
    const client = Connection.connect(native, listening.path, listener) as Connection
    const server = Connection.of(native, listening.accept(), listener, spares) as Connection
    expect(spares).toEqual([])
    client.send(new MessageBuilder().message(16, 0, seq).bytes)
    expect([server.receive(), server.receive()]).toEqual([1, 0])
    for (const end of [client, server]) {
      end.close()
    }
    buffers.add(spares[0])
  }
  expect([buffers.size, buffers.has(undefined), heads]).toEqual([1, false, [1, 2, 3]])
  const client = Connection.connect(native, listening.path, listener) as Connection
  const server = Connection.of(native, listening.accept(), listener, spares) as Connection
  client.send(new MessageBuilder().message(16, 0, 4).payload(new Uint8Array(4096)).bytes)
  while (server.receive() === 0) {}
  for (const end of [client, server]) {
    end.close()
  }
  // One that a long message has enlarged is not kept.
  expect([heads.at(-1), spares]).toEqual([4, []])
  listening.close()
})

test('a refused client reads why, although all refusals are written into one buffer', async () => {
  const listening = new ListeningSocket(native, join(directory, 'a.sock'), 0o600, () => {})
  /** The web process is of the same user and has rights: it takes none of the user's places. */
  const isWeb = () => clients.length === 0
  const rights = {
    missing: () => (isWeb() ? undefined : 'everything'),
    missingToCapture: () => 'everything',
    share: () => 1,
  }
  const server = {
    families: new Map(),
    turns: new Turns(new FakeClock()),
    onEnd() {},
    onDefect() {},
  }
  const sessions = new Sessions(listening, rights as unknown as Rights, server)
  const clients: Connection[] = []
  const refusals: string[] = []
  for (let i = 0; i < 67; i++) {
    const onMessage = (bytes: Uint8Array, at: number, length: number) =>
      void refusals.push(Buffer.from(bytes.subarray(at, at + length)).toString('latin1'))
    const client = Connection.connect(native, listening.path, {
      onMessage,
      onEnd() {},
    }) as Connection
    sessions.step()
    clients.push(client)
  }
  for (const client of clients) {
    client.receive()
  }
  const why = expect.stringMatching(/user \d+ has 64 connections to this vnet already/)
  expect(refusals).toEqual([why, why])
  sessions.close(0)
  for (const each of [...clients, listening]) {
    each.close()
  }
})

test('a user that connects again after each refusal is refused sixteen times before a pause', () => {
  const listening = new ListeningSocket(native, join(directory, 'a.sock'), 0o600, () => {})
  const rights = { missing: () => 'everything', missingToCapture: () => 'everything' }
  const server = {
    families: new Map(),
    turns: new Turns(new FakeClock()),
    onEnd() {},
    onDefect() {},
  }
  const sessions = new Sessions(listening, rights, server)
  let refusals = 0
  const connect = () =>
    Connection.connect(native, listening.path, {
      onMessage: () => void refusals++,
      onEnd() {},
    }) as Connection
  const clients: Connection[] = []
  for (let i = 0; i < 64; i++) {
    clients.push(connect())
    sessions.step()
  }
  for (let i = 0; i < 40; i++) {
    clients.push(connect())
  }
  while (sessions.step()) {}
  for (const client of clients) {
    client.receive()
  }
  expect([sessions.size, refusals]).toEqual([64, 16])
  sessions.close(0)
  for (const each of [...clients, listening]) {
    each.close()
  }
})

test('a client that reads nothing is not served further, and gets every reply once it reads', async () => {
  const listening = new ListeningSocket(native, join(directory, 'a.sock'), 0o600, () => {})
  let served = 0
  const family: Family = {
    id: FAMILY,
    name: 'test',
    version: 1,
    maxattr: 1,
    operations: [
      operation(
        { cmd: 1, request: policy({}) },
        {
          doit() {
            served++
            return builder => void builder.binary(1, new Uint8Array(REPLY_BYTES))
          },
        },
      ),
    ],
  }
  let ended = false
  const turns = new Turns(new FakeClock())
  let replies = 0
  let allReplied = () => {}
  const done = new Promise<void>(resolve => {
    allReplied = resolve
  })
  const client = Connection.connect(native, listening.path, {
    onMessage: () => ++replies === REQUESTS && allReplied(),
    onEnd: () => allReplied(),
  })
  if (typeof client === 'number') throw new Error(`no connection: ${client}`)
  client.pause()
  const owner = { missing: 'everything', missingToCapture: 'everything', share: 1 }
  const session = Session.of(native, listening.accept(), owner, {
    families: new Map([[FAMILY, family]]),
    builder: new MessageBuilder(),
    spares: [],
    turns,
    onDefect: error => {
      throw error
    },
    onEnd: () => {
      ended = true
    },
  })
  if (typeof session === 'number') throw new Error(`no session: ${session}`)
  const request = new MessageBuilder()
    .message(FAMILY, NLM_F_REQUEST, 1)
    .payload(genlmsghdr(1, 1))
    .bytes.slice()
  for (let i = 0; i < REQUESTS; i++) {
    expect(client.send(request)).toBe(0)
  }
  while (session.step()) {}
  expect(ended).toBe(false)
  expect(served).toBeGreaterThan(0)
  expect(served).toBeLessThan(REQUESTS)
  client.resume()
  await done
  expect({ replies, served, ended }).toEqual({ replies: REQUESTS, served: REQUESTS, ended: false })
  client.close()
  session.close()
  listening.close()
})

test.each([
  ['reads the acknowledgement', false, ['acknowledged', 'taken']],
  ['is gone by then', true, ['closed']],
])(
  'a connection goes to its heir once the request is acknowledged, if the client %s',
  (_, isGone, happened) => {
    const listening = new ListeningSocket(native, join(directory, 'a.sock'), 0o600, () => {})
    const events: string[] = []
    const heir = {
      take({ fd }: { fd: number }) {
        events.push('taken')
        native.close(fd)
      },
      close: () => void events.push('closed'),
    }
    const doit = (_request: object, caller: Caller) => void caller.handOver(heir)
    const family: Family = {
      id: FAMILY,
      name: 'test',
      version: 1,
      maxattr: 1,
      operations: [operation({ cmd: 1, request: policy({}) }, { doit })],
    }
    const turns = new Turns(new FakeClock())
    const client = Connection.connect(native, listening.path, {
      onMessage: () => events.unshift('acknowledged'),
      onEnd() {},
    })
    if (typeof client === 'number') throw new Error(`no connection: ${client}`)
    let ended = 0
    const owner = { missing: undefined, missingToCapture: undefined, share: 1 }
    const session = Session.of(native, listening.accept(), owner, {
      families: new Map([[FAMILY, family]]),
      builder: new MessageBuilder(),
      spares: [],
      turns,
      onEnd: () => ended++,
      onDefect: error => {
        throw error
      },
    })
    if (typeof session === 'number') throw new Error(`no session: ${session}`)
    const flags = NLM_F_REQUEST | NLM_F_ACK
    client.send(new MessageBuilder().message(FAMILY, flags, 1).payload(genlmsghdr(1, 1)).bytes)
    if (isGone) {
      client.close()
    }
    while (session.step()) {}
    client.receive()
    expect([events, ended]).toEqual([happened, 1])
    for (const each of [client, session, listening]) {
      each.close()
    }
  },
)
