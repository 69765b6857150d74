/** explore judges each kind of failure of a module, which has a process for each run. */
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Consumer } from '#support/consumer.ts'
import { ANSWER, exploreEcho, faults, REQUEST } from '#support/explore/echo.ts'
import { explore } from '../../../src/index.ts'

/** Milliseconds for the runs of a module, each in a process of its own. */
const LIMIT = { timeout: 900_000 }

test(
  'a request that is sent only once fails by its loss, and so does the printed test',
  LIMIT,
  async () => {
    const report = await exploreEcho('once', {
      faults: ['drop'],
      filter: 'udp dst port 5000',
      timeout: 1000,
    })
    expect(faults(report)).toEqual([`drop ${REQUEST}`])
    const [first] = report.failures
    expect(first).toMatchObject({
      failed: 4,
      runs: 4,
      error: 'timed out after 1000 ms',
      recordedFailed: true,
    })
    expect(first!.packets).toEqual([
      expect.stringMatching(/ab IP 198\.18\.1\.1\.\d+ > 198\.18\.1\.2\.5000: UDP, length 8/),
    ])
    expect(first!.wire).toMatchObject([{ wire: 'drop "udp dst port 5000" nth 1' }])
    expect(first!.captures.every(path => existsSync(path))).toBe(true)
    using consumer = new Consumer()
    const printed = first!.test.replace(/'test\/support/, `'${process.cwd()}/test/support`)
    consumer.write('printed.test.js', printed)
    const run = consumer.vitest()
    expect([run.status, run.stderr]).toEqual([
      1,
      expect.stringContaining('Error: timed out after 1000 ms'),
    ])
    expect(run.stdout).toContain('Tests  1 failed (1)')
    delete process.env.ECHO_BUG
    // The time is the limit of a request without a reply, not of a machine that is busy.
    consumer.write('printed.test.js', printed.replace('timeout: 1000', 'timeout: 60_000'))
    expect(consumer.vitest()).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('Tests  1 passed (1)'),
    })
  },
)

test(
  'a request that counts twice fails by its duplicate, and by the loss of its reply',
  LIMIT,
  async () => {
    const report = await exploreEcho('twice')
    expect(faults(report)).toEqual([`duplicate ${REQUEST}`, `drop ${ANSWER}`])
    expect(report.failures[0]!.error).toContain('Error: counted 2 times')
  },
)

test('a run that blocks its thread is killed', LIMIT, async () => {
  const report = await exploreEcho('block', { faults: ['duplicate'], stopAt: 1, concurrency: 1 })
  expect(report.failures[0]!.error).toMatch(/^the scenario blocks its thread: killed after \d+ ms$/)
  expect(report.count('skipped')).toBe(1)
})

test('a rejection that nothing handles fails its own run only', LIMIT, async () => {
  const report = await exploreEcho('reject', { faults: ['duplicate'] })
  expect(faults(report)).toEqual([`duplicate ${REQUEST}`, `duplicate ${ANSWER}`])
  expect(report.failures[0]!.error).toContain('Error: nobody handles this')
})

test(
  'a timer that is left after a fault, but not after a clean run, is a failure',
  LIMIT,
  async () => {
    const report = await exploreEcho('leave', { faults: ['duplicate'] })
    expect(faults(report)).toEqual([`duplicate ${REQUEST}`, `duplicate ${ANSWER}`])
    expect(report.failures[0]!.error).toBe(
      'still there 1 s after the run, unlike after a clean run: Timeout',
    )
  },
)

test(
  'a scenario that fails without faults is reported, and nothing else is tried',
  LIMIT,
  async () => {
    const report = await exploreEcho('clean')
    expect(report.cleanErrors).toHaveLength(3)
    expect([report.points, report.passed]).toEqual([[], false])
    expect(String(report)).toContain(
      '3 of the 3 runs without faults failed; nothing else was tried:',
    )
    expect(String(report)).toContain('the invariant does not hold')
  },
)

test('a module without a scenario is refused', LIMIT, async () => {
  await expect(
    explore(new URL('../../../../../test/support/program-limit.ts', import.meta.url)),
  ).rejects.toThrow()
  await expect(explore(new URL('data:text/javascript,export const options = {}'))).rejects.toThrow(
    'the module has no scenario',
  )
})
