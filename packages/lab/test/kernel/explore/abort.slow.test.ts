/** An abort in the kernel: a reset arrives with the bytes before it, or immediately after them. */
import { expect, test } from 'vitest'
import { resetting, seenWith, sending } from '../../support/reset-after-data.ts'

// libuv reports an end if it polls both at a time.
const EITHER = [expect.stringMatching(/^(end|ECONNRESET)$/)]

test('an abort at a byte is an end or a reset after the bytes before it', async () => {
  const seen = await seenWith('abort byte 10', sending, { world: 'kernel' })
  expect(seen).toEqual({ bytes: 10, events: EITHER })
})

test('an abort at the reset of a program changes nothing', async () => {
  const seen = await seenWith('abort rst 1', resetting, { world: 'kernel' })
  expect(seen).toEqual({ bytes: 20, events: EITHER })
})
