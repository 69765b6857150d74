/**
 * The metrics: the step that measures each (steps.mjs), its unit, which direction is better, and
 * its chart. The tables use this order. A step measures all of its metrics together, so one of them
 * takes as long as all.
 */

const higher = (step, group, unit, title) => ({ step, group, unit, better: 'higher', title })
const lower = (step, group, unit, title) => ({ step, group, unit, better: 'lower', title })
/** Describes a measurement; no value of it is better than another. */
const neither = (step, unit, title) => ({ step, group: 'circumstances', unit, title })

/** p50 and the tail of a round trip, and the garbage collections during it. */
function roundTrip(step, title) {
  return Object.fromEntries([
    ...['p50', 'p99', 'p99.9', 'max'].map(part => [
      `${step}_${part}`,
      lower(step, 'latency', 'us', `${title}, ${part}`),
    ]),
    [`${step}_cpu`, lower(step, 'cpu', 'us', `${title}: CPU of the candidate for each`)],
    [
      `${step}_gc`,
      lower(step, 'collections', 'times', `${title}: garbage collections of vnet meanwhile`),
    ],
    [`${step}_gc_max`, lower(step, 'collections', 'us', `${title}: the longest of them`)],
  ])
}

/**
 * One-way delays beyond the delay that was asked for, and by how much they exceed the median of a
 * cable without a wire in the same run: `over` names both.
 */
function oneWay(name, title) {
  const step = `owd${name}`
  const parts = ['p50', 'p99', 'max']
  return Object.fromEntries([
    ...parts.map(part => [
      `${step}_${part}`,
      lower(step, 'latency', 'us', `${title}, beyond the delay asked for, ${part}`),
    ]),
    ...parts.map(part => [
      `dev${name}_${part}`,
      {
        ...lower(
          step,
          'deviation',
          'us',
          `${title}, beyond the plain cable's p50 as well, ${part}`,
        ),
        over: [`${step}_${part}`, `${step}_p50`],
      },
    ]),
    [`${step}_loss`, lower(step, 'loss', '%', `${title}: lost`)],
  ])
}

/** p50 and p99 of the time from a request to its reply. */
function answerTime(step, title) {
  return Object.fromEntries(
    ['p50', 'p99'].map(part => [
      `${step}_${part}`,
      lower(step, 'latency', 'us', `${title}, ${part}`),
    ]),
  )
}

export const METRICS = {
  tcp: higher('tcp', 'throughput', 'Gbit/s', 'TCP, one stream'),
  cpu_gb: lower('tcp', 'cpu', 's/GB', 'CPU seconds of the candidate per GB of that TCP'),
  tcp4: higher('tcp4', 'throughput', 'Gbit/s', 'TCP, four streams'),
  cpu_gb4: lower(
    'tcp4',
    'cpu',
    's/GB',
    'CPU seconds of the candidate per GB of those four streams',
  ),
  bidir: higher('bidir', 'throughput', 'Gbit/s', 'TCP, one stream each way at once, sum'),
  cpu_gb_bidir: lower('bidir', 'cpu', 's/GB', 'CPU seconds of the candidate per GB, both ways'),
  gso: higher(
    'gso',
    'throughput',
    'Gbit/s',
    'UDP with segmentation offload (UDP_SEGMENT), payload received of a flood',
  ),
  gso_loss: lower('gso', 'loss', '%', 'of the flood with UDP_SEGMENT, lost'),
  cpu_gb_gso: lower(
    'gso',
    'cpu',
    's/GB',
    'CPU seconds of the candidate per GB of UDP_SEGMENT payload received',
  ),
  udp64: higher('udp', 'frames', 'kpps', '64-byte UDP frames received of a flood'),
  udp64_loss: lower('udp', 'loss', '%', 'of the flood of 64-byte frames, lost'),
  cpu_mframes: lower(
    'udp',
    'cpu',
    's/million',
    'CPU seconds of the candidate per million 64-byte frames received',
  ),
  udp1472: higher(
    'udp1472',
    'frames',
    'kpps',
    'UDP frames with 1,472 octets of payload received of a flood',
  ),
  udp1472_loss: lower('udp1472', 'loss', '%', 'of the flood of 1,472 octets, lost'),
  cpu_mframes1472: lower(
    'udp1472',
    'cpu',
    's/million',
    'CPU seconds of the candidate per million of those received',
  ),
  reordered: lower('udp', 'loss', 'frames', 'frames of the 64-byte flood out of order'),
  ...roundTrip('rtt1', 'UDP round trip on one CPU'),
  ...roundTrip('fifo1', 'UDP round trip on one CPU under SCHED_FIFO'),
  ...roundTrip('rtt', 'UDP round trip, unpinned'),
  ...roundTrip('near', 'UDP round trip on the cable beside one that is flooded'),
  flood: higher('near', 'frames', 'kpps', '64-byte UDP frames received of that flood meanwhile'),
  ...roundTrip('bcast', 'a ping each 5 ms on an attachment beside one that broadcasts flood'),
  bcast_flood: neither('bcast', 'thousand/s', 'broadcasts that were sent meanwhile'),
  ...roundTrip(
    'gso100',
    'a ping each 5 ms on an attachment beside one that large frames flood, 600 segments in each',
  ),
  gso100_flood: neither('gso100', 'thousand/s', 'large frames that were sent meanwhile'),
  ...roundTrip('churn', 'a ping each ms on an attachment beside one that comes and goes'),
  churn: neither('churn', 'times/s', 'that other attachment was detached and attached'),
  plugin_p50: lower(
    'plugin',
    'program',
    'ms',
    'the CNI plugin for a pod without a wire, from start to end, p50',
  ),
  restart18: lower(
    'restart18',
    'program',
    'ms',
    'from exec of vnet node to `ready`, 18 attachments restored',
  ),
  restart100: lower(
    'restart100',
    'program',
    'ms',
    'from exec of vnet node to `ready`, 100 attachments restored',
  ),
  ...answerTime('echo1', 'echo over the control socket on one CPU'),
  ...answerTime('echo', 'echo over the control socket, unpinned'),
  ...answerTime(
    'ioctl1',
    'private ioctl of a supervised program on one CPU, answered by the driver',
  ),
  ...answerTime('ioctl', 'private ioctl of a supervised program, unpinned, answered by the driver'),
  ...answerTime(
    'passed1',
    'private ioctl of a supervised program on one CPU, passed on to the kernel',
  ),
  stall_open: lower(
    'stall',
    'program',
    'ms',
    'the event loop stands still while openTap opens an interface, median',
  ),
  stall_close: lower(
    'stall',
    'program',
    'ms',
    'the event loop stands still while three interfaces close, median',
  ),
  stranger_tcp: higher(
    'stranger',
    'throughput',
    'Gbit/s',
    'TCP, one stream, while a stranger floods',
  ),
  stranger_cpu_gb: lower(
    'stranger',
    'cpu',
    's/GB',
    'CPU seconds of the candidate per GB of that TCP',
  ),
  ...roundTrip('stranger', 'a ping each ms, while a stranger floods'),
  stranger_list: lower('stranger', 'program', 'ms', '`vnet list` of root, while a stranger floods'),
  stranger_rate: neither('stranger', 'thousand/s', 'what the stranger sent'),
  stranger_cores: neither('stranger', 'cores', 'CPU time that the stranger used'),
  ...oneWay('50', 'one-way delay at 50,000 packets a second'),
  ...oneWay('200', 'one-way delay at 200,000 packets a second'),
  rate_share: {
    step: 'goodput',
    group: 'share',
    unit: '%',
    title: 'TCP through a rate, of what its overhead allows',
  },
  rate_cpu: lower('goodput', 'share', '% of a core', 'CPU of the candidate during that TCP'),
  held_loss: lower(
    'held',
    'loss',
    '%',
    'of 100,000 packets a second through a delay of one second, lost',
  ),
  watched_cpu: lower(
    'watched',
    'share',
    '% of a core',
    'CPU of the candidate at 1,000 packets a second',
  ),
  ready: lower('start', 'program', 'ms', 'from exec to `ready`'),
  idle: lower('idle', 'program', '%', 'CPU of the candidate, links up, no traffic'),
  rss: lower('end', 'program', 'MiB', 'peak resident memory of the candidate'),
  csum_errors: lower('end', 'loss', 'packets', 'checksum and header errors the hosts saw'),
}

/** The steps that a list of metrics needs. */
export function stepsOf(metrics) {
  return new Set(metrics.map(metric => METRICS[metric].step))
}
