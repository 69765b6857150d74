/** Some random and mutated datagrams; fuzz.slow.test.ts has more. */
import { test } from 'vitest'
import { withoutStacks } from '#support/fuzz-netlink.ts'
import { expectDecodedOrRefused } from './fuzz-datagrams.ts'

withoutStacks()

test('random and mutated datagrams are decoded or refused, and nothing around them is read', () =>
  expectDecodedOrRefused(1500))
