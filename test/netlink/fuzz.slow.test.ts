/** Random and mutated datagrams, a million in a full long run. */
import { test } from 'vitest'
import { withoutStacks } from '#support/fuzz-netlink.ts'
import { scaled } from '#support/scale.ts'
import { expectDecodedOrRefused } from './fuzz-datagrams.ts'

withoutStacks()

test(
  'random and mutated datagrams are decoded or refused, and nothing around them is read',
  {
    timeout: 300_000,
  },
  () => expectDecodedOrRefused(scaled(1_000_000)),
)
