/**
 * node bench/figures.mjs: writes the figures of README.md from docs/performance.json, so that the
 * two cannot part.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { withBlock } from '../scripts/blocks.mjs'

const ROWS = [
  ['veth', 'veth, in the kernel'],
  ['relay-offload', 'a relay in C on the same TAPs'],
  ['vnet', 'vnet, in TypeScript'],
]
/** The README says nothing about a run with fewer rounds. */
const LEAST_ROUNDS = 10

const digits = value => Number(value).toFixed(1)
const spread = ({ median, min, max }, unit) =>
  `${digits(median)} ${unit} (${digits(min)} to ${digits(max)})`

/** Returns the table of a report. Throws if it has fewer than ten rounds. */
export function figuresTable({ cases, environment: { cpu, cpus } }) {
  const { rounds, seconds, summary } = cases.find(({ kase }) => kase === 'cable-long')
  if (rounds < LEAST_ROUNDS) {
    throw new Error(`cable-long has ${rounds} rounds, at least ${LEAST_ROUNDS} are needed`)
  }
  const rows = ROWS.map(([name, title]) => {
    const { tcp, rtt1_p50: rtt } = summary[name]
    return `| ${title} | ${spread(tcp, 'Gbit/s')} | ${spread(rtt, 'us')} |`
  })
  return [
    `Between two namespaces on one machine with ${cpus} cores (${cpu}):`,
    `medians of ${rounds} rounds of ${seconds} s, with the least and the most.`,
    '',
    '| | TCP, offloads on | round trip |',
    '|---|---|---|',
    ...rows,
  ].join('\n')
}

/** Returns a document with the table between its marks. Throws if it has no marks. */
export const withFigures = (text, report) => withBlock(text, 'figures', figuresTable(report))

if (process.argv[1] === import.meta.filename) {
  const file = name => fileURLToPath(new URL(`../${name}`, import.meta.url))
  const report = JSON.parse(readFileSync(file('docs/performance.json'), 'utf8'))
  writeFileSync(file('README.md'), withFigures(readFileSync(file('README.md'), 'utf8'), report))
}
