/** Runs one case, with candidates interleaved round by round, or the figures in memory. */
import { fileURLToPath } from 'node:url'
import { allowedCpus } from './cpu.mjs'
import { METRICS } from './metrics.mjs'
import { install } from './peers.mjs'
import { short } from './report.mjs'
import { sample } from './sample.mjs'
import { furtherDevices, spread, subtractPlain, summarise } from './summary.mjs'

const MEMORY = fileURLToPath(new URL('memory/main.mjs', import.meta.url))

/**
 * Runs a case of cases.mjs `rounds` times, or more if it says so. Each round starts with another
 * candidate. A peer that cannot be installed or fails is left out from then on. Any other failure
 * is reported, and the run continues.
 */
export async function runCase(name, kase, options, lab) {
  const { title, candidates, metrics, against, over } = kase
  const rounds = Math.max(options.rounds, kase.rounds ?? 0)
  const seconds = Math.max(options.seconds, kase.seconds ?? 0)
  const leftOut = await missingPeers(candidates, lab)
  const names = Object.keys(candidates).filter(candidate =>
    leftOut.every(other => other.name !== candidate),
  )
  const samples = Object.fromEntries(names.map(candidate => [candidate, []]))
  const failures = []
  for (let round = 0; round < rounds; round++) {
    const turn = round % names.length
    for (const candidate of [...names.slice(turn), ...names.slice(0, turn)]) {
      if (leftOut.some(other => other.name === candidate)) continue
      const started = performance.now()
      const tag = `vnetbench${process.pid}n${lab.samples++}`
      let note
      try {
        const { metrics: theirs = metrics } = candidates[candidate]
        const wanted = metrics.filter(metric => theirs.includes(metric))
        const row = await sample({
          ...lab,
          name,
          kase,
          candidate: candidates[candidate],
          tag,
          metrics: wanted,
          seconds,
        })
        samples[candidate].push(row)
        note = describe(row, metrics)
      } catch (error) {
        note = `FAILED: ${error.message}`
        if (candidates[candidate].peer === undefined) {
          failures.push(`${candidate}, round ${round + 1}: ${error.message}`)
        } else {
          leftOut.push({ name: candidate, why: error.message })
        }
      }
      const took = short((performance.now() - started) / 1000, 3)
      console.error(`${name} round ${round + 1}/${rounds} ${candidate} (${took} s) ${note}`)
    }
  }
  if (over !== undefined) {
    subtractPlain(samples, over, METRICS)
  }
  const summary = summarise(samples, candidates, metrics)
  const ours = names.filter(candidate => candidates[candidate].ours)
  const furtherDevice = furtherDevices(summary, candidates)
  return {
    kase: name,
    title,
    against,
    rounds,
    seconds,
    metrics,
    ours,
    samples,
    summary,
    furtherDevice,
    leftOut,
    failures,
  }
}

/**
 * Measures each figure in memory in a process of its own, on one CPU, round by round, for a quarter
 * of `seconds`.
 */
export async function runMemory({ rounds, seconds }, { processes }) {
  const cpu = ['taskset', '-c', String(allowedCpus().at(-1))]
  const start = (...args) => processes.start([process.execPath, MEMORY, ...args.map(String)], cpu)
  const failures = []
  const figures = JSON.parse(await start().output(10)).map(figure => ({ ...figure, rates: [] }))
  for (let round = 0; round < rounds; round++) {
    for (const { name, rates } of figures) {
      try {
        rates.push(JSON.parse(await start(name, seconds / 4).output(10)).perSecond)
      } catch (error) {
        failures.push(`${name}, round ${round + 1}: ${error.message}`)
      }
    }
  }
  const measured = figures.filter(({ rates }) => rates.length > 0)
  return {
    results: measured.map(figure => ({ ...figure, perSecond: spread(figure.rates) })),
    failures,
  }
}

async function missingPeers(candidates, { processes }) {
  const missing = []
  for (const [name, { peer }] of Object.entries(candidates)) {
    if (peer === undefined) continue
    try {
      await install(peer, processes)
    } catch (error) {
      missing.push({ name, why: error.message })
    }
  }
  return missing
}

function describe(row, metrics) {
  return [...metrics, 'foreign_cores', 'retries']
    .filter(metric => metric in row)
    .map(metric => `${metric}=${short(row[metric])}`)
    .join(' ')
}
