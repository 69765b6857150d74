/** The order in which faults are tried and repeated, and the end of a budget, by a fake clock. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { formatFault, parseKind } from '../../src/explore/fault-text.ts'
import { Judge } from '../../src/explore/judge.ts'
import type { ExploredPacket } from '../../src/explore/points.ts'
import { ExploreReport } from '../../src/explore/report.ts'
import type { Failure } from '../../src/explore/result.ts'
import type { RunResult, RunSpec } from '../../src/explore/run-once.ts'
import type { ExploreOptions } from '../../src/explore/scenario.ts'
import { Search } from '../../src/explore/search.ts'
import type { Trial } from '../../src/explore/sets.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const packetOf = (n: number, hit = false): ExploredPacket => ({
  link: 'a-b',
  name: `a-b ab udp a:* > b:7 packet ${n}`,
  at: n,
  ...{
    direction: 'ab',
    flow: 'udp a:* > b:7',
    part: 'packet',
    n,
    copy: 1,
    number: n,
    end: 0,
    time: 0,
  },
  ...{ length: 60, head: new Uint8Array(60), hit, lost: hit },
})

interface Outcome {
  readonly ms: number
  readonly error?: string
  readonly isMissed?: boolean
}

/** Explores packets, and returns the runs in order. Other runs pass in 10 ms. */
async function explored(
  outcomes: Readonly<Record<string, Outcome>>,
  options: ExploreOptions & { budget?: number } = {},
  kinds = ['drop'],
  known?: string,
  {
    count = 4,
    world = 'kernel',
    links = ['a-b'],
  }: { count?: number; world?: 'kernel' | 'guest'; links?: string[] } = {},
) {
  const runs: string[] = []
  const run = async ({ plan }: RunSpec): Promise<RunResult> => {
    const what = plan.map(({ n }) => n).join('+') || 'clean'
    runs.push(what)
    const several = plan.length > 1 ? outcomes.several : undefined
    const { ms, error, isMissed = false }: Outcome = outcomes[what] ?? several ?? { ms: 10 }
    vi.advanceTimersByTime(ms)
    const links = new Map([
      ['a-b', { packets: plan.map(({ n }) => packetOf(n, !isMissed)), unrecorded: 0 }],
    ])
    return { ms, error, left: [], links, output: '' }
  }
  const { budget } = options
  const baseline = { times: [10], left: [] }
  const judge = new Judge(
    { concurrency: 1, copies: world === 'guest', run, close: () => {} },
    { seed: 1, sysctls: [], world },
    baseline,
    {
      budget,
    },
  )
  const report = new ExploreReport({
    packets: Array.from({ length: count }, (_, i) => {
      return { ...packetOf(i + 1), link: links[i % links.length] as string }
    }),
    ...{
      kinds: kinds.map(parseKind),
      baseline,
      unstable: [],
      unrecorded: [],
      cleanErrors: [],
      roundTrip: 2,
      rto: '',
      world,
    },
  })
  // The description of a failure by the packets of its faults.
  const explain = async ({ faults }: Trial) => {
    const texts = faults
      .filter(({ n }) => known?.split('+').includes(String(n)) === true)
      .map(formatFault)
    return texts.length < 2 ? undefined : ({ faults: texts } as Partial<Failure> as Failure)
  }
  const select = (all: readonly ExploredPacket[]) => all
  const setup = {
    report,
    judge,
    options,
    concurrency: 1,
    copies: world === 'guest',
    explain,
    select,
    rows: select,
  }
  await new Search(setup).all(new Set())
  report.finish(0, judge.runs)
  return { runs, report, verdicts: report.points.map(({ verdict }) => verdict) }
}

const LATE = { ms: 8000, error: 'timed out' }

test('each fault is tried once before a failure or a slow run is repeated, failures first', async () => {
  const { runs, verdicts } = await explored({ 1: { ms: 1010 }, 2: LATE })
  expect(runs).toEqual([
    '1',
    '2',
    '3',
    '4',
    '2',
    '2',
    '2',
    '1',
    'clean',
    '1',
    'clean',
    '1',
    'clean',
  ])
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

test.each([
  ['kernel', ['drop', 'duplicate'], 12],
  ['kernel', ['pause 1s on a'], 12],
  ['guest', ['drop', 'duplicate'], 24],
] as const)(
  'the faults that a budget allows in world %s, %j, are spread over the run',
  async (world, kinds, tries) => {
    const options = { budget: 10 * tries }
    const { report, runs } = await explored({}, options, [...kinds], undefined, {
      count: 100,
      world,
    })
    expect(runs).toHaveLength(tries)
    const tried = report.points
      .filter(({ verdict }) => verdict === 'passed')
      .map(({ packet }) => packet)
    for (const part of [0, 1, 2, 3]) {
      expect(tried.filter(at => Math.floor(at / 25) === part)).not.toEqual([])
    }
    expect(
      (await explored({}, options, [...kinds], undefined, { count: 100, world })).runs,
    ).toEqual(runs)
    // A guest continues with both faults of a packet from one stop.
    if (world === 'guest') {
      expect(runs.every((n, i) => n === runs[i ^ 1])).toBe(true)
    } else {
      expect(new Set(runs).size).toBeGreaterThan(tries / 2)
    }
  },
)

test('a budget that ends proposes the link with the fewest points', async () => {
  const links = ['a-lan', 'b-lan', 'a-lan', 'client-lan', 'a-lan', 'b-lan']
  const { report } = await explored({}, { budget: 30 }, ['drop'], undefined, { count: 12, links })
  expect(report.unsteady[1]).toBe(
    '--links client-lan tries fewer; the points of each link: client-lan 2, b-lan 4, a-lan 6',
  )
  const lines = String(report).split('\n')
  expect(lines.filter(line => line.includes(' 60 bytes '))).toHaveLength(3)
  expect(lines).toContain('9 more packets, of which no fault was tried')
  const all = await explored({}, { budget: 1000 }, ['drop'], undefined, { count: 12, links })
  expect(all.report.unsteady).toEqual([])
})

test('without a budget, faults are tried in the order of the packets', async () => {
  const { runs } = await explored({}, {}, ['drop'], undefined, { count: 100 })
  expect(runs).toEqual(Array.from({ length: 100 }, (_, i) => String(i + 1)))
})

test('faults that have broken most programs are tried first, and none waits for all of another', async () => {
  const kinds = ['drop', 'duplicate', 'mute 1s', 'silence 1s'] as const
  const { report } = await explored({}, { budget: 200 }, [...kinds], undefined, { count: 100 })
  const tried = (kind: string) =>
    report.points.filter(
      each => each.verdict === 'passed' && report.kinds[each.kind]?.text === kind,
    ).length
  const counts = kinds.map(tried)
  expect(counts.reduce((sum, count) => sum + count)).toBe(20)
  expect(Math.min(...counts.slice(0, 2))).toBeGreaterThan(0)
  expect(tried('silence 1s')).toBeGreaterThan(tried('mute 1s'))
  expect(tried('mute 1s')).toBeGreaterThan(Math.max(...counts.slice(0, 2)))
})

test('pairs that a budget allows are spread over the run', async () => {
  const { report } = await explored({}, { pairs: true, budget: 1120 }, ['drop'], undefined, {
    count: 100,
  })
  const pairs = report.points
    .filter(({ second }) => second !== undefined)
    .map(({ packet }) => packet)
  expect(pairs).toHaveLength(12)
  for (const part of [0, 1, 2, 3]) {
    expect(pairs.filter(at => Math.floor(at / 25) === part)).not.toEqual([])
  }
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
    '.  passed   xN  slower by this factor   ?  the run had no such packet   -  not tried',
  )
  expect(lines).toContain('x101: 1010.0 ms, 10.0 ms without: drop a-b ab udp a:* > b:7 packet 4')
  expect(lines.find(line => line.startsWith('4 '))).toMatch(/ x101 +-$/)
  expect(report.toJSON().points.find(({ verdict }) => verdict === 'slower')).toMatchObject({
    ms: 1010,
    clean: [10, 10, 10],
    factor: 101,
  })
})

const counts = (report: ExploreReport) => [report.schedules, report.failures.length]

test('a schedule runs once, also if it is slow or misses packets', async () => {
  const slow = await explored({ several: { ms: 5000 } }, { schedules: 3 })
  expect(slow.runs.slice(4)).toHaveLength(3)
  expect(counts(slow.report)).toEqual([{ passed: 3, failed: 0, missed: 0, skipped: 0 }, 0])
  const missed = await explored({ several: { ms: 10, isMissed: true } }, { schedules: 3 })
  expect(missed.runs.slice(4)).toHaveLength(3)
  expect(counts(missed.report)).toEqual([{ passed: 0, failed: 0, missed: 3, skipped: 0 }, 0])
  expect(String(missed.report)).toContain(
    '\n3 schedules: 0 failed, 0 skipped, 3 missed a packet or a repair\n',
  )
})

test('a schedule that fails is repeated before the next one, unless it contains a known failure', async () => {
  const { runs, report } = await explored({ several: LATE }, { schedules: 30 })
  const schedules = runs.slice(4)
  expect(new Set(schedules.slice(0, 4)).size).toBe(1)
  expect(report.schedules.failed).toBe(30)
  // Without a known failure each schedule has four runs.
  expect(schedules).toHaveLength(120)
  const again = await explored({ several: LATE }, { schedules: 30 }, ['drop'], '1+2')
  expect(again.report.schedules.failed).toBe(30)
  expect(again.runs.slice(4).length).toBeLessThan(120)
})

test('the budget ends schedules, which the progress counts from the start', async () => {
  const progress: [total: number, left: number][] = []
  const onProgress: ExploreOptions['onProgress'] = ({ total, left }) => progress.push([total, left])
  const { report } = await explored(
    { several: { ms: 100 } },
    { schedules: 1000, budget: 540, onProgress },
  )
  expect(report.schedules).toEqual({ passed: 5, failed: 0, missed: 0, skipped: 995 })
  expect(report.unsteady).toEqual([
    '995 of 1000 schedules were not run: the budget of 0.54 s has ended',
  ])
  expect(progress[0]).toEqual([1004, 530])
  expect(progress.at(-1)).toEqual([1004, 0])
})
