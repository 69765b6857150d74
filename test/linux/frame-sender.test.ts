/** FrameSender: what it makes of the results of writes, with an addon of the test. */
import { expect, test } from 'vitest'
import { EMSGSIZE, ENETDOWN, ENOBUFS, ENODEV } from '../../src/base/errno.ts'
import { FrameSender, FULL, SENT } from '../../src/linux/frame-sender.ts'
import { type Batch, type Native, WATCH_WRITE } from '../../src/linux/native.ts'

const FD = 7

/** A sender with these results of its next writes; 0 is EAGAIN. */
function sending(...results: number[]) {
  const written: number[][] = []
  const watched: number[] = []
  let arrays: [Uint8Array, Int32Array, Int32Array]
  let wake = (_: number) => {}
  let closed = 0
  const native: Partial<Native> = {
    createBatch(...of) {
      arrays = of
      return {} as Batch
    },
    writeBatch(_, fd, n) {
      const [arena, offsets, lengths] = arrays
      expect([fd, n]).toEqual([FD, 1])
      const result = results.shift() ?? lengths[0]!
      if (result === 0) return 0
      if (result > 0) written.push([...arena.subarray(offsets[0], offsets[0]! + lengths[0]!)])
      lengths[0] = result
      return 1
    },
    createPoller(_, fn) {
      wake = fn as typeof wake
      const done = () => 0
      const watch = (events: number) => watched.push(events)
      return { start: done, stop: done, ref: done, unref: done, close: () => ++closed, watch }
    },
    close: () => 0,
  }
  const sender = new FrameSender(native as Native, FD, 'red/v0')
  const send = (length = 60) => sender.send(new Uint8Array(length + 2).fill(5), 1, length)
  return { sender, send, written, watched, wake: (status: number) => wake(status), closed: () => closed }
}

test.each([14, 127, 128, 65_550])('a frame of %i bytes is written whole', length => {
  const { send, written } = sending()
  expect(send(length)).toBe(SENT)
  expect(written).toEqual([new Array(length).fill(5)])
})

test('a frame longer than any packet is too long, without a write', () => {
  const { send, written } = sending()
  expect([send(70_000), written]).toEqual([-EMSGSIZE, []])
})

test('after EAGAIN room() waits until the socket is writable, and then stops watching', async () => {
  const { sender, send, watched, wake, closed } = sending(0)
  expect(send()).toBe(FULL)
  const room = sender.room()
  expect([watched, closed()]).toEqual([[WATCH_WRITE], 0])
  wake(0)
  await room
  expect([closed(), send()]).toEqual([1, SENT])
})

test('after ENOBUFS room() waits a moment', async () => {
  const { sender, send, watched } = sending(-ENOBUFS)
  expect(send()).toBe(FULL)
  await sender.room()
  expect([watched, send()]).toEqual([[], SENT])
})

test('a queue that remains full fails frame after frame, until one is sent', () => {
  const { send } = sending(...new Array(102).fill(-ENOBUFS), 60, -ENOBUFS)
  const results = Array.from({ length: 104 }, () => send())
  expect(results).toEqual([...new Array(100).fill(FULL), -ENOBUFS, -ENOBUFS, SENT, FULL])
})

test('a frame that the kernel refuses returns its error, and a down or deleted interface ends the sender', () => {
  const { send } = sending(-EMSGSIZE, -ENETDOWN, -ENODEV)
  expect(send()).toBe(-EMSGSIZE)
  expect(() => send()).toThrow('red/v0: ENETDOWN, network is down; the interface is down')
  expect(() => send()).toThrow('red/v0: ENODEV, no such device; the interface is gone')
})
