import { expect, test } from 'vitest'
import { MemoryPlatform } from '#src/bed/memory-port.ts'
import type { TapFrame } from '#src/linux/tap/frame.ts'
import { openTap } from '#src/linux/tap/open.ts'
import { either } from '#support/scale.ts'
import { buildFrame, plain } from '../../packet/frames.ts'

const gc = globalThis.gc as () => void

const FRAMES = either(10_000_000, 1_000_000)
const WARM_UP = 400_000
/** Few enough that what one allocates is still there at its end, uncollected. */
const SLICE = 20_000
/** Bytes a frame. The smallest object has 16; compiled code and a busy machine add one or two. */
const LIMIT = 8

/** Bytes that reading a frame from one tap and writing it to another allocates. */
async function allocated(look: (bytes: Uint8Array) => void): Promise<number> {
  const platform = new MemoryPlatform()
  await using a = await openTap({ platform })
  await using b = await openTap({ platform })
  const [from, to] = [platform.port(a.name), platform.port(b.name)]
  let received = 0
  to.onFrame = () => {
    received++
  }
  a.onFrames = frames => {
    // A `for of` may take an object a batch.
    for (let i = 0; i < frames.length; i++) {
      look((frames[i] as TapFrame).bytes)
    }
    b.writeBatch(frames)
  }
  const frame = buildFrame({ packet: plain, tags: [], padding: [] })
  const run = (times: number): void => {
    from.queues[0]?.repeat(frame, times)
    from.drain()
  }
  run(WARM_UP)
  gc()
  let sum = 0
  for (let left = FRAMES; left > 0; left -= SLICE) {
    const { heapUsed } = process.memoryUsage()
    run(SLICE)
    sum += Math.max(0, process.memoryUsage().heapUsed - heapUsed)
  }
  expect(received).toBe(FRAMES + WARM_UP)
  expect(b.counters).toMatchObject({ framesWritten: FRAMES + WARM_UP, dropped: 0 })
  return sum / FRAMES
}

test('reading by onFrames, inspecting the bytes and writing to another tap allocate nothing per frame', async () => {
  let sum = 0
  const bytes = await allocated(({ length }) => {
    sum += length
  })
  expect(sum).toBeGreaterThan(0)
  expect(bytes).toBeLessThan(LIMIT)
})

test('the allocation test detects one object a frame', async () => {
  let last: object | undefined
  const bytes = await allocated(({ length }) => {
    last = { length }
  })
  expect(last).toBeDefined()
  expect(bytes).toBeGreaterThan(LIMIT)
})
