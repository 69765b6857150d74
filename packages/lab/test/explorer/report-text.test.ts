/** The text of a report: how often faults have failed, and failures that are alike. */
import { expect, test } from 'vitest'
import { parseFault, parseKind } from '../../src/explore/fault-text.ts'
import { ExploreReport } from '../../src/explore/report.ts'
import type { Failure } from '../../src/explore/result.ts'
import { parseName } from '../../src/watch/packet-name.ts'

const packet = (n: number) => `client-server ab udp client:* > server:5000 packet ${n}`

const failureOf = (faults: readonly string[], more: Partial<Failure> = {}): Failure => ({
  faults,
  from: faults.length,
  failed: 4,
  runs: 4,
  error: 'broken',
  output: '',
  packets: [],
  wire: [],
  wireFailed: true,
  captures: [],
  world: 'kernel',
  recordedFailed: true,
  stopped: false,
  limit: 1000,
  test: `repeat ${faults}`,
  ...more,
})

/** Returns a report of one packet, in which a drop has failed in one of four runs. */
function reportOf(failures: readonly Failure[]): ExploreReport {
  const place = { time: 0, at: 0, number: 1, end: 0, length: 50, head: new Uint8Array(50), hit: true, lost: false }
  const report = new ExploreReport({
    packets: [{ ...parseName(packet(1)), ...place, name: packet(1) }],
    kinds: [parseKind('drop')],
    baseline: { times: [1], left: [] },
    unstable: [],
    unrecorded: [],
    cleanErrors: [],
    roundTrip: 2,
    rto: '50 ms',
    world: 'kernel',
  })
  report.add({ packet: 0, kind: 0, faults: [parseFault(`drop ${packet(1)}`)], verdict: 'failed', failed: 1, runs: 4 })
  report.failures.push(...failures)
  return report
}

test.each([1, 3])('the table, its notes and a failure have one wording for %i of 4 runs that failed', failed => {
  const report = reportOf([failureOf([`drop ${packet(1)}`], { failed })])
  const lines = String(report).split('\n')
  expect(lines).toContain(`FAILED in ${failed} of 4 runs: drop ${packet(1)}`)
  expect(lines).toContain(`failed in 1 of 4 runs: drop ${packet(1)}`)
  expect(lines.filter(line => line.includes('50 bytes'))).toEqual([expect.stringMatching(/ FAILED in 1 of 4 runs$/)])
})

test('a failure of all runs is a failure always', () => {
  expect(String(reportOf([failureOf([`drop ${packet(1)}`])]))).toContain(`\nFAILED always: drop ${packet(1)}\n`)
})

test('failures of the same faults with the same error are one block, which names the other packets', () => {
  const error = (n: number) => `always, at ${n}.5 ms: two leaders\n  in run ${n}`
  const restart = (n: number) => `restart 100ms on server ${packet(n)}`
  const failures = [
    failureOf([restart(1)], { error: error(1) }),
    failureOf([`drop ${packet(1)}`], { error: error(2) }),
    failureOf([restart(2)], { error: error(3) }),
    failureOf([restart(3)], { error: 'another error' }),
    failureOf([restart(4)], { error: error(4), failed: 1 }),
    failureOf([`restart 200ms on server ${packet(4)}`], { error: error(4) }),
    failureOf([restart(5), `drop ${packet(6)}`], { error: error(5) }),
    failureOf([restart(7), `drop ${packet(8)}`], { error: error(6) }),
  ]
  const report = reportOf(failures)
  const lines = String(report).split('\n')
  expect(lines.filter(line => line.startsWith('FAILED'))).toEqual([
    `FAILED always: ${restart(1)}`,
    `FAILED always: drop ${packet(1)}`,
    `FAILED always: ${restart(3)}`,
    `FAILED always: restart 200ms on server ${packet(4)}`,
    `FAILED always: ${restart(5)} and drop ${packet(6)}`,
  ])
  const at = lines.indexOf(`FAILED always: ${restart(1)}`)
  expect(lines.slice(at + 1, at + 8)).toEqual([
    '  always, at 1.5 ms: two leaders',
    '    in run 1',
    '  also at:',
    `    ${restart(2)}`,
    `    in 1 of 4 runs: ${restart(4)}`,
    '',
    `  repeat ${restart(1)}`,
  ])
  expect(lines).toContain(`    ${restart(7)} and drop ${packet(8)}`)
  expect(lines.filter(line => line === '  also at:')).toHaveLength(2)
  expect(report.toJSON().failures).toEqual(failures)
})
