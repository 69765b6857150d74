import { expect, test } from 'vitest'
import { portAddress } from '../../src/lan/port-address.ts'

const names = Array.from({ length: 500 }, (_, i) => `eth${i}`)

test('a port has the same address each time, a station’s that nobody gave out, and each name another one', () => {
  const addresses = names.map(name => portAddress(name))
  expect(addresses).toEqual(names.map(name => portAddress(name)))
  expect(new Set(addresses.map(String)).size).toBe(names.length)
  expect(addresses.every(({ length, 0: first }) => length === 6 && (first! & 3) === 2)).toBe(true)
})

test('its first three octets can be chosen, and nothing else of it changes', () => {
  const address = portAddress('eth9', Uint8Array.of(0, 0x1b, 0x21))
  expect([...address]).toEqual([0, 0x1b, 0x21, ...portAddress('eth9').subarray(3)])
})
