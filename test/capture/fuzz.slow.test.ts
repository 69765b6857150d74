/** Random and mutated capture files, a million in a full long run. */
import { test } from 'vitest'
import { withoutStacks } from '#support/fuzz-netlink.ts'
import { scaled } from '#support/scale.ts'
import { expectReadOrRefused } from './fuzz-files.ts'

withoutStacks()

test(
  'random and mutated files are read or refused, and alike in chunks of any size',
  {
    timeout: 600_000,
  },
  () => expectReadOrRefused(scaled(1_000_000)),
)
