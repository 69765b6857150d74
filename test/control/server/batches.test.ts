/** The work that clients without rights cause on the frames' thread, counted on a fake clock. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { Turns, type Work } from '#src/base/turns.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { type Family, operation } from '#src/control/operations/operation.ts'
import { BATCH, Batches } from '#src/control/server/batches.ts'
import { ListeningSocket } from '#src/control/server/listening-socket.ts'
import { Sessions } from '#src/control/server/sessions.ts'
import { Connection } from '#src/control/sockets/connection.ts'
import { loadNative } from '#src/linux/native.ts'
import {
  genlmsghdr,
  MessageBuilder,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  policy,
} from '#src/netlink/index.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const FAMILY = 100
const [CLIENTS, REQUESTS] = [20, 50]

const native = loadNative()
const directory = freshDirectory()

/** Turns on a fake clock, and a function that takes turns until none is due. */
function fakeTurns() {
  const clock = new FakeClock()
  const soon: (() => void)[] = []
  const turns = new Turns(clock, fn => void soon.push(fn))
  const run = () => {
    for (let next = soon.shift(); next !== undefined; next = soon.shift()) {
      next()
    }
  }
  return { clock, turns, batches: new Batches(clock, turns), run }
}

/** Serves clients that have sent all their requests; returns how many were served in each ms. */
function servedEachMs(missing: string | undefined, flags: number, ms: number): number[] {
  const { clock, turns, batches, run } = fakeTurns()
  let served = 0
  const count = () => void served++
  function* dumpit() {
    for (let i = 0; i < REQUESTS; i++) {
      count()
      // A part each.
      yield (builder: MessageBuilder) => void builder.binary(1, new Uint8Array(8192))
    }
  }
  const operations = [operation({ cmd: 1, request: policy({}) }, { doit: count, dumpit })]
  const family: Family = { id: FAMILY, name: 'test', version: 1, maxattr: 1, operations }
  const listening = new ListeningSocket(native, join(directory, `${served}.sock`), 0o600, () => {})
  const rights = { missing: () => missing, missingToCapture: () => missing }
  const server = {
    families: new Map([[FAMILY, family]]),
    turns,
    batches,
    onDefect: console.error,
    onEnd() {},
  }
  const sessions = new Sessions(listening, rights, server)
  const request = new MessageBuilder()
    .message(FAMILY, NLM_F_REQUEST | flags, 1)
    .payload(genlmsghdr(1, 1)).bytes
  const clients = Array.from({ length: CLIENTS }, () => {
    const client = Connection.connect(native, listening.path, {
      onMessage() {},
      onReadable() {},
      onEnd() {},
    })
    if (typeof client === 'number') throw new Error(`no connection: ${client}`)
    sessions.step()
    for (let i = 0; i < REQUESTS; i++) {
      client.send(request)
    }
    return client
  })
  for (const session of sessions) {
    session.onReadable()
  }
  const counts: number[] = []
  for (let i = 0; i < ms; i++) {
    const before = served
    run()
    counts.push(served - before)
    clock.advance(NSEC_PER_MSEC)
  }
  sessions.close(0)
  for (const each of [...clients, listening]) {
    each.close()
  }
  return counts
}

test('twenty strangers that ask without end have one batch of requests served in each millisecond', () => {
  expect(servedEachMs('everything', 0, 10)).toEqual(new Array(10).fill(BATCH))
})

test('a batch has as many parts of dumps as requests', () => {
  for (const count of servedEachMs('everything', NLM_F_DUMP, 10)) {
    expect(count).toBeLessThanOrEqual(BATCH)
  }
})

test('the owner is served without batches', () => {
  expect(servedEachMs(undefined, 0, 2)).toEqual([CLIENTS * REQUESTS, 0])
})

test('a batch ends after 0.1 ms, but has one request at least', () => {
  const { clock, turns, batches, run } = fakeTurns()
  const served: number[] = []
  const work: Work = {
    share: 1,
    privileged: false,
    step() {
      if (!batches.admit(work)) return false
      served.push(clock.now())
      clock.advance(60_000)
      return true
    },
    wait() {},
  }
  turns.add(work)
  run()
  expect(served).toEqual([0, 60_000])
  clock.advance(2 * NSEC_PER_MSEC)
  run()
  expect(served.slice(2)).toHaveLength(2)
})
