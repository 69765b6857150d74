/**
 * Conservation: in + duplicated = out + dropped + held, in packets, for the examples of wires and
 * their stages, at any moment. conservation.slow.test.ts has all of them with more frames, and
 * random wires.
 */
import { test } from 'vitest'
import { linkKinds } from '#src/wire/stages/link-model.ts'
import { expectConserved } from './all-frames.ts'
import { EXAMPLES } from './grammar/examples.ts'

/** One of the links, because each draws the rows of five minutes. */
const QUICK = EXAMPLES.filter(
  ([kind, text]) => text === 'geo codel' || linkKinds.every(link => link.kind !== kind.kind),
)

test.each(QUICK.map(([, text]) => text))('in + duplicated = out + dropped + held: %s', text =>
  expectConserved(text, 15),
)
