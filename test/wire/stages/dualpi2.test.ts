import { expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { type DualPi2Options, dualpi2 } from '#src/wire/stages/dualpi2.ts'
import { rate } from '#src/wire/stages/rate.ts'
import { trace } from '#src/wire/stages/trace.ts'
import { plainFrame, type TestWire, testWires } from '#support/wire.ts'

const makeWire = testWires()
const MS = NSEC_PER_MSEC
const FRAMES = [0, 1, 2, 3].map(ecn => {
  const bytes = plainFrame(1500)
  bytes.set([8, 0, 0x45, ecn], 12)
  return bytes
})
/** A packet of IPv4 that takes a millisecond at 12 Mbit/s, with this value of the ECN field. */
const frame = (ecn: number) => FRAMES[ecn] as Uint8Array
const [CLASSIC, L4S, ECT0, CE] = [0, 1, 2, 3]
/** Keeps the decisions, and not the packets. */
const LOGGED = { log: true, receive() {} }
const line = (options: DualPi2Options = {}) =>
  rate(12e6, { queue: dualpi2(options), limit: { packets: 10_000 } })
const ecnOf = (bytes: Uint8Array) => (bytes[15] as number) & 3
/** Not a fraction of a millisecond, so that no packet comes when another leaves or at an update. */
const GAP = 0.7301 * MS
const TARGET = 14.321 * MS

interface Model {
  readonly dropped: number[]
  readonly marked: number[]
}

/** The verdicts of RFC 9332's pseudocode for packets of these ECN values, one each GAP. */
function model(ecns: readonly number[], step: number): Model {
  const dropped: number[] = []
  const marked: number[] = []
  const queues: Record<'l' | 'c', number[]> = { l: [], c: [] }
  const count = { l: 0, c: 0 }
  const recur = (q: 'l' | 'c', likelihood: number) => {
    count[q] += likelihood
    if (count[q] <= 1) return false
    count[q] -= 1
    return true
  }
  const arrivalOf = (id: number) => (id - 1) * GAP
  const headWait = (q: 'l' | 'c', now: number) =>
    queues[q].length > 0 ? now - arrivalOf(queues[q][0] as number) : 0
  let [p, prevq, arrived, departure, update] = [0, 0, 0, Number.POSITIVE_INFINITY, TARGET]
  const send = (now: number) => {
    departure = Number.POSITIVE_INFINITY
    while (queues.l.length + queues.c.length > 0) {
      const isL =
        queues.l.length > 0 &&
        (queues.c.length === 0 || headWait('l', now) + 50 * MS >= headWait('c', now))
      const id = (isL ? queues.l : queues.c).shift() as number
      const wait = now - arrivalOf(id)
      const pCL = Math.min(1, 2 * p)
      if (isL && pCL < 1) {
        if (recur('l', Math.max(wait >= step && queues.l.length > 1 ? 1 : 0, pCL))) {
          marked.push(id)
        }
      } else if (isL) {
        if (recur('l', p * p)) {
          dropped.push(id)
          continue
        }
        if (recur('l', pCL)) {
          marked.push(id)
        }
      } else if (recur('c', p * p)) {
        if (ecns[id - 1] === CLASSIC || p * p >= 0.25) {
          dropped.push(id)
          continue
        }
        marked.push(id)
      }
      departure = now + MS
      return
    }
  }
  while (arrived < ecns.length) {
    const now = Math.min(arrived * GAP, departure, update)
    if (now === departure) {
      send(now)
    } else if (now === update) {
      const curq = Math.max(headWait('c', now), headWait('l', now))
      // Hz: 0.1 Tupdate / RTT_max^2 and 0.3 / RTT_max, for 100 ms.
      p +=
        (0.1 * (TARGET / NSEC_PER_SEC) * (curq - TARGET)) / 0.01 / NSEC_PER_SEC +
        (3 * (curq - prevq)) / NSEC_PER_SEC
      p = Math.min(1, Math.max(0, p))
      prevq = curq
      update += TARGET
    } else {
      arrived++
      queues[((ecns[arrived - 1] as number) & 1) === 1 ? 'l' : 'c'].push(arrived)
      if (departure === Number.POSITIVE_INFINITY) {
        send(now)
      }
    }
  }
  return { dropped, marked }
}

function load(wire: TestWire, ecns: readonly number[]): Model {
  for (const ecn of ecns) {
    wire.sendFrame(frame(ecn))
    wire.advance(GAP)
  }
  const last = ecns.length
  const ids = (verdict: string) =>
    wire.decisions
      .filter(each => each.verdict === verdict && each.time <= (last - 1) * GAP)
      .map(({ id }) => id)
  return { dropped: ids('drop'), marked: ids('mark') }
}

test.each([
  ['classic packets', [CLASSIC]],
  ['classic packets of senders that are capable of ECN', [ECT0]],
  ['L4S packets', [L4S]],
  ['packets of all kinds', [CLASSIC, L4S, ECT0, CE, CLASSIC]],
])('DualPI2 drops and marks %s as the pseudocode of RFC 9332 does', (_, kinds) => {
  const draws = random(4)
  const ecns = Array.from({ length: 3000 }, () => kinds[draws.below(kinds.length)] as number)
  const wire = makeWire([line({ target: TARGET / MS, step: '2ms' })], LOGGED)
  const found = load(wire, ecns)
  const expected = model(ecns, 2 * MS)
  expect(found).toEqual(expected)
  expect(found.dropped.length + found.marked.length).toBeGreaterThan(100)
})

test('L4S packets alone are dropped when they overload the line', () => {
  const wire = makeWire([line()], LOGGED)
  const { dropped } = load(wire, new Array(6000).fill(L4S))
  // The line lets 73 % pass. RFC 9332, A.2.
  expect(dropped.length).toBeGreaterThan(1000)
})

test('an L4S packet with one packet after it is not marked for its own time on a slow line', () => {
  const wire = makeWire([rate(1e6, { queue: dualpi2() })], { log: true })
  for (let i = 0; i < 3; i++) {
    wire.sendFrame(frame(L4S))
  }
  wire.advance(100 * MS)
  expect(wire.received.map(({ bytes }) => ecnOf(bytes))).toEqual([L4S, L4S, L4S])
})

test('an L4S packet passes the classic packets that wait', () => {
  const wire = makeWire([line()])
  for (let i = 0; i < 10; i++) {
    wire.sendFrame(frame(CLASSIC))
  }
  wire.advance(4.5 * MS)
  wire.sendFrame(frame(L4S))
  wire.advance(20 * MS)
  expect(wire.received.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 11, 6, 7, 8, 9, 10])
})

test('a classic packet goes first if it has waited 50 ms longer', () => {
  const wire = makeWire([line({ step: '1s' })])
  for (let i = 0; i < 3; i++) {
    wire.sendFrame(frame(CLASSIC))
  }
  // Two L4S packets a millisecond: their first has waited half of the time.
  for (let i = 0; i < 120; i++) {
    wire.sendFrame(frame(L4S))
    wire.sendFrame(frame(L4S))
    wire.advance(MS)
  }
  const second = wire.received.find(({ id }) => id === 2)?.time ?? 0
  expect(second).toBeGreaterThan(98 * MS)
  expect(second).toBeLessThan(106 * MS)
})

test('DualPI2 never marks packets of senders without ECN', () => {
  const wire = makeWire([line()])
  load(wire, new Array(2000).fill(CLASSIC))
  wire.advance(100 * NSEC_PER_SEC)
  expect(wire.received.every(({ bytes }) => ecnOf(bytes) === CLASSIC)).toBe(true)
})

test('DualPI2 on a link that sends nothing more arms no timer', () => {
  const wire = makeWire([trace([1, 2], { once: true, queue: dualpi2() })])
  for (let i = 0; i < 5; i++) {
    wire.sendFrame(frame(L4S))
  }
  wire.advance(20 * MS)
  expect([wire.clock.armed, wire.received.length]).toEqual([0, 2])
})

test('DualPI2 prints its parameters, and refuses a target below 1 ms', () => {
  expect(line().text).toBe('rate 12mbit dualpi2 target 15ms step 1ms limit 10000')
  expect(() => dualpi2({ target: 0 })).toThrow('dualpi2: target must be at least 1ms')
})
