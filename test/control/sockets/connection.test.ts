/** Connections over real Unix sockets in a directory of the test. */
import { closeSync, fstatSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EAGAIN, EBADF, ECONNRESET, ENAMETOOLONG, ENOENT, EPROTO } from '#src/base/errno.ts'
import { ListeningSocket } from '#src/control/server/listening-socket.ts'
import {
  Connection,
  type ConnectionListener,
  MESSAGE_MAX,
  peerPidfd,
} from '#src/control/sockets/connection.ts'
import { loadNative } from '#src/linux/native.ts'
import { MSG_DONTWAIT } from '#src/linux/uapi.ts'
import { MessageBuilder } from '#src/netlink/index.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const native = loadNative()
const directory = freshDirectory()
let listening: ListeningSocket
const closing: { close(): void }[] = []

beforeEach(() => {
  listening = new ListeningSocket(native, join(directory, 'a.sock'), 0o600, () => {})
  closing.push(listening)
})

afterEach(() => {
  for (const each of closing.splice(0).reverse()) {
    each.close()
  }
})

/** A listener that records its calls, with a promise for the next call of each kind. */
function recorder() {
  const messages: Uint8Array[] = []
  const ends: number[] = []
  let drained = 0
  let happened = () => {}
  const listener: ConnectionListener = {
    onMessage(bytes, at, length) {
      messages.push(bytes.slice(at, at + length))
      happened()
    },
    onDrain() {
      drained++
      happened()
    },
    onEnd(errno) {
      ends.push(errno)
      happened()
    },
  }
  const until = async (there: () => boolean) => {
    while (!there()) {
      await new Promise<void>(resolve => {
        happened = resolve
      })
    }
  }
  return { listener, messages, ends, drained: () => drained, until }
}

function opened(connection: Connection | number): Connection {
  if (typeof connection === 'number') throw new Error(`no connection: ${connection}`)
  closing.push(connection)
  return connection
}

/** Two ends of a connection, each with its recording listener. */
function pair() {
  const [one, other] = [recorder(), recorder()]
  const client = opened(Connection.connect(native, listening.path, one.listener))
  const server = opened(Connection.of(native, listening.accept(), other.listener))
  return { client, server, one, other }
}

function message(bytes: number, type = 16): Uint8Array {
  return new MessageBuilder()
    .message(type, 0, 0)
    .payload(new Uint8Array(bytes - 16).fill(type))
    .bytes.slice()
}

describe('messages', () => {
  test('messages arrive whole and in order, in whatever pieces they are sent', async () => {
    const { client, other } = pair()
    const sent = [
      message(16),
      message(17, 17),
      message(20_000, 18),
      message(MESSAGE_MAX, 19),
      message(64, 20),
    ]
    for (const each of sent) {
      const whole = new Uint8Array((each.length + 3) & ~3)
      whole.set(each)
      for (let at = 0; at < whole.length; at += 5000) {
        expect(client.send(whole.slice(at, at + 5000))).toBe(0)
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    await other.until(() => other.messages.length === sent.length)
    expect(other.messages).toEqual(sent)
  })

  test('messages of any length are padded to four bytes', async () => {
    const { client, other } = pair()
    client.send(message(18))
    client.send(message(23))
    await other.until(() => other.messages.length === 2)
    expect(other.messages.map(({ length }) => length)).toEqual([18, 23])
  })

  test.each([0, 15, MESSAGE_MAX + 1, 0xffff_ffff])(
    'a message of length %i ends the connection',
    async length => {
      const { client, server, one, other } = pair()
      const bytes = new Uint8Array(16)
      new DataView(bytes.buffer).setUint32(0, length, true)
      native.send(client.fd, bytes.subarray(0, 7), MSG_DONTWAIT)
      await new Promise(resolve => setImmediate(resolve))
      native.send(client.fd, bytes.subarray(7), MSG_DONTWAIT)
      await other.until(() => other.ends.length > 0)
      expect([other.ends, other.messages, server.isOpen]).toEqual([[EPROTO], [], false])
      await one.until(() => one.ends.length > 0)
      expect(one.ends).toEqual([0])
    },
  )

  test('receive() synchronously delivers at most as many messages as requested', () => {
    const { client, server, other } = pair()
    for (let n = 0; n < 5; n++) {
      client.send(message(16 + 4 * n))
    }
    expect([server.receive(2), server.receive(1), server.buffered > 0]).toEqual([2, 1, true])
    expect([server.receive(), server.receive(), server.buffered]).toEqual([2, 0, 0])
    expect(other.messages.map(({ length }) => length)).toEqual([16, 20, 24, 28, 32])
  })

  test('no message is received while another is delivered', () => {
    const received: number[] = []
    const client = opened(Connection.connect(native, listening.path, recorder().listener))
    const server: Connection = opened(
      Connection.of(native, listening.accept(), {
        onMessage: () => void received.push(server.receive()),
        onEnd() {},
      }),
    )
    client.send(message(16))
    client.send(message(16))
    expect(server.receive()).toBe(2)
    expect(received).toEqual([0, 0])
  })

  test('messages remain in the socket while the connection is paused', async () => {
    const { client, server, other } = pair()
    server.pause()
    client.send(message(16))
    await new Promise(resolve => setTimeout(resolve, 5))
    expect(other.messages).toHaveLength(0)
    server.resume()
    await other.until(() => other.messages.length === 1)
  })
})

describe('a peer that does not read', () => {
  test('a peer that does not read has a bounded queue; refused messages leave no trace, and the drain is reported', async () => {
    const { client, server, one, other } = pair()
    server.pause()
    let sent = 0
    while (client.send(message(8192, 16 + (sent % 100))) === 0) {
      sent++
    }
    expect(client.send(message(8192))).toBe(-EAGAIN)
    expect(client.pending).toBeGreaterThan(0)
    expect(client.pending).toBeLessThanOrEqual(2 * MESSAGE_MAX)
    server.resume()
    await other.until(() => other.messages.length === sent)
    expect(other.messages.map(bytes => bytes[4])).toEqual(
      Array.from({ length: sent }, (_, n) => 16 + (n % 100)),
    )
    await one.until(() => one.drained() > 0)
    expect([one.drained(), client.pending, client.send(message(16))]).toEqual([1, 0, 0])
  })

  test('the end of a peer that does not read is noticed by a writer, too', async () => {
    const { client, server, one } = pair()
    while (client.send(message(8192)) === 0) {}
    server.close()
    await one.until(() => one.ends.length > 0)
    expect([one.ends, client.isOpen, client.send(message(16))]).toEqual([
      [ECONNRESET],
      false,
      -EBADF,
    ])
  })
})

describe('the end', () => {
  test('the end is reported once, after what the peer sent before', async () => {
    const { client, server, one } = pair()
    // The kernel reports an error, because the peer did not read everything.
    client.send(message(16))
    server.send(message(20))
    server.close()
    await one.until(() => one.ends.length > 0)
    expect([one.messages.length, one.ends]).toEqual([1, [ECONNRESET]])
    client.close()
    expect(one.ends).toHaveLength(1)
  })

  test('the end is not reported to the side that closed the connection', async () => {
    const { client, server, one, other } = pair()
    client.close()
    client.close()
    await other.until(() => other.ends.length > 0)
    expect([
      one.ends,
      other.ends,
      client.receive(),
      client.send(message(16)),
      client.peer(),
    ]).toEqual([[], [0], 0, -EBADF, undefined])
    expect(server.isOpen).toBe(false)
  })
})

test('a detached connection keeps its descriptor, its received bytes and its unsent bytes', async () => {
  const { client, server, one, other } = pair()
  while (client.send(message(8192)) === 0) {}
  const { pending } = client
  server.send(message(16))
  server.send(message(20))
  expect(client.receive(1)).toBe(1)
  const { fd, input, output } = client.detach()
  closing.push({ close: () => native.close(fd) })
  expect([client.isOpen, client.send(message(16)), client.receive()]).toEqual([false, -EBADF, 0])
  expect([input, output.length]).toEqual([message(20), pending])
  client.close()
  expect(native.send(server.fd, message(16), MSG_DONTWAIT)).toBe(16)
  expect(native.recv(fd, new Uint8Array(100), MSG_DONTWAIT)).toBe(16)
  expect([one.ends, other.ends]).toEqual([[], []])
})

describe('connecting', () => {
  test('connect returns -errno for a missing file, a socket without listener, and a path that is too long', () => {
    const { listener } = recorder()
    const { path } = listening
    expect(Connection.connect(native, join(directory, 'b.sock'), listener)).toBe(-ENOENT)
    expect(Connection.connect(native, `/${'x'.repeat(107)}`, listener)).toBe(-ENAMETOOLONG)
    listening.close()
    expect(Connection.connect(native, path, listener)).toBe(-ENOENT)
    expect(() => new ListeningSocket(native, `/${'x'.repeat(107)}`, 0o600, () => {})).toThrow(
      /at most 107 bytes/,
    )
  })

  test('connect does not wait for a server that accepts no connection', () => {
    const { listener } = recorder()
    let error = 0
    for (let n = 0; n < 5000 && error === 0; n++) {
      const connection = Connection.connect(native, listening.path, listener)
      if (typeof connection === 'number') {
        error = connection
      } else {
        closing.push(connection)
      }
    }
    expect(error).toBe(-EAGAIN)
  })

  test('each side gets the credentials of the other', () => {
    const { client, server } = pair()
    const self = { uid: process.geteuid?.(), gid: process.getegid?.(), pid: process.pid }
    expect([client.peer(), server.peer()]).toEqual([self, self])
    const pidfd = peerPidfd(native, server.fd)
    expect(pidfd).toBeGreaterThan(0)
    expect(native.close(pidfd)).toBe(0)
  })

  test('a pidfd may have the number of a descriptor that other code has closed', () => {
    const { server } = pair()
    const lost = native.eventfd()
    closeSync(lost)
    const pidfd = peerPidfd(native, server.fd)
    expect(pidfd).toBe(lost)
    expect(native.close(pidfd)).toBe(0)
    expect(() => fstatSync(pidfd)).toThrow('EBADF')
  })
})
