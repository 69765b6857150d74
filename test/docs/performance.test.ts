/** docs/performance.md has the figures of docs/performance.json where it is written by hand. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = readFileSync('docs/performance.md', 'utf8')
const { cases } = JSON.parse(readFileSync('docs/performance.json', 'utf8'))

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
  expect(page).toContain(
    `| ${title} | ${figures.map(({ median }) => median.toFixed(1)).join(' | ')} |\n`,
  )
})

test('the questions name no figure of their own', () => {
  const [, answer = ''] =
    /^## Is it fast enough\?\n(.*?)^## /ms.exec(readFileSync('docs/faq.md', 'utf8')) ?? []
  expect(answer).toContain('performance.md')
  expect(answer).not.toMatch(/\d/)
})
