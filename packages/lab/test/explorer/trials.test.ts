/** The order in which faults are tried and repeated, and the end of a budget, by a fake clock. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { parseKind } from '../../src/explore/fault-text.ts'
import { Judge } from '../../src/explore/judge.ts'
import type { ExploredPacket } from '../../src/explore/points.ts'
import { ExploreReport } from '../../src/explore/report.ts'
import type { RunResult, RunSpec } from '../../src/explore/run-once.ts'
import type { ExploreOptions } from '../../src/explore/scenario.ts'
import { Trials } from '../../src/explore/trials.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const packetOf = (n: number, hit = false): ExploredPacket => ({
  link: 'a-b',
  name: `a-b ab udp a:* > b:7 packet ${n}`,
  at: n,
  ...{ direction: 'ab', flow: 'udp a:* > b:7', part: 'packet', n, copy: 1, number: n, end: 0, time: 0 },
  ...{ length: 60, head: new Uint8Array(60), hit, lost: hit },
})

type Outcome = { readonly ms: number; readonly error?: string }

/** Explores four packets, and returns the runs in order. Other runs pass in 10 ms. */
async function explored(
  outcomes: Readonly<Record<string, Outcome>>,
  options: ExploreOptions & { budget?: number } = {},
  kinds = ['drop'],
) {
  const runs: string[] = []
  const run = async ({ plan }: RunSpec): Promise<RunResult> => {
    const what = plan.map(({ n }) => n).join('+') || 'clean'
    runs.push(what)
    const { ms, error } = outcomes[what] ?? { ms: 10 }
    vi.advanceTimersByTime(ms)
    const links = new Map([['a-b', { packets: plan.map(({ n }) => packetOf(n, true)), unrecorded: 0 }]])
    return { ms, total: ms, error, left: [], links, output: '' }
  }
  const { budget } = options
  const baseline = { times: [10], left: [] }
  const judge = new Judge(
    { concurrency: 1, run, close: () => {} },
    { seed: 1, sysctls: [], world: 'kernel' as const },
    baseline,
    { budget },
  )
  const report = new ExploreReport({
    packets: [1, 2, 3, 4].map(n => packetOf(n)),
    ...{
      kinds: kinds.map(parseKind),
      baseline,
      unstable: [],
      unrecorded: [],
      cleanErrors: [],
      roundTrip: 2,
      rto: '',
      world: 'kernel' as const,
    },
  })
  const explain = async () => undefined
  const setup = { report, judge, options, concurrency: 1, explain, select: (all: readonly ExploredPacket[]) => all }
  await new Trials(setup).all(new Set())
  report.finish(0, judge.spent)
  return { runs, report, verdicts: report.points.map(({ verdict }) => verdict) }
}

const LATE = { ms: 8000, error: 'timed out' }

test('each fault is tried once before a failure or a slow run is repeated, failures first', async () => {
  const { runs, verdicts } = await explored({ 1: { ms: 1010 }, 2: LATE })
  expect(runs).toEqual(['1', '2', '3', '4', '2', '2', '2', '1', 'clean', '1', 'clean', '1', 'clean'])
  expect(verdicts).toEqual(['slower', 'failed', 'passed', 'passed'])
})

test('past the middle of the budget, failures are repeated before other faults are tried', async () => {
  const { runs, report } = await explored({ 1: LATE }, { budget: 16_000 })
  expect(runs).toEqual(['1', '1'])
  expect(report.points[0]).toMatchObject({ verdict: 'failed', failed: 2, runs: 2 })
})

test('no run starts after the budget, and the report has the number of points that were not tried', async () => {
  const { runs, report, verdicts } = await explored({ 1: { ms: 1010 } }, { budget: 1015 })
  expect(runs).toEqual(['1', '1'])
  expect(verdicts).toEqual(['passed', 'skipped', 'skipped', 'skipped'])
  expect(report.unsteady).toEqual([
    '3 of 4 points were not tried: the budget of 1.015 s has ended',
    'slow, but not compared with a run without faults beside it: drop a-b ab udp a:* > b:7 packet 1',
  ])
})

test('no fault is tried after stopAt failures, which are repeated', async () => {
  const { runs, report } = await explored({ 2: LATE }, { stopAt: 1 })
  expect(runs).toEqual(['1', '2', '2', '2', '2', '3', '4'])
  expect(report.unsteady).toEqual([])
})

test('the report has the times of a slower run and of the clean runs beside it, and names empty cells', async () => {
  const { report } = await explored({ 4: { ms: 1010 } }, {}, ['drop', 'swap'])
  const lines = String(report).split('\n')
  expect(lines[0]).toBe("1 clean run passed in 10.0 ms; TCP's least timeout is ")
  expect(lines).toContain(
    '.  passed   xN  slower by this factor   ?  the run had no such packet   -  it cannot have this fault',
  )
  expect(lines).toContain('x101: 1010.0 ms, 10.0 ms without: drop a-b ab udp a:* > b:7 packet 4')
  expect(lines.find(line => line.startsWith('4 '))).toMatch(/ x101 +-$/)
  expect(report.toJSON().points.find(({ verdict }) => verdict === 'slower')).toMatchObject({
    ms: 1010,
    clean: [10, 10, 10],
    factor: 101,
  })
})
