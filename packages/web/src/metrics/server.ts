/**
 * Serves /metrics: OpenMetrics if the client accepts it, otherwise the Prometheus text format.
 */
import { Counter, Gauge, Registry, type RegistryContentType } from 'prom-client'
import { IFF_UP, kernelName, type LinkStats64Field, linkStats64Fields } from 'vnet'
import type { RuntimeInfo } from 'vnet/control'
import { queueCounterFields } from 'vnet/kit/control'
import { distinct } from '../http/distinct.ts'
import {
  type Asked,
  type HttpOptions,
  type HttpServer,
  isAllowed,
  refuse,
  serveHttp,
} from '../http/server.ts'
import { sharedReading } from '../http/shared-reading.ts'
import { metricsUrl } from '../http/token.ts'
import { METRICS, type MetricName, QUEUE_METRICS } from './names.ts'
import type { DeviceSnapshot, Snapshot } from './snapshot.ts'

/** Milliseconds from one snapshot to the next, for any number of clients. */
const SNAPSHOT_MS = 250

/** Listens. Returns the server with the URL of the metrics, with the token if reading needs it. */
export async function serveMetrics(
  options: HttpOptions,
  read: () => Promise<Snapshot>,
): Promise<HttpServer> {
  const reply = metricsReply(read)
  const { isPublic } = options.access
  const server = await serveHttp(options, async asked => {
    const { request, response, path } = asked
    if (path !== '/metrics') {
      refuse(response, 404, 'see /metrics')
    } else if (!['GET', 'HEAD'].includes(request.method!)) {
      refuse(response, 405, 'only GET', { allow: 'GET' })
    } else if (isAllowed(asked, isPublic)) {
      await reply(asked)
    }
  })
  return { ...server, url: metricsUrl(server.url, options.access) }
}

/** The texts of a snapshot, by their types, written once for all clients that wait for it. */
type Scrape = (type: RegistryContentType) => Promise<Buffer>

/** Returns a function that replies to requests for metrics. Nothing is read between them. */
export function metricsReply(read: () => Promise<Snapshot>) {
  const scrape = sharedReading(async () => scrapeOf(await read()), SNAPSHOT_MS)
  return async ({
    request: { method, headers },
    response,
  }: Pick<Asked, 'request' | 'response'>): Promise<void> => {
    const type = headers.accept?.includes('application/openmetrics-text')
      ? OPEN_METRICS
      : PROMETHEUS_TEXT
    const bytes = await (await scrape())(type)
    response.writeHead(200, { 'content-type': type }).end(method === 'HEAD' ? '' : bytes)
  }
}

function scrapeOf(snapshot: Snapshot): Scrape {
  const written = new Map<string, Promise<Buffer>>()
  return type => {
    const bytes = written.get(type) ?? metricsText(snapshot, type).then(text => Buffer.from(text))
    written.set(type, bytes)
    return bytes
  }
}

export const OPEN_METRICS = Registry.OPENMETRICS_CONTENT_TYPE
export const PROMETHEUS_TEXT = Registry.PROMETHEUS_CONTENT_TYPE

type Labels = Readonly<Record<string, string | number>>

/** Adds a sample. `field` is the `*` of the metric. */
type Add = (name: MetricName, labels: Labels, value: number | undefined, field?: string) => void

const STAGE_COUNTS = ['in', 'out', 'duplicated', 'corrupted', 'reordered', 'marked'] as const

/** Returns the text of a scrape. */
export function metricsText(
  { devices, vnets }: Snapshot,
  type: RegistryContentType,
): Promise<string> {
  const registry: Registry<RegistryContentType> = new Registry()
  registry.setContentType(type)
  const add = adder(registry)
  for (const { pid, replied, runtime, mistakes } of vnets) {
    add('vnet_up', { pid }, replied === undefined ? 0 : 1)
    add('vnet_reply_seconds', { pid }, replied)
    add('vnet_mistakes', { pid }, mistakes?.present.length)
    add('vnet_mistakes_total', { pid }, mistakes?.count)
    if (runtime !== undefined) {
      addRuntime(runtime, { pid }, add)
    }
  }
  for (const device of devices) {
    addDevice(device, add)
    addStages(device, add)
  }
  return registry.metrics()
}

/** Returns the name of a field in metrics: `receive_crc_errors` for rxCrcErrors. */
export const metricName = (field: LinkStats64Field): string =>
  kernelName(field).replace(/^rx_/, 'receive_').replace(/^tx_/, 'transmit_')

/** Returns a function that adds samples. A metric is made with its first sample. */
function adder(registry: Registry<RegistryContentType>): Add {
  return (key, labels, value, field = '') => {
    if (value === undefined) return
    const { labels: labelNames, help: about } = METRICS[key]
    const name = key.replace('*', field)
    const help = about.replace('*', field)
    const metric = registry.getSingleMetric(name)
    const options = { name, help, labelNames, registers: [registry] }
    const shown = Object.fromEntries(
      Object.entries(labels).map(([label, text]) => [label, distinct(`${text}`)]),
    )
    if (name.endsWith('_total')) {
      const counter = (metric as Counter | undefined) ?? new Counter(options)
      counter.inc(shown, value)
    } else {
      const gauge = (metric as Gauge | undefined) ?? new Gauge(options)
      gauge.set(shown, value)
    }
  }
}

function addDevice({ device, stats, parts }: DeviceSnapshot, add: Add): void {
  const labels = labelsOf(device)
  const { driver = '', flags, carrier, cut, mtu } = device
  const { container = '', pod = '', namespace = '' } = device.owner ?? {}
  const info = { ...labels, driver, pid: device.pid ?? '', container, pod, namespace }
  add('vnet_network_info', info, 1)
  add('vnet_network_up', labels, +((flags & IFF_UP) !== 0))
  add('vnet_network_carrier', labels, +carrier)
  add('vnet_network_cut', labels, +cut)
  add('vnet_network_mtu_bytes', labels, mtu)
  add('vnet_network_held_frames', labels, stats.held)
  add('vnet_network_before_vnet_frames_total', labels, stats.beforeVnet)
  if (device.attached) {
    add('vnet_network_bypassed_frames_total', labels, stats.bypassed ?? 0)
  }
  addCounters(stats, labels, add)
  addDrops(stats, labels, add)
  addParts(parts, labels, add)
}

/** The counters of the interface, and of each of its queues. */
function addCounters(stats: DeviceSnapshot['stats'], labels: Labels, add: Add): void {
  for (const field of linkStats64Fields) {
    add('vnet_network_*_total', labels, stats.total[field], metricName(field))
  }
  for (const [queue, row] of stats.queues.entries()) {
    for (const field of linkStats64Fields) {
      add('vnet_queue_*_total', { ...labels, queue }, row[field], metricName(field))
    }
    for (const field of queueCounterFields) {
      add(QUEUE_METRICS[field], { ...labels, queue }, row[field])
    }
  }
}

function addDrops({ drops }: DeviceSnapshot['stats'], labels: Labels, add: Add): void {
  for (const [key, direction] of [['tx', 'transmit'] as const, ['rx', 'receive'] as const]) {
    for (const [reason, frames] of Object.entries(drops[key])) {
      add('vnet_drops_total', { ...labels, direction, reason }, frames)
    }
  }
}

function addParts(parts: DeviceSnapshot['parts'], labels: Labels, add: Add): void {
  for (const { kind, name: part, length, capacity, count, state } of parts) {
    const ofPart = { ...labels, kind, part }
    add('vnet_part_length_frames', ofPart, length)
    add('vnet_part_capacity_frames', ofPart, capacity)
    add('vnet_part_uses_total', ofPart, count)
    if (kind !== 'queue') continue
    const ofQueue = { ...labels, queue: part.replace(/^tx /, '') }
    add('vnet_queue_stopped', ofQueue, +(state === 'stopped'))
  }
}

/** Metrics that prom-client's default metrics include have the same names. */
function addRuntime(runtime: RuntimeInfo, labels: Labels, add: Add): void {
  const { cpuUser, cpuSystem, loopDelay } = runtime
  add('process_cpu_seconds_total', labels, seconds(cpuUser + cpuSystem))
  add('process_cpu_user_seconds_total', labels, seconds(cpuUser))
  add('process_cpu_system_seconds_total', labels, seconds(cpuSystem))
  add('process_resident_memory_bytes', labels, runtime.resident)
  add('nodejs_heap_size_total_bytes', labels, runtime.heapTotal)
  add('nodejs_heap_size_used_bytes', labels, runtime.heapUsed)
  add('nodejs_external_memory_bytes', labels, runtime.external)
  for (const value of ['min', 'mean', 'max', 'stddev', 'p50', 'p90', 'p99'] as const) {
    add(`nodejs_eventloop_lag_${value}_seconds`, labels, seconds(loopDelay?.[value]))
  }
  add('vnet_eventloop_active_seconds_total', labels, seconds(runtime.loopActive))
  add('vnet_eventloop_idle_seconds_total', labels, seconds(runtime.loopIdle))
  for (const { kind, count, time } of runtime.gc) {
    add('vnet_gc_pauses_total', { ...labels, kind }, count)
    add('vnet_gc_pause_seconds_total', { ...labels, kind }, seconds(time))
  }
  add('vnet_pool_used_frames', labels, runtime.poolUsed)
  add('vnet_pool_capacity_frames', labels, runtime.poolCapacity)
}

/** A wire that joins two interfaces is reported by both. */
function addStages({ device, stages }: DeviceSnapshot, add: Add): void {
  for (const stage of stages) {
    const { direction, path, stage: name, late } = stage
    const labels = { ...labelsOf(device), direction, stage: `${path}${name}` }
    for (const field of STAGE_COUNTS) {
      add(`vnet_wire_${field}_packets_total`, labels, stage[field])
    }
    add('vnet_wire_held_packets', labels, stage.held)
    for (const [reason, packets] of Object.entries(stage.drops)) {
      add('vnet_wire_drops_total', { ...labels, reason }, packets)
    }
    for (const [percentile, ms] of [['50', late?.p50] as const, ['99', late?.p99] as const]) {
      add('vnet_wire_late_seconds', { ...labels, percentile }, seconds(ms))
    }
  }
}

const labelsOf = ({ name, netns = '' }: DeviceSnapshot['device']) => ({ device: name, netns })
const seconds = (ms: number | undefined) => ms && ms / 1000
