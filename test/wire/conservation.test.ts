/**
 * Conservation: in + duplicated = out + dropped + held, in packets, for each example of a wire and
 * its stages, at any moment. conservation.slow.test.ts has more frames, and random wires.
 */
import { test } from 'vitest'
import { expectConserved } from './all-frames.ts'
import { EXAMPLES } from './grammar/examples.ts'

test.each(EXAMPLES.map(([, text]) => text))('in + duplicated = out + dropped + held: %s', text =>
  expectConserved(text, 15),
)
