/** The judge decides from the results of runs alone. */
import { expect, test } from 'vitest'
import { parseFault } from '../../src/explore/fault-text.ts'
import { Judge } from '../../src/explore/judge.ts'
import type { RunResult, RunSpec } from '../../src/explore/run-once.ts'
import type { WatchedPacket } from '../../src/model/packet-name.ts'
import type { Span } from '../../src/nemesis/hit.ts'
import type { WorldName } from '../../src/world/world.ts'

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

type Result = Partial<
  Pick<RunResult, 'error' | 'rejected' | 'ms' | 'left' | 'spans' | 'afterError'>
> & {
  readonly met?: boolean
}

/** Returns a judge of runs with these results, after clean runs that left a timer. */
function judgeOf(
  times: readonly number[],
  results: readonly Result[],
  world: WorldName = 'kernel',
  strict = true,
) {
  const waiting = [...results]
  const run = async (): Promise<RunResult> => {
    const { met = true, ms = 10, left = [], ...rest } = waiting.shift() as Result
    const links = new Map([
      ['client-server', { packets: [{ ...PACKET, hit: met }], unrecorded: 0 }],
    ])
    return { ...rest, ms, left, links, output: '' }
  }
  const runner = { concurrency: 1, run, close: () => {} }
  return new Judge(
    runner,
    { seed: 1, sysctls: [], world },
    { times, left: ['Timeout'] },
    {
      strict,
    },
  )
}

const judge = (...results: Result[]) => judgeOf([10], results).judge(PLAN)

/** Runs with these times: the first one, and then pairs of a run with the fault and a clean one. */
const timed = (first: number, ...pairs: readonly (readonly [number, number])[]) =>
  [first, ...pairs.flat()].map(ms => ({ ms }))

test('a run that no fault has hit is missed, if it is the same once more', async () => {
  expect((await judge({ met: false }, { met: false })).verdict).toBe('missed')
  expect((await judge({ met: false }, {})).verdict).toBe('passed')
})

test('a slow run is compared with the clean runs beside its repetitions, the fastest of both', async () => {
  expect(await judge(...timed(1010, [500, 12], [520, 10], [510, 14]))).toMatchObject({
    verdict: 'slower',
    runs: 4,
    ms: 500,
    clean: [12, 10, 14],
    factor: 50,
  })
})

test('a failure in a guest is repeated once, by a run from the start', async () => {
  const branches: unknown[] = []
  const run = async ({ mayBranch }: RunSpec): Promise<RunResult> => {
    branches.push(mayBranch)
    return { error: 'broken', ms: 1, left: [], links: new Map(), output: '' }
  }
  const spec = { seed: 1, sysctls: [], world: 'guest' } as const
  const judge = new Judge({ concurrency: 1, copies: true, run, close: () => {} }, spec, {
    times: [1],
    left: [],
  })
  expect(await judge.judge(PLAN)).toMatchObject({ verdict: 'failed', failed: 2, runs: 2 })
  expect(branches).toEqual([true, undefined])
})

test.each(['memory', 'guest'] as const)(
  'a slow run in %s is not repeated, because nothing else adds to its virtual time',
  async world => {
    const expected = { verdict: 'slower', runs: 1, ms: 1010, clean: [10], factor: 101 }
    expect(await judgeOf([10], timed(1010), world).judge(PLAN)).toMatchObject(expected)
  },
)

test.each<[string, 'slower' | 'passed', number[], { ms: number }[]]>([
  [
    'a lost SYN after slow clean runs',
    'slower',
    [190, 400, 560],
    timed(1190, [1200, 190], [1190, 210], [1200, 200]),
  ],
  [
    'a lost SYN beside slow clean runs',
    'slower',
    [190],
    timed(1190, [1200, 700], [1190, 650], [1190, 190]),
  ],
  [
    'a lost SYN beside a single fast clean run',
    'slower',
    [500],
    timed(1900, [2400, 1300], [1600, 1100], [1700, 900], [1600, 1500], [1500, 700]),
  ],
  [
    'a load that started after the first clean runs',
    'passed',
    [100],
    timed(400, [380, 390], [410, 400], [390, 420], [400, 400], [390, 430]),
  ],
  ['a load that comes and goes', 'passed', [100], timed(400, [390, 250], [310, 160], [190, 150])],
  ['one slow run', 'passed', [10], timed(1010, [15, 12])],
  [
    'one slow run among its repetitions',
    'passed',
    [10],
    timed(1010, [900, 12], [800, 11], [15, 12]),
  ],
  ['less than 100 ms', 'passed', [10], timed(105)],
  ['less than twice as long', 'passed', [1000], timed(1990)],
])('the verdict of %s is %s', async (_, verdict, times, results) => {
  expect((await judgeOf(times, results).judge(PLAN)).verdict).toBe(verdict)
})

test('a repetition that its fault does not hit counts as neither fast nor slow', async () => {
  const missed = { ms: 12, met: false }
  expect(
    await judge({ ms: 1010 }, missed, { ms: 12 }, ...timed(1005, [11, 1010]), { ms: 11 }),
  ).toMatchObject({
    verdict: 'slower',
    ms: 1005,
  })
})

test('a load that lasts makes later runs pass without repetition', async () => {
  const lasting = timed(400, [380, 390], [410, 400], [390, 420], [400, 400], [390, 430])
  const own = judgeOf([100], [...lasting, ...lasting, { ms: 700 }])
  await own.judge(PLAN)
  await own.judge(PLAN)
  expect(await own.judge(PLAN)).toMatchObject({ verdict: 'passed', runs: 1, clean: [390] })
})

test('a clean run that fails beside a slow one is reported, and decides nothing', async () => {
  const own = judgeOf([10], [{ ms: 1010 }, { ms: 1010 }, { error: 'no' }])
  expect(await own.judge(PLAN)).toMatchObject({ verdict: 'passed', ms: 1010, clean: [10] })
  expect(own.cleanErrors).toEqual(['no'])
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
  expect(await judge({ met: false }, ...failures)).toMatchObject({
    verdict: 'failed',
    failed: 4,
    runs: 5,
  })
})

test('a failure is repeated three times, and has its share', async () => {
  const error = 'no'
  expect(await judge({ error }, {}, { error }, {})).toMatchObject({
    verdict: 'failed',
    failed: 2,
    runs: 4,
    error,
  })
})

test('a run that missed its packet after an error does not count as one that failed', async () => {
  const error = 'no'
  const missed = { afterError: true, met: false }
  expect(await judge(missed, { error }, { error }, { error })).toMatchObject({ failed: 3, runs: 4 })
  const failed = { afterError: true, error }
  expect(await judge(failed, { error }, { error }, { error })).toMatchObject({ failed: 4, runs: 4 })
})

test('an error in time under a wire is no failure, as under its fault', async () => {
  const reset = [parseFault('reset client-server ab tcp client:* > server:80 seq 1')]
  const wired = (strict: boolean, result: Result) => {
    const judging = judgeOf([10], [result], 'kernel', strict)
    return judging.run(reset, { wires: [] }).then(run => judging.failsWithWires(run, reset))
  }
  expect(await wired(false, { error: 'ECONNRESET', rejected: true })).toBe(false)
  expect(await wired(true, { error: 'ECONNRESET', rejected: true })).toBe(true)
  expect(await wired(false, { error: 'uncaught' })).toBe(true)
  expect(await wired(false, {})).toBe(false)
})

const REPAIRED = ['silence forever', 'repair'].map(verb => {
  return parseFault(`${verb} client-server ab udp client:* > server:53 packet 1`)
})
const [silence, repair] = REPAIRED.map(
  (fault): Span => ({ fault, hosts: [], from: 1, held: 0 }),
) as [Span, Span]

test('a fault that its repair does not end is no failure, and a run does not repeat one with it', async () => {
  const error = 'no'
  const repaired = [{ ...silence, to: 2 }, repair]
  const early = { error, spans: [repair, silence] }
  const never = { error, spans: [silence] }
  const judged = (...results: Result[]) => judgeOf([10], results).judge(REPAIRED)
  expect(await judged(early, never)).toMatchObject({ verdict: 'missed', failed: 0, runs: 2 })
  const failed = { error, spans: repaired }
  expect(await judged(failed, early, failed, never)).toMatchObject({
    verdict: 'failed',
    failed: 2,
    runs: 4,
  })
  const clock = { fault: { ...silence.fault, verb: 'clock', time: 1 }, hosts: [], from: 1 } as const
  expect((await judged(...Array(4).fill({ error, spans: [...repaired, clock] }))).verdict).toBe(
    'failed',
  )
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

const verdictOf = async (verb: string, results: readonly Result[], strict = false) => {
  const plan = [parseFault(`${verb} client-server ab udp client:* > server:53 packet 1`)]
  const { verdict, error } = await judgeOf([10], results, 'kernel', strict).judge(plan)
  return [verdict, error]
}
const REJECTED = { error: 'ECONNRESET\n  at x', rejected: true }

test.each([
  'reset',
  'silence 3s',
  'mute forever',
  'deaf 3s',
  'forget on server',
  'crash on server',
])(
  'a run that rejects in time has reported %s, and is not repeated, unless the judge is strict',
  async verb => {
    expect(await verdictOf(verb, [REJECTED])).toEqual(['error', REJECTED.error])
    expect(await verdictOf(verb, Array(4).fill(REJECTED), true)).toEqual(['failed', REJECTED.error])
  },
)

test.each<[string, string, Result]>([
  ['a fault that TCP mends', 'drop', REJECTED],
  ['a fault that a program should outlast', 'restart 1s on server', REJECTED],
  ['a fault that has not happened', 'reset', { ...REJECTED, met: false }],
  ['an error that nothing handles, a check or a timeout', 'reset', { error: 'broken' }],
])('a run with %s fails by its error', async (_, verb, result) => {
  expect(await verdictOf(verb, Array(4).fill(result))).toEqual(['failed', result.error])
})

test('a run that has reported its fault fails if it leaves something open', async () => {
  const result = { ...REJECTED, left: ['Timeout', 'Timeout'] }
  expect(await verdictOf('reset', Array(4).fill(result))).toEqual([
    'failed',
    `still there 1 s after the run, unlike after a clean run: Timeout\n${REJECTED.error}`,
  ])
})

test('a rejection after a repair is a failure', async () => {
  const error = 'ECONNRESET'
  const spans = [{ ...silence, to: 2 }, repair]
  const run = { error, rejected: true, spans }
  const judged = await judgeOf([10], Array(4).fill(run), 'kernel', false).judge(REPAIRED)
  expect(judged).toMatchObject({ verdict: 'failed', failed: 4, error })
})
