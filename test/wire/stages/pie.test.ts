import { expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { stream } from '#src/base/random.ts'
import { type PieOptions, pie } from '#src/wire/stages/pie.ts'
import { type RateOptions, rate } from '#src/wire/stages/rate.ts'
import { trace } from '#src/wire/stages/trace.ts'
import { either } from '#support/scale.ts'
import { plainFrame, type TestWire, testWires } from '#support/wire.ts'

const makeWire = testWires()
const MS = NSEC_PER_MSEC
/** A packet that takes a millisecond at 12 Mbit/s. */
const frame = plainFrame(1500)
const ect = plainFrame(1500)
ect.set([8, 0, 0x45, 2], 12)
/** Keeps the decisions, and not the packets. */
const LOGGED = { log: true, receive() {} }
const line = (options: PieOptions = {}, more: RateOptions = {}) =>
  rate(12e6, { queue: pie(options), ...more })
/** Not a divisor of the periods of corrections, so that no two events come at the same time. */
const GAP = 0.3701 * MS
/** After so many packets nothing arrives for a time. */
const [FLIGHT, PAUSE] = [2000, 1700.07 * MS]
/** Four flights, or one and a half. */
const PACKETS = either(8000, 3000)

const arrivalOf = (n: number) => n * GAP + Math.floor(n / FLIGHT) * PAUSE

function load(wire: TestWire, packets: number, gap = GAP, bytes = frame): void {
  for (let n = 0; n < packets; n++) {
    wire.sendFrame(bytes)
    wire.advance(gap)
  }
}

/** Returns the numbers of the packets that RFC 8033 drops: one packet takes a millisecond. */
function modelDrops(packets: number, target: number, tupdate: number): number[] {
  // Sec. 4.2: halving T_UPDATE halves alpha, and adds a quarter of alpha to beta.
  const alpha = (0.125 * tupdate) / (15 * MS)
  const beta = 1.25 + (0.125 - alpha) / 2
  const draws = stream(7, 'ab/rate/1')
  const drops: number[] = []
  const queue: number[] = []
  let [arrivals, departure, update] = [0, Number.POSITIVE_INFINITY, tupdate]
  let [prob, accu, allowance, old] = [0, 0, 150 * MS, 0]
  while (arrivals < packets) {
    const arrival = arrivalOf(arrivals)
    const now = Math.min(arrival, departure, update)
    if (now === departure) {
      queue.shift()
      departure = queue.length > 0 ? now + MS : Number.POSITIVE_INFINITY
      continue
    }
    // The first of the queue is in transmission, and does not wait.
    const wait = queue.length > 1 ? now - (queue[1] as number) : 0
    if (now === update) {
      let p = (alpha * (wait - target)) / NSEC_PER_SEC + (beta * (wait - old)) / NSEC_PER_SEC
      const steps = [1e-6, 2048, 1e-5, 512, 1e-4, 128, 1e-3, 32, 1e-2, 8, 0.1, 2]
      const step = steps.findIndex((bound, i) => i % 2 === 0 && prob < bound)
      if (step >= 0) {
        p /= steps[step + 1] as number
      }
      if (prob >= 0.1) {
        p = Math.min(p, 0.02)
      }
      prob += p
      if (wait === 0 && old === 0) {
        prob *= 0.98
      }
      prob = Math.min(1, Math.max(0, prob))
      allowance = Math.max(0, allowance - tupdate)
      if (prob === 0 && wait < target / 2 && old < target / 2) {
        allowance = 150 * MS
      }
      old = wait
      const isIdle = prob === 0 && wait < target / 2 && allowance === 150 * MS && queue.length < 2
      update = isIdle ? Number.POSITIVE_INFINITY : now + tupdate
      continue
    }
    arrivals++
    if (update === Number.POSITIVE_INFINITY) {
      update = now + tupdate
    }
    const isShort = (old < target / 2 && prob < 0.2) || 1500 * (queue.length - 1) <= 3000
    let dropped = false
    if (allowance === 0 && !isShort) {
      if (prob === 0) {
        accu = 0
      }
      accu += prob
      if (accu >= 0.85) {
        dropped = accu >= 8.5 || draws.next() < prob
      }
      if (dropped) {
        accu = 0
      }
    }
    if (dropped) {
      drops.push(arrivals)
    } else {
      queue.push(now)
      if (queue.length === 1) {
        departure = now + MS
      }
    }
  }
  return drops
}

test.each([
  [15, 14.321],
  [40, 14.321],
  [15, 7.1717],
  [15, 28.3131],
])(
  'PIE with target %f ms and tupdate %f ms drops what the pseudocode of RFC 8033 drops',
  (target, tupdate) => {
    const wire = makeWire([line({ target, tupdate }, { limit: { packets: 3000 } })], LOGGED)
    for (let n = 0; n < PACKETS; n++) {
      wire.advance(arrivalOf(n) - wire.now)
      wire.sendFrame(frame)
    }
    const drops = wire.decisions.filter(({ why }) => why === 'pie').map(({ id }) => id)
    expect(drops).toEqual(modelDrops(PACKETS, target * MS, tupdate * MS))
    expect(drops.length).toBeGreaterThan(200)
  },
)

test('PIE on a link that sends nothing more drops all later packets, and arms no timer', () => {
  const wire = makeWire([trace([1, 2], { once: true, queue: pie() })])
  for (let i = 0; i < 5; i++) {
    wire.sendFrame(frame)
  }
  wire.advance(20 * MS)
  expect(wire.clock.armed).toBe(0)
  wire.advance(3600 * NSEC_PER_SEC)
  for (let i = 0; i < 10; i++) {
    wire.sendFrame(frame)
  }
  const [stage] = wire.chain.report()
  expect([stage?.out, stage?.drops.pie]).toEqual([2, 9])
})

test('PIE marks no packet that finds the queue full', () => {
  const queue = pie({ ecn: true })
  const wire = makeWire([rate(12e6, { queue, limit: { packets: 30 } })], LOGGED)
  load(wire, 8000, GAP, ect)
  const of = (wanted: string) =>
    wire.decisions.filter(({ verdict }) => verdict === wanted).map(({ id }) => id)
  const dropped = new Set(of('drop'))
  expect(wire.drops.limit).toBeGreaterThan(1000)
  expect(of('mark').filter(id => dropped.has(id))).toEqual([])
})

test('PIE lets a burst of up to 150 ms pass', () => {
  const wire = makeWire([line()])
  load(wire, 300)
  expect(wire.chain.report()[0]?.dropped).toBe(0)
})

test('PIE with ecn marks capable packets while the probability is at most 10 %, and then drops', () => {
  const wire = makeWire([line({ ecn: true })], LOGGED)
  load(wire, 8000, GAP, ect)
  const decided = wire.decisions.filter(({ why, verdict }) => why === 'pie' || verdict === 'mark')
  const firstDrop = decided.findIndex(({ verdict }) => verdict === 'drop')
  expect(firstDrop).toBeGreaterThan(5)
  expect(decided.slice(-500).every(({ verdict }) => verdict === 'drop')).toBe(true)
})

test('PIE prints its parameters, and refuses times below 1 ms', () => {
  expect(line().text).toBe('rate 12mbit pie target 15ms tupdate 15ms')
  expect(line({ target: 5, ecn: true }).text).toBe('rate 12mbit pie target 5ms tupdate 15ms ecn')
  expect(() => pie({ tupdate: '999us' })).toThrow('pie: tupdate must be at least 1ms')
  expect(() => pie({ target: 0 })).toThrow('pie: target must be at least 1ms')
})
