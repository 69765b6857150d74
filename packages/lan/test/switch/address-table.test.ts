import { expect, test } from 'vitest'
import { AddressTable } from '../../src/switch/address-table.ts'

test('AddressTable finds 100,000 consecutive addresses without long probes', () => {
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

test('AddressTable has the last value of an address, and none once it is deleted', () => {
  const table = new AddressTable(6)
  const [one, other] = [Uint8Array.of(9, 0, 0, 0, 0, 0, 1), Uint8Array.of(9, 0, 0, 0, 0, 0, 2)]
  table.set(one, 1, 7)
  table.set(one, 1, 8)
  table.set(other, 1, 9)
  expect([table.size, table.get(one, 1), table.get(other, 1)]).toEqual([2, 8, 9])
  expect([table.delete(one, 1), table.delete(one, 1)]).toEqual([true, false])
  expect([table.size, table.get(one, 1), table.get(other, 1)]).toEqual([1, -1, 9])
})
