/** From samples to medians, ratios and a table of text. */
import { METRICS, QUIET } from './measure.mjs'

const STOLEN = 0.05

/** A number for people: four digits that count. */
export function short(value, digits = 4) {
  return Math.abs(value) >= 10 ** digits ? value.toFixed(0) : String(Number(value.toPrecision(digits)))
}

export function median(values) {
  const sorted = [...values].sort((x, y) => x - y)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

/**
 * Median, least and greatest of each metric of each candidate, with the ratios of the medians: `vsC` to the C baseline
 * with the same features, `vsVeth` to kernel veth; absent where there is nothing to compare with.
 * @returns {Record<string, Record<string, { median: number, min: number, max: number, vsC?: number, vsVeth?: number }>>}
 */
export function summarise(samples, candidates, metrics) {
  const summary = {}
  for (const [name, rows] of Object.entries(samples)) {
    summary[name] = {}
    for (const metric of metrics) {
      const values = rows.map(row => row[metric]).filter(value => value !== undefined)
      if (values.length === 0) continue
      summary[name][metric] = { median: median(values), min: Math.min(...values), max: Math.max(...values) }
    }
  }
  for (const [name, row] of Object.entries(summary)) {
    for (const [metric, entry] of Object.entries(row)) {
      const c = summary[candidates[name].like]?.[metric]?.median
      const veth = summary.veth?.[metric]?.median
      if (c) entry.vsC = entry.median / c
      if (veth) entry.vsVeth = entry.median / veth
    }
  }
  return summary
}

/** The table of one case, as `bench.mjs` returns it. */
export function caseTable({ kase, rounds, seconds, metrics, samples, summary, failures }) {
  const names = Object.keys(samples)
  const width = Math.max(...names.map(name => name.length))
  const left = Math.max(...metrics.map(metric => heading(metric).length))
  const lines = [
    `${kase}: ${rounds} x ${seconds} s a measurement; median [min - max]`,
    'x C: ratio to the C baseline with the same features; x veth: to kernel veth',
  ]
  for (const metric of metrics) {
    if (!names.some(name => summary[name][metric])) continue
    lines.push('', `${heading(metric).padEnd(left)}${right('x C')}${right('x veth')}`)
    for (const name of names) lines.push(`  ${name.padEnd(width)}  ${cells(summary[name][metric], left - width - 4)}`)
  }
  lines.push('', ...warnings(samples), ...failures.map(failure => `FAILED ${failure}`))
  return lines.join('\n').trimEnd()
}

/** The table of what was measured in memory, as `memory.mjs` prints it. */
export function memoryTable({ results, failures }) {
  const width = Math.max(0, ...results.map(({ title }) => title.length))
  const lines = ['In memory, no kernel, one core: million a second, median [min - max], and ns each']
  for (const { title, perSecond } of results) {
    const { median: middle, min, max } = perSecond
    const span = `[${short(min / 1e6, 3)} - ${short(max / 1e6, 3)}]`
    lines.push(
      `  ${title.padEnd(width)}  ${short(middle / 1e6).padStart(8)} ${span.padEnd(18)}${right(short(1e9 / middle, 3))}`,
    )
  }
  return [...lines, ...failures.map(failure => `FAILED ${failure}`)].join('\n')
}

function heading(metric) {
  const { title, unit, better } = METRICS[metric]
  return `${title} (${unit}, ${better} is better)`
}

function right(text) {
  return text.padStart(9)
}

function cells(entry, width) {
  if (entry === undefined) return right('-')
  const ratio = value => right(value === undefined ? '-' : value.toFixed(3))
  const span = `[${short(entry.min, 3)} - ${short(entry.max, 3)}]`
  return `${`${right(short(entry.median))} ${span}`.padEnd(width)}${ratio(entry.vsC)}${ratio(entry.vsVeth)}`
}

function warnings(samples) {
  const lines = []
  for (const [name, rows] of Object.entries(samples)) {
    const most = metric => Math.max(0, ...rows.map(row => row[metric] ?? 0))
    const warn = text => lines.push(`WARNING ${name}: ${text}`)
    if (most('csum_errors') > 0) warn(`the hosts saw up to ${most('csum_errors')} checksum or header errors`)
    if (most('reordered') > 0) warn(`up to ${most('reordered')} frames came out of order`)
    if (most('foreign_cores') > QUIET) warn(`other programs used up to ${short(most('foreign_cores'), 2)} cores`)
    if (most('stolen_cores') > STOLEN) warn(`the hypervisor took up to ${short(most('stolen_cores'), 2)} cores`)
  }
  return lines
}
