import { PerformanceObserver, performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { driver } from '../../src/drivers/snull.ts'
import type { SkBuff } from '../../src/skb/sk-buff.ts'
import { buildFrame, plain } from '../header/frames.ts'
import { addDriver, memoryNets, turn } from '../support/memory-net.ts'
import type { SnullParams } from '../support/snull-pair.ts'

const makeNet = memoryNets()
const gc = globalThis.gc as () => void

const FRAMES = 1_000_000
/** Few enough that what one allocates is still there at its end, uncollected. */
const SLICE = 20_000

/** snull in memory: what `run(n)` sends on sn0 arrives on sn1. */
async function running(params: Partial<SnullParams> = {}, startXmit?: (skb: SkBuff) => void) {
  const memory = makeNet({ poison: false })
  const { devices, ports } = await addDriver(memory, driver, params, { txqs: 2, rxqs: 2 })
  const { ndoStartXmit } = devices[0]?.netdevOps ?? {}
  if (startXmit !== undefined && devices[0] !== undefined) {
    const ops = devices[0].netdevOps
    devices[0].netdevOps = {
      ...ops,
      ndoStartXmit: (skb, dev) => {
        startXmit(skb)
        return ndoStartXmit?.(skb, dev)
      },
    }
  }
  const [sn0, sn1] = ports
  let received = 0
  if (sn1 !== undefined) {
    sn1.onFrame = () => {
      received++
    }
  }
  const frame = buildFrame({ packet: plain, tags: [], padding: [] })
  const run = (times: number): void => {
    sn0?.queues[0]?.repeat(frame, times)
    sn0?.drain()
  }
  return { memory, run, received: () => received }
}

/** What a run of many frames costs, once it is compiled: octets a frame, octets that stay, garbage collections. */
async function cost(run: (times: number) => void) {
  run(FRAMES / 5)
  await turn()
  const starts: number[] = []
  const observer = new PerformanceObserver(list => {
    for (const { startTime } of list.getEntries()) starts.push(startTime)
  })
  observer.observe({ entryTypes: ['gc'] })
  let allocated = 0
  gc()
  const before = process.memoryUsage().heapUsed
  const began = performance.now()
  for (let left = FRAMES; left > 0; left -= SLICE) {
    const { heapUsed } = process.memoryUsage()
    run(SLICE)
    allocated += Math.max(0, process.memoryUsage().heapUsed - heapUsed)
  }
  const ended = performance.now()
  gc()
  const kept = process.memoryUsage().heapUsed - before
  await turn()
  observer.disconnect()
  return { allocated, kept, collections: starts.filter(at => at > began && at < ended).length }
}

test.each<[string, Partial<SnullParams>]>([
  ['by interrupt', {}],
  ['by NAPI', { useNapi: true }],
])('a million frames through snull %s in memory leave the heap as it was, and hardly use it', async (_, params) => {
  const { memory, run, received } = await running(params)
  const { allocated, kept, collections } = await cost(run)
  expect(received()).toBe(FRAMES + FRAMES / 5)
  expect(memory.conserved()).toMatchObject({ in: FRAMES * 1.2, dropped: 0, held: 0 })
  // Less than a tenth of the smallest object, a frame.
  expect(allocated / FRAMES).toBeLessThan(1.6)
  expect(kept).toBeLessThan(256 * 1024)
  expect(collections).toBeLessThan(5)
})

test('an object a frame would show', async () => {
  let last: object | undefined
  const { run } = await running({}, skb => {
    last = { skb }
  })
  const { allocated } = await cost(run)
  expect(last).toBeDefined()
  expect(allocated / FRAMES).toBeGreaterThan(8)
})
