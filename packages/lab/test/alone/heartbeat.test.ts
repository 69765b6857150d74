/** Runs that block their thread, and runs that only wait for a CPU. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { Heartbeat } from '../../src/explore/heartbeat.ts'
import type { RunSpec } from '../../src/explore/run-once.ts'
import { ModuleRunner } from '../../src/explore/runners.ts'
import { ThreadRunner } from '../../src/explore/thread-runner.ts'
import type { Lab } from '../../src/index.ts'
import { ownTime, schedstatOf } from '../../src/memory/time/own-time.ts'
import { closeWithin } from '../../src/network/fixture.ts'

// The own time of a thread stands still while it waits for a CPU.
vi.mock('../../src/memory/time/own-time.ts', async original => {
  const own: typeof import('../../src/memory/time/own-time.ts') = await original()
  return {
    ...own,
    ownTime: (path: string | undefined) => (path === 'starved' ? 0 : own.ownTime(path)),
  }
})

const SPEC: RunSpec = { plan: [], seed: 1, timeout: 100, world: 'memory' }
/** Milliseconds in which a thread must return to its event loop. */
const PATIENCE = 300
const BLOCKED = /^the scenario blocks its thread: killed after \d+ ms$/

function scenario(body: string): string {
  const path = join(testDirectory(), 'scenario.mjs')
  const sleep =
    'const sleep = ms => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)'
  writeFileSync(path, `${sleep}\nexport default async () => { ${body} }\n`)
  return pathToFileURL(path).href
}

/** Runs a scenario in a thread that must return to its event loop within PATIENCE. */
async function errorOf(body: string): Promise<string | undefined> {
  const runner = new ThreadRunner(scenario(body), 1)
  runner.patience = PATIENCE
  onTestFinished(() => runner.close())
  return (await runner.run(SPEC)).error
}

test.each([
  ['that computes', 'for (;;);'],
  ['that sleeps in the kernel', 'sleep()'],
  ['that runs microtasks', 'for (;;) await undefined'],
])('a scenario %s without a return to its event loop is ended and named', async (_, body) => {
  expect(await errorOf(body)).toMatch(BLOCKED)
})

const turns = (ms: number) =>
  `for (let i = 0; i < ${ms / 10}; i++) { sleep(10); await new Promise(setImmediate) }`

test('a scenario that takes longer and returns to its event loop passes', async () => {
  expect(await errorOf(turns(2 * PATIENCE))).toBeUndefined()
})

test('a process that blocks its thread is killed, and one that is only slow is not', async () => {
  const run = (body: string) => {
    const runner = new ModuleRunner(scenario(body), 1)
    onTestFinished(() => runner.close())
    return runner.run(SPEC)
  }
  expect((await run('for (;;);')).error).toMatch(BLOCKED)
  expect((await run(turns(2500))).error).toBeUndefined()
})

/** Resolves with the reply of a heartbeat after 200 ms, or later on a busy machine. */
const later = () =>
  new Promise<boolean>(resolve => {
    const heartbeat = new Heartbeat(() => {})
    heartbeat.take({ beat: undefined })
    heartbeat.start(200, resolve)
  })

test('a process that never starts is an error of its own', async () => {
  const node = process.execPath
  const start = Heartbeat.prototype.start
  onTestFinished(() => {
    process.execPath = node
    vi.restoreAllMocks()
  })
  process.execPath = join(testDirectory(), 'node')
  writeFileSync(process.execPath, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 })
  vi.spyOn(Heartbeat.prototype, 'start').mockImplementation(function (this: Heartbeat, _, late) {
    start.call(this, PATIENCE, late)
  })
  const runner = new ModuleRunner(scenario(''), 1)
  onTestFinished(() => runner.close())
  const text = 'it does not start in 30 s: ulimit -u may be too low'
  await expect(runner.run(SPEC)).rejects.toThrow(text)
})

test.each([
  ['a start of which nothing is known', undefined],
  ['a wait for a CPU', { beat: 'starved' }],
])('%s is not silence', async (_, beat) => {
  const heartbeat = new Heartbeat(() => {})
  const late = vi.fn()
  if (beat !== undefined) {
    heartbeat.take(beat)
  }
  heartbeat.start(20, late)
  expect(await later()).toBe(true)
  heartbeat.stop()
  expect(late).not.toHaveBeenCalled()
})

test('something that does not end is ended although it has beats', async () => {
  const isBlocked = await new Promise(resolve => {
    const heartbeat = new Heartbeat(() => heartbeat.take({ beat: undefined }))
    heartbeat.take({ beat: undefined })
    heartbeat.start(30, resolve)
  })
  expect(isBlocked).toBe(false)
})

test('the own time of a thread is real time without its waits for a CPU', () => {
  const path = join(testDirectory(), 'schedstat')
  writeFileSync(path, `1 ${3600e9} 1\n`)
  expect(performance.now() - ownTime(path)).toBeGreaterThan(3_599_000)
  expect(ownTime(schedstatOf())).toBeLessThanOrEqual(performance.now())
  expect(ownTime(undefined)).toBeGreaterThan(0)
})

test('a lab that does not close is reported after a time of its own thread', async () => {
  const lab = { close: () => new Promise(() => {}), unclosed: ['server of a'] } as unknown as Lab
  const text =
    'the lab has not ended within 20 ms: a server or a worker does not close; server of a'
  await expect(closeWithin(lab, 20)).rejects.toThrow(text)
})
