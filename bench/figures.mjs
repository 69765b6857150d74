/**
 * node bench/figures.mjs: writes the figures of README.md and docs/performance.md from
 * docs/performance.json, so that they cannot part.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { table, withBlock } from '../scripts/blocks.mjs'
import { short } from './report.mjs'
import { targets } from './targets.mjs'

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

/** Rows of targets.mjs, each in words that need no other row. */
const COSTS = [
  ['cable: TCP, offloads off', 'TCP in frames of 1,514 bytes, without offloads'],
  ['cable-long: 64-byte UDP frames received', 'frames of 64 bytes, in thousands a second'],
  ['cable-long: CPU per GB', 'CPU time of vnet for 1 GB of TCP, offloads on'],
  ['a program of vnet/tap: TCP, offloads on', 'TCP of a program with `vnet/tap`'],
  ['wire: TCP through delay 1ms', 'TCP through `delay 1ms`'],
  [
    'wire: delay 10 ms at 50,000/s, deviation p50',
    'how late the median packet leaves `delay 10ms`, at 50,000 packets a second',
  ],
  [
    'wire: TCP through rate 100mbit, of what its overhead allows',
    'TCP through `rate 100mbit`, of what its overhead allows',
  ],
  ['wire: memory of 100,000 packets in flight', 'memory of 100,000 packets in flight'],
  ['capture of 128 bytes a frame: 64-byte frames', 'frames of 64 bytes beside a capture'],
  ['ready, one device in its own namespace', 'start of vnet, one device in its own namespace'],
  ['vnet run, until its command runs', 'start of `vnet run`, until its command runs'],
  ['peak memory, one device', 'memory of vnet, one device'],
  ['peak memory, each further device', 'memory of each further device'],
]

/** Returns the table of what traffic costs. Throws if the report lacks a figure. */
export function costsTable(report) {
  const rows = targets(report)
  return table(
    ['what', 'measured'],
    COSTS.map(([name, words]) => {
      const row = rows.find(({ what }) => what === name)
      if (row === undefined) throw new Error(`the report has no figure '${name}'`)
      return [words, row.detail ?? `${short(row.value)} ${row.unit}`]
    }),
  )
}

/** Returns docs/performance.md with its figures. */
export const withCosts = (text, report) =>
  withBlock(withFigures(text, report), 'costs', costsTable(report))

if (process.argv[1] === import.meta.filename) {
  const file = name => fileURLToPath(new URL(`../${name}`, import.meta.url))
  const report = JSON.parse(readFileSync(file('docs/performance.json'), 'utf8'))
  for (const [name, written] of [
    ['README.md', withFigures],
    ['docs/performance.md', withCosts],
  ]) {
    writeFileSync(file(name), written(readFileSync(file(name), 'utf8'), report))
  }
}
