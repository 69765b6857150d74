/** What is measured of a busy program: delays of its event loop, and pauses for collections. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Runtime } from '#src/control/server/runtime.ts'
import { memoryNets } from '#support/memory-net.ts'
import { spin } from '#support/spin.ts'

const memoryNet = memoryNets()

/** More than the young generation holds. */
function makeGarbage(): number {
  return Array.from({ length: 1_000_000 }, (_, i) => [i]).length
}

test('the delay of the event loop is that since the last request', async () => {
  using runtime = new Runtime(memoryNet().pool)
  expect(runtime.read().loopDelay).toBeUndefined()
  // Two expirations of the timer make a delay. Each is in the turn after a spin.
  for (let i = 0; i < 2; i++) {
    spin(200)
    await setImmediate()
    await setImmediate()
  }
  const { min = 0, p50 = 0, p99 = 0, max = 0 } = runtime.read().loopDelay ?? {}
  expect(max).toBeGreaterThan(150e6)
  expect([min <= p50, p50 <= p99, p99 <= max]).toEqual([true, true, true])
  expect(runtime.read().loopDelay).toBeUndefined()
})

test('pauses for garbage collection are counted, and their number never falls', async () => {
  using runtime = new Runtime(memoryNet().pool)
  const minor = () =>
    runtime.read().gc.find(({ kind }) => kind === 'minor') ?? { count: 0, time: 0 }
  /** Makes garbage until a pause is reported, some turns of the event loop later. */
  const pause = async () => {
    for (const { count } = minor(); minor().count === count; await setImmediate()) {
      makeGarbage()
    }
  }
  await pause()
  const once = minor()
  expect(once.time).toBeGreaterThan(0)
  runtime[Symbol.dispose]()
  makeGarbage()
  for (let turn = 0; turn < 10; turn++) {
    await setImmediate()
  }
  expect(minor()).toEqual(once)
  await pause()
  expect(minor().count).toBeGreaterThan(once.count)
})
