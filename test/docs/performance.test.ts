/** docs/performance.md and its record have the figures of docs/performance.json. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { withCosts } from '../../bench/figures.mjs'

const page = readFileSync('docs/performance.md', 'utf8')
const record = readFileSync('docs/records/performance-targets.md', 'utf8')
const report = JSON.parse(readFileSync('docs/performance.json', 'utf8'))
const { cases } = report

test('docs/performance.md follows from docs/performance.json: node bench/figures.mjs writes it', () => {
  expect(withCosts(page, report)).toBe(page)
  const changed = structuredClone(report)
  changed.cases.find(({ kase }: { kase: string }) => kase === 'loop').summary.vnet.ready.median = 1
  expect(withCosts(page, changed)).toContain('one device in its own namespace | 1 ms |')
  expect(() => withCosts(page, { ...report, memory: undefined, cases: [] })).toThrow()
})

/** The rows of the table of requests, and the names of their figures. */
const ROWS = [
  ['ECHO of vnet_nl, all on one CPU', 'echo1'],
  ['ECHO of vnet_nl, unpinned', 'echo'],
  ['private ioctl under `vnet exec`, all on one CPU', 'ioctl1'],
  ['private ioctl under `vnet exec`, unpinned', 'ioctl'],
  ['private ioctl of another interface under it, passed on', 'passed1'],
] as const

test.each(ROWS)('the row "%s" has the medians that were measured', (title, name) => {
  const { vnet, control } = cases.find(({ kase }: { kase: string }) => kase === 'control').summary
  const figures = [vnet, control].flatMap(of => [of[`${name}_p50`], of[`${name}_p99`]])
  expect(record).toContain(
    `| ${title} | ${figures.map(({ median }) => median.toFixed(1)).join(' | ')} |\n`,
  )
})

test('the questions name no figure of their own', () => {
  const [, answer = ''] =
    /^## Is it fast enough\?\n(.*?)^## /ms.exec(readFileSync('docs/faq.md', 'utf8')) ?? []
  expect(answer).toContain('performance.md')
  expect(answer).not.toMatch(/\d/)
})
