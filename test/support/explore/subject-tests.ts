/** Tests that explore finds the bug of a subject, and none in its fixed twin. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type ExploreReport, explore } from '../../../src/testing/index.ts'
import type { NamedSubject } from '../../explore/subjects.ts'

/** Milliseconds for an exploration, most of which wait for timers of the subject. */
const LIMIT = 400_000

const captures = mkdtempSync(join(tmpdir(), 'vnet-test-'))
afterAll(() => rmSync(captures, { recursive: true }))

/** Explores a subject until the first failure. */
function exploring({ options }: NamedSubject, scenario: NamedSubject['broken']): Promise<ExploreReport> {
  return explore(scenario, { ...options, captures, stopAt: 1 })
}

const failuresOf = ({ failures, cleanErrors }: ExploreReport) => [
  ...cleanErrors,
  ...failures.map(({ faults, error }) => `${faults.join(' and ')}: ${error}`),
]

export function testSubject(subject: NamedSubject): void {
  const { name, broken, fixed, cause } = subject

  test(
    `explore ${cause === undefined ? 'finds the bug' : 'does not find the cause'} of ${name}`,
    async () => {
      const report = await exploring(subject, broken)
      if (cause !== undefined) {
        expect(failuresOf(report)).toEqual([])
        return
      }
      expect(report.cleanErrors).toEqual([])
      expect(report.failures).toHaveLength(1)
      expect(report.failures[0]!.faults.length).toBeLessThanOrEqual(2)
    },
    LIMIT,
  )

  test(
    `explore finds nothing in ${name} without its bug`,
    async () => {
      expect(failuresOf(await exploring(subject, fixed))).toEqual([])
    },
    LIMIT,
  )
}
