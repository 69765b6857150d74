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
 *
 * No other module of vnet loads vitest: the one that runs the tests is known to this module alone,
 * which vitest loads (scripts/setup/entries.mjs).
 */
import * as vitest from 'vitest'
import { type ExploreTest, type LabFixtures, labTest } from './lab-test.ts'

declare module 'vitest' {
  interface Matchers<T> {
    /** A fault, as `await link.ab.drop(...)` returns it, has hit a packet. */
    toHaveHit(): void
  }
}

export type { ExploreTest, LabFixtures }

/** vitest's test with the fixtures `lab` and `world`, and with test.explore. */
export const test: vitest.TestAPI<LabFixtures> & { readonly explore: ExploreTest } = await labTest(
  vitest,
  () => import('vitest/suite'),
)
