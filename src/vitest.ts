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
// Imported, because a test may replace globalThis.setTimeout.
import { setTimeout } from 'node:timers/promises'
import { test as base, type TestAPI } from 'vitest'
import { createLab, type Lab, LabUnavailableError } from './testing/lab/index.ts'

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
    readonly result?: { state: string } | undefined
    readonly timeout?: number
  }
  readonly signal?: AbortSignal
  skip(reason: string): never
}

export const test: TestAPI<LabFixtures> = base.extend<LabFixtures>({
  lab: async ({ task, signal, skip }: LabContext, use: (lab: Lab) => Promise<void>) => {
    const seed = seedFor(task.fullTestName ?? task.name)
    const lab = await createLab({ seed, ...(signal && { signal }) }).catch(error => {
      if (error instanceof LabUnavailableError && !isRequired()) return skip(error.message)
      throw error
    })
    let captures: readonly string[] = []
    const keep = () => {
      captures = lab.keepCaptures()
    }
    // After a timeout the test's hooks run first.
    signal?.addEventListener('abort', keep, { once: true })
    try {
      await use(lab)
      if (task.result?.state === 'fail') keep()
    } finally {
      await beforeLimit(lab.close(), task.timeout)
    }
    for (const path of captures) console.error(`vnet: captured in ${path}`)
  },
} as never)

/** Whether tests fail where no lab can be made. */
function isRequired(): boolean {
  const { VNET_REQUIRED = '' } = process.env
  if (/^[01]?$/.test(VNET_REQUIRED)) return VNET_REQUIRED === '1'
  throw new Error(`VNET_REQUIRED=${VNET_REQUIRED}: it is 1 or 0`)
}

/** A lab ends within some hundredths of a second, or a second on a busy machine. */
const LEAST_LIMIT_MS = 2000
/** The longest time that a timer takes. */
const MOST_LIMIT_MS = 2 ** 31 - 1

/** Waits for the end of a lab, as long as its test may take: vitest itself would wait endlessly. */
async function beforeLimit(closing: Promise<void>, timeout = 0): Promise<void> {
  const limit = Math.min(Math.max(timeout, LEAST_LIMIT_MS), MOST_LIMIT_MS)
  const timer = new AbortController()
  const late = setTimeout(limit, 'late', { signal: timer.signal, ref: false }).catch(() => {})
  const first = await Promise.race([closing, late])
  timer.abort()
  if (first === 'late') throw new Error(`the lab has not ended within ${limit} ms: a server or a worker does not close`)
}

/** Returns VNET_SEED, or a number made from a name (FNV-1a). */
function seedFor(name: string): number {
  const { VNET_SEED = '' } = process.env
  if (VNET_SEED === '') {
    return [...name].reduce((hash, char) => Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193), 0x811c9dc5) >>> 0
  }
  const seed = Number(VNET_SEED)
  if (!Number.isSafeInteger(seed)) throw new Error(`VNET_SEED=${VNET_SEED}: not a whole number`)
  return seed
}
