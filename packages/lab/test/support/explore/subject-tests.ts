/** Tests that explore finds the bug of a subject, and none in its fixed twin. */
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { afterEachTest } from '#support/after-each.ts'
import { type ExploreReport, explore } from '../../../src/index.ts'
import type { NamedSubject } from '../../explore/subjects.ts'

/** Milliseconds for an exploration, most of which wait for timers of the subject. */
const LIMIT = 400_000

const captures = join(tmpdir(), `vnet-test-subjects-${process.pid}`)
afterEachTest(() => rmSync(captures, { recursive: true, force: true }))

/** Explores a subject until the first failure. */
function exploring(
  { options }: NamedSubject,
  scenario: NamedSubject['broken'],
): Promise<ExploreReport> {
  mkdirSync(captures, { recursive: true })
  // Each fixed program survives all of its faults.
  return explore(scenario, { ...options, captures, stopAt: 1, strict: true })
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
