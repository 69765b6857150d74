import fc from 'fast-check'
import { expect, test } from 'vitest'
import { forAll } from '#support/for-all.ts'
import { AddressTable } from '../../src/switch/address-table.ts'

test.each([4, 6, 16])('AddressTable with keys of %i bytes behaves like a Map', length => {
  // Few distinct bytes, so that many keys collide; the key is not at the start of its array.
  const address = fc.array(fc.constantFrom(0, 1, 255), { minLength: length, maxLength: length })
  const step = fc.tuple(address, fc.option(fc.nat(0x7fffffff), { freq: 2 }))
  forAll(100, [fc.array(step, { minLength: 50, maxLength: 300 })], steps => {
    const table = new AddressTable(length)
    const model = new Map<string, number>()
    for (const [octets, value] of steps) {
      const bytes = Uint8Array.from([9, ...octets])
      const key = octets.join()
      if (value === null) {
        expect(table.delete(bytes, 1)).toBe(model.delete(key))
      } else {
        table.set(bytes, 1, value)
        model.set(key, value)
      }
      expect(table.size).toBe(model.size)
    }
    for (const [octets] of steps) {
      expect(table.get(Uint8Array.from(octets), 0)).toBe(model.get(octets.join()) ?? -1)
    }
  })
})
