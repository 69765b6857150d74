/** How a request to a vnet ends: by its reply, by the silence of the vnet, or because the vnet is gone. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Connection } from '../../../src/control/connection.ts'
import type { Entry } from '../../../src/control/directory.ts'
import { Conversations } from '../../../src/control/exec/conversations.ts'
import { ListeningSocket } from '../../../src/control/listening-socket.ts'
import { EBUSY, ECONNREFUSED, ENOBUFS, EPERM, ETIMEDOUT } from '../../../src/core/errno.ts'
import { loadNative } from '../../../src/kernel/native.ts'
import { getU32, MessageBuilder, NLMSG_ERROR } from '../../../src/netlink/index.ts'

const native = loadNative()
let directory: string
let listening: ListeningSocket
let clients: Connection[]
/** Sequence numbers of the requests that came. */
let asked: number[]
let conversations: Conversations
let vnet: Entry

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
  directory = mkdtempSync(join(tmpdir(), 'vnet-conversations-'))
  const path = join(directory, 'vnet.sock')
  vnet = { vnet: path, uid: process.geteuid?.() ?? 0, pid: 1, startTime: '', pidns: 1, netns: 1, interfaces: [] }
  clients = []
  asked = []
  listening = ListeningSocket.open(native, path, 0o600, () => {
    const client = Connection.of(native, listening.accept(), {
      onMessage: (bytes, at) => void asked.push(getU32(bytes, at + 8)),
      onEnd: () => {},
    })
    clients.push(client as Connection)
  })
  conversations = new Conversations(native)
})
afterEach(() => {
  conversations.close()
  for (const client of clients) client.close()
  listening.close()
  rmSync(directory, { recursive: true })
  vi.useRealTimers()
})

const message = (type: number, seq: number, payload = new Uint8Array(4)) =>
  new MessageBuilder().message(type, 0, seq).payload(payload).bytes

/** Makes a request; what has been heard since, the end last. */
function ask(to = vnet): (number | string)[] {
  const heard: (number | string)[] = []
  const seq = conversations.nextSeq()
  conversations.ask({
    ...{ vnet: to, asker: undefined, octets: message(0x3f0, seq), seqs: [seq] },
    onMessage: () => heard.push('reply') > 0,
    onEnd: result => void heard.push(result),
  })
  return heard
}

/** Turns the event loop until something is so, which the test's own time limit ends. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate)
}
const asks = (count: number) => until(() => asked.length === count)

test('a reply ends it, no timer is left soon, and the next request has the same connection', async () => {
  for (let i = 0; i < 2; i++) {
    const heard = ask()
    await asks(i + 1)
    clients[0]?.send(message(0x3f0, asked[i]!))
    await until(() => heard.length > 1)
    expect(heard).toEqual(['reply', 0])
  }
  vi.advanceTimersByTime(1000)
  expect([clients.length, vi.getTimerCount()]).toEqual([1, 0])
})

test('a vnet that is silent is ETIMEDOUT after five seconds, and its late reply is ignored', async () => {
  const heard = ask()
  await asks(1)
  vi.advanceTimersByTime(4999)
  expect(heard).toEqual([])
  vi.advanceTimersByTime(1)
  expect(heard).toEqual([-ETIMEDOUT])
  const next = ask()
  await asks(2)
  for (const seq of asked) clients[0]?.send(message(0x3f0, seq))
  await until(() => next.length > 1)
  expect(next).toEqual(['reply', 0])
  expect(heard).toEqual([-ETIMEDOUT])
})

test('requests to a vnet that does not read are kept up to a number, and forgotten when their time is over', async () => {
  const silent = ListeningSocket.open(native, join(directory, 'silent.sock'), 0o600, () => {})
  const to = { ...vnet, vnet: silent.path }
  const heard = Array.from({ length: 12_000 }, () => ask(to))
  const ended = (result: number) => heard.filter(([first]) => first === result).length
  const refused = ended(-ENOBUFS)
  expect(refused).toBeGreaterThan(0)
  expect(refused).toBeLessThan(heard.length - 4096)
  vi.advanceTimersByTime(6000)
  expect([ended(-ENOBUFS), ended(-ETIMEDOUT)]).toEqual([refused, heard.length - refused])
  // There is room for others again.
  expect(ask(to)).toEqual([])
  silent.close()
})

test('a vnet that ends is ECONNREFUSED, for what it has not answered and for what is asked later', async () => {
  const [answered, open] = [ask(), ask()]
  await asks(2)
  clients[0]?.send(message(0x3f0, asked[0]!))
  clients[0]?.close()
  listening.close()
  await vi.waitFor(() => expect([answered, open]).toEqual([['reply', 0], [-ECONNREFUSED]]))
  expect(ask()).toEqual([-ECONNREFUSED])
})

test('a socket of another user than its directory’s is EPERM, and is asked nothing', () => {
  expect(ask({ ...vnet, uid: vnet.uid + 1 })).toEqual([-EPERM])
  expect(asked).toEqual([])
})

test('a vnet that has no room for this user refuses all that is under way', async () => {
  const [one, other] = [ask(), ask()]
  await asks(2)
  const refusal = new Uint8Array(20)
  new DataView(refusal.buffer).setInt32(0, -EBUSY, true)
  clients[0]?.send(message(NLMSG_ERROR, 0, refusal))
  await until(() => other.length > 0)
  expect([one, other]).toEqual([[-EBUSY], [-EBUSY]])
})

test('a thousand requests of 16 KiB at once are all answered, though the connection has no room for them', async () => {
  let ended = 0
  for (let i = 0; i < 1000; i++) {
    const seq = conversations.nextSeq()
    const octets = message(0x3f0, seq, new Uint8Array(16384))
    const request = { vnet, asker: undefined, octets, seqs: [seq] }
    conversations.ask({ ...request, onMessage: () => true, onEnd: () => void ended++ })
  }
  await asks(1000)
  for (const seq of asked) while (clients[0]?.send(message(0x3f0, seq)) !== 0) await new Promise(setImmediate)
  await until(() => ended === 1000)
})
