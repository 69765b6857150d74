/** The targets of vnet and the results of a report, one row each. */
import { METRICS } from './metrics.mjs'
import { short } from './report.mjs'
import { spread } from './summary.mjs'

const atLeast = bound => ({ text: `at least ${bound}`, holds: value => value >= bound })
const atMost = bound => ({ text: `at most ${bound}`, holds: value => value <= bound })
/** A bound has the unit of its value. A text that does not end in a number is whole. */
const withUnit = ({ text }, unit) => (/\d$/.test(text) ? `${text} ${unit}` : text)

/**
 * @param {{ cases: any[], memory?: any }} report as bench.mjs writes it; a figure it lacks gives no
 * row
 * @returns {{ what: string, target: string, value: number, unit: string, reached: boolean, detail?:
 * string }[]} `detail` has the absolute figure of a ratio, and its spread
 */
export function targets(report) {
  const rows = []
  const row = (what, target, value, unit = '', detail = undefined) => {
    if (Number.isFinite(value))
      rows.push({ what, target: withUnit(target, unit), value, unit, reached: target.holds(value), detail })
  }
  const entry = (kase, name, metric) => report.cases.find(other => other.kase === kase)?.summary[name]?.[metric]
  const figure = (kase, name, metric) => entry(kase, name, metric)?.median
  const toC = (kase, name, metric) => entry(kase, name, metric)?.vsC

  const ofC = (what, target, kase, name, metric) => {
    const { median, min, max, vsC } = entry(kase, name, metric) ?? {}
    const span = `${short(median ?? 0)} (${short(min ?? 0)} to ${short(max ?? 0)}) ${METRICS[metric].unit}`
    row(`${kase}: ${what}`, target, vsC, 'of C', span)
  }
  for (const name of ['cable', 'snull']) {
    const long = `${name}-long`
    ofC('TCP, offloads on', atLeast(1.05), long, 'vnet', 'tcp')
    ofC('TCP, offloads off', atLeast(1), name, 'vnet-no-offload', 'tcp')
    ofC('CPU per GB', atMost(1.05), long, 'vnet', 'cpu_gb')
    ofC('64-byte UDP frames received', atLeast(1.2), long, 'vnet', 'udp64')
    for (const [part, bound] of Object.entries({ p50: 1.08, p99: 1.3, 'p99.9': 1.5 }))
      ofC(`round trip on one CPU, ${part}`, atMost(bound), long, 'vnet', `rtt1_${part}`)
  }
  ofC('64-byte UDP frames received with --gro', atLeast(1.2), 'cable-long', 'vnet-gro', 'udp64')
  const toCable = name => figure('tap', name, 'tcp') / figure('tap', 'vnet', 'tcp')
  row('a program of vnet/tap: TCP, offloads on', atLeast(0.9), toCable('open-tap'), 'of the cable')
  const attached = figure('attach', 'attach', 'tcp') / figure('attach', 'cable', 'tcp')
  row('an attached veth: TCP', atLeast(0.9), attached, 'of the cable')
  const aside = metric => figure('attach', 'aside', metric) / figure('attach', 'veth', metric)
  row('an attached veth, frames that --only leaves in the kernel: TCP', atLeast(0.97), aside('tcp'), 'of the veth')
  row('the same: round trip on one CPU, p50', atMost(1.05), aside('rtt1_p50'), 'of the veth')
  const beside = (what, metric) => row(what, atMost(1000), figure('attachments', 'vnet', metric), 'us')
  beside('ping of an attachment beside a flooded one, p99', 'near_p99')
  for (const [step, what] of [
    ['bcast', 'broadcasts'],
    ['gso100', 'large frames'],
  ]) {
    const p50 = figure('attachments', 'delayed', `${step}_p50`) / 1000
    row(`ping of an attachment with \`delay 500us\` beside one that ${what} flood, p50`, atMost(3), p50, 'ms')
  }
  beside('ping of an attachment beside one that comes and goes, p99', 'churn_p99')
  row('the CNI plugin for a pod without a wire', atMost(5), figure('attachments', 'vnet', 'plugin_p50'), 'ms')
  for (const n of [18, 100]) {
    row(`vnet node is back with ${n} attachments`, atMost(2000), figure('attachments', 'vnet', `restart${n}`), 'ms')
  }
  row('openTap: the event loop stands still', atMost(2), figure('open', 'vnet', 'stall_open'), 'ms')
  row('close of a Tap: the event loop stands still', atMost(2), figure('open', 'vnet', 'stall_close'), 'ms')
  const npm = (metric, best) => {
    const names = Object.keys(report.cases.find(({ kase }) => kase === 'cable')?.summary ?? {})
    const figures = names.filter(name => name.startsWith('npm-')).map(name => figure('cable', name, metric))
    return figures.length === 0 ? undefined : best(...figures)
  }
  const toNpm = (metric, best) => figure('cable', 'vnet', metric) / npm(metric, best)
  row('TCP, to the best npm package', atLeast(70), toNpm('tcp', Math.max), 'times')
  row('64-byte frames, to the best npm package', atLeast(10), toNpm('udp64', Math.max), 'times')
  row('CPU per GB, of the best npm package to ours', atLeast(100), 1 / toNpm('cpu_gb', Math.min), 'times')

  const perSecond = name => report.memory?.results.find(result => result.name === name)?.perSecond.median
  row('in memory: flipped and delivered', atLeast(20), perSecond('flip_deliver') / 1e6, 'million/s')
  row(
    'in memory: a flip, to a full checksum of 1,500 bytes',
    atLeast(3),
    perSecond('flip') / perSecond('checksum'),
    'times',
  )
  row('in memory: pool, alloc and free', atMost(10), 1e9 / perSecond('pool'), 'ns')

  const major = Number(/^v(\d+)/.exec(report.environment?.node ?? '')?.[1] ?? 20)
  const start = atMost(major < 22 ? 150 : 120)
  row('ready, one device in its own namespace', start, figure('loop', 'vnet', 'ready'), 'ms')
  row('ready, two devices moved to two other namespaces', start, figure('cable', 'vnet', 'ready'), 'ms')
  row('vnet run, until its command runs', atMost(250), figure('run', 'vnet', 'ready'), 'ms')
  row('peak memory, one device', atMost(66), figure('loop', 'vnet', 'rss'), 'MiB')
  const further = report.cases.find(({ kase }) => kase === 'cables')?.furtherDevice?.vnet
  row('peak memory, each further device', atMost(20), further, 'MiB')
  row('idle CPU', atMost(0), figure('cable', 'vnet', 'idle'), '%')

  // It fell if even its best sample is below one device's.
  const scaling = (kase, what, metric, sizes) => {
    const one = figure(kase, 'vnet/1', metric)
    for (const size of sizes) {
      const many = entry(kase, `vnet/${size}`, metric)
      row(
        `${what}, ${size} to one`,
        { text: 'does not fall', holds: () => many.max >= one },
        many?.median / one,
        'times',
      )
    }
  }
  scaling('cables', 'cables: TCP, sum', 'tcp', [2, 4, 8])
  scaling('cables', 'cables: 64-byte frames, sum', 'udp64', [2, 4, 8])
  scaling('queues', 'queues: TCP of four streams', 'tcp4', [2, 4])
  scaling('queues', 'queues: 64-byte frames of four flows', 'udp64', [2, 4])
  row('ping beside a flooded cable, p99', atMost(1000), figure('neighbour', 'vnet', 'near_p99'), 'us')
  row('private ioctl under vnet exec, on one CPU, p50', atMost(60), figure('control', 'vnet', 'ioctl1_p50'), 'us')
  row('private ioctl under vnet exec, unpinned, p50', atMost(60), figure('control', 'vnet', 'ioctl_p50'), 'us')

  const wire = (name, metric) => figure('wire', name, metric)
  row('wire: delay 10 ms at 50,000/s, deviation p50', atMost(50), wire('delay', 'dev50_p50'), 'us')
  row('wire: delay 10 ms at 50,000/s, deviation p99', atMost(250), wire('delay', 'dev50_p99'), 'us')
  row('wire: delay 10 ms at 200,000/s, deviation p99', atMost(1000), wire('delay', 'dev200_p99'), 'us')
  const held = wire('held', 'rss') - wire('plain', 'rss')
  row('wire: memory of 100,000 packets in flight', atMost(Math.round(300e6 / 2 ** 20)), held, 'MiB')
  row('wire: 100,000 packets in flight, lost', atMost(0), wire('held', 'held_loss'), '%')
  row('wire: TCP through delay 1ms limit 10000', atLeast(4), wire('packets', 'tcp'), 'Gbit/s')
  row('wire: TCP through loss 0.01%', atLeast(4), wire('loss', 'tcp'), 'Gbit/s')
  row('wire: TCP through delay 1ms', atLeast(0.85), wire('whole', 'tcp') / wire('plain', 'tcp'), 'of plain')
  const near = { text: '99 to 101', holds: share => share >= 99 && share <= 101 }
  row('wire: TCP through rate 100mbit, of what its overhead allows', near, wire('rate100m', 'rate_share'), '%')
  row('wire: TCP through rate 1gbit, of what its overhead allows', near, wire('rate1g', 'rate_share'), '%')

  const captured = (what, metric) => {
    row(`capture of 128 bytes a frame: ${what}`, atLeast(0.9), toC('capture', 'captured', metric), 'of plain')
  }
  captured('TCP', 'tcp')
  captured('64-byte frames', 'udp64')

  const page = name => figure('web', name, 'watched_cpu') - figure('web', 'plain', 'watched_cpu')
  row('live page: CPU with one viewer, beyond that of the frames', atMost(3), page('watched'), '% of a core')
  row('live page: CPU with no viewer, beyond that of the frames', atMost(0.5), page('unwatched'), '% of a core')

  const { exercise, playgrounds = {} } = report.site ?? {}
  const ofSite = (what, target, samples = [], unit) => {
    const { median, min, max } = spread(samples)
    row(what, target, median, unit, `${short(min)} to ${short(max)}`)
  }
  ofSite('site: exercise 1 at 10 Mbit/s, empty cache, first verdict', atMost(3000), exercise?.verdict, 'ms')
  // The screen of chromium has 60 frames a second, and a run of a few seconds one more or less.
  const smooth = { text: 'at least 60', holds: fps => fps >= 59.8 }
  for (const [name, { fps, script }] of Object.entries(playgrounds)) {
    ofSite(`site: ${name}, drawn`, smooth, fps, 'fps')
    ofSite(`site: ${name}, scripts of a drawn frame, p95`, atMost(8), script, 'ms')
  }

  const attacks = report.cases.find(({ kase }) => kase === 'strangers')?.summary ?? {}
  for (const name of Object.keys(attacks).filter(attack => !/^c-|-idle$/.test(attack))) {
    const ping = entry('strangers', name, 'stranger_p99')
    const soon = { text: 'at most 1 ms, or 1.5 times', holds: ms => ms <= 1 || ping.vsC <= 1.5 }
    row(`strangers, ${name}: TCP`, atLeast(0.9), toC('strangers', name, 'stranger_tcp'), 'of idle')
    row(`strangers, ${name}: ping, p99`, soon, ping?.median / 1000, 'ms')
    row(`strangers, ${name}: \`vnet list\``, atMost(1000), figure('strangers', name, 'stranger_list'), 'ms')
  }
  return rows
}

/** Returns the rows as a Markdown table. */
export function targetsTable(report) {
  const lines = ['| figure | target | measured | |', '|---|---|---|---|']
  for (const { what, target, value, unit, reached, detail } of targets(report)) {
    const measured = `${short(value)} ${unit}`.trim() + (detail === undefined ? '' : `: ${detail}`)
    lines.push(`| ${what} | ${target} | ${measured} | ${reached ? 'reached' : '**missed**'} |`)
  }
  return lines.join('\n')
}
