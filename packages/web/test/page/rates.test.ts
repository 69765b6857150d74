/** Rates from the counters of two messages, and how they are written. */
import { describe, expect, test } from 'vitest'
import type { DeviceCounters } from '../../src/feed-types.ts'
import { Rates } from '../../src/page/rates.ts'

const counters = (txPackets: number, dropped = 0): DeviceCounters => ({
  id: '1//sn0',
  txPackets,
  txBytes: 100 * txPackets,
  rxPackets: 0,
  rxBytes: 0,
  held: 0,
  drops: { tx: { NOMEM: dropped, FULL_RING: dropped }, rx: {} },
})
const stats = (time: number, ...devices: DeviceCounters[]) =>
  ({ type: 'stats', time, devices }) as const

describe('rates', () => {
  test('rates are per second of the time between two messages', () => {
    const rates = new Rates()
    rates.receive(stats(1000, counters(10)))
    expect(rates.of('1//sn0')).toBeUndefined()
    rates.receive(stats(3000, counters(110, 3)))
    expect(rates.of('1//sn0')).toMatchObject({
      txPackets: 50,
      txBits: 40_000,
      txDrops: 3,
      rxPackets: 0,
    })
  })

  test('rates count from 0 after a reset', () => {
    const rates = new Rates()
    rates.receive(stats(1000, counters(1000)))
    rates.receive(stats(2000, counters(20)))
    expect(rates.of('1//sn0')?.txPackets).toBe(20)
  })

  test('a steady ping has a steady rate, though a second has one of its frames more or fewer', () => {
    const rates = new Rates()
    const seen = [0, 5, 10, 14, 20, 25].map((frames, i) => {
      rates.receive(stats(1000 * i, counters(frames)))
      return rates.of('1//sn0')?.txPackets
    })
    expect(seen.slice(3).map(rate => Math.round(rate!))).toEqual([5, 5, 5])
    rates.receive(stats(6000, counters(125)))
    expect(rates.of('1//sn0')?.txPackets).toBe(100)
    rates.receive(stats(7000, counters(125)))
    expect(rates.of('1//sn0')?.txPackets).toBe(0)
  })

  test('neighbour discovery that snull and loop drop by design does not count as loss', () => {
    const rates = new Rates()
    const drops = { tx: { NEIGH: 7, NOMEM: 2 }, rx: { NEIGH: 1 } }
    rates.receive(stats(1000, counters(0)))
    rates.receive(stats(2000, { ...counters(0), drops }))
    expect(rates.of('1//sn0')).toMatchObject({ txDrops: 2, rxDrops: 0 })
  })

  test('rates do not change when a new feed repeats the last message', () => {
    const rates = new Rates()
    rates.receive(stats(1000, counters(0)))
    rates.receive(stats(2000, counters(7)))
    rates.receive(stats(2000, counters(7)))
    expect(rates.of('1//sn0')?.txPackets).toBe(7)
  })

  test('rates are unknown for a deleted device, and after the clock was set back', () => {
    const rates = new Rates()
    rates.receive(stats(1000, counters(0)))
    rates.receive(stats(2000))
    expect([rates.of('1//sn0'), rates.counters('1//sn0')]).toEqual([undefined, undefined])
    rates.receive(stats(3000, counters(0)))
    rates.receive(stats(1000, counters(5)))
    expect(rates.of('1//sn0')).toBeUndefined()
  })
})
