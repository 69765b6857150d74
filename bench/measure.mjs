/**
 * One sample: a candidate started in fresh namespaces, checked, warmed up and measured. A step is repeated while other
 * programs keep the machine busy, and the quietest try counts; what could not be had quietly is reported with it.
 */
import { fileURLToPath } from 'node:url'
import { BUILD } from './candidates.mjs'
import { allowedCpus, countCpu, peakRss, pin } from './cpu.mjs'
import { inNamespace, Topology } from './topology.mjs'

const PORT = '5201'
/** No measuring program lives longer than its measurement and this many seconds. */
const GRACE = 3
/** More than this many cores used by other programs, and a step is repeated, at most RETRIES times. */
export const QUIET = 0.1
const RETRIES = 2
const INTEGRITY = fileURLToPath(new URL('integrity.mjs', import.meta.url))

/** What can be asked for, in the order of the table: the step that measures it, its unit, which way is better. */
export const METRICS = {
  tcp: { step: 'tcp', unit: 'Gbit/s', better: 'higher', title: 'TCP, one stream, pinned' },
  cpu_gb: { step: 'tcp', unit: 's/GB', better: 'lower', title: 'CPU seconds of the candidate per GB of that TCP' },
  udp64: { step: 'udp', unit: 'kpps', better: 'higher', title: '64-byte UDP frames received of a flood, pinned' },
  udp64_loss: { step: 'udp', unit: '%', better: 'lower', title: 'of that flood, lost' },
  reordered: { step: 'udp', unit: 'frames', better: 'lower', title: 'of that flood, out of order' },
  rtt1_p50: { step: 'rtt1', unit: 'us', better: 'lower', title: 'UDP round trip on one CPU, p50' },
  rtt1_p99: { step: 'rtt1', unit: 'us', better: 'lower', title: 'UDP round trip on one CPU, p99' },
  'rtt1_p99.9': { step: 'rtt1', unit: 'us', better: 'lower', title: 'UDP round trip on one CPU, p99.9' },
  rtt_p50: { step: 'rtt', unit: 'us', better: 'lower', title: 'UDP round trip, unpinned, p50' },
  rtt_p99: { step: 'rtt', unit: 'us', better: 'lower', title: 'UDP round trip, unpinned, p99' },
  'rtt_p99.9': { step: 'rtt', unit: 'us', better: 'lower', title: 'UDP round trip, unpinned, p99.9' },
  rss: { unit: 'MiB', better: 'lower', title: 'peak resident memory of the candidate' },
  csum_errors: { unit: 'packets', better: 'lower', title: 'checksum and header errors the hosts saw' },
}

/** In this order: what needs a warm candidate comes after what warms it. CPUs: of the traffic, of the candidate. */
const STEPS = {
  tcp: { measure: tcp, place: cpus => [cpus.slice(0, 1), cpus.slice(-1)] },
  udp: { measure: udp, place: cpus => [cpus.slice(0, 1), cpus.slice(-1)] },
  rtt1: { measure: bench => roundTrip(bench, 'rtt1'), place: cpus => [cpus.slice(0, 1), cpus.slice(0, 1)] },
  rtt: { measure: bench => roundTrip(bench, 'rtt'), place: cpus => [cpus, cpus] },
}

/**
 * Measures the steps that `metrics` needs, `seconds` each, and returns the values by metric, with `foreign_cores`,
 * `stolen_cores` and `retries`. Throws one line when the candidate fails or alters a single octet.
 */
export async function sample({ kase, candidate, tag, metrics, seconds, processes, topologies }) {
  const net = new Topology(kase, tag)
  topologies.add(net)
  let child
  try {
    net.create()
    if (candidate.command === undefined) net.addVeth()
    else {
      child = processes.start(candidate.command(net))
      await child.printed(/^ready$/m, 10)
    }
    await net.configure(candidate.command === undefined)
    const bench = { net, child, processes, seconds, traffic: allowedCpus() }
    await compareOctets(bench)
    await udp({ ...bench, seconds: 0.25 }) // warms the candidate's code up
    return await measureSteps(bench, metrics)
  } finally {
    await child?.stop()
    net.remove()
    topologies.delete(net)
  }
}

async function measureSteps(bench, metrics) {
  const { net, child } = bench
  const row = { foreign_cores: 0, stolen_cores: 0, retries: 0 }
  for (const [name, step] of Object.entries(STEPS)) {
    if (!metrics.some(metric => METRICS[metric].step === name)) continue
    const { row: values, foreignCores, stolenCores, retries } = await quietest(bench, step)
    Object.assign(row, values)
    row.foreign_cores = Math.max(row.foreign_cores, foreignCores)
    row.stolen_cores = Math.max(row.stolen_cores, stolenCores)
    row.retries += retries
  }
  if (child?.ended) throw new Error('the candidate ended while it was measured')
  if (child !== undefined) row.rss = peakRss(child.pid)
  row.csum_errors = net.counters('InCsumErrors', 'InHdrErrors')
  return row
}

/** Takes a step until a try was quiet enough, and returns the quietest. */
async function quietest(bench, { measure, place }) {
  const [traffic, candidate] = place(allowedCpus())
  if (bench.child !== undefined) pin(bench.child.pid, candidate)
  let best
  let retries = -1
  do {
    const { row, use } = await measure({ ...bench, traffic })
    if (best === undefined || use.foreignCores < best.foreignCores) best = { ...use, row }
    retries++
  } while (best.foreignCores > QUIET && retries < RETRIES)
  return { ...best, retries }
}

async function tcp(bench) {
  const server = startTraffic(bench, 'b', ['iperf3', '-s', '-1', '--forceflush', '-p', PORT])
  try {
    await server.printed(/^Server listening/m, GRACE)
    const time = Math.max(1, Math.round(bench.seconds))
    const used = countCpu(bench.child?.pid)
    const report = await runTraffic(bench, ['iperf3', '-J', '-c', bench.net.target, '-p', PORT, '-t', String(time)])
    const use = used()
    const { bytes, bits_per_second } = JSON.parse(report).end.sum_received
    const row = { tcp: bits_per_second / 1e9 }
    if (bench.child !== undefined) row.cpu_gb = use.candidate / (bytes / 1e9)
    return { row, use }
  } finally {
    await server.stop()
  }
}

async function udp(bench) {
  const receiver = startTraffic(bench, 'b', [`${BUILD}/pps`, 'recv', PORT, String(bench.seconds + GRACE)])
  try {
    await receiver.printed(/^ready$/m, GRACE)
    const used = countCpu(bench.child?.pid)
    await runTraffic(bench, [`${BUILD}/pps`, 'send', bench.net.target, PORT, String(bench.seconds)])
    const use = used()
    const report = await receiver.output(GRACE)
    const { pps, loss, reordered } = JSON.parse(report.slice(report.indexOf('{')))
    return { row: { udp64: pps / 1e3, udp64_loss: loss * 100, reordered }, use }
  } finally {
    await receiver.stop()
  }
}

async function roundTrip(bench, name) {
  const echo = startTraffic(bench, 'b', [`${BUILD}/lat`, 'echo', PORT, String(bench.seconds + GRACE)])
  try {
    await echo.printed(/^ready$/m, GRACE)
    const used = countCpu(bench.child?.pid)
    const ping = [`${BUILD}/lat`, 'ping', bench.net.target, PORT, '1000000', String(bench.seconds)]
    const { p50, p99, p99_9 } = JSON.parse(await runTraffic(bench, ping))
    return { row: { [`${name}_p50`]: p50, [`${name}_p99`]: p99, [`${name}_p99.9`]: p99_9 }, use: used() }
  } finally {
    await echo.stop()
  }
}

async function compareOctets(bench) {
  const server = startTraffic(bench, 'b', [process.execPath, INTEGRITY, 'serve', PORT])
  try {
    await server.printed(/^ready$/m, GRACE)
    await runTraffic(bench, [process.execPath, INTEGRITY, 'compare', bench.net.target, PORT])
  } finally {
    await server.stop()
  }
}

/** Starts a traffic program at one end, on the CPUs that are the traffic's. */
function startTraffic({ net, processes, traffic }, end, argv) {
  return processes.start(argv, [...inNamespace(net[end].ns), 'taskset', '-c', traffic.join(',')])
}

function runTraffic(bench, argv) {
  return startTraffic(bench, 'a', argv).output(bench.seconds + GRACE)
}
