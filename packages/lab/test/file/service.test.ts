/** The timers of a program of `run`, which end with its start. */
import { spawn } from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { FileLab } from '../../src/file/file-lab.ts'
import type { LabPlan } from '../../src/file/read.ts'
import { type ServiceOptions, startService } from '../../src/file/service.ts'
import type { LabHost } from '../../src/network/host.ts'
import type { HostProgram } from '../../src/network/host-start.ts'
import type { Lab } from '../../src/network/lab.ts'

/** A host with programs that run on this machine. */
const host = { name: 'server', spawn } as unknown as LabHost

/** The timers of node:timers that were set in a test, and not cleared. */
const pending = new Set<NodeJS.Timeout>()

beforeEach(() => {
  const { setTimeout, clearTimeout } = timers
  pending.clear()
  const replace = (exported: object) => {
    Object.assign(timers, exported)
    syncBuiltinESMExports()
  }
  replace({
    setTimeout: (...args: Parameters<typeof setTimeout>) => {
      const timer = setTimeout(...args)
      pending.add(timer)
      return timer
    },
    clearTimeout: (timer: NodeJS.Timeout) => {
      pending.delete(timer)
      clearTimeout(timer)
    },
  })
  onTestFinished(() => replace({ setTimeout, clearTimeout }))
})

const options = (more: Partial<ServiceOptions> = {}): ServiceOptions => ({
  env: {},
  log: () => {},
  signal: new AbortController().signal,
  ...more,
})

test('a program that ends before it is ready leaves no timer', async () => {
  const started = startService(host, { command: 'exit 4', ready: 'up' }, options())
  await expect(started).rejects.toThrow('it has ended with status 4')
  expect(pending.size).toBe(0)
})

test('a program that cannot be started leaves no timer', async () => {
  const started = startService(host, { command: ['/nowhere'], ready: 'up' }, options())
  await expect(started).rejects.toThrow('ENOENT')
  expect(pending.size).toBe(0)
})

test('a program of a lab that has ended is not started', async () => {
  const signal = AbortSignal.abort()
  const started = startService(host, { command: 'echo up', ready: 'up' }, options({ signal }))
  await expect(started).rejects.toBe(signal.reason)
  expect(pending.size).toBe(0)
})

test('a program that waits for its next start leaves no timer when its lab ends', async () => {
  const lab = new AbortController()
  await new Promise<void>(resolve => {
    const log = (line: string) => line.endsWith('started again') && resolve()
    const service = { command: 'echo up', ready: 'up', restart: true }
    void startService(host, service, options({ log, signal: lab.signal }))
  })
  // The next start is scheduled in the same turn.
  expect(pending.size).toBe(1)
  lab.abort()
  expect(pending.size).toBe(0)
})

test('a lab that cannot be filled starts none of its programs again', async () => {
  let restart = () => {}
  const again = new Promise<void>(resolve => {
    restart = resolve
  })
  // The second program starts when the first one has ended.
  const turns = [Promise.resolve(), again]
  const server = {
    name: 'server',
    spawn,
    interfaces: [],
    stack: { faults: {} },
    start: (program: HostProgram) => turns.shift()?.then(() => program({ host, signal })),
  }
  const { signal } = new AbortController()
  const lab = { name: 'lab', topology: async () => ({ hosts: { server }, routers: {} }) }
  const services = [
    { host: 'server', command: 'true', restart: true },
    { host: 'server', command: 'exit 4', ready: 'up' },
  ]
  const plan = { stages: [], topology: {}, services, faults: [], links: new Map() }
  const log = (line: string) => line.endsWith('started again') && restart()
  const filled = FileLab.fill(lab as unknown as Lab, plan as unknown as LabPlan, { log, signal })
  await expect(filled).rejects.toThrow('it has ended with status 4')
  expect(pending.size).toBe(0)
})
