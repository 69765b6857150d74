/**
 * The targets of vnet and the results of a report, one row each. Each has the reason of its bound:
 * veth, C with the same features, the program of others, the same without the load, or the last
 * release. A bound that no program can reach is not a target.
 */
import { METRICS } from './metrics.mjs'
import { short } from './report.mjs'
import { spread } from './summary.mjs'

const atLeast = bound => ({ text: `at least ${bound}`, holds: value => value >= bound })
const atMost = bound => ({ text: `at most ${bound}`, holds: value => value <= bound })
const C = 'C with the same features'
const RELEASE = 'the last release'
const IDLE = 'the same flood at another program'
const SCHED_FIFO = 'SCHED_FIFO'
/** Parts of a round trip, with their bounds under the usual policy and under SCHED_FIFO. */
const ROUND_TRIPS = [
  ['p50', 1.3, 1.35],
  ['p99', 1.5, 1.4],
  ['p99.9', 1.5, 1.5],
]

/** A bound has the unit of its value. A text that does not end in a number is whole. */
const withUnit = ({ text }, unit) => (/\d$/.test(text) ? `${text} ${unit}` : text)

/**
 * @param {{ cases: any[], memory?: any }} report as bench.mjs writes it; a figure it lacks gives no
 * row
 * @returns {{ what: string, target: string, why: string, value: number, unit: string, reached:
 * boolean, detail?: string, policy?: string }[]} `detail` has the absolute figure of a ratio, and
 * its spread; `policy` is SCHED_FIFO, or undefined for the usual one
 */
export function targets(report) {
  const rows = []
  const row = (what, target, why, value, unit = '', more = {}) => {
    if (Number.isFinite(value)) {
      rows.push({
        what,
        target: withUnit(target, unit),
        why,
        value,
        unit,
        reached: target.holds(value),
        ...more,
      })
    }
  }
  const entry = (kase, name, metric) =>
    report.cases.find(other => other.kase === kase)?.summary[name]?.[metric]
  const figure = (kase, name, metric) => entry(kase, name, metric)?.median
  const toC = (kase, name, metric) => entry(kase, name, metric)?.vsC

  const ofOther = (what, target, why, [kase, name, metric], other = 'vsC') => {
    const { median, min, max, [other]: ratio } = entry(kase, name, metric) ?? {}
    const span = `${short(median ?? 0)} (${short(min ?? 0)} to ${short(max ?? 0)}) ${METRICS[metric].unit}`
    const unit = other === 'vsC' ? 'of C' : 'of veth'
    const policy = /^fifo/.test(metric) ? SCHED_FIFO : undefined
    row(`${kase}: ${what}`, target, why, ratio, unit, { detail: span, policy })
  }
  for (const name of ['cable', 'snull']) {
    const long = `${name}-long`
    ofOther('TCP, offloads on', atLeast(0.95), `${C}, less the spread of a run`, [
      long,
      'vnet',
      'tcp',
    ])
    ofOther('TCP, offloads off', atLeast(0.9), `${C}, and 0.2 us a frame`, [
      name,
      'vnet-no-offload',
      'tcp',
    ])
    ofOther('CPU per GB', atMost(1.2), `${C}, and the wake-ups of Node`, [long, 'vnet', 'cpu_gb'])
    for (const [part, bound, underFifo] of ROUND_TRIPS) {
      const why = `${C}, and 2 us of Node's event loop`
      const what = `round trip on one CPU, ${part}`
      ofOther(what, atMost(bound), why, [long, 'vnet', `rtt1_${part}`])
      ofOther(what, atMost(underFifo), why, [long, 'vnet', `fifo1_${part}`])
    }
  }
  const frames = '64-byte UDP frames received'
  ofOther(
    frames,
    atLeast(0.95),
    'the path of the kernel alone',
    ['cable-long', 'vnet', 'udp64'],
    'vsVeth',
  )
  ofOther(frames, atLeast(0.8), RELEASE, ['snull-long', 'vnet', 'udp64'])
  ofOther(`${frames} with --gro`, atLeast(1), 'C, which does not merge', [
    'cable-long',
    'vnet-gro',
    'udp64',
  ])
  const toCable = name => figure('tap', name, 'tcp') / figure('tap', 'vnet', 'tcp')
  row(
    'a program of vnet/tap: TCP, offloads on',
    atLeast(0.9),
    '`vnet cable`',
    toCable('open-tap'),
    'of the cable',
  )
  const attached = figure('attach', 'attach', 'tcp') / figure('attach', 'cable', 'tcp')
  row('an attached veth: TCP', atLeast(0.9), '`vnet cable`', attached, 'of the cable')
  const beside = (what, metric) =>
    row(what, atMost(1000), RELEASE, figure('attachments', 'vnet', metric), 'us')
  const aside = metric => figure('attach', 'aside', metric) / figure('attach', 'veth', metric)
  const filtered = 'an attached veth, frames that --only leaves in the kernel'
  row(`${filtered}: TCP`, atLeast(0.97), 'veth', aside('tcp'), 'of the veth')
  row(
    `${filtered}: round trip on one CPU, p50`,
    atMost(1.05),
    'veth',
    aside('rtt1_p50'),
    'of the veth',
  )
  beside('ping of an attachment beside a flooded one, p99', 'near_p99')
  for (const [step, what] of [
    ['bcast', 'broadcasts'],
    ['gso100', 'large frames'],
  ]) {
    const p50 = figure('attachments', 'delayed', `${step}_p50`) / 1000
    row(
      `ping of an attachment with \`delay 500us\` beside one that ${what} flood, p50`,
      atMost(3),
      RELEASE,
      p50,
      'ms',
    )
  }
  beside('ping of an attachment beside one that comes and goes, p99', 'churn_p99')
  row(
    'the CNI plugin for a pod without a wire',
    atMost(5),
    RELEASE,
    figure('attachments', 'vnet', 'plugin_p50'),
    'ms',
  )
  for (const n of [18, 100]) {
    row(
      `vnet node is back with ${n} attachments`,
      atMost(2000),
      RELEASE,
      figure('attachments', 'vnet', `restart${n}`),
      'ms',
    )
  }
  row(
    'openTap: the event loop stands still',
    atMost(2),
    RELEASE,
    figure('open', 'vnet', 'stall_open'),
    'ms',
  )
  row(
    'close of a Tap: the event loop stands still',
    atMost(2),
    RELEASE,
    figure('open', 'vnet', 'stall_close'),
    'ms',
  )
  const npm = (metric, best) => {
    const names = Object.keys(report.cases.find(({ kase }) => kase === 'cable')?.summary ?? {})
    const figures = names
      .filter(name => name.startsWith('npm-'))
      .map(name => figure('cable', name, metric))
    return figures.length === 0 ? undefined : best(...figures)
  }
  const toNpm = (metric, best) => figure('cable', 'vnet', metric) / npm(metric, best)
  row(
    'TCP, to the best npm package',
    atLeast(70),
    'the best of npm',
    toNpm('tcp', Math.max),
    'times',
  )
  row(
    '64-byte frames, to the best npm package',
    atLeast(10),
    'the best of npm',
    toNpm('udp64', Math.max),
    'times',
  )
  row(
    'CPU per GB, of the best npm package to ours',
    atLeast(100),
    'the best of npm',
    1 / toNpm('cpu_gb', Math.min),
    'times',
  )

  const perSecond = name =>
    report.memory?.results.find(result => result.name === name)?.perSecond.median
  const flip = perSecond('flip') / perSecond('checksum')
  row(
    'in memory: a flip, to a full checksum of 1,500 bytes',
    atLeast(3),
    'the checksum that it saves',
    flip,
    'times',
  )
  row(
    'in a test bed: the time of a frame of 1,042 bytes through e1000',
    atMost(1.5),
    'snull, a card without rings',
    perSecond('snull_bed') / perSecond('e1000_bed'),
    'of snull',
  )

  const major = Number(/^v(\d+)/.exec(report.environment?.node ?? '')?.[1] ?? 20)
  const start = atMost(major < 22 ? 150 : 120)
  row(
    'ready, one device in its own namespace',
    start,
    RELEASE,
    figure('loop', 'vnet', 'ready'),
    'ms',
  )
  row(
    'vnet run, until its command runs',
    atMost(250),
    RELEASE,
    figure('run', 'vnet', 'ready'),
    'ms',
  )
  row(
    'peak memory, one device',
    atMost(66),
    'Node alone, and 20 MiB',
    figure('loop', 'vnet', 'rss'),
    'MiB',
  )
  const further = report.cases.find(({ kase }) => kase === 'cables')?.furtherDevice?.vnet
  row('peak memory, each further device', atMost(1), RELEASE, further, 'MiB')
  row('idle CPU', atMost(0), C, figure('cable', 'vnet', 'idle'), '%')

  // It fell if even its best sample is below one device's.
  const scaling = (kase, what, metric, sizes) => {
    const one = figure(kase, 'vnet/1', metric)
    for (const size of sizes) {
      const many = entry(kase, `vnet/${size}`, metric)
      row(
        `${what}, ${size} to one`,
        { text: 'does not fall', holds: () => many.max >= one },
        'one device or queue',
        many?.median / one,
        'times',
      )
    }
  }
  scaling('cables', 'cables: TCP, sum', 'tcp', [2, 4, 8])
  scaling('cables', 'cables: 64-byte frames, sum', 'udp64', [2, 4, 8])
  scaling('queues', 'queues: TCP of four streams', 'tcp4', [2, 4])
  scaling('queues', 'queues: 64-byte frames of four flows', 'udp64', [2, 4])
  row(
    'ping beside a flooded cable, p99',
    atMost(1.2),
    C,
    toC('neighbour', 'vnet', 'near_p99'),
    'of C',
  )
  row(
    'private ioctl under vnet exec, on one CPU, p50',
    atMost(60),
    RELEASE,
    figure('control', 'vnet', 'ioctl1_p50'),
    'us',
  )

  const wire = (name, metric) => figure('wire', name, metric)
  const deviation = 'wire: delay 10 ms at'
  row(
    `${deviation} 50,000/s, deviation p50`,
    atMost(71),
    'netem, MoonEm 2025',
    wire('delay', 'dev50_p50'),
    'us',
  )
  for (const [rate, metric] of Object.entries({ '50,000': 'dev50_p99', '200,000': 'dev200_p99' })) {
    row(`${deviation} ${rate}/s, deviation p99`, atMost(2), C, toC('wire', 'delay', metric), 'of C')
  }
  const held = wire('held', 'rss') - wire('plain', 'rss')
  row(
    'wire: memory of 100,000 packets in flight',
    atMost(Math.round(300e6 / 2 ** 20)),
    '2 KiB for each, and half of it',
    held,
    'MiB',
  )
  row('wire: 100,000 packets in flight, lost', atMost(0), C, wire('held', 'held_loss'), '%')
  row(
    'wire: TCP through delay 1ms limit 10000',
    atLeast(1),
    'C, which does not merge',
    toC('wire', 'packets', 'tcp'),
    'of C',
  )
  for (const [name, text] of Object.entries({ loss: 'loss 0.01%', whole: 'delay 1ms' })) {
    const ratio = wire(name, 'tcp') / wire('plain', 'tcp')
    row(`wire: TCP through ${text}`, atLeast(0.85), 'a cable without stages', ratio, 'of plain')
  }
  const near = { text: '99 to 101', holds: share => share >= 99 && share <= 101 }
  row(
    'wire: TCP through rate 100mbit, of what its overhead allows',
    near,
    'its definition',
    wire('rate100m', 'rate_share'),
    '%',
  )
  row(
    'wire: TCP through rate 1gbit, of what its overhead allows',
    near,
    'its definition',
    wire('rate1g', 'rate_share'),
    '%',
  )

  const plain = 'the same without a capture'
  const captured = metric => toC('capture', 'captured', metric)
  row('capture of 128 bytes a frame: TCP', atLeast(0.9), plain, captured('tcp'), 'of plain')
  row(
    'capture of 128 bytes a frame: 64-byte frames',
    atLeast(0.65),
    RELEASE,
    captured('udp64'),
    'of plain',
  )

  const page = name => figure('web', name, 'watched_cpu') - figure('web', 'plain', 'watched_cpu')
  row(
    'live page: CPU with one viewer, beyond that of the frames',
    atMost(2),
    RELEASE,
    page('watched'),
    '% of a core',
  )
  row(
    'live page: CPU with no viewer, beyond that of the frames',
    atMost(1),
    'no page, and the noise',
    page('unwatched'),
    '% of a core',
  )

  const { exercise, playgrounds = {} } = report.site ?? {}
  const { cpu = '' } = report.site?.environment ?? {}
  const ofSite = (what, target, why, samples = [], unit) => {
    const { median, min, max } = spread(samples)
    const detail = [`${short(min)} to ${short(max)}`, cpu].filter(Boolean).join(', ')
    row(what, target, why, median, unit, { detail })
  }
  ofSite(
    'site: exercise 1 at 10 Mbit/s, empty cache, first verdict',
    atMost(2000),
    RELEASE,
    exercise?.verdict,
    'ms',
  )
  // The screen of chromium has 60 frames a second, and a run of a few seconds one more or less.
  const smooth = { text: 'at least 60', holds: fps => fps >= 59.8 }
  for (const [name, { fps, script }] of Object.entries(playgrounds)) {
    ofSite(`site: ${name}, drawn`, smooth, 'the screen', fps, 'fps')
    ofSite(
      `site: ${name}, scripts of a drawn frame, p95`,
      atMost(8),
      'half a frame of the screen',
      script,
      'ms',
    )
  }

  const attacks = report.cases.find(({ kase }) => kase === 'strangers')?.summary ?? {}
  for (const name of Object.keys(attacks).filter(attack => !/^c-|-idle$/.test(attack))) {
    const ping = entry('strangers', name, 'stranger_p99')
    const soon = { text: 'at most 1 ms, or 1.5 of idle', holds: ms => ms <= 1 || ping.vsC <= 1.5 }
    row(
      `strangers, ${name}: TCP`,
      atLeast(0.9),
      IDLE,
      toC('strangers', name, 'stranger_tcp'),
      'of idle',
    )
    row(`strangers, ${name}: ping, p99`, soon, IDLE, ping?.median / 1000, 'ms')
    row(
      `strangers, ${name}: \`vnet list\``,
      atMost(1.5),
      IDLE,
      toC('strangers', name, 'stranger_list'),
      'of idle',
    )
  }
  return rows
}

/**
 * Returns the rows as a Markdown table, which names the CPU: ratios differ between CPUs. Figures
 * under SCHED_FIFO have a column of their own, with their targets.
 */
export function targetsTable(report) {
  const { time = 'undated', cpu = 'an unknown CPU', cpus = 0 } = report.environment ?? {}
  const all = targets(report)
  const fifo = new Map(all.flatMap(each => (each.policy === undefined ? [] : [[each.what, each]])))
  const more = fifo.size > 0 ? [`under ${SCHED_FIFO}: target`, 'measured', ''] : []
  const measured = `measured (${time.slice(0, 10)}, ${cpus} CPUs: ${cpu})`
  const heads = ['figure', 'target', 'its reason', measured, '', ...more]
  const rows = all
    .filter(({ policy }) => policy === undefined)
    .map(each => {
      const [target, ...found] = resultOf(each)
      const other = fifo.get(each.what)
      const beside = more.map((_, i) => (other === undefined ? '' : resultOf(other)[i]))
      return [each.what, target, each.why, ...found, ...beside]
    })
  return [line(heads), `|${'---|'.repeat(heads.length)}`, ...rows.map(line)].join('\n')
}

/** Returns the target of a row, what was measured, and whether that reaches it. */
function resultOf({ target, value, unit, reached, detail }) {
  const measured = `${short(value)} ${unit}`.trim() + (detail === undefined ? '' : `: ${detail}`)
  return [target, measured, reached ? 'reached' : '**missed**']
}

/** An empty cell is one space. */
const line = cells => `|${cells.map(cell => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`
