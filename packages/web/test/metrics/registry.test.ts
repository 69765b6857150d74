/**
 * The metrics of a snapshot, and what packages/web/docs/metrics.md and the dashboard say of them.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { RuntimeInfo, StageReport } from '#src/control/index.ts'
import { countersWith, queueCounterFields } from '#src/control/protocol/queue-counters.ts'
import { type LinkStats64, linkStats64Fields } from '#src/netdev/stats.ts'
import { METRICS } from '../../src/metrics/names.ts'
import { metricName, metricsText, OPEN_METRICS, PROMETHEUS_TEXT } from '../../src/metrics/server.ts'
import type { DeviceSnapshot, Snapshot } from '../../src/metrics/snapshot.ts'

const doc = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

/** Every field has a number of its own. */
const fields = Object.fromEntries(
  linkStats64Fields.map((field, i) => [field, i + 1]),
) as LinkStats64
const row = { ...fields, ...countersWith(field => 101 + queueCounterFields.indexOf(field)) }
const stage: StageReport = {
  stage: 'loss',
  path: 'match then ',
  direction: 'ab',
  text: '',
  in: 9,
  out: 8,
  held: 1,
  holds: false,
  dropped: 1,
  drops: { limit: 1 },
  duplicated: 2,
  corrupted: 3,
  reordered: 4,
  marked: 5,
  late: { p50: 0.001, p99: 2000, counts: [] },
}
const parts = [
  { kind: 'queue', name: 'tx 0', length: 3, state: 'stopped' },
  { kind: 'pool', name: 'frames', length: 5, capacity: 512 },
  { kind: 'irq', name: 'irq 0', count: 77 },
]

function device(name: string, netns?: string): DeviceSnapshot {
  const found = {
    name,
    netns,
    ifindex: 1,
    driver: 'snull',
    flags: 1,
    carrier: false,
    cut: true,
    mtu: 1500,
    pid: 7,
    attached: true,
    owner: { container: 'web', id: '1', interface: 'eth0' },
  }
  return {
    device: found as unknown as DeviceSnapshot['device'],
    stats: {
      name,
      netns,
      ifindex: 1,
      time: 0,
      total: row,
      queues: [row, row],
      rxQueues: 1,
      held: 6,
      beforeVnet: 13,
      bypassed: 14,
      kernel: undefined,
      drops: { tx: { NEIGH: 11 }, rx: { RX_CRC: 12 } },
    },
    parts: parts as DeviceSnapshot['parts'],
    stages: [stage],
  }
}

const runtime: RuntimeInfo = {
  time: 0,
  loopActive: 1000,
  loopIdle: 2000,
  cpuUser: 3000,
  cpuSystem: 4000,
  poolUsed: 31,
  poolCapacity: 32,
  loopDelay: { min: 1, mean: 2, max: 3, stddev: 4, p50: 5, p90: 6, p99: 7 },
  gc: [{ kind: 'minor', count: 5, time: 6 }],
  heapTotal: 21,
  heapUsed: 22,
  external: 23,
  arrayBuffers: 24,
  resident: 25,
}
const whole: Snapshot = {
  devices: [device('sn0'), device('e"0\\\n', 'red')],
  vnets: [
    {
      pid: 7,
      replied: 0.25,
      runtime,
      mistakes: { count: 3, present: [{ who: 'container web', why: 'x' }] },
    },
    { pid: 8, replied: undefined, runtime: undefined },
  ],
}
const namesIn = (text: string) =>
  new Set([...text.matchAll(/^((?:vnet|process|nodejs)_\w+)[{ ]/gm)].map(([, name]) => name!))

test('every field of an interface and of its queues is a counter, named as by node_exporter', async () => {
  const text = await metricsText(whole, PROMETHEUS_TEXT)
  for (const [i, field] of linkStats64Fields.entries()) {
    const name = metricName(field)
    expect(text).toContain(`vnet_network_${name}_total{device="sn0",netns=""} ${i + 1}\n`)
    expect(text).toContain(`vnet_queue_${name}_total{device="sn0",netns="",queue="1"} ${i + 1}\n`)
  }
  expect(
    ['rxPackets', 'txBytes', 'rxCrcErrors', 'multicast'].map(field => metricName(field as never)),
  ).toEqual(['receive_packets', 'transmit_bytes', 'receive_crc_errors', 'multicast'])
})

test('only transmit queues say whether they are stopped', async () => {
  const text = await metricsText(whole, PROMETHEUS_TEXT)
  const queues = [...text.matchAll(/^vnet_queue_stopped\{.*queue="(.*)"\} /gm)].map(
    ([, queue]) => queue,
  )
  expect(new Set(queues)).toEqual(new Set(['0']))
})

test('drops, queues, parts, stages and vnets have their labels and values', async () => {
  const text = await metricsText(whole, PROMETHEUS_TEXT)
  const sn0 = 'device="sn0",netns=""'
  for (const line of [
    `vnet_drops_total{${sn0},direction="transmit",reason="NEIGH"} 11`,
    `vnet_drops_total{${sn0},direction="receive",reason="RX_CRC"} 12`,
    `vnet_queue_transmit_timeouts_total{${sn0},queue="0"} 102`,
    `vnet_queue_stopped{${sn0},queue="0"} 1`,
    `vnet_network_carrier{${sn0}} 0`,
    `vnet_network_up{${sn0}} 1`,
    `vnet_network_info{${sn0},driver="snull",pid="7",container="web",pod="",namespace=""} 1`,
    `vnet_network_bypassed_frames_total{${sn0}} 14`,
    `vnet_part_capacity_frames{${sn0},kind="pool",part="frames"} 512`,
    `vnet_part_uses_total{${sn0},kind="irq",part="irq 0"} 77`,
    `vnet_wire_drops_total{${sn0},direction="ab",stage="match then loss",reason="limit"} 1`,
    `vnet_wire_late_seconds{${sn0},direction="ab",stage="match then loss",percentile="99"} 2`,
    'vnet_up{pid="7"} 1',
    'vnet_up{pid="8"} 0',
    'vnet_reply_seconds{pid="7"} 0.25',
    'process_cpu_seconds_total{pid="7"} 7',
    'process_cpu_user_seconds_total{pid="7"} 3',
    'process_cpu_system_seconds_total{pid="7"} 4',
    'process_resident_memory_bytes{pid="7"} 25',
    'nodejs_heap_size_total_bytes{pid="7"} 21',
    'nodejs_heap_size_used_bytes{pid="7"} 22',
    'nodejs_external_memory_bytes{pid="7"} 23',
    ...['min', 'mean', 'max', 'stddev', 'p50', 'p90', 'p99'].map(
      (value, i) => `nodejs_eventloop_lag_${value}_seconds{pid="7"} 0.00${i + 1}`,
    ),
    'vnet_eventloop_active_seconds_total{pid="7"} 1',
    'vnet_eventloop_idle_seconds_total{pid="7"} 2',
    'vnet_gc_pauses_total{pid="7",kind="minor"} 5',
    'vnet_gc_pause_seconds_total{pid="7",kind="minor"} 0.006',
    'vnet_mistakes{pid="7"} 1',
    'vnet_mistakes_total{pid="7"} 3',
    'vnet_pool_used_frames{pid="7"} 31',
    'vnet_pool_capacity_frames{pid="7"} 32',
  ]) {
    expect(text.split('\n')).toContain(line)
  }
})

test('a hostile name is one label value on one line', async () => {
  const text = await metricsText(whole, PROMETHEUS_TEXT)
  expect(text).toContain('vnet_network_up{device="e\\"0\\\\\\\\\\\\x0a",netns="red"} 1\n')
})

test('names that are not UTF-8 are distinct series, and differ from names with the same display text', async () => {
  const [first] = whole.devices
  const names = ['\udcff', '\udcfe', '\\xff', '\ufffd']
  const devices = names.map(name => ({ ...first!, device: { ...first!.device, name } }))
  const text = await metricsText({ devices, vnets: [] }, PROMETHEUS_TEXT)
  const series = text.split('\n').filter(line => line.startsWith('vnet_network_up{'))
  const shown = series.map(line =>
    Buffer.from(line)
      .toString()
      .replace(/^.*device="(.*)",.*$/, '$1'),
  )
  expect(new Set(shown)).toEqual(new Set(['\\\\xff', '\\\\xfe', '\\\\\\\\xff', '\ufffd']))
})

test('OpenMetrics has the same samples, and ends with EOF', async () => {
  const samples = (text: string) => text.split('\n').filter(line => /^[a-z]/.test(line))
  const open = await metricsText(whole, OPEN_METRICS)
  expect(samples(open)).toEqual(samples(await metricsText(whole, PROMETHEUS_TEXT)))
  expect(open).toMatch(/# TYPE vnet_drops counter\n(.*\n)*# EOF\n$/)
})

test('without a vnet, no metrics are served', async () => {
  expect((await metricsText({ devices: [], vnets: [] }, OPEN_METRICS)).trim()).toBe('# EOF')
})

test('a scrape of everything has each metric of the table, in its type and with its labels', async () => {
  const text = await metricsText(whole, PROMETHEUS_TEXT)
  const isFamily = (name: string) => name.includes('*')
  const fieldNames = new Set(linkStats64Fields.map(metricName))
  const found: Record<string, readonly string[]> = {}
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)\{(.*)\} /gm)) {
    const [, group = '', field = ''] = /^(vnet_network|vnet_queue)_(.*)_total$/.exec(name) ?? []
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label!)
    found[fieldNames.has(field) ? `${group}_*_total` : name] = names
    expect(text).toContain(`# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}\n`)
  }
  const declared = Object.entries(METRICS).map(([name, { labels }]) => [name, labels])
  expect(found).toEqual(Object.fromEntries(declared))
  expect(Object.keys(METRICS).filter(isFamily)).toEqual([
    'vnet_network_*_total',
    'vnet_queue_*_total',
  ])
  expect(text).toContain('# HELP vnet_queue_receive_packets_total Counter receive_packets of the q')
})

test('the alerts of packages/web/docs/metrics.md and the dashboard use existing metrics only', async () => {
  const names = namesIn(await metricsText(whole, PROMETHEUS_TEXT))
  const page = doc('metrics.md')
  const dashboard = JSON.parse(doc('grafana.json')) as {
    panels: { targets: { expr: string }[] }[]
    templating: unknown
  }
  const used = [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    JSON.stringify(dashboard.templating),
    ...[...page.matchAll(/expr: (.*)/g)].map(([, expr]) => expr!),
  ].flatMap(text => text.match(/\b(?:vnet|process|nodejs)_\w+/g) ?? [])
  expect(used.length).toBeGreaterThan(15)
  for (const name of used) {
    expect([...names]).toContain(name)
  }
})
