import { PerformanceObserver, performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import type { MemoryPort } from '#src/bed/memory-port.ts'
import type { Driver } from '#src/netdev/driver.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { DRIVER_RUNS, drivers, titleOfRun } from '#support/every-driver.ts'
import { addDriver, memoryNets, turn } from '#support/memory-net.ts'
import { buildFrame, plain } from '../../packet/frames.ts'

const makeNet = memoryNets()
const gc = globalThis.gc as () => void

const FRAMES = 2_000_000
const WARM_UP = 200_000
/** Few enough that what one allocates is still there at its end, uncollected. */
const SLICE = 20_000

type StartXmit = (skb: SkBuff) => void

/**
 * A driver in memory, by its arguments and parameters: what `run(n)` sends on its first device
 * arrives on its last.
 */
async function running(
  driver: Driver,
  args: readonly string[] = [],
  params: Readonly<Record<string, unknown>> = {},
  startXmit?: StartXmit,
  queues = 2,
) {
  const memory = makeNet({ poison: false })
  const { devices, ports } = await addDriver(memory, driver, params, {
    args,
    txqs: queues,
    rxqs: queues,
  })
  const [first, last] = [devices[0] as NetDevice, devices.at(-1) as NetDevice]
  if (startXmit !== undefined) {
    first.netdevOps = before(first.netdevOps, startXmit)
  }
  const [from, to] = [ports[0] as MemoryPort, ports.at(-1) as MemoryPort]
  let received = 0
  to.onFrame = () => {
    received++
  }
  const frame = buildFrame({ packet: plain, tags: [], padding: [] })
  frame.set(last.devAddr)
  const run = (times: number): void => {
    from.queues[0]?.repeat(frame, times)
    from.drain()
  }
  return { memory, run, received: () => received }
}

function before(ops: NetDeviceOps<unknown>, startXmit: StartXmit): NetDeviceOps<unknown> {
  return {
    ...ops,
    ndoStartXmit: (skb, dev) => {
      startXmit(skb)
      return ops.ndoStartXmit(skb, dev)
    },
  }
}

/**
 * The cost of a run of many frames once it is compiled: bytes per frame, retained bytes, garbage
 * collections.
 */
async function cost(run: (times: number) => void, frames = FRAMES) {
  run(WARM_UP)
  await turn()
  const starts: number[] = []
  const observer = new PerformanceObserver(list => {
    for (const { startTime } of list.getEntries()) {
      starts.push(startTime)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  let allocated = 0
  gc()
  const before = process.memoryUsage().heapUsed
  const began = performance.now()
  for (let left = frames; left > 0; left -= SLICE) {
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

test.each(DRIVER_RUNS.map(run => [titleOfRun(run), run] as const))(
  'millions of frames through %s in memory leave the heap as it was, and hardly use it',
  { timeout: 120_000 },
  async (_, { name, args = [], params = {}, kept = 0, drops = false }) => {
    const queues = name === 'e1000' ? 1 : 2
    const driver = drivers[name] as Driver
    const { memory, run, received } = await running(driver, args, params, undefined, queues)
    const { allocated, kept: bytesKept, collections } = await cost(run)
    const all = FRAMES + WARM_UP
    expect(received()).toBe(drops ? 0 : all)
    memory.made = kept
    expect(memory.conserved()).toMatchObject({ in: all, dropped: drops ? all : 0, held: kept })
    memory.made = 0
    // Half of the smallest object.
    expect(allocated / FRAMES).toBeLessThan(8)
    expect(bytesKept).toBeLessThan(256 * 1024)
    expect(collections).toBeLessThan(5)
  },
)

test('the allocation test detects one object a frame', async () => {
  let last: object | undefined
  const { run } = await running(drivers.snull as Driver, [], {}, skb => {
    last = { skb }
  })
  const { allocated } = await cost(run, WARM_UP)
  expect(last).toBeDefined()
  expect(allocated / WARM_UP).toBeGreaterThan(8)
})
