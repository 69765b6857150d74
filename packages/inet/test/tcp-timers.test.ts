/** Timeouts, probes and windows that the conformance cases leave, because they take minutes. */

import { parseCases, runCase } from '@vnet/conform'
import { describe, expect, test } from 'vitest'
import { EHOSTUNREACH, ETIMEDOUT } from '#src/base/errno.ts'
import * as tcp from '#src/packet/tcp.ts'
import { MemoryWorld } from './tcp-conformance/memory-world.ts'
import { A, B, flagsOf, join, lengthOf, MS, Pair, pattern, SEC, User } from './tcp-pair.ts'

/** Connects two users that have nothing to send. */
function connected(pair: Pair): { client: User; server: User } {
  const [client, server] = [new User(), new User()]
  client.shutsDown = false
  server.shutsDown = false
  join(pair, client, server)
  pair.run(100 * MS)
  return { client, server }
}

/** Seconds until a user gets an error, or its connection ends. */
function secondsUntilEnd(pair: Pair, user: User): number {
  const start = pair.clock.now()
  while (user.connection?.state !== 'CLOSED') {
    const { next } = pair.clock
    if (next === undefined) throw new Error('it never ends')
    pair.clock.advance(Math.max(next - pair.clock.now(), 0))
  }
  const seconds = (pair.clock.now() - start) / SEC
  // The event follows.
  pair.run(MS)
  return seconds
}

const plays = (title: string, lines: string, sysctls: Record<string, number>) =>
  test(title, async () => {
    const settings = Object.entries(sysctls).map(setting => `with ${setting.join(' ')}\n`)
    const cases = parseCases(
      `case played: ${title}\nmay RFC 9293, 3.8.3\n${settings.join('')}${lines}`,
    )
    for (const one of cases) {
      await runCase(one, new MemoryWorld(4, one.sysctls))
    }
    expect(cases).toHaveLength(1)
  })

describe('connecting', () => {
  plays(
    'sends SYN seven times with doubled timeouts, and fails after 127 s',
    `
    connect
    out syn 0
    ${[1, 2, 4, 8, 16, 32].map(seconds => `+${seconds}000 out syn 0`).join('\n')}
    +64000 error ETIMEDOUT
    `,
    { tcp_syn_linear_timeouts: 0 },
  )

  test('to a silent peer takes as long with the defaults, and leaves no alarm', () => {
    const pair = new Pair(1, { loss: 1 })
    const client = new User()
    client.connection = pair.a.connect({ address: B, port: 80 }, client)
    expect(secondsUntilEnd(pair, client)).toBe(127)
    expect(client.log).toEqual([`error ${ETIMEDOUT}`])
    expect(pair.clock.armed).toBe(0)
  })

  test('after a repeated SYN starts with a timeout of 3 s if nothing measured the round trip', () => {
    const pair = new Pair(1, { delay: 10 * MS })
    // The first SYN is lost, and without timestamps nothing is measured.
    pair.drops = (_segment, from, n) => from === 'a' && n === 0
    const { onSend } = pair.ipA
    pair.ipA.onSend = (segment, from, to) => {
      const isSyn = (tcp.flags(segment, 0) & tcp.TCP_SYN) !== 0
      if (isSyn) {
        segment.fill(1, 24)
      }
      return onSend(segment, from, to)
    }
    const { client } = connected(pair)
    pair.run(SEC)
    pair.drops = (_segment, from) => from === 'a'
    client.connection?.write(pattern(10, 1))
    pair.run(4 * SEC)
    const [first, second] = pair.seen.filter(({ segment }) => lengthOf(segment) > 0)
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBe(3 * SEC)
  })
})

describe('a connection', () => {
  test('to an unreachable peer fails with the error that ICMP reported meanwhile', () => {
    const pair = new Pair()
    const { client } = connected(pair)
    pair.pipe = { loss: 1 }
    client.connection?.write(pattern(10, 1))
    const sent = pair.seen.at(-1)?.segment as Uint8Array
    const packet = { bytes: sent, at: 0, length: 20, source: A, destination: B }
    pair.a.error({ errno: EHOSTUNREACH, isFatal: false, mtu: 0, packet })
    const seconds = secondsUntilEnd(pair, client)
    expect(seconds).toBeGreaterThan(924.6)
    expect(seconds).toBeLessThan(940)
    expect(client.error).toBe(EHOSTUNREACH)
  })

  test('forgets an error that ICMP reported once bytes are acknowledged again', () => {
    const pair = new Pair()
    const { client } = connected(pair)
    client.connection?.write(pattern(10, 1))
    const sent = pair.seen.at(-1)?.segment as Uint8Array
    const packet = { bytes: sent, at: 0, length: 20, source: A, destination: B }
    pair.a.error({ errno: EHOSTUNREACH, isFatal: false, mtu: 0, packet })
    pair.run(SEC)
    pair.pipe = { loss: 1 }
    client.connection?.write(pattern(10, 1))
    secondsUntilEnd(pair, client)
    expect(client.error).toBe(ETIMEDOUT)
  })

  test('that is closed gives up its last bytes after about 100 s', () => {
    const pair = new Pair()
    const { client } = connected(pair)
    pair.pipe = { loss: 1 }
    client.connection?.write(pattern(10, 1))
    client.connection?.close()
    const seconds = secondsUntilEnd(pair, client)
    expect(seconds).toBeGreaterThan(102.2)
    expect(seconds).toBeLessThan(240)
    expect(client.error).toBe(0)
  })

  test('probes a closed window for ever, at most every 120 s', () => {
    const pair = new Pair()
    const { client, server } = connected(pair)
    server.isReading = false
    const bytes = pattern(400_000, 1)
    let written = client.connection?.write(bytes) ?? 0
    pair.run(3 * 3600 * SEC)
    expect(client.error).toBe(0)
    const probes = pair.seen.filter(({ at, from }) => from === 'a' && at > 3600 * SEC)
    const gaps = probes.slice(1).map(({ at }, i) => Math.round((at - (probes[i]?.at ?? 0)) / SEC))
    expect(new Set(gaps)).toEqual(new Set([120]))
    server.isReading = true
    server.read()
    pair.run(600 * SEC)
    for (let more = 1; more > 0 && written < bytes.length; written += more) {
      more = client.connection?.write(bytes.subarray(written)) ?? 0
      pair.run(SEC)
    }
    pair.run(SEC)
    expect(Buffer.compare(server.bytes, bytes)).toBe(0)
  })

  test('fails after 15 window probes without a reply', () => {
    const pair = new Pair()
    const { client, server } = connected(pair)
    server.isReading = false
    client.connection?.write(pattern(400_000, 1))
    pair.run(600 * SEC)
    pair.pipe = { loss: 1 }
    const before = pair.seen.length
    secondsUntilEnd(pair, client)
    expect(client.error).toBe(ETIMEDOUT)
    expect(pair.seen.length - before).toBe(15)
  })

  test('in FIN-WAIT-2 ends a minute after close, and never without it', () => {
    const pair = new Pair()
    const { client } = connected(pair)
    client.connection?.shutdown()
    pair.run(3600 * SEC)
    expect(client.connection?.state).toBe('FIN-WAIT-2')
    client.connection?.close()
    expect(secondsUntilEnd(pair, client)).toBe(60)
  })
})

describe('an old connection', () => {
  test('receives bytes after 25 days, when the clock of its timestamps is half-way round', () => {
    const pair = new Pair()
    const { client, server } = connected(pair)
    pair.run(25 * 86_400 * SEC)
    client.connection?.write(pattern(10, 1))
    pair.run(SEC)
    expect(server.bytes).toEqual(pattern(10, 1))
  })
})

test('a connection starts with one segment after two repeated SYNs', () => {
  const pair = new Pair()
  pair.drops = (_segment, from, n) => from === 'a' && n < 2
  const client = new User(pattern(20_000, 1))
  join(pair, client, new User())
  pair.run(3 * SEC + 12 * MS)
  expect(pair.seen.filter(({ segment }) => lengthOf(segment) > 0)).toHaveLength(1)
})

/** Lines after which acknowledgments are delayed: the first 16 were not. */
const seventeen = `
    open
    in data 1..16001 1000, ack 1
    +0..44 finally ack 16001
    read 16000
`

describe('after the first segments', () => {
  plays(
    'a full segment with PSH is acknowledged as soon as it is read, and one without after 40 ms',
    `
    ${seventeen}
    in data 16001..17001, ack 1
    +40..44 out ack 17001
    read 1000
    in data 17001..18001, ack 1, push
    quiet 20
    read 1000
    out ack 18001
    `,
    {},
  )

  plays(
    'a segment after a pause is acknowledged immediately again',
    `
    ${seventeen}
    in data 16001..17001, ack 1
    +40..44 out ack 17001
    +1000 in data 17001..18001, ack 1
    out ack 18001
    `,
    {},
  )
})

test.each([
  [20, 19],
  [200, 40],
])('with a least timeout of %i ms, acknowledgments wait %i ms at most', (least, expected) => {
  const pair = new Pair(1, { delay: 5 * MS }, { rtoMin: least * MS })
  const { client, server } = connected(pair)
  // Read bytes are acknowledged immediately, like the first 16 segments and one after a pause.
  server.isReading = false
  for (let i = 0; i < 20; i++) {
    client.connection?.write(pattern(10, 1))
    pair.run(25 * MS)
  }
  const waits: number[] = []
  let since: number | undefined
  for (const { at, from, segment } of pair.seen) {
    if (from === 'a' && lengthOf(segment) > 0) {
      since ??= at + 5 * MS
    }
    if (from === 'a' || since === undefined) continue
    waits.push((at - since) / MS)
    since = undefined
  }
  expect(Math.max(...waits)).toBeCloseTo(expected, 3)
})

describe('loss of the last segment', () => {
  /** The first transmission of these segments of a's data is lost. */
  function lose(pair: Pair, ...which: number[]): void {
    let n = 0
    pair.drops = (segment, from) => from === 'a' && lengthOf(segment) > 0 && which.includes(n++)
  }

  test('is probed after two round trips when another is in flight', () => {
    const pair = new Pair(1, { delay: 50 * MS })
    const { client, server } = connected(pair)
    lose(pair, 2, 3)
    const start = pair.clock.now()
    client.connection?.write(pattern(5000, 1))
    pair.run(SEC)
    const data = pair.seen.filter(({ segment }) => lengthOf(segment) > 0)
    // The acknowledgment of the first two arrives after 100 ms and starts the time again.
    expect(((data[4]?.at ?? 0) - start) / MS).toBeCloseTo(308, 0)
    expect(tcp.flags(data[4]?.segment as Uint8Array, 0) & tcp.TCP_PSH).not.toBe(0)
    expect(data).toHaveLength(6)
    expect(pair.ipA.counters.get('TcpExtTCPLossProbes')).toBe(1)
    expect(pair.ipA.counters.get('TcpExtTCPTimeouts')).toBeUndefined()
    expect(Buffer.compare(server.bytes, pattern(5000, 1))).toBe(0)
  })

  test.each([
    ['halves the window if a probe repaired it', [2], 5],
    ['is not assumed if both the probed segment and the probe arrived', [], 10],
  ])('%s', (_title, lost, expected) => {
    const pair = new Pair(1, { delay: 50 * MS })
    const { client } = connected(pair)
    // The acknowledgments are late, so that the last segment is probed in any case.
    lose(pair, ...lost)
    client.connection?.write(pattern(4000, 1))
    pair.run(20 * MS)
    pair.pipe = { delay: 600 * MS }
    pair.run(80 * MS)
    pair.pipe = { delay: 50 * MS }
    pair.run(3 * SEC)
    expect(pair.ipA.counters.get('TcpExtTCPLossProbes')).toBe(1)
    client.connection?.write(pattern(10, 1))
    pair.run(150 * MS)
    const before = pair.seen.length
    client.connection?.write(pattern(40_000, 1))
    expect(pair.seen.length - before).toBeGreaterThanOrEqual(expected)
    expect(pair.seen.length - before).toBeLessThanOrEqual(expected + 4)
  })

  test.each([50, 200])(
    'of one segment is probed after two round trips and the least timeout, %i ms',
    least => {
      const pair = new Pair(1, { delay: 5 * MS }, { rtoMin: least * MS })
      const { client } = connected(pair)
      lose(pair, 0)
      client.connection?.write(pattern(10, 1))
      pair.run(SEC)
      const [first, second] = pair.seen.filter(({ segment }) => lengthOf(segment) > 0)
      // The timeout is shorter than that: one round trip and the least timeout.
      expect((second!.at - first!.at) / MS).toBeCloseTo(10 + least, 0)
    },
  )

  test('is repeated by a probe and then by timeouts with backoff', () => {
    const pair = new Pair(1, { delay: 5 * MS })
    const { client } = connected(pair)
    pair.drops = (_segment, from) => from === 'a'
    client.connection?.write(pattern(10, 1))
    pair.run(4 * SEC)
    const times = pair.seen.filter(({ segment }) => lengthOf(segment) > 0).map(({ at }) => at / MS)
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0))
    expect(gaps.map(Math.round)).toEqual(
      [gaps[0], gaps[0], 2 * (gaps[0] ?? 0), 4 * (gaps[0] ?? 0), 8 * (gaps[0] ?? 0)].map(gap =>
        Math.round(gap ?? 0),
      ),
    )
  })
})

describe('the receive window', () => {
  test('grows beyond 64 KiB for a user that reads', () => {
    const pair = new Pair(1, { delay: 50 * MS })
    const [client, server] = [new User(pattern(2_000_000, 1)), new User()]
    join(pair, client, server)
    pair.run(20 * SEC)
    const offered = pair.seen
      .filter(({ from, segment }) => from === 'b' && flagsOf(segment) === '.')
      .map(({ segment }) => tcp.window(segment, 0) << 7)
    expect(offered[0]).toBeLessThanOrEqual(65_536)
    // The window of SYN-ACK is a whole number of segments.
    expect(
      pair.seen.filter(({ from }) => from === 'b').map(({ segment }) => tcp.window(segment, 0))[0],
    ).toBe(45 * 1448)
    expect(Math.max(...offered)).toBeGreaterThan(200_000)
    expect(Buffer.compare(server.bytes, pattern(2_000_000, 1))).toBe(0)
  })

  test('holds no more than it offered for a user that does not read', () => {
    const pair = new Pair()
    const { client, server } = connected(pair)
    server.isReading = false
    client.connection?.write(pattern(400_000, 1))
    pair.run(60 * SEC)
    server.read()
    expect(server.bytes.length).toBeGreaterThan(60_000)
    expect(server.bytes.length).toBeLessThanOrEqual(66_000)
  })
})
