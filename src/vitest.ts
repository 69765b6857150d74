/**
 * 'vnet/vitest': vitest's test with a lab. It ends with the test, also after a failure or a
 * timeout.
 *
 *     test('a download survives a slow link', async ({ lab }) => {
 *       const [client, server] = lab.namespaces('client', 'server')
 *       await lab.cable(client, server, { wire: 'rate 1mbit delay 50ms' })
 *       ...
 *     })
 */
import './base/dispose.ts'
import { test as base, type TestAPI } from 'vitest'
import { createLab, type Lab, warmLabs } from './testing/lab/index.ts'
import { addDrops, closeWithin, labName, reasonToSkip, seedFor, type TestError } from './testing/runner.ts'

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

// Takes a second or more on a busy machine, which would count as the time of the first test.
await warmLabs()

export const test: TestAPI<LabFixtures> = base.extend<LabFixtures>({
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
      await closeWithin(started, limitOf(task.timeout))
    }
    addDrops(task.result?.errors?.[0], (await drops) ?? [])
    for (const path of captures) console.error(`vnet: captured in ${path}`)
  },
} as never)

/** A lab ends within some hundredths of a second, or a second on a busy machine. */
const LEAST_LIMIT_MS = 2000
/** The longest time that a timer takes. */
const MOST_LIMIT_MS = 2 ** 31 - 1

/** Returns how long a lab may take to end: as long as its test may, as vitest sets no limit. */
function limitOf(timeout = 0): number {
  return Math.min(Math.max(timeout, LEAST_LIMIT_MS), MOST_LIMIT_MS)
}
