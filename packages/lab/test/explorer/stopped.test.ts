/** An exploration that is stopped reports a failure that it has found, as far as it is known. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { describeFailure } from '../../src/explore/describe.ts'
import { formatFault, parseFault } from '../../src/explore/fault-text.ts'
import { Judge } from '../../src/explore/judge.ts'
import { failureLines } from '../../src/explore/report-text.ts'
import type { Failure } from '../../src/explore/result.ts'
import type { RunSpec } from '../../src/explore/run-once.ts'
import { abortable } from '../../src/explore/runners.ts'

const captures = fileDirectory()

const faults = [1, 2, 3, 4].map(n => parseFault(`drop a-b ab udp a:* > b:7 packet ${n}`))
const [, second] = faults

/** Judges and describes four faults, of which the second breaks each run, up to run `last`. */
async function describe(last: number): Promise<Failure | undefined> {
  const stop = new AbortController()
  let runs = 0
  const run = async ({ plan }: RunSpec) => {
    if (++runs === last) {
      stop.abort()
    }
    const error = plan.includes(second!) ? 'broken' : undefined
    return { error, ms: 1, links: new Map(), left: [], output: '' }
  }
  const runner = abortable({ concurrency: 1, run, close: () => {} }, stop.signal)
  const baseline = { times: [1], left: [] }
  const judge = new Judge(runner, { seed: 1, sysctls: [], world: 'kernel' as const }, baseline, {
    signal: stop.signal,
  })
  const options = {
    module: undefined,
    captures,
    test: { invariant: false },
    clean: [],
    world: 'kernel' as const,
    known: new Set<string>(),
  }
  // An unmet plan that fails counts, too.
  return describeFailure(faults, await judge.judge(faults), { judge, ...options })
}

const told = async (last: number) => {
  const failure = await describe(last)
  return failure && [failure.faults.length, failure.failed, failure.runs, failure.stopped]
}

test('a failure is reported with the runs up to the stop', async () => {
  // The first run ends at the stop, so that it has no result.
  await expect(describe(1)).rejects.toThrow('aborted')
  expect(await told(2)).toEqual([4, 1, 1, true])
  expect(await told(4)).toEqual([4, 3, 3, true])
})

test('a stop while a set is reduced leaves the smallest failing set up to then', async () => {
  // Four runs of the set, then its first half, then the first quarter and the second.
  expect(await told(6)).toEqual([2, 1, 1, true])
  expect(await told(8)).toEqual([1, 1, 1, true])
  expect(await told(9)).toEqual([1, 2, 2, true])
  expect((await describe(9))?.faults).toEqual([formatFault(second!)])
})

test('a recording that is stopped is removed, and a failure that is whole says so', async () => {
  expect(await told(11)).toEqual([1, 4, 4, true])
  const stopped = await describe(11)
  expect([stopped?.captures, readdirSync(captures)]).toEqual([[], []])
  const line = `FAILED in 4 of 4 runs, and then stopped: ${formatFault(second!)} (found by 4 faults)`
  expect(failureLines(stopped!)).toContain(line)
  expect(await told(12)).toEqual([1, 4, 4, false])
})
