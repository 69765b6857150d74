/** The tables of a report, as text. */
import { METRICS } from './metrics.mjs'
import { QUIET } from './sample.mjs'

const STOLEN = 0.05
/** What ratios refer to, unless a case sets something else. */
export const C = { short: 'C', what: 'the C baseline with the same features' }

/** Returns a number with four significant digits. */
export function short(value, digits = 4) {
  return Math.abs(value) >= 10 ** digits
    ? value.toFixed(0)
    : String(Number(value.toPrecision(digits)))
}

/** Returns the table of one case, as run.mjs returns the case. */
export function caseTable({
  kase,
  title = kase,
  rounds,
  seconds,
  metrics,
  samples,
  summary,
  failures,
  ...rest
}) {
  const { leftOut = [], furtherDevice = {}, against = C } = rest
  const names = Object.keys(samples)
  const width = Math.max(...names.map(name => name.length))
  const left = Math.max(width + 32, ...metrics.map(metric => heading(metric).length))
  const lines = [
    title,
    `${rounds} x ${seconds} s a measurement; median [min - max]`,
    `x ${against.short}: ratio to ${against.what}; x veth: to kernel veth`,
  ]
  for (const metric of metrics) {
    const figures = names.flatMap(name => summary[name][metric] ?? [])
    if (figures.length === 0) continue
    if (figures.every(({ max }) => max === 0)) {
      lines.push('', `${heading(metric)}: 0, all of them`)
      continue
    }
    lines.push(
      '',
      `${heading(metric).padEnd(left)}${right(`x ${against.short}`)}${right('x veth')}`,
    )
    const having = names.filter(name => summary[name][metric] !== undefined)
    for (const name of having) {
      lines.push(`  ${name.padEnd(width)}  ${cells(summary[name][metric], left - width - 4)}`)
    }
  }
  const further = Object.entries(furtherDevice).map(
    ([name, mib]) => `  ${name.padEnd(width)}  ${right(short(mib))}`,
  )
  if (further.length > 0) {
    lines.push('', 'peak memory of each further device (MiB)', ...further)
  }
  lines.push('', ...leftOut.map(({ name, why }) => `LEFT OUT ${name}: ${why}`))
  lines.push(...warnings(samples), ...failures.map(failure => `FAILED ${failure}`))
  return lines.join('\n').trimEnd()
}

/**
 * Returns a line about the figures under SCHED_FIFO: why there are none, or the us in each second
 * that real-time programs may run on a CPU (-1: all). A ping beyond them waits for the next second.
 * @param {{ rtRuntimeUs: number, noFifo?: string }} environment
 */
export function policyLine({ rtRuntimeUs, noFifo }) {
  if (noFifo !== undefined) return `no figures under SCHED_FIFO: ${noFifo}`
  return `figures of fifo1 under SCHED_FIFO, others under the usual policy; sched_rt_runtime_us ${rtRuntimeUs}`
}

/** Returns the table of the figures in memory, as memory/main.mjs prints them. */
export function memoryTable({ results, failures }) {
  const width = Math.max(0, ...results.map(({ title }) => title.length))
  const lines = [
    'In memory, no kernel, one core: million a second, median [min - max], and ns each',
  ]
  for (const { title, perSecond } of results) {
    const { median: middle, min, max } = perSecond
    const span = `[${short(min / 1e6, 3)} - ${short(max / 1e6, 3)}]`
    lines.push(
      `  ${title.padEnd(width)}  ${short(middle / 1e6).padStart(8)} ${span.padEnd(18)}${right(short(1e9 / middle, 3))}`,
    )
  }
  return [...lines, ...failures.map(failure => `FAILED ${failure}`)].join('\n')
}

/** Returns the result of compare.mjs, one line per figure. */
export function comparison({ worse, elsewhere, better, compared, incomparable, differences }) {
  const line = ({ where, name, unit, before, after }) =>
    `${where} ${name}: ${short(before.median)} [${short(before.min, 3)} - ${short(before.max, 3)}] before, ` +
    `${short(after.median)} [${short(after.min, 3)} - ${short(after.max, 3)}] now (${unit})`
  const lines = differences.map(text => `WARNING not the same machine: ${text}`)
  lines.push(...worse.map(figure => `SLOWER ${line(figure)}`))
  lines.push(...elsewhere.map(figure => `the machine is slower: ${line(figure)}`))
  lines.push(...better.map(figure => `faster ${line(figure)}`))
  const left = incomparable > 0 ? `; ${incomparable} without a spread, of one round, were not` : ''
  lines.push(
    `${compared} figures compared: ${worse.length} slower beyond the spread, ${better.length} faster${left}`,
  )
  return lines.join('\n')
}

function heading(metric) {
  const { title, unit, better } = METRICS[metric]
  return `${title} (${unit}${better === undefined ? '' : `, ${better} is better`})`
}

function right(text) {
  return text.padStart(9)
}

function cells(entry, width) {
  const ratio = value => right(value === undefined ? '-' : value.toFixed(3))
  const span = `[${short(entry.min, 3)} - ${short(entry.max, 3)}]`
  return `${`${right(short(entry.median))} ${span}`.padEnd(width)}${ratio(entry.vsC)}${ratio(entry.vsVeth)}`
}

function warnings(samples) {
  const lines = []
  for (const [name, rows] of Object.entries(samples)) {
    const most = metric => Math.max(0, ...rows.map(row => row[metric] ?? 0))
    const warn = text => lines.push(`WARNING ${name}: ${text}`)
    if (most('csum_errors') > 0) {
      warn(`the hosts saw up to ${most('csum_errors')} checksum or header errors`)
    }
    if (most('reordered') > 0) {
      warn(`up to ${most('reordered')} frames came out of order`)
    }
    if (most('foreign_cores') > QUIET) {
      warn(`other programs used up to ${short(most('foreign_cores'), 2)} cores`)
    }
    if (most('stolen_cores') > STOLEN) {
      warn(`the hypervisor took up to ${short(most('stolen_cores'), 2)} cores`)
    }
  }
  return lines
}

/**
 * Returns a report as JSON: one line for the environment, for each case, for the memory and for the
 * site (site.mjs).
 */
export function reportJson(report) {
  const { environment, cases, memory, site } = report
  const lines = cases.map(each => JSON.stringify(each)).join(',\n')
  const last = Object.entries({ memory, site })
    .filter(([, part]) => part !== undefined)
    .map(([name, part]) => `,\n"${name}": ${JSON.stringify(part)}`)
    .join('')
  return `{\n"environment": ${JSON.stringify(environment)},\n"cases": [\n${lines}\n]${last}\n}\n`
}
