/** A reset right after data: an error, or with the fault `abort` an end, as libuv may see it. */
import { describe, expect, test } from 'vitest'
import { createLab } from '../../src/index.ts'
import { resetting, seenIn, seenWith, sending } from '../support/reset-after-data.ts'

test('a reset right after data is an error after the data', async () => {
  await using lab = await createLab({ world: 'memory' })
  expect(await seenIn(lab, resetting)).toEqual({ bytes: 20, events: ['ECONNRESET'] })
})

describe.each(['', 'delay 20ms'])('on a wire %o', wire => {
  test('a reset of the program itself is an end after the data, with an abort at it', async () => {
    const seen = await seenWith('abort rst 1', resetting, { wire })
    expect(seen).toEqual({ bytes: 20, events: ['end'] })
  })

  test('an abort at a byte is an end after the bytes before it, and a reset is an error', async () => {
    const aborted = await seenWith('abort byte 10', sending, { wire })
    expect(aborted).toEqual({ bytes: 10, events: ['end'] })
    const reset = await seenWith('reset byte 10', sending, { wire })
    expect(reset).toEqual({ bytes: 10, events: ['ECONNRESET'] })
  })
})

test('an abort without bytes before it is a reset', async () => {
  const seen = await seenWith('abort byte 0', sending)
  expect(seen).toEqual({ bytes: 0, events: ['ECONNRESET'] })
})

test('a program that writes before it reads gets the reset, and the data remains unread', async () => {
  const seen = await seenWith('abort byte 10', sending, {
    ask: async (socket, lab) => {
      socket.pause()
      await lab.sleep(100)
      socket.write('more')
    },
  })
  expect(seen).toEqual({ bytes: 0, events: ['ECONNRESET'] })
})

test('a program that stops reading after the data gets the reset when it reads again', async () => {
  const seen = await seenWith('abort byte 10', sending, {
    ask: async (socket, lab) => {
      await lab.sleep(100)
      expect(socket.readableLength).toBe(10)
    },
  })
  expect(seen).toEqual({ bytes: 10, events: ['ECONNRESET'] })
})
