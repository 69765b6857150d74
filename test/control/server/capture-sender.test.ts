/** How a capture is sent over a real Unix socket, also to a client that does not read. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Turns } from '#src/base/turns.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { VnetCapture } from '#src/control/client/capture-stream.ts'
import { CaptureSender, type CaptureSource } from '#src/control/server/capture.ts'
import { ListeningSocket } from '#src/control/server/listening-socket.ts'
import { Connection } from '#src/control/sockets/connection.ts'
import { loadNative, type Native } from '#src/linux/native.ts'
import { MSG_DONTWAIT } from '#src/linux/uapi.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const MIB = 1024 * 1024
const native = loadNative()
const listener = { onMessage() {}, onEnd() {} }

const directory = freshDirectory()
let ends: (() => void)[]
beforeEach(() => {
  ends = []
})
afterEach(() => {
  for (const end of ends.reverse()) {
    end()
  }
})

/** Ascending bytes, of which `peek` shows at most 100,000 at a time; its end adds `rest`. */
class Numbers implements CaptureSource {
  sent = 0
  isClosed = false
  #length: number
  readonly #rest: number

  constructor(length: number, rest = 0) {
    this.#length = length
    this.#rest = rest
  }

  peek(): Uint8Array {
    const length = Math.min(this.#length - this.sent, 100_000)
    const from = this.sent % 251
    return numbers(from + length).subarray(from)
  }

  consume(bytes: number): void {
    this.sent += bytes
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#length += this.#rest
  }

  /** More to send. */
  add(bytes: number): void {
    this.#length += bytes
  }
}

/** A sender that has `output` to send first and has received `input`, and its client. */
function sending(
  source: CaptureSource,
  { input = new Uint8Array(0), output = new Uint8Array(0) } = {},
) {
  const calls = { send: 0, recv: 0 }
  const counted: Native = {
    ...native,
    send(fd, bytes, flags) {
      calls.send++
      return native.send(fd, bytes, flags)
    },
    recv(fd, into, flags) {
      calls.recv++
      return native.recv(fd, into, flags)
    },
  }
  const listening = new ListeningSocket(native, join(directory, 'a.sock'), 0o600, () => {})
  const client = Connection.connect(native, listening.path, listener)
  if (typeof client === 'number') throw new Error(`no connection: ${client}`)
  const turns = new Turns(new FakeClock())
  let ended = () => {}
  const end = new Promise<void>(resolve => {
    ended = resolve
  })
  const sender = new CaptureSender(counted, turns, { share: 1, privileged: false }, source, ended)
  const there = client.detach()
  const stream = new VnetCapture(native, there, () => {})
  ends.push(
    () => listening.close(),
    () => stream.close(),
    () => sender.close(),
  )
  sender.take({ fd: listening.accept(), input, output })
  return { sender, stream, end, calls, fd: there.fd }
}

async function allOf(stream: {
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined>
}): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const bytes of stream) {
    parts.push(Buffer.from(bytes))
  }
  return Buffer.concat(parts)
}

const CYCLE = Uint8Array.from({ length: 251 }, (_, i) => i)
const numbers = (length: number) => Buffer.alloc(length, CYCLE)

test('a reader gets every byte in order, after the connection’s queued bytes, and then the end', async () => {
  const source = new Numbers(3 * MIB, 1000)
  const { stream, sender, end } = sending(source, { output: Buffer.from('acknowledged') })
  const read = allOf(stream)
  sender.end()
  const bytes = await read
  expect(bytes.subarray(0, 12).toString()).toBe('acknowledged')
  expect(bytes.subarray(12).equals(numbers(3 * MIB + 1000))).toBe(true)
  await end
})

test('a client that requests the end gets the rest of the source', async () => {
  const source = new Numbers(10, 7)
  const { stream, end } = sending(source)
  const bytes = stream[Symbol.asyncIterator]()
  await bytes.next()
  stream.stop()
  expect((await allOf(bytes)).equals(numbers(17).subarray(10))).toBe(true)
  await end
})

test('bytes after the request end the capture', async () => {
  const source = new Numbers(10, 7)
  const { stream, end } = sending(source, { input: Uint8Array.of(1) })
  expect(await allOf(stream)).toHaveLength(17)
  await end
})

test('a client that does not read gets one socket buffer, and nothing more is tried until it reads', async () => {
  const source = new Numbers(3 * MIB)
  const { sender, stream, calls } = sending(source)
  await turnsOfLoop()
  const { sent } = source
  expect(sent).toBeGreaterThan(0)
  expect(sent).toBeLessThan(MIB)
  const before = calls.send
  for (let i = 0; i < 100; i++) {
    source.add(1)
    sender.onData()
  }
  await turnsOfLoop()
  expect([calls.send, source.sent]).toEqual([before, sent])
  sender.end()
  expect(await allOf(stream)).toHaveLength(3 * MIB + 100)
})

test('a sender with nothing to send waits without trying, until its source has something', async () => {
  const source = new Numbers(0)
  const { sender, stream, calls } = sending(source)
  await turnsOfLoop()
  expect(calls.send).toBe(0)
  source.add(5)
  sender.onData()
  const { value } = await stream[Symbol.asyncIterator]().next()
  expect([...(value ?? [])]).toEqual([0, 1, 2, 3, 4])
})

test.each([
  ['has nothing to read', 0],
  ['has not read everything', 3 * MIB],
])('a client that ends and %s closes the source', async (_, length) => {
  const source = new Numbers(length)
  const { stream, end } = sending(source)
  await turnsOfLoop()
  stream.close()
  await end
  expect(source.isClosed).toBe(true)
})

test('a client that continues sending is not read any more, and still gets the rest of the capture', async () => {
  const source = new Numbers(2 * MIB, 3)
  const { stream, fd, calls } = sending(source)
  stream.stop()
  await turnsOfLoop()
  expect(source.isClosed).toBe(true)
  for (let i = 0; i < 10; i++) {
    native.send(fd, new Uint8Array(1000), MSG_DONTWAIT)
  }
  await turnsOfLoop()
  const before = { ...calls }
  await turnsOfLoop()
  expect(calls).toEqual(before)
  // The vnet closes a socket in which something is unread: the client gets ECONNRESET at its end.
  expect(await allOf(stream)).toHaveLength(2 * MIB + 3)
  expect(calls.recv).toBe(before.recv)
})

/** Lets the event loop do what it has to do. */
async function turnsOfLoop(): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await new Promise(resolve => setImmediate(resolve))
  }
}
