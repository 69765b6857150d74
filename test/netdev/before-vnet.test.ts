/** Frames that the kernel dropped in front of a device: when they are read, and logged. */
import { expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { addDevice, memoryNets } from '#support/memory-net.ts'

const makeNet = memoryNets()
const LINE = (frames: number) =>
  `test0: lost before vnet: ${frames} frames so far, because its queue in the kernel was full`

/** A device in front of which the kernel has lost `lost.frames`; `looks` counts the readings. */
async function joined(txQueueLen = 100) {
  const memory = makeNet()
  const lost = { frames: 0, looks: 0 }
  const { dev, port } = await addDevice(memory, { ndoStartXmit: skb => skb.drop() })
  Object.assign(port as MemoryPort, {
    beforeVnet: (now: boolean) => {
      if (now) {
        lost.looks++
      }
      return lost.frames
    },
  })
  dev.txQueueLen = txQueueLen
  const send = (frames: number) => {
    for (let i = 0; i < frames; i++) {
      port.transmit(new Uint8Array(60))
    }
    port.drain()
  }
  const lines = () => memory.lines.filter(line => line.includes('before vnet'))
  return { ...memory, dev, lost, send, lines }
}

test('a device reads what the kernel lost only after a queue that was full, and logs it', async () => {
  const { clock, lost, send, lines } = await joined()
  lost.frames = 7
  send(84)
  send(84)
  clock.advance(60 * NSEC_PER_SEC)
  expect([lost.looks, lines()]).toEqual([0, []])
  send(100)
  clock.advance(2 * NSEC_PER_SEC)
  expect([lost.looks, lines()]).toEqual([1, [LINE(7)]])
})

test.each([
  [1000, 985],
  [32, 17],
  [31, 31],
])('a ring of %i may be full with %i frames', async (txQueueLen, full) => {
  const { clock, lost, send } = await joined(txQueueLen)
  send(full - 1)
  clock.advance(2 * NSEC_PER_SEC)
  expect(lost.looks).toBe(0)
  send(full)
  clock.advance(2 * NSEC_PER_SEC)
  expect(lost.looks).toBe(1)
})

test('lines are ten seconds apart, however often the queue is full, and none follows without a loss', async () => {
  const { clock, lost, send, lines } = await joined()
  for (let second = 0; second < 20; second++) {
    lost.frames += 10
    send(300)
    clock.advance(NSEC_PER_SEC)
  }
  expect(lines()).toEqual([LINE(10), LINE(110)])
  clock.advance(20 * NSEC_PER_SEC)
  expect(lines()).toHaveLength(3)
  send(300)
  clock.advance(20 * NSEC_PER_SEC)
  expect(lines()).toHaveLength(3)
})

test('the count remains when the device is unregistered', async () => {
  const { dev, lost } = await joined()
  lost.frames = 3
  expect(dev.beforeVnet()).toBe(3)
  await unregisterNetdev(dev)
  expect(dev.beforeVnet(true)).toBe(3)
})
