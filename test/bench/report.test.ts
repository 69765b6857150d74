import { describe, expect, test } from 'vitest'
import { complaint } from '../../bench/processes.mjs'
import {
  caseTable,
  comparison,
  memoryTable,
  policyLine,
  reportJson,
  short,
} from '../../bench/report.mjs'
import { summarise } from '../../bench/summary.mjs'

describe('short', () => {
  test.each([
    [16.4712, '16.47'],
    [0.24781, '0.2478'],
    [0, '0'],
    [29_000_000.4, '29000000'],
  ])('%d is shown as %s', (value, text) => {
    expect(short(value)).toBe(text)
  })
})

describe('caseTable', () => {
  const table = (row: Record<string, number>, more: object = {}) => {
    const samples = { vnet: [{ tcp: 6, ...row }] }
    const summary = summarise(samples, { vnet: {} }, ['tcp', 'reordered'])
    const metrics = ['tcp', 'reordered']
    return caseTable({
      kase: 'cable',
      rounds: 1,
      seconds: 1,
      metrics,
      samples,
      summary,
      failures: [],
      ...more,
    })
  }

  test('caseTable has no warning after a quiet run', () => {
    expect(
      table({ reordered: 0, csum_errors: 0, foreign_cores: 0.01, stolen_cores: 0 }),
    ).not.toContain('WARNING')
  })

  test.each([
    [{ foreign_cores: 0.5 }, 'other programs used up to 0.5 cores'],
    [{ stolen_cores: 0.5 }, 'the hypervisor took up to 0.5 cores'],
    [{ reordered: 3 }, 'up to 3 frames came out of order'],
    [{ csum_errors: 1 }, 'up to 1 checksum or header errors'],
  ])('caseTable warns of %j, whatever metrics were selected', (row, text) => {
    expect(table(row)).toMatch(new RegExp(`^WARNING vnet: .*${text}$`, 'm'))
  })

  test('the case table names every failure, and every omitted candidate with the reason', () => {
    const more = {
      failures: ['vnet, round 1: no answer'],
      leftOut: [{ name: 'npm-x', why: 'npm install failed' }],
    }
    expect(table({}, more)).toContain('FAILED vnet, round 1: no answer')
    expect(table({}, more)).toContain('LEFT OUT npm-x: npm install failed')
  })

  test('the case table names the baseline of the ratios: C unless the case sets another', () => {
    expect(table({})).toMatch(/^x C: ratio to the C baseline/m)
    const text = table({}, { against: { short: 'idle', what: 'the idle flood' } })
    expect(text).toMatch(/^x idle: ratio to the idle flood/m)
    expect(text).toMatch(/is better\) +x idle +x veth$/m)
  })

  test('a figure that is zero for all candidates has one line in the case table', () => {
    expect(table({ reordered: 0 })).toMatch(
      /^frames of the 64-byte flood out of order .*: 0, all of them$/m,
    )
    expect(table({ reordered: 1 })).not.toContain('all of them')
  })

  test('caseTable has no row for a candidate without the figure', () => {
    const samples = { plain: [{ tcp: 6 }], delay: [{ reordered: 2 }] }
    const metrics = ['tcp', 'reordered']
    const summary = summarise(samples, { plain: {}, delay: {} }, metrics)
    expect(table({}, { samples, summary }).match(/^ {2}(plain|delay)/gm)).toEqual([
      '  plain',
      '  delay',
    ])
  })

  test('caseTable has the memory of each further device', () => {
    expect(table({}, { furtherDevice: { vnet: 1.5 } })).toMatch(
      /further device \(MiB\)\n {2}vnet +1\.5$/m,
    )
  })

  test('caseTable has only the reasons if all candidates were omitted', () => {
    const none = { samples: {}, summary: {}, leftOut: [{ name: 'npm-x', why: 'no network' }] }
    expect(table({}, none)).toMatch(/LEFT OUT npm-x: no network$/)
  })
})

test('memoryTable shows millions per second and nanoseconds each', () => {
  const results = [
    { name: 'ring', title: 'ring: push', perSecond: { n: 1, median: 2e8, min: 1e8, max: 3e8 } },
  ]
  expect(memoryTable({ results, failures: ['pool: lost count'] })).toMatch(
    /ring: push +200 \[100 - 300\] +5\nFAILED pool: lost count$/,
  )
})

test('comparison has a line for each changed figure, and their number', () => {
  const at = (median: number) => ({ n: 3, median, min: median - 1, max: median + 1 })
  const figure = { where: 'cable vnet', name: 'tcp', unit: 'Gbit/s', before: at(16), after: at(12) }
  const found = {
    worse: [figure],
    elsewhere: [],
    better: [],
    compared: 9,
    incomparable: 2,
    differences: ['node was 20, is 22'],
  }
  expect(comparison(found).split('\n')).toEqual([
    'WARNING not the same machine: node was 20, is 22',
    'SLOWER cable vnet tcp: 16 [15 - 17] before, 12 [11 - 13] now (Gbit/s)',
    '9 figures compared: 1 slower beyond the spread, 0 faster; 2 without a spread, of one round, were not',
  ])
})

describe('complaint', () => {
  test.each([
    ['make: entering\ncc: fatal error: no input', 'cc: fatal error: no input'],
    ['at x.js:3\n\nTypeError: no such thing\n    at y', 'TypeError: no such thing'],
    [
      'npm error code E404\nnpm error 404 Not Found - x\nnpm error A complete log of this run',
      'npm error 404 Not Found - x',
    ],
    [
      'npm error code X\nnpm error FetchError: no network\nnpm error A log',
      'npm error FetchError: no network',
    ],
  ])('the complaint is the line of %j that describes the failure', (text, line) => {
    expect(complaint(text)).toBe(line)
  })
})

test('a line names the time of real-time programs, or why no figures are under SCHED_FIFO', () => {
  expect(policyLine({ rtRuntimeUs: 950_000 })).toMatch(/sched_rt_runtime_us 950000$/)
  const noFifo = "chrt: failed to set pid 0's policy: Operation not permitted (CAP_SYS_NICE)"
  expect(policyLine({ rtRuntimeUs: 950_000, noFifo })).toBe(
    `no figures under SCHED_FIFO: ${noFifo}`,
  )
})

test('reportJson has one line for the environment, for each case, for the memory and for the site', () => {
  const report = {
    environment: { cpus: 2 },
    cases: [{ kase: 'a', samples: { vnet: [{ tcp: 1 }] } }, { kase: 'b' }],
  }
  expect(reportJson(report)).toBe(`{
"environment": {"cpus":2},
"cases": [
{"kase":"a","samples":{"vnet":[{"tcp":1}]}},
{"kase":"b"}
]
}
`)
  const more = [{ cases: [] }, { memory: { failures: [] } }, { site: { wire: '' } }]
  for (const each of [{}, ...more].map(part => ({ ...report, ...part }))) {
    expect(JSON.parse(reportJson(each))).toEqual(each)
  }
})
