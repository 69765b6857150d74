/** The conformance cases against the kernel of this machine, several at a time. */
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, test } from 'vitest'
import { KernelHost } from './kernel-host.ts'
import { KernelWorld } from './kernel-world.ts'
import type { Case } from './notation.ts'
import { HeldUp, runCase } from './run-case.ts'

/** A case that awaits a segment for at least this time is about timeouts. */
const TIMEOUT_MS = 150

/** As many cases run at a time: they mostly wait, but all of them would make this process slow. */
const LANES = 12

/** How often a case runs at most, if this process is held up each time. */
const ATTEMPTS = 10

/** Defines a test for each case. */
export function testOnKernel(all: readonly Case[]): void {
  const cases = all.filter(({ memoryOnly, sysctls }) => memoryOnly === undefined && hasAll(sysctls))
  const hosts = new Map<string, KernelHost>()
  const running = new Map<Case, Promise<Error | undefined>>()
  const run = async (one: Case): Promise<Error | undefined> => {
    const host = hosts.get(JSON.stringify(one.sysctls)) as KernelHost
    const isTimed = one.steps.some(({ verb, time = [0] }) => verb !== 'in' && time[0] >= TIMEOUT_MS)
    const attempt = async (left: number): Promise<Error | undefined> => {
      try {
        await runCase(one, new KernelWorld(host, one.family, isTimed || 'tcp_fin_timeout' in one.sysctls))
        return undefined
      } catch (error) {
        return error instanceof HeldUp && left > 1 ? attempt(left - 1) : (error as Error)
      }
    }
    return attempt(ATTEMPTS)
  }
  beforeAll(() => {
    for (const { sysctls } of cases) {
      const key = JSON.stringify(sysctls)
      if (!hosts.has(key)) hosts.set(key, new KernelHost(sysctls))
    }
    const lanes = Array.from({ length: LANES }, () => Promise.resolve<unknown>(undefined))
    for (const [i, one] of cases.entries()) {
      const result = (lanes[i % LANES] as Promise<unknown>).then(() => run(one))
      lanes[i % LANES] = result
      running.set(one, result)
    }
  })
  afterAll(async () => {
    await Promise.all(running.values())
    for (const host of hosts.values()) host.close()
  })
  for (const one of cases) {
    test(one.title, async () => {
      const error = await running.get(one)
      if (error !== undefined) throw error
    })
  }
}

/** Whether the kernel has the settings of a case. Older ones lack some, and behave otherwise. */
function hasAll(sysctls: Case['sysctls']): boolean {
  return Object.keys(sysctls).every(name => existsSync(`/proc/sys/net/ipv4/${name}`))
}
