/** The addresses that the page keeps of devices. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AddressCache } from '../src/address-cache.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('addresses are read again when they are due, or the next time if the interface had no address', () => {
  const cache = new AddressCache(4000)
  const read = vi.fn((): readonly string[] => ['198.18.0.1/24'])
  for (let i = 0; i < 8; i++) {
    expect(cache.of('1//sn0', read)).toEqual(['198.18.0.1/24'])
    vi.advanceTimersByTime(1000)
  }
  expect(read).toHaveBeenCalledTimes(2)
  const none = vi.fn(() => [])
  for (let i = 0; i < 3; i++) {
    cache.of('1//sn1', none)
  }
  expect(none).toHaveBeenCalledTimes(3)
})

test('devices of labs that have ended are forgotten', () => {
  const cache = new AddressCache(4000)
  for (let lab = 0; lab < 1000; lab++) {
    const devices = new Set([`${lab}/lab:client/server`, `${lab}/lab:server/client`, '1//sn0'])
    cache.keepOnly(devices)
    for (const id of devices) {
      cache.of(id, () => ['198.18.0.1/24'])
    }
    expect(cache.size).toBeLessThanOrEqual(3)
  }
})
