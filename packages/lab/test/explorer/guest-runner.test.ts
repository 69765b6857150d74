/** How runs share a guest that stops before packets, with fakes of the machines. */
import { Buffer } from 'node:buffer'
import { existsSync, rmSync } from 'node:fs'
import { serialize } from 'node:v8'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import type { Prepared } from '../../../guest/src/guest.ts'
import { MachineEnded } from '../../../guest/src/machine.ts'
import type { MailRecord } from '../../../guest/src/mail.ts'
import { type GuestStop, ProgramMissing } from '../../../guest/src/run.ts'
import { parseFault } from '../../src/explore/fault-text.ts'
import type { GuestReply } from '../../src/explore/guest-main.ts'
import { type GuestMachines, GuestRunner } from '../../src/explore/guest-runner.ts'
import type { RunSpec } from '../../src/explore/run-once.ts'
import { formatName, type WatchedPacket } from '../../src/model/packet-name.ts'

vi.mock('../../../guest/src/cache.ts', async original => ({
  ...(await original<object>()),
  neededPrograms: () => [],
  rememberProgram: () => {},
}))
afterEach(() => vi.restoreAllMocks())

const COUNT = 4
const fault = (n: number) => parseFault(`drop a-b ab udp a:* > b:7 packet ${n}`)
const packet = (n: number): WatchedPacket => {
  const { direction, flow, part, copy } = fault(n)
  const place = { direction, flow, part, n, copy, number: n, end: 0, time: n }
  return { ...place, length: 60, head: new Uint8Array(60), hit: false, lost: false }
}

const SPEC: RunSpec = { plan: [], seed: 1, timeout: 1000, world: 'guest' }
const branchAt = (...numbers: number[]): RunSpec => ({
  ...SPEC,
  plan: numbers.map(fault),
  mayBranch: true,
})

/** A runner with guests of four packets. `log` has what they do; `why` replaces their replies. */
function runnerOf({
  ms = 10,
  fails,
  why,
}: {
  readonly ms?: number
  readonly fails?: (n: number) => Error | undefined
  readonly why?: string | undefined
} = {}) {
  const log: string[] = []
  const ends: (() => void)[] = []
  let guests = 0
  const start: GuestMachines['start'] = (snapshot, _images, message, keeps) => {
    const name = keeps ? 'trunk' : snapshot.ram
    const id = ++guests
    const specOf = (text: Uint8Array) =>
      JSON.parse(Buffer.from(text).toString().split('\0', 2)[1] ?? '') as RunSpec
    let spec = specOf(message)
    let at = 0
    const planned = () => spec.plan.map(each => each.n).join('+') || 'none'
    return {
      async next(take: (record: MailRecord) => void, signal?: AbortSignal): Promise<GuestStop> {
        const error = fails?.(id)
        if (error !== undefined) throw error
        at = keeps ? Math.min(...spec.plan.map(({ n }) => n)) : 0
        take({ kind: 'o', time: 0n, content: Buffer.from(`${name} `) })
        signal?.throwIfAborted()
        if (keeps && at <= COUNT) {
          log.push(`trunk to ${at}`)
          return { why: 'packet', guestNs: 0 }
        }
        log.push(`${name} with ${planned()}`)
        if (name.startsWith('at')) {
          await new Promise<void>(resolve => ends.push(resolve))
        }
        const packets = Array.from({ length: COUNT }, (_, i) => packet(i + 1))
        const links = new Map([['a-b', { packets, unrecorded: 0 }]])
        const reply: GuestReply = { result: { ms, links, left: [], output: '' }, captures: [] }
        return { why: why ?? serialize(reply).toString('base64'), guestNs: 0 }
      },
      reply: text => {
        spec = specOf(text)
      },
      get stopped() {
        return { ram: `at ${at}`, devices: '', memoryMb: 1 }
      },
      close: async () => void log.push(`${name} closed`),
    }
  }
  const prepared = {
    snapshot: { ram: 'whole', devices: '', memoryMb: 1 },
    images: { image: '', project: '' },
  }
  const prepare = async () => {
    log.push('prepared')
    return prepared as Prepared
  }
  const endAll = async () => {
    await new Promise(setImmediate)
    for (const end of ends.splice(0)) {
      end()
    }
  }
  return { runner: new GuestRunner('file:///s.mjs', 2, { prepare, start }), log, endAll }
}

test('branches of one packet share a stop, and the guest continues when they have ended', async () => {
  const { runner, log, endAll } = runnerOf()
  await runner.run(SPEC)
  const runs = [branchAt(1), branchAt(1, 3), branchAt(3)].map(spec => runner.run(spec))
  await endAll()
  await endAll()
  const [{ output } = {}] = await Promise.all(runs)
  expect(output).toBe('trunk at 1 ')
  expect(log.slice(3)).toEqual([
    ...['trunk to 1', 'at 1 with 1', 'at 1 with 1+3', 'at 1 closed', 'at 1 closed'],
    ...['trunk to 3', 'at 3 with 3', 'at 3 closed'],
  ])
})

test('an earlier packet needs another guest, and a run that repeats a failure has no stop', async () => {
  const { runner, log, endAll } = runnerOf()
  await runner.run(SPEC)
  for (const n of [2, 1]) {
    const run = runner.run(branchAt(n))
    await endAll()
    await run
  }
  await runner.run({ ...SPEC, plan: [fault(2)] })
  expect(log.slice(3)).toEqual([
    ...['trunk to 2', 'at 2 with 2', 'at 2 closed', 'trunk closed'],
    ...['trunk to 1', 'at 1 with 1', 'at 1 closed', 'whole with 2', 'whole closed'],
  ])
})

test('a run without the packet ends as it does without a fault', async () => {
  const { runner, log } = runnerOf()
  await runner.run(SPEC)
  const { links, output } = await runner.run(branchAt(COUNT + 1))
  expect(output).toBe('trunk ')
  expect([...links].map(([link]) => formatName({ ...packet(1), link }))).toEqual([
    'a-b ab udp a:* > b:7 packet 1',
  ])
  expect(log.slice(3)).toEqual([`trunk with ${COUNT + 1}`, 'trunk closed'])
})

test('a program that the image lacks is added, and the run starts again', async () => {
  const { runner, log } = runnerOf({
    fails: n => (n === 1 ? new ProgramMissing('/usr/bin/python3') : undefined),
  })
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  await runner.run(SPEC)
  expect(log).toEqual(['prepared', 'whole closed', 'prepared', 'whole with none', 'whole closed'])
  expect(said).toHaveBeenCalledWith('vnet: the guest gets /usr/bin/python3, and starts again')
})

test('a run that takes longer than its time has timed out, although its guest has more', async () => {
  expect(await runnerOf({ ms: 1001 }).runner.run(SPEC)).toMatchObject({
    error: 'timed out after 1000 ms',
  })
  expect((await runnerOf({ ms: 999 }).runner.run(SPEC)).error).toBeUndefined()
})

test.each([
  ['a word', 'x'],
  ['an empty object', serialize({}).toString('base64')],
  ['a result without links', serialize({ result: {}, captures: [] }).toString('base64')],
])('a run that another program stops with %s has failed', async (_, why) => {
  const error = 'a program in the guest has stopped it'
  expect(await runnerOf({ why }).runner.run(SPEC)).toMatchObject({ error, output: 'whole ' })
})

test('a run without captures writes no file', async () => {
  const name = 'guest-runner-forged'
  onTestFinished(() => rmSync(name, { force: true }))
  const result = { ms: 1, links: new Map(), left: [], output: '' }
  const reply: GuestReply = { result, captures: [[name, Buffer.from('text')]] }
  await runnerOf({ why: serialize(reply).toString('base64') }).runner.run(SPEC)
  expect(existsSync(name)).toBe(false)
})

test.each([1, 2, 3])(
  'the end of machine %d is the failure of its run, and the next run has another',
  async broken => {
    const { runner, endAll } = runnerOf({
      fails: n => (n === broken ? new MachineEnded('Kernel panic') : undefined),
    })
    const errors: unknown[] = []
    for (const spec of [SPEC, branchAt(1), branchAt(2)]) {
      const run = runner.run(spec)
      await endAll()
      errors.push((await run).error)
    }
    expect(errors.filter(error => error !== undefined)).toEqual([
      'the guest has ended: Kernel panic',
    ])
    expect(errors.indexOf('the guest has ended: Kernel panic')).toBe(Math.min(broken, 2) - 1)
  },
)

test('a guest that is busy before the packet is the failure of its run', async () => {
  const { runner, log } = runnerOf()
  await runner.run(SPEC)
  vi.spyOn(AbortSignal, 'timeout').mockReturnValueOnce(AbortSignal.abort(new Error('late')))
  expect(await runner.run(branchAt(1))).toMatchObject({
    error: expect.stringMatching(/^it takes too long/),
    output: 'trunk ',
  })
  expect(log.slice(3)).toEqual(['trunk closed'])
})

test('a guest that breaks rejects the run', async () => {
  await expect(runnerOf({ fails: () => new Error('broken') }).runner.run(SPEC)).rejects.toThrow(
    'broken',
  )
})
