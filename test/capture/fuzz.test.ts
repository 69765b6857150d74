/** Some random and mutated capture files; fuzz.slow.test.ts has more. */
import { test } from 'vitest'
import { withoutStacks } from '#support/fuzz-netlink.ts'
import { expectReadOrRefused } from './fuzz-files.ts'

withoutStacks()

test('random and mutated files are read or refused, and alike in chunks of any size', () =>
  expectReadOrRefused(1500))
