/**
 * One sample: a candidate started in fresh namespaces, checked, warmed up and measured. A step is
 * repeated while other programs keep the machine busy, and the quietest try counts. The report
 * shows how quiet it was.
 */
import { rmSync } from 'node:fs'
import { allowedCpus, moveTo, peakRss, pin, whyNoFifo } from './cpu.mjs'
import { stepsOf } from './metrics.mjs'
import { compareOctets, STEPS, warmUp } from './steps.mjs'
import { Topology } from './topology.mjs'

/** If other programs use more cores than this, a step is repeated, at most RETRIES times. */
export const QUIET = 0.1
const RETRIES = 2
/** Seconds to wait for a ping through a wire with a delay of a second in each direction. */
const PATIENT = 5
const FIRST_PORT = 5201
const SHAPES = {
  snull: 'snull',
  'snull-long': 'snull',
  loop: 'loop',
  control: 'snull',
  lan: 'lan',
  strangers: 'strangers',
}

/**
 * Measures the steps that `metrics` needs, `seconds` each, and returns the values by metric, with
 * `foreign_cores`, `stolen_cores` and `retries`. Throws one line if the candidate fails or alters a
 * byte.
 */
export async function sample({
  kase,
  name,
  candidate,
  tag,
  metrics,
  seconds,
  processes,
  topologies,
}) {
  const net = new Topology(SHAPES[name] ?? 'cable', tag, candidate.pairs)
  topologies.add(net)
  let child
  const row = { foreign_cores: 0, stolen_cores: 0, retries: 0 }
  try {
    net.create()
    if (candidate.command === undefined || candidate.attaches) {
      net.addVeth()
    }
    if (candidate.attaches) {
      net.up()
    }
    if (candidate.command !== undefined) {
      const started = performance.now()
      child = processes.start(candidate.command(net))
      await child.printed(/^ready$/m, 10)
      row.ready = performance.now() - started
      await candidate.prepare?.(net)
    }
    if (!kase.asks) {
      await net.configure(candidate.command === undefined, candidate.slow ? PATIENT : 1)
    }
    if (kase.window !== undefined) {
      net.setWindow(kase.window)
    }
    candidate.stranger?.prepare(net)
    const flows =
      kase.flows === undefined ? net.pairs : Array.from({ length: kase.flows }, () => net.pairs[0])
    const ports = { next: FIRST_PORT }
    const bench = {
      net,
      child,
      ours: candidate.ours,
      asked: candidate.asked,
      exec: candidate.exec,
      hosts: candidate.hosts,
      stranger: candidate.stranger,
      askedUs: candidate.askedUs,
      rate: candidate.rate,
      page: candidate.page,
      settle: kase.settle,
      processes,
      seconds,
      traffic: allowedCpus(),
      flows,
      ports,
      spread: kase.spread,
    }
    if (!kase.asks && !candidate.slow) {
      await compareOctets(bench)
      await warmUp(bench)
    }
    await measureSteps(bench, metrics, row)
    return row
  } finally {
    await child?.stop()
    if (candidate.leaves !== undefined) {
      rmSync(candidate.leaves(net), { recursive: true, force: true })
    }
    net.remove()
    topologies.delete(net)
  }
}

async function measureSteps(bench, metrics, row) {
  const { net, child } = bench
  const wanted = stepsOf(metrics)
  for (const [name, step] of Object.entries(STEPS)) {
    if (!wanted.has(name) || (name === 'idle' && child === undefined)) continue
    if (step.needsFifo && whyNoFifo() !== undefined) continue
    const { row: values, foreignCores, stolenCores, retries } = await quietest(bench, step)
    Object.assign(row, values)
    row.foreign_cores = Math.max(row.foreign_cores, foreignCores)
    row.stolen_cores = Math.max(row.stolen_cores, stolenCores)
    row.retries += retries
  }
  if (child?.ended) throw new Error('the candidate ended while it was measured')
  if (child !== undefined) {
    row.rss = peakRss(child.pid)
  }
  row.csum_errors = net.counters('InCsumErrors', 'InHdrErrors')
}

/** Repeats a step until a try is quiet enough, and returns the quietest. */
async function quietest(bench, { measure, place }) {
  const cpus = allowedCpus()
  const [traffic, candidate, flooder] = bench.spread ? [cpus, cpus] : place(cpus)
  // The bench reads the output of the candidate, and must not take its CPU.
  moveTo(traffic)
  if (bench.child !== undefined) {
    pin(bench.child.pid, candidate)
  }
  let best
  let retries = -1
  do {
    const { row, use } = await measure({ ...bench, traffic, flooder })
    if (best === undefined || use.foreignCores < best.foreignCores) {
      best = { ...use, row }
    }
    retries++
  } while (best.foreignCores > QUIET && retries < RETRIES)
  return { ...best, retries }
}
