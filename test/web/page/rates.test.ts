/** Rates from the counters of two messages, and how they are written. */
import { describe, expect, test } from 'vitest'
import type { DeviceCounters } from '../../../src/web/feed-types.ts'
import { Rates } from '../../../src/web/page/rates.ts'

const counters = (txPackets: number, dropped = 0): DeviceCounters => ({
  id: '1//sn0',
  txPackets,
  txBytes: 100 * txPackets,
  rxPackets: 0,
  rxBytes: 0,
  held: 0,
  drops: { tx: { NOMEM: dropped, FULL_RING: dropped }, rx: {} },
})
const stats = (time: number, ...devices: DeviceCounters[]) => ({ type: 'stats', time, devices }) as const

describe('rates', () => {
  test('rates are per second of the time between two messages', () => {
    const rates = new Rates()
    rates.receive(stats(1000, counters(10)))
    expect(rates.of('1//sn0')).toBeUndefined()
    rates.receive(stats(3000, counters(110, 3)))
    expect(rates.of('1//sn0')).toMatchObject({ txPackets: 50, txBits: 40_000, txDrops: 3, rxPackets: 0 })
  })

  test('rates count from 0 after a reset', () => {
    const rates = new Rates()
    rates.receive(stats(1000, counters(1000)))
    rates.receive(stats(2000, counters(20)))
    expect(rates.of('1//sn0')?.txPackets).toBe(20)
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
