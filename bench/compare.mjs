/**
 * Compares two reports. A figure is slower, beyond the spread, if every sample is worse than every
 * sample of the earlier run; likewise for faster. Only figures of vnet count as slower. If veth or
 * C got slower, the machine did, and the comparison reports it.
 */
import { METRICS } from './metrics.mjs'

/** The figures in memory, all of which are figures of vnet. */
const PER_SECOND = { better: 'higher', unit: 'a second' }

/**
 * @returns `{ worse, elsewhere, better, compared, incomparable, differences }`: lists of `{ where,
 * name, unit, before, after }`, two counts, and the differences between the machines as text.
 */
export function compare(before, after) {
  const result = { worse: [], elsewhere: [], better: [], compared: 0, incomparable: 0 }
  for (const figure of figures(after)) {
    const old = figures(before).find(
      ({ where, name }) => where === figure.where && name === figure.name,
    )
    if (old === undefined) continue
    if (!(old.entry.n > 1 && figure.entry.n > 1)) {
      result.incomparable++
      continue
    }
    result.compared++
    const way = direction(old.entry, figure.entry, figure.better)
    const found = {
      where: figure.where,
      name: figure.name,
      unit: figure.unit,
      before: old.entry,
      after: figure.entry,
    }
    if (way < 0) {
      result[figure.ours ? 'worse' : 'elsewhere'].push(found)
    } else if (way > 0 && figure.ours) {
      result.better.push(found)
    }
  }
  return { ...result, differences: differences(before.environment ?? {}, after.environment ?? {}) }
}

/** Returns every figure of a report in one list. */
function figures({ cases = [], memory }) {
  const ofCases = cases.flatMap(({ kase, summary, ours = [] }) =>
    Object.entries(summary).flatMap(([candidate, row]) =>
      Object.entries(row)
        .filter(([metric]) => METRICS[metric]?.better !== undefined)
        .map(([metric, entry]) => {
          const { better, unit } = METRICS[metric]
          return {
            where: `${kase} ${candidate}`,
            name: metric,
            ours: ours.includes(candidate),
            better,
            unit,
            entry,
          }
        }),
    ),
  )
  const ofMemory = (memory?.results ?? []).map(({ name, perSecond }) => {
    return { where: 'memory', name, ours: true, ...PER_SECOND, entry: perSecond }
  })
  return [...ofCases, ...ofMemory]
}

/**
 * Returns -1 if all of `after` is worse than all of `before`, 1 if all of it is better, 0 if they
 * overlap.
 */
function direction(before, after, better) {
  const sign = better === 'higher' ? 1 : -1
  if (after.min > before.max) return sign
  if (after.max < before.min) return -sign
  return 0
}

function differences(before, after) {
  return ['cpu', 'cpus', 'kernel', 'node']
    .filter(key => before[key] !== after[key])
    .map(key => `${key} was ${before[key]}, is ${after[key]}`)
}
