/**
 * The cases: their candidates, networks and metrics. `metrics` are measured by default, `more` only
 * if selected by name. `flows` is the number of flows on one pair of interfaces; by default each
 * pair has one flow. `spread` lets candidate and traffic use every CPU, as threads need; otherwise
 * each has one CPU of its own. `asks`: programs send requests to the candidate, without
 * flows. `against`: what the ratios refer to, if not to C. `over`: the candidate with the one-way
 * delay that is subtracted from the others'. `settle`: seconds of TCP that are not counted.
 * `window`: bytes that a TCP connection may have under way. `rounds` and `seconds`: the least of
 * each.
 */
import * as candidates from './candidates.mjs'
import { METRICS } from './metrics.mjs'
import { strangers } from './strangers.mjs'

const of = (...steps) => Object.keys(METRICS).filter(metric => steps.includes(METRICS[metric].step))
const ends = of('start', 'idle', 'end')
const one = [...of('tcp', 'tcp4', 'bidir', 'gso', 'udp', 'udp1472', 'rtt1', 'rtt'), ...ends]

const LONG = { metrics: of('tcp', 'udp', 'rtt1', 'fifo1'), more: [], rounds: 10, seconds: 5 }

/** `asked` are the variants of vnet, see candidates.mjs. */
export function cases(asked = {}) {
  return {
    cable: {
      title: 'cable: two namespaces joined',
      candidates: candidates.cable(asked),
      metrics: one,
      more: of('fifo1'),
    },
    'cable-long': {
      title: 'cable, long: the figures of the README',
      candidates: candidates.cableLong(),
      ...LONG,
    },
    'snull-long': {
      title: 'snull, long: the figures of the README',
      candidates: candidates.snullLong(),
      ...LONG,
    },
    attach: {
      title:
        'attach: a kernel veth with a wire attached to one end, beside a plain veth and a cable',
      candidates: candidates.attach(asked),
      metrics: [...of('tcp', 'udp', 'rtt1'), ...ends],
      more: of('tcp4', 'bidir', 'gso', 'udp1472', 'rtt'),
      against: { short: 'cable', what: '`vnet cable`' },
    },
    attachments: {
      title:
        'attachments: two of one daemon, one flooded, or attached to and detached from all the time',
      candidates: candidates.attachments(),
      metrics: [...of('near', 'bcast', 'gso100', 'churn', 'plugin', 'restart18'), 'csum_errors'],
      more: of('restart100'),
    },
    tap: {
      title: 'tap: a program of `vnet/tap` that joins two TAPs, beside the driver `cable`',
      candidates: candidates.tap(asked),
      metrics: [...of('tcp', 'udp', 'rtt1'), ...ends],
      more: of('tcp4', 'bidir', 'gso', 'udp1472', 'rtt'),
    },
    open: {
      title: 'open: interfaces of `vnet/tap` are opened and closed',
      candidates: candidates.open(),
      metrics: of('stall'),
      more: [],
      asks: true,
    },
    snull: {
      title: 'snull: two interfaces of one host, addresses flipped on the way',
      candidates: candidates.snull(asked),
      metrics: [...of('tcp', 'udp', 'rtt1'), ...ends],
      more: of('tcp4', 'bidir', 'gso', 'udp1472', 'rtt'),
    },
    loop: {
      title: 'loop: one device, its own far end',
      candidates: candidates.loop(asked),
      metrics: [...of('tcp'), ...ends],
      more: of('tcp4', 'bidir', 'gso', 'udp', 'udp1472', 'rtt1', 'rtt'),
    },
    'one-end': {
      title: 'one end: a cable with offloads off at the sending, or at the receiving end',
      candidates: candidates.oneEnd(asked),
      metrics: [...of('tcp'), ...of('end')],
      more: of('tcp4', 'bidir', 'udp', 'rtt1'),
    },
    busy: {
      title:
        'busy: a cable that looks for the next frame for 50 us before it sleeps (--busy-poll 50us)',
      candidates: candidates.busy(asked),
      metrics: [...of('rtt1', 'rtt'), 'idle'],
      more: of('tcp', 'udp'),
    },
    cables: {
      title: 'cables: 1, 2, 4 and 8 of them in one process, traffic on all at once, sums',
      candidates: candidates.cables(asked),
      metrics: [...of('tcp', 'udp'), ...of('start', 'end')],
      more: of('bidir', 'udp1472', 'gso', 'idle'),
    },
    queues: {
      title: 'queues: a cable of 1, 2 and 4 of them, four flows, every CPU',
      candidates: candidates.queues(asked),
      metrics: [...of('tcp4', 'udp'), ...of('start', 'end')],
      more: of('tcp', 'bidir', 'udp1472', 'gso', 'rtt1', 'rtt', 'idle'),
      flows: 4,
      spread: true,
    },
    neighbour: {
      title: 'neighbour: two cables in one process, one flooded with 64-byte frames',
      candidates: candidates.neighbour(asked),
      metrics: [...of('near'), 'csum_errors'],
      more: [],
    },
    control: {
      title: 'control: a running vnet is asked by one program, one question at a time',
      candidates: candidates.control(asked),
      metrics: of('echo1', 'echo', 'ioctl1', 'ioctl', 'passed1'),
      more: [],
      asks: true,
    },
    lan: {
      title: 'lan: a segment of hosts without traffic',
      candidates: candidates.lan(asked),
      metrics: ['ready', 'idle', 'rss'],
      more: [],
      asks: true,
    },
    wire: {
      title: 'wire: a cable with a wire that delays, loses or slows its packets',
      candidates: candidates.wire(asked),
      metrics: [...of('owd50', 'owd200', 'tcp', 'goodput', 'held'), 'rss', 'csum_errors'],
      more: [],
      over: 'plain',
      settle: 1,
      window: 16 << 20,
    },
    capture: {
      title: 'capture: a cable whose frames are captured at both ends, 128 bytes of each',
      candidates: candidates.capture(asked),
      metrics: of('tcp', 'udp'),
      more: [...of('tcp4', 'bidir', 'udp1472', 'gso', 'rtt1', 'rtt'), ...ends],
      against: { short: 'plain', what: 'the same cable without a capture' },
    },
    run: {
      title:
        'run: a command under `vnet run` of an ordinary user, with the network of the machine and without',
      candidates: candidates.run(),
      metrics: of('start'),
      more: [],
      asks: true,
    },
    web: {
      title: 'web: a cable with 1,000 packets a second, and its live page',
      candidates: candidates.web(asked),
      metrics: [...of('watched'), 'ready', 'rss'],
      more: [],
      against: { short: 'plain', what: 'the same cable without a page' },
    },
    strangers: {
      title: 'strangers: a cable or a lan, flooded by a stranger',
      candidates: strangers(),
      metrics: [...of('stranger'), 'csum_errors'],
      more: [],
      against: { short: 'idle', what: 'the same flood aimed at an idle socket of another program' },
    },
  }
}

/** Returns the name of a candidate for `--candidates`. */
export function baseName(name, candidate) {
  return candidate.base ?? name
}
