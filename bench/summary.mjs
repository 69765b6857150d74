/** From samples to medians, spreads and ratios. */

export function median(values) {
  const sorted = [...values].sort((x, y) => x - y)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

/** Returns `{ n, median, min, max }` of `n` samples. */
export function spread(values) {
  return {
    n: values.length,
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
  }
}

/**
 * Returns the spread of each metric of each candidate, with the ratios of the medians: `vsC` to the
 * C baseline with the same features, `vsVeth` to kernel veth of the same size. A ratio is absent if
 * there is nothing to compare with.
 * @returns {Record<string, Record<string, { n: number, median: number, min: number, max: number,
 * vsC?: number, vsVeth?: number }>>}
 */
export function summarise(samples, candidates, metrics) {
  const summary = {}
  for (const [name, rows] of Object.entries(samples)) {
    summary[name] = {}
    for (const metric of metrics) {
      const values = rows.map(row => row[metric]).filter(value => value !== undefined)
      if (values.length > 0) {
        summary[name][metric] = spread(values)
      }
    }
  }
  for (const [name, row] of Object.entries(summary)) {
    const { like, size } = candidates[name]
    for (const [metric, entry] of Object.entries(row)) {
      const c = summary[like]?.[metric]?.median
      const veth = summary[size === undefined ? 'veth' : `veth/${size}`]?.[metric]?.median
      if (c) {
        entry.vsC = entry.median / c
      }
      if (veth) {
        entry.vsVeth = entry.median / veth
      }
    }
  }
  return summary
}

/**
 * Adds to each sample the metrics that are a difference: `over` of METRICS names the measured
 * metric and the metric of candidate `plain` with the median that is subtracted from it.
 */
export function subtractPlain(samples, plain, metrics) {
  for (const [metric, { over }] of Object.entries(metrics)) {
    if (over === undefined) continue
    const values = (samples[plain] ?? []).flatMap(row => row[over[1]] ?? [])
    if (values.length === 0) continue
    const base = median(values)
    for (const row of Object.values(samples).flat()) {
      if (over[0] in row) {
        row[metric] = row[over[0]] - base
      }
    }
  }
}

/**
 * Returns the peak memory of each further device in MiB, by candidate, from the fewest cables to
 * the most; a cable has two devices. Only candidates measured with several numbers of cables are
 * listed.
 */
export function furtherDevices(summary, candidates) {
  const byBase = new Map()
  for (const [name, row] of Object.entries(summary)) {
    const { base, pairs } = candidates[name]
    if (base === undefined || pairs === undefined || row.rss === undefined) continue
    byBase.set(base, [...(byBase.get(base) ?? []), { devices: 2 * pairs, rss: row.rss.median }])
  }
  const costs = {}
  for (const [base, points] of byBase) {
    const sorted = points.sort((x, y) => x.devices - y.devices)
    const [few, many] = [sorted[0], sorted.at(-1)]
    if (many.devices > few.devices) {
      costs[base] = (many.rss - few.rss) / (many.devices - few.devices)
    }
  }
  return costs
}
