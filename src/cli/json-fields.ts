/**
 * The fields of JSON output, from which `npm run generate` makes the tables of docs/json.md.
 * Programs do not load it. Texts are in Markdown. A field without a text is one of COMMON.
 */
import type {
  DeviceStats,
  DriverParam,
  MistakeInfo,
  PartInfo,
  ScenarioInfo,
  StepState,
} from '../control/index.ts'
import type { Listed } from './commands/queries.ts'

type Fields<K extends string = string> = Readonly<Record<K, string>>

/** The fields that have the same name, type and unit in every command. */
export const COMMON = {
  name: "the interface's name",
  netns: "its network namespace; null for the vnet's own",
  ifindex: "the interface's index",
  time: 'milliseconds since 1970, a number',
  state: '`up`, `down`, `no-carrier`, or `cut`',
  busy: 'milliseconds for which a driver function has not returned; the other fields are the last known ones. Absent otherwise',
  driver: "the driver's name",
  mac: "the interface's hardware address",
  mtu: "the interface's MTU",
  txqs: 'the number of transmit queues',
  rxqs: 'the number of receive queues',
  addresses: 'addresses with prefix lengths; null if unknown',
  peer: "the far end's name; null if unknown",
  wire: 'the text of each direction, `ab` and `ba`; null if unknown',
  only: 'the filter of an attachment that is in force; null without',
  seed: 'the seed of its wire, also one that was drawn; null without',
  owner:
    'the container or pod of an attachment of `vnet node`: `container`, `id`, `pod`, `namespace`, `interface`; null for others. Also in `wire` and `stats`, if there is one',
  bypassed: 'of an attachment: frames that passed without the wire; null for others',
  drops: 'the number of dropped frames; null if unknown',
  vnet: 'the socket of the vnet',
  pid: 'its process; null if it is in another PID namespace',
  error: 'what went wrong, as a sentence',
} as const

/** An object that is printed. */
export interface Output {
  /** `vnet COMMAND`, or what prints it. */
  readonly command: string
  /** Which of its lines, if not the only one. */
  readonly when?: string
  readonly event: string
  readonly fields: Fields
}

/** Without `busy`, which is absent as long as drivers return. */
const LISTED: Fields<Exclude<keyof Listed & string, 'busy'>> = {
  name: '',
  ifindex: '',
  netns: '',
  driver: '',
  state: '',
  mac: '',
  mtu: '',
  txqs: '',
  rxqs: '',
  vnet: '',
  pid: '',
  addresses: '',
  peer: '',
  wire: '',
  only: '',
  seed: '',
  bypassed: '',
  owner: '',
  drops: '',
}

const PARAM: Fields<keyof DriverParam & string> = {
  driver: '',
  name: 'the parameter',
  value: 'its value, a text as on the command line',
  type: '`int`, `bool` or `string`',
  live: 'whether it can be set while the driver runs',
  description: 'what it is, a text',
  range: 'its range, a text, or null',
}

const NAMED = { name: '', netns: '' }

const STEP: Fields<keyof StepState & string> = {
  mode: '`on` or `off`',
  every: 'milliseconds after which a waiting frame continues by itself; 0: never',
  halt: 'the step for which a frame waits, and the frame; null without. `step next` has `dropped` too, if the step dropped frames',
}

/** The objects, in the order of the page. */
export const OUTPUTS: readonly Output[] = [
  {
    command: 'list',
    event: 'list',
    fields: {
      interfaces: 'objects with the fields of `show` up to `drops`',
      users: 'numbers of other users whose vnets run',
      away: 'interfaces that `vnet node` does not attach to again, because their wires ended it twice',
      mistakes: 'containers and pods without their wire',
    },
  },
  {
    command: 'show',
    event: 'show',
    fields: {
      ...LISTED,
      params: 'an object of names and values',
      parts: 'the parts of the interface',
      scenario: 'the scenario of its wire, or null',
    },
  },
  { command: 'stats', event: 'statistics', fields: { interfaces: 'their statistics' } },
  {
    command: 'param IF',
    event: 'param',
    fields: { params: 'objects with the fields of `param IF NAME`' },
  },
  { command: 'param IF NAME', event: 'param', fields: PARAM },
  {
    command: 'param IF NAME=VALUE',
    event: 'param',
    fields: { name: PARAM.name, value: PARAM.value },
  },
  {
    command: 'trigger IF',
    event: 'trigger',
    fields: { ...NAMED, faults: 'the faults of its driver' },
  },
  { command: 'trigger IF FAULT', event: 'trigger', fields: NAMED },
  { command: 'reset', event: 'reset', fields: NAMED },
  { command: 'cut', event: 'cut', fields: NAMED },
  { command: 'plug', event: 'plug', fields: NAMED },
  { command: 'detach', event: 'detach', fields: NAMED },
  { command: 'carrier', event: 'carrier', fields: NAMED },
  {
    command: 'ioctl',
    event: 'ioctl',
    fields: {
      result: 'what the driver returned',
      ifr: 'the request after the name, in hexadecimal digits',
      data: 'the memory that it points to, in hexadecimal digits; null without',
    },
  },
  { command: 'step', event: 'step', fields: STEP },
  {
    command: 'lan show',
    event: 'lan',
    fields: { segments: 'the contents of each segment' },
  },
  {
    command: 'wire',
    when: 'for each stage, or for a direction without one',
    event: 'wire',
    fields: {
      ...NAMED,
      owner: '',
      time: '',
      side: '`in` or `out` of an attachment',
      only: '',
      passed: 'frames that the filter of an attachment kept out of the wire',
      seed: 'the seed of the wire',
      beforeVnet: 'frames of the direction that were lost before vnet',
      bypassed: 'frames of the direction that passed without the wire',
      direction: '`ab` or `ba`',
      text: 'the text of the stage, or of the direction',
      stage:
        'its kind, with a number if the wire has several: `loss`, `loss 2`; null for a direction without stages',
      path: 'the stages that it is in, such as `match then`; empty for others',
      in: 'packets that came to it',
      out: 'packets that left it',
      held: 'packets that it holds',
      holds: 'whether its kind holds packets',
      dropped: 'packets that it dropped',
      drops: 'the same for each reason, an object',
      duplicated: 'packets that it sent twice',
      corrupted: 'packets that it damaged',
      reordered: 'packets that it reordered',
      marked: 'packets that it marked with ECN',
      late: '`p50` and `p99`, in milliseconds',
      former: 'true for a stage that was replaced; absent otherwise',
    },
  },
  {
    command: 'events',
    when: 'for each event',
    event: 'what happened, such as `registered`, `up` or `drops`',
    fields: {
      ...NAMED,
      ifindex: '',
      time: 'null if the event was before the command',
      'queue, txTimeouts, dropped, direction, side, text, mode, step': 'if they apply',
    },
  },
  {
    command: 'frames',
    when: 'for each frame',
    event: 'frame',
    fields: {
      time: '',
      ...NAMED,
      direction: '`tx` or `rx`',
      queue: 'the queue that it passed',
      id: 'its number, or null',
      length: 'its length in bytes',
      gso: 'whether it is a GSO frame',
      dropped: 'the reason, or null',
      text: 'what it is, as tcpdump prints it',
    },
  },
  {
    command: 'frames',
    when: 'for frames that were not read in time',
    event: 'lost',
    fields: { frames: 'their number' },
  },
  {
    command: 'capture FILE',
    when: 'at its end',
    event: 'capture',
    fields: {
      frames: 'frames that were captured',
      lost: 'frames that were not',
      isOrdered: 'false if the file is not in order of time',
    },
  },
  {
    command: 'replay',
    when: 'at its end',
    event: 'replay',
    fields: {
      sent: 'frames that were sent',
      bytes: 'their bytes',
      seconds: 'the time that it took',
      cut: 'TCP frames that were longer than the MTU',
      segments: 'the segments that were made of these',
      failed: 'frames that could not be sent',
      skipped: 'frames that were left out',
    },
  },
  {
    command: 'record',
    when: 'at its end',
    event: 'record',
    fields: {
      target: 'the host that was measured',
      probes: 'the number of probes',
      bytes: 'the bytes of each',
      trip: '`min`, `median`, `p90` and `p99`, in milliseconds',
      lost: 'a share from 0 to 1',
      runs: 'runs of lost probes',
      meanRun: 'their mean length',
      rate: 'bit/s; null if not limited or not measured',
      wire: 'the text of a wire that is like the link',
      distance:
        'the distance of its round trips from the measured ones (Kolmogorov-Smirnov; 0: the same distribution), or null',
      trace: 'the file with the delays',
    },
  },
  {
    command: 'doctor',
    when: 'for each requirement',
    event: 'requirement',
    fields: {
      requirement: 'its name',
      works: 'whether it is met',
      usual: 'true if the usual commands need it',
      text: 'what was found, or how to meet it',
      commands: 'the commands that need it',
    },
  },
  {
    command: 'a driver, `node`, `web`, `metrics`',
    when: 'when it is ready',
    event: 'ready',
    fields: {
      interfaces: 'of a driver: the interfaces that it made',
      'enter, web, metrics':
        'of a driver, if it has them: the command that enters its namespace, and the addresses of its pages. `vnet web` and `vnet metrics` have only their own',
      socket: 'of `node`, which has only that: the socket for requests',
    },
  },
  {
    command: 'a driver, `node`',
    when: 'for a log line',
    event: 'log',
    fields: { time: '', level: '`error`, `warning`, `info` or `debug`', message: 'the line' },
  },
  {
    command: 'a driver',
    when: 'at its end',
    event: 'statistics',
    fields: { interfaces: 'their statistics', wires: 'the stages of their wires' },
  },
  { command: 'an error', when: 'on standard error', event: 'error', fields: { error: '' } },
]

/** The elements of lists and the objects in fields, by the place where they are. */
export const PARTS: Readonly<Record<string, Fields>> = {
  'An interface of `ready`': {
    'name, ifindex, mac, netns, mtu, txqs, rxqs, addresses': '',
    offloads: 'a list of `csum`, `tso4`, `tso6`, `uso` and `gro`',
  },
  'An interface of `statistics`': {
    name: '',
    netns: '',
    time: '',
    ifindex: 'while the vnet runs',
    total:
      "each field of rtnl_link_stats64, as `rxPackets` for `rx_packets`, and each of vnet's own counters, such as `requeues`",
    queues: 'the same of each queue, as a list',
    rxQueues: 'the number of these that receive, from the first on',
    held: 'frames that a driver, a ring or a wire holds',
    bypassed: 'of attachments: frames that passed without the wire; absent for others',
    beforeVnet: 'frames lost before vnet',
    seed: 'in `stats`: the seed of its wire, if that has stages',
    drops: '`tx` and `rx`, each an object with the frames dropped for each reason',
    busy: '',
    kernel: "the kernel's counters, with the fields of `total`; null if you may not read them",
  } satisfies Fields<(keyof DeviceStats & string) | 'seed'>,
  'An element of `mistakes`': {
    who: 'the container or pod',
    why: 'why it is without its wire',
  } satisfies Fields<keyof MistakeInfo['present'][number] & string>,
  'An element of `parts`, with the fields that the part has': {
    kind: '`queue`, `ring`, `buffers`, `irq`, `napi` or `pool`',
    name: 'its name',
    direction: '`tx` or `rx`',
    length: 'frames in it',
    capacity: 'frames that it has room for',
    state: 'its state, a text',
    count: 'how often it was used',
  } satisfies Fields<keyof PartInfo & string>,
  'The object `scenario`': {
    file: 'the file',
    started: 'when its time 0 was, in milliseconds since 1970',
    repeat: 'the length of a round in milliseconds',
    steps: 'a list with `at` in milliseconds and `text`',
  } satisfies Fields<keyof ScenarioInfo & string>,
}
