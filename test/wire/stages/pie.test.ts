import { expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '../../../src/base/clock.ts'
import { stream } from '../../../src/base/random.ts'
import { type PieOptions, pie } from '../../../src/wire/stages/pie.ts'
import { rate } from '../../../src/wire/stages/rate.ts'
import { plainFrame, type TestWire, testWires } from '../../support/wire.ts'

const makeWire = testWires()
const MS = NSEC_PER_MSEC
/** A packet that takes a millisecond at 12 Mbit/s. */
const frame = plainFrame(1500)
const ect = plainFrame(1500)
ect.set([8, 0, 0x45, 2], 12)
const line = (options: PieOptions = {}) => rate(12e6, { queue: pie(options) })
/** Not a divisor of the other periods, so that no two events come at the same time. */
const TUPDATE = 14.321 * MS
const GAP = 0.3701 * MS

function load(wire: TestWire, packets: number, gap = GAP, bytes = frame): void {
  for (let n = 0; n < packets; n++) {
    wire.sendFrame(bytes)
    wire.advance(gap)
  }
}

/** Returns the numbers of the packets that RFC 8033 drops: one packet takes a millisecond. */
function modelDrops(packets: number, target: number): number[] {
  const draws = stream(7, 'ab/rate/1')
  const drops: number[] = []
  const queue: number[] = []
  let [arrivals, departure, update] = [0, Number.POSITIVE_INFINITY, TUPDATE]
  let [prob, accu, allowance, old] = [0, 0, 150 * MS, 0]
  while (arrivals < packets) {
    const arrival = arrivals * GAP
    const now = Math.min(arrival, departure, update)
    if (now === departure) {
      queue.shift()
      departure = queue.length > 0 ? now + MS : Number.POSITIVE_INFINITY
      continue
    }
    // The first of the queue is in transmission, and does not wait.
    const wait = queue.length > 1 ? now - (queue[1] as number) : 0
    if (now === update) {
      let p = (0.125 * (wait - target)) / NSEC_PER_SEC + (1.25 * (wait - old)) / NSEC_PER_SEC
      const steps = [1e-6, 2048, 1e-5, 512, 1e-4, 128, 1e-3, 32, 1e-2, 8, 0.1, 2]
      const step = steps.findIndex((bound, i) => i % 2 === 0 && prob < bound)
      if (step >= 0) p /= steps[step + 1] as number
      if (prob >= 0.1) p = Math.min(p, 0.02)
      prob += p
      if (wait === 0 && old === 0) prob *= 0.98
      prob = Math.min(1, Math.max(0, prob))
      allowance = Math.max(0, allowance - TUPDATE)
      if (prob === 0 && wait < target / 2 && old < target / 2) allowance = 150 * MS
      old = wait
      update += TUPDATE
      continue
    }
    arrivals++
    const isShort = (old < target / 2 && prob < 0.2) || 1500 * (queue.length - 1) <= 3000
    let dropped = false
    if (allowance === 0 && !isShort) {
      if (prob === 0) accu = 0
      accu += prob
      if (accu >= 0.85) dropped = accu >= 8.5 || draws.next() < prob
      if (dropped) accu = 0
    }
    if (dropped) drops.push(arrivals)
    else {
      queue.push(now)
      if (queue.length === 1) departure = now + MS
    }
  }
  return drops
}

test.each([15, 40])('PIE with a target of %i ms drops the packets that the pseudocode of RFC 8033 drops', target => {
  const wire = makeWire([line({ target, tupdate: TUPDATE / MS })], { log: true })
  load(wire, 8000)
  const drops = wire.decisions.filter(({ why }) => why === 'pie').map(({ id }) => id)
  expect(drops).toEqual(modelDrops(8000, target * MS))
  expect(drops.length).toBeGreaterThan(500)
})

test('PIE lets a burst of up to 150 ms pass', () => {
  const wire = makeWire([line()])
  load(wire, 300)
  expect(wire.chain.report()[0]?.dropped).toBe(0)
})

test('PIE with ecn marks capable packets while the probability is at most 10 %, and then drops', () => {
  const wire = makeWire([line({ ecn: true })], { log: true })
  load(wire, 8000, GAP, ect)
  const decided = wire.decisions.filter(({ why, verdict }) => why === 'pie' || verdict === 'mark')
  const firstDrop = decided.findIndex(({ verdict }) => verdict === 'drop')
  expect(firstDrop).toBeGreaterThan(5)
  expect(decided.slice(-500).every(({ verdict }) => verdict === 'drop')).toBe(true)
})

test('PIE stops its timer on an idle line', () => {
  const wire = makeWire([line()])
  load(wire, 2000)
  wire.advance(100 * NSEC_PER_SEC)
  expect(wire.clock.armed).toBe(0)
})

test('PIE prints its parameters, and refuses times below 1 ms', () => {
  expect(line().text).toBe('rate 12mbit pie target 15ms tupdate 15ms')
  expect(line({ target: 5, ecn: true }).text).toBe('rate 12mbit pie target 5ms tupdate 15ms ecn')
  expect(() => pie({ tupdate: '999us' })).toThrow('pie: tupdate must be at least 1ms')
  expect(() => pie({ target: 0 })).toThrow('pie: target must be at least 1ms')
})
