/** The text of a report: how often faults have failed, and failures that are alike. */
import { expect, test } from 'vitest'
import { defaultKinds, parseFault, parseKind } from '../../src/explore/fault-text.ts'
import { countsText } from '../../src/explore/lists.ts'
import { pageOf } from '../../src/explore/page.ts'
import { ExploreReport } from '../../src/explore/report.ts'
import { failureLines, printedLines } from '../../src/explore/report-text.ts'
import type { Failure } from '../../src/explore/result.ts'
import { parseName } from '../../src/model/packet-name.ts'

const packet = (n: number) => `client-server ab udp client:* > server:5000 packet ${n}`

const failureOf = (faults: readonly string[], more: Partial<Failure> = {}): Failure => ({
  faults,
  also: [],
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
function reportOf(failures: readonly Failure[], unstable: readonly string[] = []): ExploreReport {
  const place = {
    time: 0,
    at: 0,
    number: 1,
    end: 0,
    length: 50,
    head: new Uint8Array(50),
    hit: true,
    lost: false,
  }
  const report = new ExploreReport({
    packets: [{ ...parseName(packet(1)), ...place, name: packet(1) }],
    kinds: [parseKind('drop')],
    baseline: { times: [1], left: [] },
    unstable,
    unrecorded: [],
    cleanErrors: [],
    roundTrip: 2,
    rto: '50 ms',
    world: 'kernel',
  })
  report.add({
    packet: 0,
    kind: 0,
    faults: [parseFault(`drop ${packet(1)}`)],
    verdict: 'failed',
    failed: 1,
    runs: 4,
  })
  report.failures.push(...failures)
  return report
}

test.each([1, 3])(
  'the table, its notes and a failure have one wording for %i of 4 runs that failed',
  failed => {
    const report = reportOf([failureOf([`drop ${packet(1)}`], { failed })])
    const lines = String(report).split('\n')
    expect(lines).toContain(`FAILED in ${failed} of 4 runs: drop ${packet(1)}`)
    expect(lines).toContain(`failed in 1 of 4 runs: drop ${packet(1)}`)
    expect(lines.filter(line => line.includes('50 bytes'))).toEqual([
      expect.stringMatching(/ FAILED in 1 of 4 runs$/),
    ])
  },
)

test('a failure of all runs has their number', () => {
  expect(String(reportOf([failureOf([`drop ${packet(1)}`])]))).toContain(
    `\nFAILED in 4 of 4 runs: drop ${packet(1)}\n`,
  )
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
    `FAILED in 4 of 4 runs: ${restart(1)}`,
    `FAILED in 4 of 4 runs: drop ${packet(1)}`,
    `FAILED in 4 of 4 runs: ${restart(3)}`,
    `FAILED in 4 of 4 runs: restart 200ms on server ${packet(4)}`,
    `FAILED in 4 of 4 runs: ${restart(5)} and drop ${packet(6)}`,
  ])
  const at = lines.indexOf(`FAILED in 4 of 4 runs: ${restart(1)}`)
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

test('lists without an end are cut in the text and on the page, and are whole as data', () => {
  const names = (link: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${link} ab udp a:* > b:7 packet ${i}`)
  const restart = (n: number) => `restart 100ms on server ${packet(n)}`
  const failures = Array.from({ length: 40 }, (_, i) => failureOf([restart(i)]))
  const unstable = [...names('a-lan', 2000), ...names('client-lan', 22)]
  const report = reportOf(failures, unstable)
  for (let n = 0; n < 30; n++) {
    report.add({ packet: 0, kind: 0, faults: [parseFault(`drop ${packet(n)}`)], verdict: 'missed' })
    report.add({
      packet: 0,
      kind: 0,
      faults: [parseFault(`drop ${packet(n)}`)],
      verdict: 'slower',
      ms: 9,
      clean: [1],
    })
  }
  const lines = String(report).split('\n')
  expect(lines.length).toBeLessThan(100)
  const unmet = lines.filter(line => line.startsWith('not in each clean run'))
  expect(unmet).toHaveLength(11)
  expect(unmet.at(-1)).toBe(
    'not in each clean run, and not faulted: and 2012 more; in all client-lan 22, a-lan 2000',
  )
  expect(lines).toContain(
    'the packet of the clean runs did not appear: and 20 more; in all client-server 30',
  )
  expect(lines).toContain('and 20 more slower runs')
  expect(lines).toContain('    and 29 more')
  const result = report.toJSON()
  expect(result.unsteady.filter(line => line.startsWith('not in each'))).toHaveLength(
    unstable.length,
  )
  expect(pageOf(result, 'a').match(/<li>not in each/g)).toHaveLength(11)
})

test('a count of many links names the rarest ten', () => {
  const links = Array.from({ length: 30 }, (_, i) =>
    Array.from({ length: 30 - i }, () => `l${i}`),
  ).flat()
  expect(countsText(links)).toBe(
    'l29 1, l28 2, l27 3, l26 4, l25 5, l24 6, l23 7, l22 8, l21 9, l20 10, and 20 more links',
  )
})

test('the first lines of a long error are shown', () => {
  const error = Array.from({ length: 3000 }, (_, i) => `line ${i}`).join('\n')
  const lines = failureLines(failureOf([`drop ${packet(1)}`], { error }))
  expect(lines).toContain('  line 49')
  expect(lines).toContain('  and 2950 more lines of the error')
  expect(lines.length).toBeLessThan(60)
})

test('a report whose runs all pass says what one fault cannot show, unless sets were tried', () => {
  const note = /each run had one fault: bugs that need several are found with pairs, schedules/
  const report = reportOf([])
  report.points[0] = { ...report.points[0]!, verdict: 'passed', failed: 0 }
  expect(String(report)).toMatch(note)
  report.schedules.passed = 1
  expect(String(report)).not.toMatch(note)
  report.schedules.passed = 0
  report.skippedPairs = 1
  expect(String(report)).not.toMatch(note)
  expect(String(reportOf([failureOf([`drop ${packet(1)}`])]))).not.toMatch(note)
})

test('a report names the faults that were not tried, unless faults were chosen', () => {
  const note =
    (...verbs: string[]) =>
    (report: ExploreReport) =>
      expect(
        String(report)
          .split('\n')
          .filter(line => line.startsWith('not tried: ')),
      ).toEqual(
        verbs.length === 0
          ? []
          : [`not tried: ${verbs.join(', ')}: name them in --faults, or the option faults`],
      )
  const later = ['pause', 'restart', 'clock', 'full', 'rebind']
  const passing = () => {
    const report = reportOf([])
    report.points[0] = { ...report.points[0]!, verdict: 'passed', failed: 0 }
    return report
  }
  note()(passing())
  const kinds = defaultKinds()
  const ofOne = (only: string) => kinds.filter(kind => kind.only === only)
  const all = ['swap', 'tamper', 'ce', 'abort', 'deaf', 'pause', 'crash', ...later.slice(1)]
  const repaired = ['drop of TCP', 'duplicate of TCP', 'delay of TCP', 'swap', 'corrupt of TCP']
  note(...repaired, ...all.slice(1))(Object.assign(passing(), { kinds }))
  note(
    'swap',
    'tamper',
    'ce',
    'reset',
    'fin',
    'abort',
    'silence',
    'mute',
    'deaf',
    'pause',
    'crash',
    'restart',
    'forget',
    ...later.slice(2),
  )(Object.assign(passing(), { kinds: ofOne('other') }))
  note(
    'drop',
    'duplicate',
    'delay',
    'swap',
    'corrupt',
    ...all.slice(1),
  )(Object.assign(reportOf([failureOf([`drop ${packet(1)}`])]), { kinds: ofOne('tcp') }))
})

test('a failure of a run that waits for ever says that it is counted once, and names the others', () => {
  const faults = [`silence forever ${packet(1)}`]
  const also = [`mute forever ${packet(2)}`]
  const lines = failureLines(failureOf(faults, { error: 'timed out after 7000 ms', also }))
  const note = 'what waits for ever, without a time-out of its own, is counted once'
  expect(lines).toContain(`  ${note}`)
  expect(lines.slice(lines.indexOf('  also at:')).slice(0, 2)).toEqual([
    '  also at:',
    `    ${also}`,
  ])
  const ended = failureOf([`silence 3s ${packet(1)}`], { error: 'timed out after 7000 ms' })
  expect(failureLines(ended)).not.toContain(`  ${note}`)
})

test('the report quotes what the program promises', () => {
  const report = Object.assign(reportOf([]), { promise: 'README: "never loses a reply"' })
  expect(String(report).split('\n')[1]).toBe('promise: README: "never loses a reply"')
  expect(report.toJSON().promise).toBe('README: "never loses a reply"')
  expect(pageOf(report.toJSON(), 'a')).toContain('<p>Promise: README: &quot;never loses')
})

test('the printed lines that the error quotes are left out', () => {
  const error =
    'ServiceError: server: sh: it has ended with status 1; its last lines: no space | wal: broken'
  const printed = 'server: up\nserver: no space\nserver: wal: broken\nreply: no\n'
  expect(printedLines(printed, error)).toEqual(['printed by the run:', 'server: up', 'reply: no'])
  expect(printedLines('server: no space\n', error)).toEqual([])
  expect(printedLines('', error)).toEqual([])
})
