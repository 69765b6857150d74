/** The judge decides from the results of runs alone. */
import { expect, test } from 'vitest'
import { parseFault } from '../../../src/testing/explore/fault-text.ts'
import { Judge } from '../../../src/testing/explore/judge.ts'
import type { RunResult } from '../../../src/testing/explore/run-once.ts'
import type { WatchedPacket } from '../../../src/testing/lab/watch/packet-name.ts'

const PLAN = [parseFault('drop client-server ab udp client:* > server:53 packet 1')]
const PACKET: WatchedPacket = {
  direction: 'ab',
  flow: 'udp client:* > server:53',
  part: 'packet',
  n: 1,
  copy: 1,
  number: 1,
  end: 0,
  time: 0,
  length: 60,
  head: new Uint8Array(60),
  hit: true,
  lost: false,
}

type Result = Partial<Pick<RunResult, 'error' | 'ms' | 'left'>> & { readonly met?: boolean }

/** Judges runs with these results; after a clean run of 10 ms that left a timer. */
function judge(...results: Result[]) {
  const waiting = [...results]
  const run = async (): Promise<RunResult> => {
    const { error, ms = 10, left = [], met = true } = waiting.shift() as Result
    const links = new Map([['client-server', { packets: [{ ...PACKET, hit: met }], unrecorded: 0 }]])
    return { error, ms, left, links, total: ms, output: '' }
  }
  const baseline = { median: 10, longest: 10, left: ['Timeout'] }
  return new Judge({ concurrency: 1, run, close: () => {} }, { seed: 1, sysctls: [] }, baseline).judge(PLAN)
}

test('a run that no fault has hit is missed, if it is the same once more', async () => {
  expect((await judge({ met: false }, { met: false })).verdict).toBe('missed')
  expect((await judge({ met: false }, {})).verdict).toBe('passed')
})

test('a run is slower only if it is so twice', async () => {
  expect(await judge({ ms: 1010 }, { ms: 500 })).toMatchObject({ verdict: 'slower', ms: 500, factor: 50 })
  expect((await judge({ ms: 1010 }, { ms: 15 })).verdict).toBe('passed')
})

test('a slow run that fails when it is repeated is a failure', async () => {
  const error = 'no'
  expect(await judge({ ms: 1010 }, { error }, {}, {}, {})).toMatchObject({
    verdict: 'failed',
    failed: 1,
    runs: 5,
    error,
  })
})

test('a run that passed because no fault hit it counts as a run of the failure after it', async () => {
  const error = 'no'
  const failures = [{ error }, { error }, { error }, { error }]
  expect(await judge({ met: false }, ...failures)).toMatchObject({ verdict: 'failed', failed: 4, runs: 5 })
})

test('a failure is repeated three times, and has its share', async () => {
  const error = 'no'
  expect(await judge({ error }, {}, { error }, {})).toMatchObject({ verdict: 'failed', failed: 2, runs: 4, error })
})

test('the leftovers of a clean run are accepted, and anything more is a failure', async () => {
  expect((await judge({ left: ['Timeout'] })).verdict).toBe('passed')
  const left = ['Timeout', 'Timeout']
  expect(await judge({ left }, {}, {}, {})).toMatchObject({
    verdict: 'failed',
    failed: 1,
    error: 'still there 1 s after the run, unlike after a clean run: Timeout',
  })
})
