import { describe, expect, test } from 'vitest'
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { fitWire, type Probe, rateOfTrains, TRAINS, traceOf } from '#src/wire/fit.ts'
import { parseLinkTrace } from '#src/wire/stages/link-trace.ts'
import { BYTES, measured, train } from './probed-link.ts'

const MS = NSEC_PER_MSEC

describe('the rate of trains', () => {
  test('of a link without random delays is its rate', () => {
    const trains = Array.from({ length: TRAINS }, (_, i) => train('rate 20mbit | delay 15ms', i))
    expect(rateOfTrains(trains, 1442)).toBeCloseTo(20e6, 0)
  })

  test('is not known if too few packets arrive, and has no bound if they arrive together', () => {
    expect(rateOfTrains([train('rate 20mbit', 1, 7)], 1442)).toBeUndefined()
    expect(rateOfTrains([], 1442)).toBeUndefined()
    expect(rateOfTrains([Array.from({ length: 10 }, () => 5)], 1442)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('the wire that fits', () => {
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
