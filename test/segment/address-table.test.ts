import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AddressTable } from '../../src/segment/address-table.ts'

test.each([4, 6, 16])('a table of addresses of %i octets answers as a map does, whatever comes and goes', length => {
  // Few addresses, so that many meet, behind others in the same array.
  const address = fc.array(fc.constantFrom(0, 1, 255), { minLength: length, maxLength: length })
  const step = fc.tuple(address, fc.option(fc.nat(0x7fffffff), { freq: 2 }))
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), steps => {
      const table = new AddressTable(length)
      const model = new Map<string, number>()
      for (const [octets, value] of steps) {
        const bytes = Uint8Array.from([9, ...octets])
        const key = octets.join()
        if (value === null) expect(table.delete(bytes, 1)).toBe(model.delete(key))
        else {
          table.set(bytes, 1, value)
          model.set(key, value)
        }
        expect(table.size).toBe(model.size)
      }
      for (const [octets] of steps) {
        expect(table.get(Uint8Array.from(octets), 0)).toBe(model.get(octets.join()) ?? -1)
      }
      table.clear()
      for (const [octets] of steps) expect(table.get(Uint8Array.from(octets), 0)).toBe(-1)
    }),
  )
})

test('addresses that follow each other are found at once, 100,000 of them', () => {
  const table = new AddressTable(4)
  const bytes = new Uint8Array(4)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < 100_000; i++) {
    view.setUint32(0, 0xc6120000 + i)
    table.set(bytes, 0, i)
  }
  for (let i = 0; i < 100_000; i++) {
    view.setUint32(0, 0xc6120000 + i)
    if (table.get(bytes, 0) !== i) throw new Error(`${i} is ${table.get(bytes, 0)}`)
  }
  expect(table.size).toBe(100_000)
})
