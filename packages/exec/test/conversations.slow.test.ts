/** How a request to a vnet ends: with its reply, with a timeout, or with the vnet's end. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { EBUSY, ECONNREFUSED, EIO, ENOBUFS, EPERM, ETIMEDOUT } from '#src/base/errno.ts'
import { ListeningSocket } from '#src/control/server/listening-socket.ts'
import { Connection } from '#src/control/sockets/connection.ts'
import type { Entry } from '#src/control/sockets/directory.ts'
import { loadNative } from '#src/linux/native.ts'
import { getU32, MessageBuilder, NLMSG_ERROR } from '#src/netlink/index.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { Conversation, Conversations } from '../src/conversations.ts'

const native = loadNative()
const directory = freshDirectory()
let listening: ListeningSocket
let clients: Connection[]
/** Sequence numbers of the requests that the vnet received. */
let received: number[]
let conversations: Conversations
let defects: unknown[]
let vnet: Entry

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  })
  const path = join(directory, 'vnet.sock')
  vnet = {
    vnet: path,
    uid: process.geteuid?.() ?? 0,
    pid: 1,
    startTime: '',
    pidns: 1,
    netns: 1,
    interfaces: [],
  }
  clients = []
  received = []
  listening = new ListeningSocket(native, path, 0o600, () => {
    const client = Connection.of(native, listening.accept(), {
      onMessage: (bytes, at) => void received.push(getU32(bytes, at + 8)),
      onEnd: () => {},
    })
    clients.push(client as Connection)
  })
  defects = []
  conversations = new Conversations({ native, onDefect: error => defects.push(error) })
})
afterEach(() => {
  conversations.close()
  for (const client of clients) {
    client.close()
  }
  listening.close()
  vi.useRealTimers()
})

const message = (type: number, seq: number, payload = new Uint8Array(4)) =>
  new MessageBuilder().message(type, 0, seq).payload(payload).bytes

/** Makes a request. Returns a growing list: `reply` for each reply, and last the result. */
function ask(to = vnet): (number | string)[] {
  const results: (number | string)[] = []
  const seq = conversations.nextSeq()
  conversations.ask({
    vnet: to,
    requester: undefined,
    octets: message(0x3f0, seq),
    seqs: [seq],
    onMessage: () => results.push('reply') > 0,
    onEnd: result => void results.push(result),
  })
  return results
}

/** Turns the event loop until `isSo` returns true. Bounded by the time limit of the test. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await new Promise(setImmediate)
  }
}
const asks = (count: number) => until(() => received.length === count)

test('a reply ends the request, its timer stops soon, and the next request uses the same connection', async () => {
  for (let i = 0; i < 2; i++) {
    const results = ask()
    await asks(i + 1)
    clients[0]?.send(message(0x3f0, received[i]!))
    await until(() => results.length > 1)
    expect(results).toEqual(['reply', 0])
  }
  vi.advanceTimersByTime(1000)
  expect([clients.length, vi.getTimerCount()]).toEqual([1, 0])
})

test('a request to a silent vnet ends with ETIMEDOUT after five seconds, and the late reply is ignored', async () => {
  const results = ask()
  await asks(1)
  vi.advanceTimersByTime(4999)
  expect(results).toEqual([])
  vi.advanceTimersByTime(1)
  expect(results).toEqual([-ETIMEDOUT])
  const next = ask()
  await asks(2)
  for (const seq of received) {
    clients[0]?.send(message(0x3f0, seq))
  }
  await until(() => next.length > 1)
  expect(next).toEqual(['reply', 0])
  expect(results).toEqual([-ETIMEDOUT])
})

test('a reply that arrived while the process was stopped is not late', async () => {
  const results = ask()
  await asks(1)
  clients[0]?.send(message(0x3f0, received[0]!))
  // The timers run first once the process continues.
  vi.advanceTimersByTime(60_000)
  expect(results).toEqual(['reply', 0])
})

test('a vnet that sends without end does not keep a late request from its timeout', async () => {
  let events = 0
  const flood = message(0x3f0, 0)
  const conversation = new Conversation(
    { native, onDefect: error => defects.push(error) },
    vnet,
    undefined,
    {
      // Bounded, so that this test fails without a bound in the program, instead of never ending.
      onEvent: () => void (++events < 1e6 && clients[0]?.send(flood)),
      onEnd: () => {},
    },
  )
  const results: number[] = []
  const request = {
    vnet,
    requester: undefined,
    octets: message(0x3f0, 1),
    seqs: [1],
    onMessage: () => true,
  }
  conversation.ask({ ...request, onEnd: result => void results.push(result) })
  await asks(1)
  clients[0]?.send(flood)
  vi.advanceTimersByTime(6000)
  conversation.close(-ECONNREFUSED)
  expect([results, defects]).toEqual([[-ETIMEDOUT], []])
  expect(events).toBeLessThan(1e6)
})

test('a limited number of requests waits for a vnet that does not read, until they time out', async () => {
  const silent = new ListeningSocket(native, join(directory, 'silent.sock'), 0o600, () => {})
  const to = { ...vnet, vnet: silent.path }
  const results = Array.from({ length: 12_000 }, () => ask(to))
  const ended = (result: number) => results.filter(([first]) => first === result).length
  const refused = ended(-ENOBUFS)
  expect(refused).toBeGreaterThan(0)
  expect(refused).toBeLessThan(results.length - 4096)
  vi.advanceTimersByTime(6000)
  expect([ended(-ENOBUFS), ended(-ETIMEDOUT)]).toEqual([refused, results.length - refused])
  // There is room for others again.
  expect(ask(to)).toEqual([])
  silent.close()
})

test('requests to a vnet that has ended fail with ECONNREFUSED, even those it had received', async () => {
  const [answered, open] = [ask(), ask()]
  await asks(2)
  clients[0]?.send(message(0x3f0, received[0]!))
  clients[0]?.close()
  listening.close()
  await vi.waitFor(() => expect([answered, open]).toEqual([['reply', 0], [-ECONNREFUSED]]), 30_000)
  expect(ask()).toEqual([-ECONNREFUSED])
})

test('a socket that does not belong to the owner of its directory is EPERM and gets no request', () => {
  expect(ask({ ...vnet, uid: vnet.uid + 1 })).toEqual([-EPERM])
  expect(received).toEqual([])
})

test('a vnet without room for this user refuses all open requests', async () => {
  const [one, other] = [ask(), ask()]
  await asks(2)
  const refusal = new Uint8Array(20)
  new DataView(refusal.buffer).setInt32(0, -EBUSY, true)
  clients[0]?.send(message(NLMSG_ERROR, 0, refusal))
  await until(() => other.length > 0)
  expect([one, other]).toEqual([[-EBUSY], [-EBUSY]])
})

test('a thousand simultaneous requests of 16 KiB all get replies, despite a full connection', async () => {
  let ended = 0
  for (let i = 0; i < 1000; i++) {
    const seq = conversations.nextSeq()
    const octets = message(0x3f0, seq, new Uint8Array(16384))
    const request = { vnet, requester: undefined, octets, seqs: [seq] }
    conversations.ask({ ...request, onMessage: () => true, onEnd: () => void ended++ })
  }
  await asks(1000)
  for (const seq of received) {
    while (clients[0]?.send(message(0x3f0, seq)) !== 0) {
      await new Promise(setImmediate)
    }
  }
  await until(() => ended === 1000)
})

test('an exception in the handler of a reply ends the conversation with EIO and is reported', async () => {
  const defect = new Error('a defect')
  const results: number[] = []
  const seq = conversations.nextSeq()
  conversations.ask({
    vnet,
    requester: undefined,
    octets: message(0x3f0, seq),
    seqs: [seq],
    onMessage: () => {
      throw defect
    },
    onEnd: result => void results.push(result),
  })
  await expect.poll(() => received.length).toBe(1)
  clients[0]?.send(message(0x3f0, seq))
  await expect.poll(() => results.length).toBe(1)
  expect([results, defects]).toEqual([[-EIO], [defect]])
})
