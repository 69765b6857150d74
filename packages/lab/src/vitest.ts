/**
 * '@vnet/lab/vitest': vitest's test with a lab. It ends with the test, also after a failure or a
 * timeout.
 *
 *     test('a download survives a slow link', async ({ lab }) => {
 *       const [client, server] = lab.hosts('client', 'server')
 *       await lab.cable(client, server, { wire: 'rate 1mbit delay 50ms' })
 *       ...
 *     })
 *
 * `test.explore` is a test that runs a scenario once for each packet and fault
 * (packages/lab/docs/explore.md).
 */
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import 'vnet/internal/base/dispose'
import { test as base, type TestAPI } from 'vitest'
import { durationOf } from 'vnet/internal/base/duration'
import { type ExploreOptions, explore, type LabScenario } from './explore/index.ts'
import { createLab, type Lab, warmLabs } from './index.ts'
import { addDrops, closeWithin, labName, reasonToSkip, seedFor, type TestError } from './runner.ts'

export interface LabFixtures {
  /**
   * A lab of this test alone. Its seed is the environment variable VNET_SEED, or by default is made
   * from the name of the test, so that each run makes the same decisions. If the test fails, the
   * captures of its links are kept, and their paths printed.
   *
   * On a machine that cannot make labs, the test is skipped with the reason, or fails if
   * VNET_REQUIRED is 1.
   */
  lab: Lab
}

/** The part of vitest's context that the fixture uses. */
interface LabContext {
  readonly task: {
    readonly name: string
    readonly fullTestName?: string
    readonly result?: { state: string; errors?: TestError[] } | undefined
    readonly timeout?: number
  }
  readonly signal?: AbortSignal
  skip(reason: string): never
}

/** A lab ends within some hundredths of a second, or a second on a busy machine. */
const LEAST_LIMIT_MS = 2000
/** The longest time that a timer takes. */
const MOST_LIMIT_MS = 2 ** 31 - 1

// It takes seconds on a busy machine, which would count as the time of the first test.
await warmLabs()

const withLab: TestAPI<LabFixtures> = base.extend<LabFixtures>({
  lab: async ({ task, signal, skip }: LabContext, use: (lab: Lab) => Promise<void>) => {
    const seed = seedFor(task.fullTestName ?? task.name)
    let captures: readonly string[] = []
    let drops: Promise<readonly string[]> | undefined
    let lab: Lab | undefined
    const keep = () => {
      captures = lab?.keepCaptures() ?? []
      // A link may be closed meanwhile.
      drops = lab?.drops().catch(() => [])
    }
    // Before the lab hears of it, and ends. After a timeout the test's hooks run first.
    signal?.addEventListener('abort', keep, { once: true })
    const started = await createLab({ name: labName(task.name), seed, ...(signal && { signal }) }).catch(error => {
      return skip(reasonToSkip(error))
    })
    lab = started
    try {
      await use(started)
      if (task.result?.state === 'fail' && drops === undefined) keep()
    } finally {
      // As long as its test may take, as vitest sets no limit.
      const limit = Math.max(task.timeout ?? 0, LEAST_LIMIT_MS)
      await closeWithin(started, Math.min(limit, MOST_LIMIT_MS))
    }
    addDrops(task.result?.errors?.[0], (await drops) ?? [], seed)
    for (const path of captures) console.error(`vnet: captured in ${path}`)
  },
} as never)

export interface ExploreTest {
  /**
   * A test that explores a scenario, and fails with the failures that explore prints. Its timeout
   * is made from `budget`; without a budget it has none, because each run has its own. Skipped
   * like other tests on a machine that cannot make labs.
   */
  (name: string, scenario: LabScenario | string | URL): void
  (name: string, options: ExploreOptions, scenario: LabScenario | string | URL): void
}

/** The most runs one after the other that are outside the budget: clean ones, and a last point. */
const RUNS_BESIDE = 10
/** Milliseconds for such a run unless the options say it. A clean run may take as long. */
const RUN_MS = 30_000

const exploreTest: ExploreTest = (
  name: string,
  ...given: [LabScenario | string | URL] | [ExploreOptions, LabScenario | string | URL]
): void => {
  const [options, scenario] = given.length === 1 ? [{}, given[0]] : given
  base(name, { timeout: exploreLimit(options) }, async ({ signal, skip }: LabContext) => {
    // A module would report the lack of rights as a failed run.
    const probe = await createLab().catch(error => skip(reasonToSkip(error)))
    await probe.close()
    const signals = [signal, options.signal].filter(each => each !== undefined)
    const report = await explore(scenario, { ...options, signal: AbortSignal.any(signals) })
    const skipped = report.count('skipped')
    if (skipped > 0) console.error(`vnet: ${name}: ${skipped} of ${report.size} faults were not tried`)
    if (report.passed) return
    const error = new Error(String(report))
    // The place in this file says nothing.
    error.stack = error.message
    throw error
  })
}

/** Returns the timeout of a test in ms; 0 means no limit. */
function exploreLimit({ budget, timeout }: ExploreOptions): number {
  if (budget === undefined) return 0
  const run = timeout === undefined ? RUN_MS : durationOf(timeout) / NSEC_PER_MSEC
  return durationOf(budget) / NSEC_PER_MSEC + RUNS_BESIDE * run
}

/** vitest's test with the fixture `lab`, and with test.explore. */
export const test: TestAPI<LabFixtures> & { readonly explore: ExploreTest } = Object.assign(withLab, {
  explore: exploreTest,
})
