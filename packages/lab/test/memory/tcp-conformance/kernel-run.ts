/** The conformance cases against the kernel of this machine, all concurrently. */
import { afterAll, beforeAll, test } from 'vitest'
import { KernelHost } from './kernel-host.ts'
import { KernelWorld } from './kernel-world.ts'
import type { Case } from './notation.ts'
import { runCase } from './run-case.ts'

/** A case that awaits a segment for at least this time is about timeouts. */
const TIMEOUT_MS = 150

/** Defines a test for each case. They wait most of the time, so all run simultaneously. */
export function testOnKernel(all: readonly Case[]): void {
  const cases = all.filter(({ memoryOnly }) => memoryOnly === undefined)
  const hosts = new Map<string, KernelHost>()
  const running = new Map<Case, Promise<Error | undefined>>()
  beforeAll(() => {
    for (const { sysctls } of cases) {
      const key = JSON.stringify(sysctls)
      if (!hosts.has(key)) hosts.set(key, new KernelHost(sysctls))
    }
    for (const one of cases) {
      const host = hosts.get(JSON.stringify(one.sysctls)) as KernelHost
      const isTimed = one.steps.some(({ verb, time = [0] }) => verb !== 'in' && time[0] >= TIMEOUT_MS)
      const hasFastTimers = isTimed || Object.keys(one.sysctls).length > 0
      const world = new KernelWorld(host, one.family, hasFastTimers)
      running.set(
        one,
        runCase(one, world).then(
          () => undefined,
          error => error,
        ),
      )
    }
  })
  afterAll(async () => {
    await Promise.all(running.values())
    for (const host of hosts.values()) host.close()
  })
  test.each(cases)('$title', async one => {
    const error = await running.get(one)
    if (error !== undefined) throw error
  })
}
