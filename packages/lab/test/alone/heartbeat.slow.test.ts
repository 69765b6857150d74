/** Runs that block their thread, and runs that are only slow. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { Heartbeat } from '../../src/explore/heartbeat.ts'
import { ModuleRunner } from '../../src/explore/runners.ts'
import { isAlive } from '../../src/kernel/processes.ts'
import { BLOCKED, errorOf, PATIENCE, SPEC, scenario } from '../support/blocking-scenario.ts'

test.each([
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

test('a process that blocks its thread ends with its parent, also if that is killed', async () => {
  const pid = join(testDirectory(), 'pid')
  const blocked = `
    (await import('node:fs')).writeFileSync('${pid}', String(process.pid))
    for (;;);`
  const parent = spawn(process.execPath, [PROGRAM, 'explore', fileURLToPath(scenario(blocked))])
  await vi.waitUntil(() => existsSync(pid) && readFileSync(pid, 'utf8') !== '', { timeout: 20_000 })
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  await expect.poll(() => isAlive(Number(readFileSync(pid, 'utf8')))).toBe(false)
})

/** Returns a runner whose Node is a shell script, until the test ends. */
function runnerOf(script: string): ModuleRunner {
  const node = process.execPath
  process.execPath = join(testDirectory(), 'node')
  writeFileSync(process.execPath, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const runner = new ModuleRunner(scenario(''), 1)
  onTestFinished(() => {
    runner.close()
    process.execPath = node
  })
  return runner
}

test('a process that never starts is an error of its own', async () => {
  const start = Heartbeat.prototype.start
  onTestFinished(() => {
    vi.restoreAllMocks()
  })
  vi.spyOn(Heartbeat.prototype, 'start').mockImplementation(function (this: Heartbeat, _, late) {
    start.call(this, PATIENCE, late)
  })
  const text = 'it does not start in 30 s: ulimit -u may be too low'
  await expect(runnerOf('exec sleep 1000').run(SPEC)).rejects.toThrow(text)
})

test('a Node that aborts for want of a thread is an error of its own, another abort is not', async () => {
  const line = 'Assertion failed: (0) == (uv_thread_create(t.get(), start_thread, this))'
  // Without the channel of messages, the line is read after the exit is noticed.
  const afterExit = `exec 3>&-; while kill -0 $$ 2>&-; do :; done; echo '${line}' >&2`
  const refused = runnerOf(`{ ${afterExit}; } & kill -ABRT $$`)
  await expect(refused.run(SPEC)).rejects.toThrow(/^fork .*\/node: EAGAIN\b/)
  const { error, output } = await runnerOf('echo abort; kill -ABRT $$').run(SPEC)
  expect({ error, output }).toEqual({
    error: 'the process of the run has ended by itself: SIGABRT',
    output: 'abort\n',
  })
})
