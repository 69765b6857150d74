/** The processes of --web and --metrics, as the vnet knows them. */
import { getPriority } from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { LOGLEVEL_INFO, Log } from '../../../src/base/log.ts'
import { FakeClock } from '../../../src/bed/fake-clock.ts'
import { loadNative } from '../../../src/linux/native.ts'
import { WebProcesses } from '../src/commands/web-process.ts'

afterEach(() => void vi.unstubAllEnvs())

test('a vnet identifies its --metrics process until it has ended, and lowers its processes’ priority', async () => {
  // Where it notes its sockets.
  vi.stubEnv('VNET_WEB_SOCKETS', '')
  const processes = new WebProcesses(loadNative(), { web: '0', metrics: '0' })
  processes.start(new Log(LOGLEVEL_INFO, () => {}), new FakeClock())
  expect([...processes.kinds.values()]).toEqual(['web', 'metrics'])
  expect(processes.kinds.has(process.pid)).toBe(false)
  // Requests of strangers must not take the CPU from frames.
  expect([...processes.kinds.keys()].map(pid => getPriority(pid))).toEqual([10, 10])
  await processes[Symbol.asyncDispose]()
  expect(processes.kinds.size).toBe(0)
})
