/** GET_RUNTIME from the program to the client, and when it watches the event loop. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHistogram, PerformanceObserver } from 'node:perf_hooks'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ControlClient, type Entry, serveControl } from '#src/control/index.ts'
import { delayOf, Runtime } from '#src/control/server/runtime.ts'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { namedDirectory } from '#src/control/sockets/run-directory.ts'
import { loadNative } from '#src/linux/native.ts'
import { memoryNets } from '#support/memory-net.ts'
import { spin } from '#support/spin.ts'

const memoryNet = memoryNets()

let ends: (() => void)[]
beforeEach(() => {
  ends = []
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  for (const end of ends.reverse()) {
    end()
  }
})

function watched() {
  const runtime = new Runtime(memoryNet().pool)
  ends.push(() => runtime[Symbol.dispose]())
  return runtime
}

test('GET_RUNTIME returns the event loop, memory, CPU time and frame memory of the program', async () => {
  const { net, pool } = memoryNet()
  const root = mkdtempSync(join(tmpdir(), 'vnet-runtime-'))
  ends.push(() => rmSync(root, { recursive: true }))
  const directory = join(root, 'vnet')
  const native = loadNative()
  const control = serveControl(native, net, { directory, now: () => 1_800_000_000_000 })
  ends.push(() => control[Symbol.dispose]())
  const client = new ControlClient(native)
  ends.push(() => client.close())
  const [entry] = readDirectories(namedDirectory(directory))
  const frame = pool.alloc(60)
  const memoryUsage = vi.spyOn(process, 'memoryUsage')
  const first = await client.runtime((entry as Entry).vnet)
  frame?.free()
  const { rss, ...memory } = memoryUsage.mock.results.at(-1)!.value as NodeJS.MemoryUsage
  expect(first.loopDelay).toBeUndefined()
  const known = {
    time: 1_800_000_000_000,
    poolUsed: 1,
    poolCapacity: 320,
    resident: rss,
    ...memory,
  }
  expect(first).toMatchObject(known)
  expect(first.arrayBuffers).toBeGreaterThanOrEqual(pool.bytes.length)
  spin(50)
  const second = await client.runtime((entry as Entry).vnet)
  const used = (key: 'loopActive' | 'cpuUser' | 'cpuSystem') => second[key] - first[key]
  expect(used('loopActive')).toBeGreaterThanOrEqual(50)
  expect(used('loopActive')).toBeLessThan(50_000)
  expect(used('cpuUser') + used('cpuSystem')).toBeGreaterThan(0)
})

test("the event loop delay is the timer's lateness, not the time between its expirations", () => {
  const times = createHistogram()
  for (const ms of [19, 20, 21, 22, 60]) {
    times.record(ms * 1e6)
  }
  const { stddev, ...delay } = delayOf(times, 20e6)
  const ms = Object.fromEntries(
    Object.entries(delay).map(([name, ns]) => [name, Math.round(ns / 1e5) / 10]),
  )
  expect(ms).toEqual({ min: 0, mean: 8.4, max: 40, p50: 1, p90: 40, p99: 40 })
  expect(Math.round(stddev / 1e6)).toBe(16)
})

test('nothing is watched before the first request, nor 90 seconds after the last', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const observed = vi.spyOn(PerformanceObserver.prototype, 'disconnect')
  const runtime = watched()
  const states = [runtime.isWatched]
  runtime.read()
  vi.advanceTimersByTime(89_000)
  runtime.read()
  vi.advanceTimersByTime(89_000)
  states.push(runtime.isWatched)
  vi.advanceTimersByTime(1000)
  states.push(runtime.isWatched)
  expect([states, vi.getTimerCount(), observed.mock.calls.length]).toEqual([
    [false, true, false],
    0,
    1,
  ])
})
