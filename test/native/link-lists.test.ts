/** Lists of addresses: which are the same. */
import { expect, test } from 'vitest'
import { type LinkLists, tellListChanges } from '../../src/kernel/link-lists.ts'

const lists = (addresses: number[], multicast: number[]): LinkLists => ({
  addresses: addresses.map(octet => Uint8Array.of(198, 18, 0, octet)),
  multicast: multicast.map(octet => Uint8Array.of(1, 0, 94, 0, 0, octet)),
})

test.each([
  ['nothing when only the order is another', lists([2, 1], [4, 3]), []],
  ['of one more', lists([1, 2, 5], [3, 4]), ['addresses']],
  ['of one less', lists([1, 2], [4]), ['multicast']],
  ['of one in place of another', lists([1, 5], [3, 5]), ['addresses', 'multicast']],
])('tells %s', (_, now, kinds) => {
  const told: unknown[] = []
  expect(tellListChanges(lists([1, 2], [3, 4]), now, change => told.push(change))).toBe(kinds.length > 0)
  const changes = [
    { kind: 'addresses', addresses: now.addresses },
    { kind: 'multicast', multicast: now.multicast },
  ]
  expect(told).toEqual(changes.filter(({ kind }) => kinds.includes(kind)))
})
