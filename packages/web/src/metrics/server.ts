/**
 * Serves /metrics: OpenMetrics if the client accepts it, otherwise the Prometheus text format. The
 * metrics are named as in node_exporter's detailed netdev, with `vnet` for `node`.
 */
import { Counter, Gauge, Registry, type RegistryContentType } from 'prom-client'
import { IFF_UP, kernelName, type LinkStats64Field, linkStats64Fields } from 'vnet'
import type { RuntimeInfo } from 'vnet/control'
import { QUEUE_COUNTERS, type QueueCounterField, queueCounterFields } from 'vnet/kit/control'
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
type Add = (name: string, help: string, labels: Labels, value: number | undefined) => void

const STAGE_COUNTS = [
  ['in', 'came to the stage'],
  ['out', 'left the stage'],
  ['duplicated', 'the stage duplicated'],
  ['corrupted', 'the stage damaged'],
  ['reordered', 'the stage reordered'],
  ['marked', 'the stage marked with ECN'],
] as const

/** Returns the text of a scrape. */
export function metricsText(
  { devices, vnets }: Snapshot,
  type: RegistryContentType,
): Promise<string> {
  const registry: Registry<RegistryContentType> = new Registry()
  registry.setContentType(type)
  const counter = adder(registry, true)
  const gauge = adder(registry, false)
  for (const { pid, replied, runtime, mistakes } of vnets) {
    gauge('vnet_up', 'Whether the vnet replies', { pid }, replied === undefined ? 0 : 1)
    gauge(
      'vnet_reply_seconds',
      'How long the vnet took to reply, which its event loop delays',
      { pid },
      replied,
    )
    gauge(
      'vnet_mistakes',
      'Containers and pods without the wire asked for',
      { pid },
      mistakes?.present.length,
    )
    counter(
      'vnet_mistakes_total',
      'Mistakes in the wires of containers and pods',
      { pid },
      mistakes?.count,
    )
    if (runtime !== undefined) {
      addRuntime(runtime, { pid }, counter, gauge)
    }
  }
  for (const device of devices) {
    addDevice(device, counter, gauge)
    addStages(device, counter, gauge)
  }
  return registry.metrics()
}

/** Returns the name of a field or counter in metrics: `receive_crc_errors` for rxCrcErrors. */
export const metricName = (field: LinkStats64Field | QueueCounterField): string =>
  kernelName(field).replace(/^rx_/, 'receive_').replace(/^tx_/, 'transmit_')

/** Returns a function that sets a sample. The metric is made with its first sample. */
function adder(registry: Registry<RegistryContentType>, isCounter: boolean): Add {
  return (name, help, labels, value) => {
    if (value === undefined) return
    const metric = registry.getSingleMetric(name)
    const options = { name, help, labelNames: Object.keys(labels), registers: [registry] }
    const shown = Object.fromEntries(
      Object.entries(labels).map(([label, text]) => [label, distinct(`${text}`)]),
    )
    if (isCounter) {
      const counter = (metric as Counter | undefined) ?? new Counter(options)
      counter.inc(shown, value)
    } else {
      const gauge = (metric as Gauge | undefined) ?? new Gauge(options)
      gauge.set(shown, value)
    }
  }
}

function addDevice({ device, stats, parts }: DeviceSnapshot, counter: Add, gauge: Add): void {
  const labels = labelsOf(device)
  const { driver = '', flags, carrier, cut, mtu } = device
  const { container = '', pod = '', namespace = '' } = device.owner ?? {}
  const info = { ...labels, driver, pid: device.pid ?? '', container, pod, namespace }
  const about = 'The driver of the interface, and the container or pod that it is for'
  gauge('vnet_network_info', about, info, 1)
  gauge('vnet_network_up', 'Whether the interface is up', labels, +((flags & IFF_UP) !== 0))
  gauge('vnet_network_carrier', 'Whether the interface has a carrier', labels, +carrier)
  gauge('vnet_network_cut', 'Whether the cable of the interface is cut', labels, +cut)
  gauge('vnet_network_mtu_bytes', 'MTU of the interface', labels, mtu)
  const held = 'Frames of the interface that a driver, a ring or a wire holds'
  gauge('vnet_network_held_frames', held, labels, stats.held)
  const lost = 'Frames that the kernel dropped because the queue to vnet was full'
  counter('vnet_network_before_vnet_frames_total', lost, labels, stats.beforeVnet)
  if (device.attached) {
    const beside = 'Frames that passed the attached interface without its wire'
    counter('vnet_network_bypassed_frames_total', beside, labels, stats.bypassed ?? 0)
  }
  addCounters(stats, labels, counter)
  addDrops(stats, labels, counter)
  addParts(parts, labels, counter, gauge)
}

/** The counters of the interface, and of each of its queues. */
function addCounters(stats: DeviceSnapshot['stats'], labels: Labels, counter: Add): void {
  for (const field of linkStats64Fields) {
    const name = metricName(field)
    const help = `Counter ${name} of the interface`
    counter(`vnet_network_${name}_total`, help, labels, stats.total[field])
    for (const [queue, row] of stats.queues.entries()) {
      const ofQueue = { ...labels, queue }
      counter(`vnet_queue_${name}_total`, `Counter ${name} of the queue`, ofQueue, row[field])
    }
  }
  for (const [queue, row] of stats.queues.entries()) {
    for (const field of queueCounterFields) {
      const { help } = QUEUE_COUNTERS[field]
      counter(`vnet_queue_${metricName(field)}_total`, help, { ...labels, queue }, row[field])
    }
  }
}

function addDrops({ drops }: DeviceSnapshot['stats'], labels: Labels, counter: Add): void {
  for (const [key, direction] of [['tx', 'transmit'] as const, ['rx', 'receive'] as const]) {
    for (const [reason, frames] of Object.entries(drops[key])) {
      const ofReason = { ...labels, direction, reason }
      counter('vnet_drops_total', 'Frames dropped, by reason', ofReason, frames)
    }
  }
}

function addParts(parts: DeviceSnapshot['parts'], labels: Labels, counter: Add, gauge: Add): void {
  for (const { kind, name: part, length, capacity, count, state } of parts) {
    const ofPart = { ...labels, kind, part }
    gauge('vnet_part_length_frames', 'Frames in a part of the interface', ofPart, length)
    gauge('vnet_part_capacity_frames', 'Frames that the part has room for', ofPart, capacity)
    const uses = 'How often the part was used, such as interrupts taken'
    counter('vnet_part_uses_total', uses, ofPart, count)
    if (kind !== 'queue') continue
    const ofQueue = { ...labels, queue: part.replace(/^tx /, '') }
    const stopped = 'Whether the transmit queue is stopped'
    gauge('vnet_queue_stopped', stopped, ofQueue, +(state === 'stopped'))
  }
}

/** Metrics that prom-client's default metrics include have the same names. */
function addRuntime(runtime: RuntimeInfo, labels: Labels, counter: Add, gauge: Add): void {
  const { cpuUser, cpuSystem, loopDelay } = runtime
  counter('process_cpu_seconds_total', 'CPU time of the vnet', labels, seconds(cpuUser + cpuSystem))
  counter(
    'process_cpu_user_seconds_total',
    'CPU time of the vnet in user mode',
    labels,
    seconds(cpuUser),
  )
  counter(
    'process_cpu_system_seconds_total',
    'CPU time of the vnet in the kernel',
    labels,
    seconds(cpuSystem),
  )
  gauge(
    'process_resident_memory_bytes',
    'Memory of the vnet that is in RAM',
    labels,
    runtime.resident,
  )
  gauge('nodejs_heap_size_total_bytes', 'Heap of JavaScript', labels, runtime.heapTotal)
  gauge('nodejs_heap_size_used_bytes', 'Heap of JavaScript in use', labels, runtime.heapUsed)
  gauge(
    'nodejs_external_memory_bytes',
    'Memory of objects outside of the heap',
    labels,
    runtime.external,
  )
  for (const value of ['min', 'mean', 'max', 'stddev', 'p50', 'p90', 'p99'] as const) {
    const help = `Delay of the event loop since the last request for it, ${value}`
    gauge(`nodejs_eventloop_lag_${value}_seconds`, help, labels, seconds(loopDelay?.[value]))
  }
  const active = 'Time that the event loop has worked'
  counter('vnet_eventloop_active_seconds_total', active, labels, seconds(runtime.loopActive))
  counter(
    'vnet_eventloop_idle_seconds_total',
    'Time that it has waited',
    labels,
    seconds(runtime.loopIdle),
  )
  for (const { kind, count, time } of runtime.gc) {
    const ofKind = { ...labels, kind }
    counter(
      'vnet_gc_pauses_total',
      'Pauses for garbage collection, while they are watched',
      ofKind,
      count,
    )
    counter('vnet_gc_pause_seconds_total', 'Time of these pauses', ofKind, seconds(time))
  }
  gauge('vnet_pool_used_frames', 'Slots of the frame memory in use', labels, runtime.poolUsed)
  gauge('vnet_pool_capacity_frames', 'Slots of the frame memory', labels, runtime.poolCapacity)
}

/** A wire that joins two interfaces is reported by both. */
function addStages({ device, stages }: DeviceSnapshot, counter: Add, gauge: Add): void {
  for (const stage of stages) {
    const { direction, path, stage: name, late } = stage
    const labels = { ...labelsOf(device), direction, stage: `${path}${name}` }
    for (const [field, what] of STAGE_COUNTS) {
      counter(`vnet_wire_${field}_packets_total`, `Packets that ${what}`, labels, stage[field])
    }
    gauge('vnet_wire_held_packets', 'Packets that the stage holds', labels, stage.held)
    for (const [reason, packets] of Object.entries(stage.drops)) {
      counter(
        'vnet_wire_drops_total',
        'Packets that the stage dropped, by reason',
        { ...labels, reason },
        packets,
      )
    }
    const help = 'How much later than asked packets left the stage, by percentile'
    for (const [percentile, ms] of [['50', late?.p50] as const, ['99', late?.p99] as const]) {
      gauge('vnet_wire_late_seconds', help, { ...labels, percentile }, seconds(ms))
    }
  }
}

const labelsOf = ({ name, netns = '' }: DeviceSnapshot['device']) => ({ device: name, netns })
const seconds = (ms: number | undefined) => ms && ms / 1000
