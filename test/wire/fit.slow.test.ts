import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import {
  fitWire,
  type Measured,
  type Probe,
  rateOfTrains,
  TRAIN_PACKETS,
  TRAINS,
  traceOf,
} from '#src/wire/fit.ts'
import { parseWire } from '#src/wire/parse.ts'
import { Simulation } from '#src/wire/simulation.ts'
import { parseLinkTrace } from '#src/wire/stages/link-trace.ts'
import { plainFrame } from '#support/wire.ts'

const MS = NSEC_PER_MSEC
const BYTES = 98

interface Numbered {
  readonly n: number
  readonly time: number
}

/** Returns when packets are back that cross a link with this wire in both directions. */
function returned(text: string, sent: readonly Numbered[], length: number, seed = 7): Numbered[] {
  const bytes = plainFrame(length)
  const number = (from: Uint8Array, at: number) =>
    new DataView(from.buffer, from.byteOffset + at).getUint32(14)
  const arrival = { bytes, at: 0, captured: length, length, gsoSize: 0, gsoType: 0, transport: 0 }
  const pass = (direction: 'ab' | 'ba', frames: readonly Numbered[]) => {
    const out: Numbered[] = []
    const simulation = new Simulation({
      deliver: (skb, _, time) => void out.push({ n: number(skb.bytes, skb.data), time }),
    })
    simulation.set(direction, 0, parseWire(text, undefined, direction), text, seed)
    for (const { n, time } of frames) {
      new DataView(bytes.buffer).setUint32(14, n)
      simulation.arrive({ ...arrival, direction, time })
    }
    simulation.finish()
    return out.sort((a, b) => a.time - b.time)
  }
  return pass('ba', pass('ab', sent))
}

/** Returns what probes of 20 ms find on a link with this wire in both directions. */
function measured(text: string, count: number, rate?: number): Measured {
  const sent = Array.from({ length: count }, (_, n) => ({ n, time: 1000 + n * 20 * MS }))
  const probes = sent.map(({ time }): { sent: number; trip: number | undefined } => ({
    sent: time - 1000,
    trip: undefined,
  }))
  for (const { n, time } of returned(text, sent, BYTES)) {
    Object.assign(probes[n] as object, { trip: time - 1000 - n * 20 * MS })
  }
  return { probes, bytes: BYTES, rate }
}

/** Returns the arrival times of a train that is sent with 10 us between its packets. */
function train(text: string, seed: number, length = TRAIN_PACKETS): number[] {
  const sent = Array.from({ length }, (_, n) => ({ n, time: 1000 + n * 10_000 }))
  const back = returned(text, sent, 1442, seed)
  return back.sort((a, b) => a.n - b.n).map(({ time }) => time)
}

describe('the rate of trains', () => {
  test.each([
    ['rate 20mbit | delay 15ms', 20, 0],
    ['rate 500mbit | delay 1ms', 500, 0],
    ['rate 20mbit | delay 15ms 2ms distribution normal', 20, 0.1],
    ['rate 20mbit | delay 15ms 2ms distribution normal ordered', 20, 0.1],
    ['rate 20mbit | delay 15ms 5ms', 20, 0.1],
    ['rate 100mbit | delay 15ms 2ms', 100, 0.1],
    ['loss 2% burst 4 | rate 20mbit | delay 15ms 2ms distribution normal', 20, 0.1],
    // Of 100 packets these queues hold 45 and 22.
    ['rate 1mbit limit 64kb | delay 20ms', 1, 0.01],
    ['rate 2mbit limit 32kb | delay 20ms 10ms distribution pareto', 2, 0.2],
    ['delay 5ms', 1153.6, 0.01],
  ])('%s is %d Mbit/s, with an error of at most a share of %d', (text, mbit, error) => {
    for (let seed = 1; seed <= 4; seed++) {
      const trains = Array.from({ length: TRAINS }, (_, i) => train(text, 100 * seed + i))
      const rate = rateOfTrains(trains, 1442) ?? 0
      expect(Math.abs(rate / 1e6 / mbit - 1), `seed ${seed}: ${rate}`).toBeLessThanOrEqual(
        error + 1e-6,
      )
    }
  })

  test('is not known if too few packets arrive, and has no bound if they arrive together', () => {
    expect(rateOfTrains([train('rate 20mbit', 1, 7)], 1442)).toBeUndefined()
    expect(rateOfTrains([], 1442)).toBeUndefined()
    expect(rateOfTrains([Array.from({ length: 10 }, () => 5)], 1442)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('the wire that fits', () => {
  test.each([
    ['delay 20ms', /^delay 20ms$/],
    ['delay 20ms 5ms', /^delay (19\.9|20|20\.1)ms (4\.9\d|5|5\.\d\d?)ms$/],
    [
      'delay 20ms 3ms distribution normal',
      /^delay (19\.9|20|20\.1)ms (2\.9\d|3|3\.\d\d?)ms distribution normal$/,
    ],
    [
      'delay 20ms 3ms distribution pareto',
      /^delay (19\.9|20|20\.1)ms (2\.\d\d|3|3\.\d\d?)ms distribution pareto$/,
    ],
    ['delay 5ms loss 2%', /^loss (1\.[6-9]\d?|2|2\.[0-4]\d?)% \| delay 5ms$/],
    ['delay 5ms loss 2% burst 6', /^loss (1\.\d\d?|2|2\.\d\d?)% burst ([4-7]\.?\d*) \| delay 5ms$/],
  ])('round trips of %s have its numbers', (text, fit) => {
    const found = fitWire(measured(text, 10_000))
    expect(found.text).toMatch(fit)
    if (/ms [\d.]+ms/.test(text)) {
      expect(found.distance).toBeLessThan(0.02)
    } else {
      expect(found.distance).toBeUndefined()
    }
    expect(parseWire(found.text).length).toBeGreaterThan(0)
  })

  test('the time in which a rate sends the probe is not part of the delay', () => {
    // 98 bytes take 784 us.
    const found = fitWire(measured('rate 1mbit | delay 20ms', 100, 1e6))
    expect(found.text).toBe('rate 1mbit | delay 20ms')
    expect(found.quantile(0.5) / MS).toBeCloseTo(41.568, 3)
  })

  test('another link has a distance', () => {
    const two = [...measured('delay 5ms', 500).probes, ...measured('delay 50ms', 500).probes]
    expect(fitWire({ probes: two, bytes: BYTES, rate: undefined }).distance).toBeGreaterThan(0.1)
  })
})

describe('the trace', () => {
  const probe = (sent: number, trip: number | undefined): Probe => ({
    sent: sent * NSEC_PER_SEC,
    trip: trip === undefined ? undefined : trip * MS,
  })

  test('a row has half of the median round trip and the loss of one direction', () => {
    const probes = [
      probe(0, undefined),
      probe(1, 20),
      probe(1.2, 30),
      probe(1.4, 26),
      probe(2, 40),
      probe(2.5, undefined),
    ]
    const text = traceOf({ probes, bytes: BYTES, rate: undefined }, NSEC_PER_SEC)
    expect(text).toBe('time,delay,loss\n0,13.000,100.00%\n1,13.000,0.00%\n2,20.000,29.29%\n')
    expect(parseLinkTrace(text, false).delays?.[2]).toBe(20 * MS)
  })

  test('a limited rate is a column, and its time is not part of the delay', () => {
    const text = traceOf({ probes: [probe(0, 21.568)], bytes: BYTES, rate: 1e6 }, NSEC_PER_SEC)
    expect(text).toBe('time,delay,loss,rate\n0,10.000,0.00%,1mbit\n')
  })
})
