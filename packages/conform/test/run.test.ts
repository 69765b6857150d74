/** Wrong stacks that a case must name, and where the capture of a failure has its comment. */
import { expect, test } from 'vitest'
import { CaptureReader } from '#src/capture/reader.ts'
import { ETH_HLEN } from '#src/packet/ethernet.ts'
import { fillHeaderChecksum } from '#src/packet/ipv4.ts'
import { put16 } from '#src/packet/octets.ts'
import { completeChecksum } from '#src/packet/upper-header.ts'
import { MemoryWorld } from '../../inet/test/tcp-conformance/memory-world.ts'
import { captureOf } from '../src/capture.ts'
import { segmentOf } from '../src/frames.ts'
import { build, parseLayers, pattern } from '../src/layers.ts'
import { type Case, parseCases } from '../src/notation.ts'
import { CaseFailure, runCase } from '../src/run-case.ts'
import { readGroup } from '../src/table.ts'
import { OfferedWindow } from '../src/window.ts'
import type { Sent, World } from '../src/world.ts'

const MS = 1_000_000
const servers = readGroup('tcp-servers').cases
const caseNamed = (name: string): Case => servers.find(one => one.name === name) as Case

/** Returns a world in which the host sends other frames than in `world`. */
function changing(world: World, change: (sent: Sent) => readonly Sent[]): World {
  const waiting: Sent[] = []
  return {
    ...{
      tolerance: world.tolerance,
      host: world.host,
      peer: world.peer,
      port: world.port,
      program: undefined,
    },
    now: () => world.now(),
    sleepUntil: moment => world.sleepUntil(moment),
    close: () => world.close(),
    inject: frame => world.inject(frame),
    async next(until) {
      while (waiting.length === 0) {
        const sent = await world.next(until)
        if (sent === undefined) return undefined
        waiting.push(...change(sent))
      }
      return waiting.shift()
    },
  }
}

/** Returns why a case fails for a host that sends other frames; undefined if it passes. */
async function failureOf(
  one: Case,
  change: (sent: Sent) => readonly Sent[],
): Promise<CaseFailure | undefined> {
  const error = await runCase(
    one,
    changing(new MemoryWorld(one.family, one.sysctls, false), change),
  ).catch((error: unknown) => error)
  if (error !== undefined && !(error instanceof CaseFailure)) throw error
  return error
}

/** Returns a frame of TCP over IPv4 with bytes added to its segment. */
function withBytes({ frame, at }: Sent, bytes: Uint8Array): Sent {
  const longer = new Uint8Array(frame.length + bytes.length)
  longer.set(frame)
  longer.set(bytes, frame.length)
  put16(longer, ETH_HLEN + 2, longer.length - ETH_HLEN)
  fillHeaderChecksum(longer, ETH_HLEN)
  completeChecksum(longer, 0, longer.length)
  return { frame: longer, at }
}

const isAckOnly = ({ frame }: Sent): boolean => {
  const segment = segmentOf(frame)
  return segment !== undefined && segment.length === 0 && !segment.isSyn && !segment.isFin
}

test.each(['window-zero', 'window-zero-probes'])(
  '%s fails for a host whose ACK has bytes that the closed window forbids',
  async name => {
    const failure = await failureOf(caseNamed(name), sent =>
      isAckOnly(sent) ? [withBytes(sent, pattern([1, 101]))] : [sent],
    )
    expect(failure?.reason).toBe(
      'the host has sent bytes up to 101, but the offered window ends at 1',
    )
    expect(segmentOf(failure?.frames[failure.wrong]?.frame as Uint8Array)?.length).toBe(100)
  },
)

test.each([
  ['takes', 'some ack 101'],
  ['skips', 'recv ip, len 40 / tcp from 7'],
])('a line that %s a segment with bytes does not hide them from none data', async (_does, line) => {
  const [one] = parseCases(`case bytes: title
    must RFC 9293, 3.8.6
    echo
    in data 1..101, ack 1
    ${line}
    none data`)
  // The ACK comes after the bytes.
  const acks: Sent[] = []
  const failure = await failureOf(one as Case, sent => {
    if (!isAckOnly(sent)) return [sent, ...acks.splice(0)]
    acks.push(sent)
    return []
  })
  expect(failure?.reason).toBe('the host has replied')
  expect(segmentOf(failure?.frames[failure.wrong]?.frame as Uint8Array)?.length).toBe(100)
})

/** Returns a case of the lines of an echoed segment with 100 bytes. */
function echoed(...lines: readonly string[]): Case {
  const [one] = parseCases(`case bytes: title
    must RFC 9293, 3.8
    echo
    in data 1..101, ack 1
    ${lines.join('\n    ')}`)
  return one as Case
}

test.each([
  ['stream 1..101 100', undefined],
  ['stream 1..101 99', 'length is 100, more than 99'],
  ['none data 101..201', undefined],
  ['none data 0..1', undefined],
  ['none data 100..201', 'the host has replied'],
])('%s after 100 bytes: %s', async (line, reason) => {
  expect((await failureOf(echoed(line), sent => [sent]))?.reason).toBe(reason)
})

test('repetitions after the same time, and with less than twice the time, do not back off', async () => {
  const one = echoed('some data 1..101', '+0..10000 backs-off data 1..101')
  const after = (times: readonly number[]) => {
    const left = [0, ...times]
    let at = 0
    return (sent: Sent): readonly Sent[] => {
      if (segmentOf(sent.frame)?.length !== 100) return [sent]
      at += (left.shift() ?? 0) * MS
      return [{ ...sent, at }]
    }
  }
  expect(await failureOf(one, after([200, 400, 800]))).toBe(undefined)
  expect(await failureOf(one, after([250, 380, 790]))).toBe(undefined)
  for (const times of [
    [200, 200, 200],
    [200, 300, 390],
  ]) {
    const failure = await failureOf(one, after(times))
    expect(failure?.reason).toBe(`sent again after 200 ms, and the third time after ${times[2]} ms`)
  }
})

test('a closed window may be probed with a byte after a while, and with no more', () => {
  const window = new OfferedWindow()
  window.offer(1, 0, 0)
  expect(window.problem(1, 1, 200 * MS)).toBe(undefined)
  expect(window.problem(1, 1, 5 * MS)).toContain('ends at 1')
  expect(window.problem(1, 2, 200 * MS)).toContain('ends at 1')
  window.offer(1, 100, 300 * MS)
  expect(window.problem(101, 1, 900 * MS)).toContain('ends at 101')
})

/** Returns a frame of the host that nobody has asked for. */
const unasked = (layers: string): Uint8Array =>
  build(
    { stations: new MemoryWorld(4, {}, false), port: 0, sent: new Uint8Array(0) },
    parseLayers(layers),
  )

test.each([
  [
    'a router solicitation',
    'ether from host, to group / ip6, from host, to group / icmp6 type 133',
  ],
  [
    'a look for another host with its new address',
    'ether from host, to solicited / ip6, from zero, to solicited / nd type 135',
  ],
  ['a report of groups', 'ether from host, to group / ip6, from host, to group / icmp6 type 143'],
])(
  '%s right after an error about fragments is not a reply to the next frame',
  async (_, layers) => {
    const one = readGroup('ipv4').cases.find(({ name }) => name === 'fragments-timeout') as Case
    const failure = await failureOf(one, sent => [sent, { frame: unasked(layers), at: sent.at }])
    expect(failure?.reason).toBe(undefined)
  },
)

test('a second error about the same fragments is a reply', async () => {
  const one = readGroup('ipv4').cases.find(({ name }) => name === 'fragments-timeout') as Case
  const failure = await failureOf(one, sent => [sent, sent])
  expect(failure?.reason).toBe('the host has replied')
})

test('a line may ask for the look of a host for its own address', async () => {
  const [one] = parseCases(`case address: title
    must RFC 4862, 5.4.2
    ipv6
    send ip6 / icmp6 echo, id 1, seq 1 / data 8
    recv ip6, from zero / nd ns`)
  const look = unasked('ether from host, to solicited / ip6, from zero, to solicited / nd type 135')
  expect(await failureOf(one as Case, sent => [sent, { frame: look, at: sent.at }])).toBe(undefined)
  expect((await failureOf(one as Case, sent => [sent]))?.reason).toContain('from of ip6 is')
})

/** Returns the frames of a capture of a failure. */
function captured(failure: CaseFailure) {
  const reader = new CaptureReader('failure')
  reader.push(captureOf('tap0', 'about', failure))
  reader.end()
  const frames: { time: number; comments: readonly string[]; frame: Uint8Array }[] = []
  for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
    const { seconds, nanoseconds, bytes, at, capturedLength, comments = [] } = packet
    frames.push({
      time: seconds * 1e9 + nanoseconds,
      comments,
      frame: bytes.slice(at, at + capturedLength),
    })
  }
  return frames
}

test('without a reply, the comment is at the frame that has none, and one reset ends the connection', async () => {
  let fins = 0
  const failure = await failureOf(caseNamed('close-fin-lost'), sent =>
    segmentOf(sent.frame)?.isFin && fins++ > 0 ? [] : [sent],
  )
  const frames = captured(failure as CaseFailure)
  const commented = frames.filter(({ comments }) => comments.length > 0)
  expect(commented).toHaveLength(1)
  expect(segmentOf(commented[0]?.frame as Uint8Array)).toMatchObject({ isFin: true, isRst: false })
  expect(frames.filter(({ frame }) => segmentOf(frame)?.isRst)).toHaveLength(1)
})

test('the comment is at the frame that the reason is about', async () => {
  const failure = await failureOf(caseNamed('window-of-host'), sent =>
    isAckOnly(sent) ? [withBytes(sent, new Uint8Array(1))] : [sent],
  )
  const commented = captured(failure as CaseFailure).find(({ comments }) => comments.length > 0)
  expect(segmentOf(commented?.frame as Uint8Array)?.length).toBe(1)
  expect(commented?.comments[0]).toContain('the bytes differ')
})

test('a capture has its frames in the order of time', async () => {
  const change = (sent: Sent) => (isAckOnly(sent) ? [withBytes(sent, new Uint8Array(1))] : [sent])
  const failure = (await failureOf(caseNamed('window-of-host'), change)) as CaseFailure
  const late = failure.frames.map((each, i) => ({ ...each, at: 1000 - i }))
  const frames = captured(Object.assign(failure, { frames: late, wrong: 0 }))
  expect(frames.map(({ time }) => time)).toEqual(
    frames.map(({ time }) => time).sort((a, b) => a - b),
  )
  expect(frames.at(-1)?.comments).toHaveLength(1)
})

test.each([
  ['in constructor 1', "no item is called 'constructor'"],
  ['send ip toString 1', "no field is called 'toString'"],
  ['send tcp constructor', "no field is called 'constructor'"],
])('a case with the line "%s" is refused', (line, message) => {
  expect(() => parseCases(`case a: b\n  must RFC 9293, 3.5\n  ${line}`)).toThrow(message)
})
