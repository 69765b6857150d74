/**
 * The metrics of a scrape, from which `npm run generate` makes the table of
 * packages/web/docs/metrics.md. Names are as in node_exporter's detailed netdev, with `vnet` for
 * `node`. Those that end in `_total` are counters, all others gauges.
 */
import { QUEUE_COUNTERS, type QueueCounterField } from 'vnet/kit/control'

interface Metric {
  readonly labels: readonly string[]
  /** One sentence, of which clients and the page have each word. */
  readonly help: string
}

const VNET = ['pid']
const INTERFACE = ['device', 'netns']
const QUEUE = [...INTERFACE, 'queue']
const PART = [...INTERFACE, 'kind', 'part']
const STAGE = [...INTERFACE, 'direction', 'stage']

/** The name of a family has a `*`, which is a field in the name and the help of each metric. */
export const METRICS = {
  vnet_up: { labels: VNET, help: '1 if the vnet replies within 2 s, else 0' },
  vnet_reply_seconds: {
    labels: VNET,
    help: 'How long the vnet took to reply to an empty request, which grows when its event loop is late; a scrape adds a little',
  },
  vnet_mistakes: {
    labels: VNET,
    help: 'Containers and pods of vnet node that are without their wire now',
  },
  vnet_mistakes_total: {
    labels: VNET,
    help: 'Mistakes in the wires of containers and pods since vnet node started',
  },
  vnet_network_info: {
    labels: [...INTERFACE, 'driver', 'pid', 'container', 'pod', 'namespace'],
    help: '1, with the driver of the interface, and the container or pod that vnet node attached to',
  },
  vnet_network_up: { labels: INTERFACE, help: '1 if the interface is up, else 0' },
  vnet_network_carrier: { labels: INTERFACE, help: '1 if the interface has a carrier, else 0' },
  vnet_network_cut: { labels: INTERFACE, help: '1 if the cable of the interface is cut, else 0' },
  vnet_network_mtu_bytes: { labels: INTERFACE, help: 'MTU of the interface' },
  vnet_network_held_frames: {
    labels: INTERFACE,
    help: 'Frames of the interface that a driver, a ring or a wire holds',
  },
  vnet_network_before_vnet_frames_total: {
    labels: INTERFACE,
    help: 'Frames that the kernel dropped because the queue to vnet was full; no wire had them',
  },
  vnet_network_bypassed_frames_total: {
    labels: INTERFACE,
    help: 'Frames of an attached interface that passed without the wire',
  },
  'vnet_network_*_total': {
    labels: INTERFACE,
    help: 'Counter * of the interface, a field of rtnl_link_stats64',
  },
  'vnet_queue_*_total': {
    labels: QUEUE,
    help: 'Counter * of the queue, a field of rtnl_link_stats64',
  },
  vnet_queue_requeues_total: { labels: QUEUE, help: QUEUE_COUNTERS.requeues.help },
  vnet_queue_transmit_timeouts_total: { labels: QUEUE, help: QUEUE_COUNTERS.txTimeouts.help },
  vnet_queue_gro_merged_total: { labels: QUEUE, help: QUEUE_COUNTERS.groMerged.help },
  vnet_queue_made_total: { labels: QUEUE, help: QUEUE_COUNTERS.made.help },
  vnet_queue_stopped: { labels: QUEUE, help: '1 if the transmit queue is stopped, else 0' },
  vnet_drops_total: {
    labels: [...INTERFACE, 'direction', 'reason'],
    help: 'Frames dropped, by direction (transmit, receive) and reason',
  },
  vnet_part_length_frames: {
    labels: PART,
    help: 'Frames in a queue, a ring, the buffers or the frame memory (kind="pool")',
  },
  vnet_part_capacity_frames: { labels: PART, help: 'Frames that the part has room for' },
  vnet_part_uses_total: { labels: PART, help: 'Interrupts taken, or polls run' },
  vnet_wire_in_packets_total: { labels: STAGE, help: 'Packets that came to the stage' },
  vnet_wire_out_packets_total: { labels: STAGE, help: 'Packets that left the stage' },
  vnet_wire_duplicated_packets_total: {
    labels: STAGE,
    help: 'Packets that the stage duplicated',
  },
  vnet_wire_corrupted_packets_total: { labels: STAGE, help: 'Packets that the stage damaged' },
  vnet_wire_reordered_packets_total: { labels: STAGE, help: 'Packets that the stage reordered' },
  vnet_wire_marked_packets_total: {
    labels: STAGE,
    help: 'Packets that the stage marked with ECN',
  },
  vnet_wire_held_packets: { labels: STAGE, help: 'Packets that the stage holds' },
  vnet_wire_drops_total: {
    labels: [...STAGE, 'reason'],
    help: 'Packets that the stage dropped, by reason',
  },
  vnet_wire_late_seconds: {
    labels: [...STAGE, 'percentile'],
    help: 'How much later than asked packets left the stage, by percentile (50, 99)',
  },
  process_cpu_seconds_total: { labels: VNET, help: 'CPU time of all threads of the vnet' },
  process_cpu_user_seconds_total: { labels: VNET, help: 'CPU time of the vnet in user mode' },
  process_cpu_system_seconds_total: { labels: VNET, help: 'CPU time of the vnet in the kernel' },
  process_resident_memory_bytes: { labels: VNET, help: 'Memory of the vnet that is in RAM' },
  nodejs_heap_size_total_bytes: { labels: VNET, help: 'Heap of JavaScript' },
  nodejs_heap_size_used_bytes: { labels: VNET, help: 'Heap of JavaScript in use' },
  nodejs_external_memory_bytes: { labels: VNET, help: 'Memory of objects outside of the heap' },
  nodejs_eventloop_lag_min_seconds: {
    labels: VNET,
    help: 'Least delay of the event loop since the last scrape',
  },
  nodejs_eventloop_lag_mean_seconds: {
    labels: VNET,
    help: 'Mean delay of the event loop since the last scrape',
  },
  nodejs_eventloop_lag_max_seconds: {
    labels: VNET,
    help: 'Greatest delay of the event loop since the last scrape',
  },
  nodejs_eventloop_lag_stddev_seconds: {
    labels: VNET,
    help: 'Standard deviation of the delays of the event loop since the last scrape',
  },
  nodejs_eventloop_lag_p50_seconds: {
    labels: VNET,
    help: 'Median delay of the event loop since the last scrape',
  },
  nodejs_eventloop_lag_p90_seconds: {
    labels: VNET,
    help: '90th percentile of the delays of the event loop since the last scrape',
  },
  nodejs_eventloop_lag_p99_seconds: {
    labels: VNET,
    help: '99th percentile of the delays of the event loop since the last scrape',
  },
  vnet_eventloop_active_seconds_total: {
    labels: VNET,
    help: 'Time that the event loop has worked; its rate is the utilization of the loop',
  },
  vnet_eventloop_idle_seconds_total: {
    labels: VNET,
    help: 'Time that the event loop has waited for events',
  },
  vnet_gc_pauses_total: {
    labels: [...VNET, 'kind'],
    help: 'Pauses for garbage collection while they are watched, by kind (minor, major, incremental, weakcb)',
  },
  vnet_gc_pause_seconds_total: {
    labels: [...VNET, 'kind'],
    help: 'Time of pauses for garbage collection, while they are watched',
  },
  vnet_pool_used_frames: { labels: VNET, help: 'Slots of the frame memory in use' },
  vnet_pool_capacity_frames: { labels: VNET, help: 'Slots of the frame memory' },
} as const satisfies Readonly<Record<string, Metric>>

export type MetricName = keyof typeof METRICS

/** The metrics of the counters that only vnet has. */
export const QUEUE_METRICS = {
  requeues: 'vnet_queue_requeues_total',
  txTimeouts: 'vnet_queue_transmit_timeouts_total',
  groMerged: 'vnet_queue_gro_merged_total',
  made: 'vnet_queue_made_total',
} as const satisfies Readonly<Record<QueueCounterField, MetricName>>
