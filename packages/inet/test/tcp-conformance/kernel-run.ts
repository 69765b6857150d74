/** The conformance cases against the kernel of this machine, several at a time. */
import { existsSync } from 'node:fs'
import { type Case, isPassive, readTable, runPatiently } from '@vnet/conform'
import { afterAll, beforeAll, test } from 'vitest'
import { KernelHost } from './kernel-host.ts'
import { KernelWorld } from './kernel-world.ts'

/** A case that awaits a segment for at least this time, or up to that one, is about timeouts. */
const TIMEOUT_MS = 150
const ANY_TIMEOUT_MS = 1000

/** As many cases run at a time: they mostly wait, but all of them would make this process slow. */
const LANES = 12

/** Whether a case waits so long in real time that `npm test` leaves it out. */
function isSlow({ steps }: Case): boolean {
  const times = steps.map(({ verb, words, time }) =>
    verb === 'quiet' ? Number(words[0]) : (time?.[0] ?? 0),
  )
  return times.reduce((sum, time) => sum + time, 0) > 700
}

/** Defines a test for each case with a program on the host: the slow ones, or the others. */
export function testOnKernel(areSlow: boolean): void {
  const all = readTable().flatMap(group => group.cases)
  const runs = (one: Case) => one.memoryOnly === undefined && hasAll(one.sysctls) && !isPassive(one)
  const cases = all.filter(one => runs(one) && isSlow(one) === areSlow)
  const hosts = new Map<string, KernelHost>()
  const running = new Map<Case, Promise<Error | undefined>>()
  const run = async (one: Case): Promise<Error | undefined> => {
    const host = hosts.get(JSON.stringify(one.sysctls)) as KernelHost
    const isTimed = one.steps.some(
      ({ verb, time: [earliest, latest] = [0, 0] }) =>
        verb !== 'in' && (earliest >= TIMEOUT_MS || latest >= ANY_TIMEOUT_MS),
    )
    const hasFastTimers = isTimed || 'tcp_fin_timeout' in one.sysctls
    const { failure } = await runPatiently(
      one,
      () => new KernelWorld(host, one.family, hasFastTimers),
    )
    return failure
  }
  beforeAll(() => {
    for (const { sysctls } of cases) {
      const key = JSON.stringify(sysctls)
      if (!hosts.has(key)) {
        hosts.set(key, new KernelHost(sysctls))
      }
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
    for (const host of hosts.values()) {
      host.close()
    }
  })
  for (const one of cases) {
    test(`${one.name}: ${one.title}`, async () => {
      const error = await running.get(one)
      if (error !== undefined) throw error
    })
  }
}

/** Whether the kernel has the settings of a case. Older ones lack some, and behave otherwise. */
function hasAll(sysctls: Case['sysctls']): boolean {
  return Object.keys(sysctls).every(name => existsSync(`/proc/sys/net/ipv4/${name}`))
}
