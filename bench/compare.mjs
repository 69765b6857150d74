/**
 * Two reports of the bench side by side. A figure is slower, or faster, beyond the spread when every sample of one run is worse
 * than every sample of the other. Only vnet's own count as slower; when veth or C got slower, it was the machine, and is said.
 */
import { METRICS } from './metrics.mjs'

/** Measured in memory: all of it is vnet's own. */
const PER_SECOND = { better: 'higher', unit: 'a second' }

/**
 * @returns `{ worse, elsewhere, better, compared, incomparable, differences }`: lists of `{ where, name, unit, before, after }`, two
 * counts, and in words where the machines are not the same.
 */
export function compare(before, after) {
  const result = { worse: [], elsewhere: [], better: [], compared: 0, incomparable: 0 }
  for (const figure of figures(after)) {
    const old = figures(before).find(({ where, name }) => where === figure.where && name === figure.name)
    if (old === undefined) continue
    if (!(old.entry.n > 1 && figure.entry.n > 1)) {
      result.incomparable++
      continue
    }
    result.compared++
    const way = direction(old.entry, figure.entry, figure.better)
    const found = { where: figure.where, name: figure.name, unit: figure.unit, before: old.entry, after: figure.entry }
    if (way < 0) result[figure.ours ? 'worse' : 'elsewhere'].push(found)
    else if (way > 0 && figure.ours) result.better.push(found)
  }
  return { ...result, differences: differences(before.environment ?? {}, after.environment ?? {}) }
}

/** Every figure of a report, flat. */
function figures({ cases = [], memory }) {
  const ofCases = cases.flatMap(({ kase, summary, ours = [] }) =>
    Object.entries(summary).flatMap(([candidate, row]) =>
      Object.entries(row)
        .filter(([metric]) => METRICS[metric]?.better !== undefined)
        .map(([metric, entry]) => {
          const { better, unit } = METRICS[metric]
          return { where: `${kase} ${candidate}`, name: metric, ours: ours.includes(candidate), better, unit, entry }
        }),
    ),
  )
  const ofMemory = (memory?.results ?? []).map(({ name, perSecond }) => {
    return { where: 'memory', name, ours: true, ...PER_SECOND, entry: perSecond }
  })
  return [...ofCases, ...ofMemory]
}

/** -1 when all of `after` is worse than all of `before`, 1 when all of it is better, 0 when they overlap. */
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
