/** `vnet guest` with fakes of its machines. */

import { Buffer } from 'node:buffer'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test as plain, vi } from 'vitest'
import type { End, Io } from '#src/cli/process/io.ts'
import * as native from '#src/linux/native.ts'
import * as programs from '#src/linux/programs.ts'
import { given } from '#support/given.ts'
import { runMain } from '#support/run-main.ts'
import * as cache from '../src/cache.ts'
import { type GuestCommandOptions, guest } from '../src/commands/guest.ts'
import * as image from '../src/image/index.ts'
import * as kernel from '../src/kernel.ts'
import type { MailRecord } from '../src/mail.ts'
import * as running from '../src/run.ts'
import * as snapshot from '../src/snapshot.ts'

/** The output and the end of each run; `left` runs end before a signal ends vnet. */
const job = {
  output: [] as Buffer[],
  end: {} as running.GuestEnd,
  left: 0,
  stop: (_end: End): void => {},
}

/** Replaces everything of a guest's that is not the command itself. */
function fakeMachines(): void {
  // It would be built.
  vi.spyOn(native, 'builtFile').mockReturnValue('')
  vi.spyOn(kernel, 'findKernel').mockReturnValue({} as never)
  vi.spyOn(cache, 'neededPrograms').mockReturnValue([])
  vi.spyOn(image, 'baseImage').mockReturnValue('' as never)
  vi.spyOn(image, 'directoryImage').mockReturnValue('' as never)
  vi.spyOn(image, 'guestPath').mockReturnValue([] as never)
  vi.spyOn(programs, 'missingPrograms').mockReturnValue(undefined)
  vi.spyOn(snapshot, 'bootSnapshot').mockReturnValue({} as never)
  vi.spyOn(snapshot, 'stageSnapshot').mockImplementation(
    async (_key, _mb, run) => ({ end: await run('') }) as never,
  )
  const write = (take: (record: MailRecord) => void) => {
    for (const content of job.output) {
      take({ kind: 'o', time: 0n, content })
    }
    return job.end
  }
  vi.spyOn(running, 'runJob').mockImplementation(async (...[, , , take, options]) => {
    const end = write(take)
    if (job.left > 0) {
      job.left -= 1
    } else {
      job.stop({ signal: 'SIGINT' })
      await setImmediate()
      options?.signal?.throwIfAborted()
    }
    return end
  })
  class GuestRun {
    next = async (take: (record: MailRecord) => void) => ({ end: write(take) })
    close = async () => {}
  }
  vi.spyOn(running, 'GuestRun').mockImplementation(GuestRun as never)
}

const test = plain.runIf(process.arch === 'x64')
const END: running.GuestEnd = {
  status: 0,
  signal: null,
  guestNs: 2e9,
  wallMs: 1,
  usage: [],
  digest: '',
  lost: 0,
}

beforeEach(() => {
  fakeMachines()
  job.output = []
  job.end = END
  job.left = Number.POSITIVE_INFINITY
})
afterEach(() => vi.restoreAllMocks())

async function run(
  options: Partial<GuestCommandOptions>,
  pass?: Io['pass'],
  ofLab?: Parameters<typeof guest>[3],
) {
  const text = { out: '', err: '' }
  const write = (stream: 'out' | 'err') => (more: string) => {
    text[stream] += more
  }
  const io: Io = {
    out: write('out'),
    err: write('err'),
    onEnd: stop => {
      job.stop = stop
      return () => {}
    },
    ...(pass && { pass }),
  }
  const status = await guest(['command'], given(options), io, ofLab)
  return { status, ...text }
}

test('output is passed on byte for byte', async () => {
  job.output = [Buffer.of(0x09, 0xc3), Buffer.of(0xa9, 0xff)]
  const passed: [string, string][] = []
  const { out } = await run({}, (stream, bytes) =>
    passed.push([stream, Buffer.from(bytes).toString('hex')]),
  )
  expect([out, passed]).toEqual([
    '',
    [
      ['out', '09c3'],
      ['out', 'a9ff'],
    ],
  ])
})

test('a character in two records is one in an output of text', async () => {
  job.output = [Buffer.of(0xc3), Buffer.of(0xa9)]
  expect(await run({})).toMatchObject({ status: 0, out: 'é' })
  expect(await run({ repeat: 1 })).toMatchObject({ status: 0, out: '' })
  job.end = { ...END, status: 7 }
  expect(await run({ repeat: 1 })).toMatchObject({ status: 1, out: 'é' })
})

test('a run of several that has lost output has failed', async () => {
  job.end = { ...END, lost: 5 }
  const { status, err } = await run({ repeat: 2 })
  expect([status, err]).toEqual([
    1,
    expect.stringMatching(
      /^vnet: seed 1 failed: 5 bytes of output .*\nvnet: seed 2 failed: .*\nvnet: 2 of 2 runs failed/,
    ),
  ])
})

test('a signal ends a run of several, which then says how many failed', async () => {
  job.end = { ...END, status: 3 }
  job.left = 4
  const { status, err } = await run({ repeat: 300 })
  expect([status, err]).toEqual([
    130,
    expect.stringMatching(/\nvnet: 4 of 4 runs failed, in 0 s: 1, 2, 3, 4; each .*\n$/),
  ])
})

test('a command that ends before it stops the machine is run once, and its output is shown', async () => {
  job.output = [Buffer.from('no such link\n')]
  job.end = { ...END, status: 1 }
  const { status, out, err } = await run({ repeat: 300 }, undefined, { reply: () => '' })
  expect([status, out, err]).toEqual([
    1,
    'no such link\n',
    expect.stringMatching(
      /^.*\nvnet: seed 1 failed with status 1 after 2.00 s\nvnet: 1 of 1 runs failed, .*\n$/,
    ),
  ])
})

plain('a guest is refused off Linux before anything is prepared', async () => {
  vi.spyOn(native, 'whyNotLinux').mockReturnValue('this needs Linux')
  expect(await run({})).toEqual({ status: 1, out: '', err: 'vnet: this needs Linux\n' })
  expect(kernel.findKernel).not.toHaveBeenCalled()
})

plain.each([
  {
    args: ['--directory', '/no/such'],
    line: /^vnet: \/no\/such: the guest needs an existing directory$/,
  },
  {
    args: ['--directory', '/dev/null'],
    line: /^vnet: \/dev\/null: the guest needs an existing directory$/,
  },
  { args: ['--date', '1970-01-01'], line: /--date .*from 1970-01-02 to 2200-01-01/ },
  { args: ['--date', '2200-01-02'], line: /--date .*from 1970-01-02 to 2200-01-01/ },
  { args: ['--date', '2026-02-30'], line: /--date .*must be a date/ },
  { args: ['--env', '=x'], line: /^vnet: --env '=x': no name: give NAME or NAME=VALUE$/ },
  { args: ['--repeat', '10000000000'], line: /--repeat .*from 1 to 1000000/ },
])('$args ends with 2 and one line', async ({ args, line }) => {
  const { status, stdout, stderr } = await runMain('guest', ...args, '--', 'true')
  expect([status, stdout, stderr.trimEnd().split('\n')]).toEqual([
    2,
    '',
    [expect.stringMatching(line)],
  ])
})
