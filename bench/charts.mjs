/**
 * Draws the charts of a report: one for each case and group of metrics, such as `cable-throughput`,
 * and one for the figures in memory.
 */
import { METRICS } from './metrics.mjs'
import { C, short } from './report.mjs'
import { barCharts } from './svg.mjs'

/** The groups that have a chart. Losses, and counts that must be zero, appear in the table only. */
const GROUPS = ['throughput', 'frames', 'cpu', 'latency', 'program']

/**
 * @param {{ cases: any[], memory?: any, environment?: any }} report as bench.mjs writes it
 * @returns {Record<string, string>} SVG documents by name, without the `.svg`
 */
export function charts({ cases, memory, environment = {} }) {
  const where = [
    environment.cpu,
    environment.kernel && `Linux ${environment.kernel}`,
    environment.node && `Node ${environment.node}`,
  ]
  const place = where.filter(Boolean).join(', ')
  const pictures = {}
  for (const result of cases) {
    for (const group of GROUPS) {
      const panels = result.metrics
        .filter(metric => METRICS[metric]?.group === group)
        .flatMap(metric => panel(result, metric))
      if (panels.length > 0) {
        pictures[`${result.kase}-${group}`] = barCharts(caption(result), place, panels)
      }
    }
  }
  if (memory?.results.length > 0) {
    pictures.memory = barCharts('In memory, no kernel, one core', place, [inMemory(memory)])
  }
  return pictures
}

function caption({ title, kase, rounds, seconds }) {
  return `${title ?? kase}; median of ${rounds} x ${seconds} s, line: least to greatest`
}

/** Returns no panel if no candidate has the figure. */
function panel({ summary, ours = [], against = C }, metric) {
  const { title, unit, better } = METRICS[metric]
  const bars = Object.entries(summary)
    .filter(([, row]) => row[metric] !== undefined)
    .map(([label, row]) => {
      const { median, min, max, vsC } = row[metric]
      const ratio =
        vsC === undefined || !ours.includes(label) ? '' : `  (${vsC.toFixed(2)} x ${against.short})`
      return {
        label,
        median,
        min,
        max,
        ours: ours.includes(label),
        value: `${short(median)}${ratio}`,
      }
    })
  return bars.length === 0 ? [] : [{ title, note: `${unit}, ${better} is better`, bars }]
}

function inMemory({ results }) {
  const bars = results.map(({ title, perSecond: { median, min, max } }) => {
    const ns = short(1e9 / median, 3)
    return {
      label: title,
      median,
      min,
      max,
      ours: true,
      value: `${short(median / 1e6)}  (${ns} ns each)`,
    }
  })
  return { title: 'Millions a second', note: 'higher is better', bars }
}
