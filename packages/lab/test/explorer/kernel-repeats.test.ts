/** Failures from memory are repeated in the kernel: how many, and how many at a time. */
import { expect, test } from 'vitest'
import { Judge } from '../../src/explore/judge.ts'
import { repeatInKernel } from '../../src/explore/kernel-repeats.ts'
import type { Failure } from '../../src/explore/result.ts'
import type { RunResult, RunSpec } from '../../src/explore/run-once.ts'
import type { Runner } from '../../src/explore/runners.ts'

const SPEC = { seed: 1, sysctls: [], world: 'kernel' } as const

const failureOf = (n: number, error: string, verb = 'drop'): Failure => ({
  faults: [`${verb} client-server ab udp client:* > server:9 packet ${n}`],
  also: [],
  from: 1,
  failed: 4,
  runs: 4,
  error,
  output: '',
  packets: [],
  wire: [],
  wireFailed: false,
  world: 'memory',
  captures: [],
  recordedFailed: true,
  stopped: false,
  limit: 1000,
  test: '',
})

/** A runner: its runs end all together, once no more of them start. */
class HeldRunner implements Runner {
  readonly concurrency: number
  readonly specs: RunSpec[] = []
  /** The number of runs that ran at a time, one for each time. */
  readonly together: number[] = []
  isClosed = false
  readonly #result: Partial<RunResult>
  #held: (() => void)[] = []

  constructor(concurrency: number, result: Partial<RunResult>) {
    this.concurrency = concurrency
    this.#result = result
  }

  async run(spec: RunSpec): Promise<RunResult> {
    this.specs.push(spec)
    await new Promise<void>(resolve => {
      this.#held.push(resolve)
      if (this.#held.length === 1) {
        setImmediate(() => this.#endAll())
      }
    })
    return { ms: 1, links: new Map(), left: [], output: '', ...this.#result }
  }

  close(): void {
    this.isClosed = true
  }

  #endAll(): void {
    const held = this.#held
    this.#held = []
    this.together.push(held.length)
    for (const resolve of held) {
      resolve()
    }
  }
}

const FAILED: Partial<RunResult> = { error: 'failed here, too' }

async function repeated(
  failures: Failure[],
  concurrency: number,
  { signal, result = FAILED }: { signal?: AbortSignal; result?: Partial<RunResult> } = {},
) {
  const runner = new HeldRunner(concurrency, result)
  const judge = new Judge(runner, SPEC, { times: [1], left: [] }, { signal })
  const why = await repeatInKernel(failures, judge, () => ({ runner, spec: SPEC }))
  return { runner, why, outcomes: failures.map(({ kernel }) => kernel) }
}

test('one failure of each error is repeated, and all of them at a time', async () => {
  const failures = ['late after 10 ms', 'wrong', 'late after 20 ms', 'open'].map((error, i) =>
    failureOf(i + 1, error),
  )
  const { runner, why, outcomes } = await repeated(failures, 2)
  expect(outcomes).toEqual(['failed', 'failed', undefined, 'failed'])
  expect(runner.specs.map(({ plan }) => plan[0]?.n)).toEqual([1, 2, 4])
  expect([runner.together, runner.isClosed]).toEqual([[3], true])
  expect(why).toBe('1 failure was not repeated in the kernel: one of each error was')
})

test('what is left after a run in the kernel is a failure if it was one in memory', async () => {
  const result = { left: ['TCPSocketWrap'] }
  const left = 'still there 1 s after the run, unlike after a clean run: TCPSocketWrap'
  const failures = [failureOf(1, left), failureOf(2, 'late')]
  const { outcomes } = await repeated(failures, 1, { result })
  // The fault of the other one has hit no packet.
  expect(outcomes).toEqual(['failed', 'missed'])
})

test('the failures of a function, which runs in this process, are repeated one after the other', async () => {
  const failures = ['late', 'wrong', 'open'].map((error, i) => failureOf(i + 1, error))
  const { runner, why } = await repeated(failures, 1)
  expect([runner.together, why]).toEqual([[1, 1, 1], undefined])
})

test('faults of links and hosts are not repeated, and without others no runner is made', async () => {
  const failures = [failureOf(1, 'late', 'silence 3s')]
  const { runner, why, outcomes } = await repeated(failures, 2)
  expect([runner.specs, runner.isClosed, why, outcomes]).toEqual([
    [],
    false,
    undefined,
    [undefined],
  ])
})

test('a stopped exploration repeats nothing, and says so', async () => {
  const failures = ['late', 'wrong'].map((error, i) => failureOf(i + 1, error))
  const { runner, why } = await repeated(failures, 2, {
    signal: AbortSignal.abort(),
  })
  expect([runner.specs, runner.isClosed]).toEqual([[], true])
  expect(why).toBe('2 failures were not repeated in the kernel: it was stopped')
})
