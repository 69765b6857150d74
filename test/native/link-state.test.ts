/** Comparing lists of addresses. */
import { expect, test } from 'vitest'
import { type LinkLists, reportListChanges } from '#src/linux/links/state.ts'

const lists = (addresses: number[], multicast: number[]): LinkLists => ({
  addresses: addresses.map(octet => Uint8Array.of(198, 18, 0, octet)),
  multicast: multicast.map(octet => Uint8Array.of(1, 0, 94, 0, 0, octet)),
})

test.each([
  ['nothing when only the order differs', lists([2, 1], [4, 3]), []],
  ['an added address', lists([1, 2, 5], [3, 4]), ['addresses']],
  ['a removed address', lists([1, 2], [4]), ['multicast']],
  ['replaced addresses', lists([1, 5], [3, 5]), ['addresses', 'multicast']],
])('reportListChanges reports %s', (_, now, kinds) => {
  const told: unknown[] = []
  reportListChanges(lists([1, 2], [3, 4]), now, change => told.push(change))
  const changes = [
    { kind: 'addresses', addresses: now.addresses },
    { kind: 'multicast', multicast: now.multicast },
  ]
  expect(told).toEqual(changes.filter(({ kind }) => kinds.includes(kind)))
})
