/** The commands that need no driver. Each loads its code when it runs. */
import { durationOf, NSEC_PER_MSEC, UsageError } from '../../base/index.ts'
import type { ControlClient, FoundDevice } from '../../control/index.ts'
import { NLA_PAYLOAD_MAX } from '../../netlink/message.ts'
import type { QueryOptions } from '../ask.ts'
import {
  argument,
  defineCommand,
  InvalidArgumentError,
  type LazyCommand,
  option,
} from '../parse/option.ts'
import { count, groupId, shared, time, times, wholeNumber } from '../parse/options.ts'
import type { Io } from '../process/io.ts'

/** VNET_IOCTL_DATA_MAX of the family: loading that module would take time at each start. */
const IOCTL_DATA_MAX = 16_384

const queries = () => import('./queries.ts')

export const controlCommands: readonly LazyCommand[] = [
  defineCommand({
    name: 'list',
    group: 'Monitoring:',
    description: 'list the interfaces of running vnets',
    options: [
      option('--all', 'list the interfaces of all network namespaces'),
      shared.json,
      option('--names', 'print only the names of the interfaces, one a line', {
        conflicts: ['json'],
      }),
      shared.user,
    ],
    examples: {
      'sudo vnet list --all': 'of all network namespaces',
      'vnet list': 'the interfaces of this network namespace',
    },
    run: async (io, options) => (await queries()).list(options, io),
  }),
  defineCommand({
    name: 'show',
    group: 'Monitoring:',
    description: 'show one interface and the parameters of its driver',
    args: ['<IF>'],
    options: [shared.json, shared.user],
    examples: { 'vnet show sn0': 'its driver, parameters, rings and queues' },
    run: async (io, name, options) => (await queries()).show(name, options, io),
  }),
  defineCommand({
    name: 'stats',
    group: 'Monitoring:',
    description:
      'show the counters of vnet and the kernel, and why frames were dropped (docs/statistics.md)',
    args: ['[IF...]'],
    options: [
      option('--queues', 'show each queue too'),
      option('--all', 'include counters that are 0'),
      option('--watch <time>', 'repeat at this interval, such as 1s or 500ms, with rates', {
        parse: interval,
      }),
      { ...shared.json, description: 'print one JSON object, as `vnet --json` does at its end' },
      shared.user,
    ],
    examples: {
      'vnet stats sn0': 'what vnet and the kernel counted',
      'vnet stats --watch 1s': 'again each second, with rates',
    },
    run: async (io, names, options) => (await import('./stats.ts')).printStats(names, options, io),
  }),
  defineCommand({
    name: 'reset',
    group: 'Controlling:',
    description: 'set the statistics of an interface to 0; the counts of its wire continue',
    args: ['<IF>'],
    options: [shared.json],
    examples: { 'vnet reset sn0': 'count from 0 again' },
    run: change('reset', 'resetStats'),
  }),
  defineCommand({
    name: 'ioctl',
    group: 'Controlling:',
    description: 'run private ioctl SIOCDEVPRIVATE+N of the driver, with HEX as its data',
    args: ['<IF>', argument('<N>', wholeNumber(0, 15)), argument('[HEX]', hex)],
    options: [
      option('--length <n>', 'bytes of data; bytes that HEX lacks are 0', {
        parse: wholeNumber(1, IOCTL_DATA_MAX),
      }),
      shared.json,
    ],
    examples: { 'vnet ioctl sn0 1 --length 28': 'read a struct of 28 bytes' },
    run: async (io, name, n, data, options) => (await queries()).ioctl(name, n, data, options, io),
  }),
  defineCommand({
    name: 'cut',
    group: 'Controlling:',
    description: 'cut the cable of an interface: neither end has a carrier until `plug`',
    args: ['<IF>'],
    options: [shared.json],
    examples: {
      'vnet cut sn0': 'as if its cable were pulled out',
      'vnet cut container:web': 'the interface of a container that `vnet node` has attached to',
    },
    run: change('cut'),
  }),
  defineCommand({
    name: 'plug',
    group: 'Controlling:',
    description: 'plug the cable in again, at both ends',
    args: ['<IF>'],
    options: [shared.json],
    examples: { 'vnet plug sn0': 'and plugged in again' },
    run: change('plug'),
  }),
  defineCommand({
    name: 'carrier',
    group: 'Controlling:',
    description: 'turn the carrier of one end on or off',
    args: ['<IF>', '<on|off>'],
    options: [shared.json],
    examples: { 'vnet carrier sn0 off': 'as if only its end were broken' },
    run: (io, name, state, options) => {
      const set: DeviceRequest = (client, device) =>
        client.setCarrier(device.vnet, device, state === 'on')
      return request(io, name, set, 'carrier', options)
    },
  }),
  defineCommand({
    name: 'wire',
    group: 'Controlling:',
    description:
      'show the impairments of an interface, or replace them by SPEC; `off` removes them',
    args: ['<IF>', '[SPEC]'],
    options: [
      option('--wire-ab <spec>', 'replace the stages from the first interface to the second'),
      option('--wire-ba <spec>', 'replace the stages from the second interface to the first'),
      option('--wire-in <spec>', 'on an attachment: replace the stages for received packets', {
        conflicts: ['wireAb'],
      }),
      option('--wire-out <spec>', 'on an attachment: replace the stages for transmitted packets', {
        conflicts: ['wireBa'],
      }),
      option('--only <filter>', 'on an attachment: the frames that pass the wire from now on'),
      option('--watch <time>', 'repeat at this interval, with rates', { parse: interval }),
      { ...shared.json, description: 'print one JSON object for each stage' },
      shared.user,
    ],
    examples: {
      'vnet wire sn0': 'the stages of its wire, and what they did',
      "vnet wire sn0 'delay 20ms loss 1%'": 'replace them in both directions',
      "vnet wire sn0 --wire-ab 'rate 10mbit'": 'in one direction',
      'vnet wire sn0 off': 'remove them',
    },
    run: async (io, name, spec, options) =>
      (await import('./wire.ts')).showOrSetWire(name, spec, options, io),
  }),
  defineCommand({
    name: 'param',
    group: 'Controlling:',
    description: 'show the parameters of its driver, or show or set one',
    args: ['<IF>', '[NAME]'],
    options: [
      shared.json,
      option('--names', 'print only the names of the parameters, one a line', {
        conflicts: ['json'],
      }),
      shared.user,
    ],
    examples: { 'vnet param sn0': 'all parameters', 'vnet param sn0 lockup=100': 'set one' },
    run: async (io, name, which, options) =>
      (await queries()).showOrSetParam(name, which, options, io),
  }),
  defineCommand({
    name: 'trigger',
    group: 'Controlling:',
    description: 'cause one fault now, or list the faults of its driver',
    args: ['<IF>', '[FAULT]'],
    options: [option('--queue <n>', 'queue that the fault is for', { parse: count }), shared.json],
    examples: { 'vnet trigger sn0': 'list the faults', 'vnet trigger sn0 lockup': 'cause one' },
    run: async (io, name, fault, options) => {
      if (fault === undefined) return (await queries()).listFaults(name, options, io)
      const trigger: DeviceRequest = (client, device) =>
        client.trigger(device.vnet, device, fault, options.queue)
      return request(io, name, trigger, 'trigger', options)
    },
  }),
  defineCommand({
    name: 'step',
    group: 'Monitoring:',
    description:
      'single-step frames: show the current one, turn stepping on or off, or run the next step',
    args: ['<IF>', '[on|off|next]'],
    options: [
      option(
        '--every <time>',
        'with `on`: run each step by itself after this time, such as 500ms',
        {
          parse: interval,
        },
      ),
      {
        ...shared.filter,
        description: 'with `next`: run steps up to a frame that matches, as in pcap-filter(7)',
      },
      shared.json,
      shared.user,
    ],
    examples: {
      'vnet step sn0 on': 'halt frames before each step',
      'vnet step sn0 next': 'run the next step',
      'vnet step sn0 next --filter icmp': 'the next step of a ping',
      'vnet step sn0 off': 'let frames pass',
    },
    run: async (io, name, mode, options) =>
      (await import('./step.ts')).step(name, mode, options, io),
  }),
  defineCommand({
    name: 'events',
    group: 'Monitoring:',
    description: 'print events of the interfaces until Ctrl-C',
    args: ['[IF...]'],
    options: [
      { ...shared.json, description: 'print one JSON object a line' },
      option('--drops <n>', 'also report every Nth dropped frame of an interface', {
        parse: count,
      }),
      shared.user,
    ],
    examples: {
      'vnet events': 'up, down, cut, timeouts of all interfaces',
      'vnet events sn0 --drops 100': 'and every 100th dropped frame',
    },
    run: async (io, names, options) =>
      (await import('./events.ts')).printEvents(names, options, io),
  }),
  defineCommand({
    name: 'capture',
    group: 'Captures:',
    description: 'write frames, and why others were dropped, to a file until Ctrl-C',
    args: ['<FILE...>'],
    options: [
      shared.filter,
      shared.drops,
      shared.snaplen,
      shared.ring,
      shared.duration,
      shared.tlsKeys,
      shared.json,
      shared.user,
    ],
    examples: {
      'vnet capture sn0 a.pcapng': 'record sn0',
      'vnet capture sn0 - | wireshark -k -i -': 'watch its frames in Wireshark',
      "vnet capture --filter 'tcp port 80' a.pcapng": 'only some frames, of all interfaces',
    },
    run: async (io, words, options) => (await import('./capture.ts')).capture(words, options, io),
  }),
  defineCommand({
    name: 'frames',
    group: 'Monitoring:',
    description: 'print each frame that passes, and why frames were dropped, until Ctrl-C',
    args: ['[IF...]'],
    options: [
      shared.filter,
      shared.drops,
      { ...shared.json, description: 'print one JSON object a line' },
      shared.user,
    ],
    examples: {
      'vnet frames sn0': 'as tcpdump does, with drops',
      "vnet frames --drops --filter 'tcp'": 'only lost TCP segments',
    },
    run: async (io, names, options) => (await import('./frames.ts')).frames(names, options, io),
  }),
  defineCommand({
    name: 'extcap',
    group: 'Captures:',
    description: 'capture for Wireshark, which runs this command once it is installed',
    lenient: '--extcap-',
    options: [
      option('--install', "put vnet's interfaces into Wireshark, for all users if root does it"),
      option('--uninstall', 'take them out again', { conflicts: ['install'] }),
      option('--extcap-interfaces', '', { isHidden: true }),
      option('--extcap-interface <interface>', '', { isHidden: true }),
      option('--extcap-dlts', '', { isHidden: true }),
      option('--extcap-config', '', { isHidden: true }),
      option('--extcap-reload-option <option>', '', { isHidden: true }),
      option('--extcap-capture-filter <filter>', '', { isHidden: true }),
      option('--capture', '', { isHidden: true }),
      option('--fifo <path>', '', { isHidden: true }),
      option('--filter <filter>', '', { isHidden: true }),
      option('--drops', '', { isHidden: true }),
      option('--snaplen <bytes>', '', { parse: count, isHidden: true }),
    ],
    examples: { 'vnet extcap --install': 'for your user; with sudo for all' },
    run: async (io, options) => (await import('./extcap.ts')).extcap(options, io),
  }),
  defineCommand({
    name: 'node',
    group: 'Interfaces:',
    description:
      'run the daemon that keeps attachments: of `vnet attach --node`, Docker labels and CNI',
    options: [
      option('--docker', "attach to Docker's containers that have labels such as vnet.wire"),
      option('--image-labels', 'with --docker: count the labels of images too'),
      option(
        '--files <dir>',
        'directory of the files that wires may name, such as traces and scenarios',
      ),
      option('--group <group>', 'group that may attach and detach, too', { parse: groupId }),
      { ...shared.json, description: 'print one JSON object a line' },
      option('-v, --verbose', 'log changes', { parse: times }),
      option('-q, --quiet', 'print only the line `ready`, and errors'),
    ],
    examples: { 'sudo vnet node --docker': "attach to containers that have vnet's labels" },
    run: async (io, options) => (await import('./node.ts')).node(options, io),
  }),
  defineCommand({
    name: 'detach',
    group: 'Controlling:',
    description: 'end an attachment that `vnet node` has',
    args: ['<IF>'],
    options: [shared.json],
    examples: {
      'vnet detach eth0': 'what `vnet attach --node` attached',
      'vnet detach pod:shop/web-7f': 'for good, until the pod is removed',
    },
    run: async (io, name, options) =>
      (await import('./attach-options.ts')).detach(name, options, io),
  }),
  defineCommand({
    name: 'simulate',
    group: 'Captures:',
    description: 'run the frames of a capture or log through a wire, in virtual time',
    usage: '[OPTIONS] CAPTURE|LOG',
    args: ['<FILE>'],
    options: [
      option('--wire <spec>', "impairments, such as 'delay 20ms loss 1%'; default: the log's"),
      option(
        '--wire-ab <spec>',
        'the same for direction ab only: outbound frames, or those sent by interface 0',
      ),
      option('--wire-ba <spec>', 'the same for direction ba only: all other frames'),
      option('--scenario <file>', 'YAML file of changes of the wire; time 0 is the first arrival'),
      option('--stage <file>', "JavaScript file that exports stages, for 'stage NAME' in a wire"),
      option(
        '--seed <n>',
        "seed of all random decisions (by default the seed in the log or in the capture's comments, or 1)",
        { parse: wholeNumber(1, Number.MAX_SAFE_INTEGER) },
      ),
      option(
        '--out <file>',
        'pcapng file for the frames that leave the wire, with the times at which they do',
      ),
      option('--log <file>', 'file for every decision of the wire, one JSON line each'),
      { ...shared.json, description: 'print one JSON object for each stage' },
    ],
    examples: { "vnet simulate a.pcapng --wire 'loss 1%'": 'what a wire would do to a capture' },
    run: async (io, file, options) => (await import('./simulate.ts')).simulate(file, options, io),
  }),
  defineCommand({
    name: 'record',
    group: 'Captures:',
    description: 'measure a path by pings, and write a trace and a wire that resemble it',
    usage: '[OPTIONS] HOST|IF',
    args: ['<TARGET>'],
    options: [
      option('--time <time>', 'time to measure', { parse: durationOf, default: '30s' }),
      option('--interval <time>', 'time between probes', { parse: durationOf, default: '20ms' }),
      option('--out <file>', 'file for the trace in CSV', { default: 'record.csv' }),
      shared.json,
    ],
    examples: {
      'vnet record example.org': 'measure the path for 30 seconds',
      'vnet record 192.0.2.1 --time 10s --out path.csv': 'for 10 seconds, to another file',
    },
    run: async (io, target, options) => (await import('./record.ts')).record(target, options, io),
  }),
  defineCommand({
    name: 'replay',
    group: 'Captures:',
    description:
      'have a vnet receive the frames of a capture, at the pace at which they were captured',
    usage: '[OPTIONS] FILE',
    args: ['<FILE>'],
    options: [
      option('--receive <[netns/]if>', 'have this interface of a running vnet receive the frames'),
      option('--interface <name>', 'only packets of the captured interface of this name (pcapng)'),
      option(
        '--direction <dir>',
        'only frames that the captured interface sent (out) or received (in), or all; unless given, a frame that a vnet captured at both ends is played once, as sent (pcapng)',
        { choices: ['out', 'in', 'all'] },
      ),
      option('--pps <n>', 'N frames a second, in place of the times of the capture', {
        parse: wholeNumber(1, 1_000_000_000),
      }),
      option('--limit <n>', 'end after N frames', {
        parse: wholeNumber(1, Number.MAX_SAFE_INTEGER),
      }),
      shared.json,
    ],
    examples: { 'vnet replay a.pcap --receive sn0': 'make sn0 receive the frames of a capture' },
    run: async (io, file, options) => (await import('./replay.ts')).replay(file, options, io),
  }),
  defineCommand({
    name: 'rootless',
    group: 'Programs:',
    description: 'run a command as root of a network of its own; needs no root',
    usage: '[OPTIONS] [--] COMMAND [ARGS...]',
    passThrough: true,
    args: ['<command>', '[args...]'],
    options: [option('--internet', 'connect it to the network of the machine')],
    examples: {
      'vnet rootless -- npx vitest run': 'tests with interfaces, without root',
      'vnet rootless -- bash': 'a shell with a network of its own',
    },
    run: async (_, command, args, options) =>
      (await import('./rootless.ts')).rootless([command, ...args], options),
  }),
  defineCommand({
    name: 'doctor',
    group: 'Help:',
    description: 'show what works on this machine, and the commands that mend what does not',
    options: [{ ...shared.json, description: 'print one JSON object for each requirement' }],
    examples: { 'vnet doctor': 'after the installation, or when a command refuses to run' },
    run: async (io, options) => (await import('./doctor.ts')).doctor(options, io),
  }),
]

/** Returns a command that makes one request about an interface: by default, of its own name. */
function change(name: string, method = name as 'resetStats' | 'cut' | 'plug') {
  const make: DeviceRequest = (client, device) => client[method](device.vnet, device)
  return (io: Io, device: string, options: Pick<QueryOptions, 'json'>) =>
    request(io, device, make, name, options)
}

type DeviceRequest = (client: ControlClient, device: FoundDevice) => Promise<void>

/** Makes one request about the interface `name`. Returns the exit status. */
async function request(
  io: Io,
  name: string,
  make: DeviceRequest,
  event: string,
  { json }: Pick<QueryOptions, 'json'>,
) {
  const ask = async (client: ControlClient, device: FoundDevice) => {
    await make(client, device)
    if (json) {
      io.out(`${JSON.stringify({ event, name: device.name, netns: device.netns ?? null })}\n`)
    }
  }
  return (await import('../ask.ts')).askInterface(name, io, ask)
}

/** Parses a time with its unit, in the range of setTimeout. Returns milliseconds. */
function interval(text: string): number {
  const rule = 'must be a time with its unit, such as 500ms, 1s or 2min'
  return time(rule, NSEC_PER_MSEC, 0x7fff_ffff * NSEC_PER_MSEC)(text) / NSEC_PER_MSEC
}

/** Parses `0a0b`, `0a:0b` or `0x0a0b`. */
function hex(text: string): Uint8Array {
  const digits = text.replace(/^0x/i, '').replaceAll(':', '')
  if (!/^([0-9a-f]{2})*$/i.test(digits)) {
    throw new InvalidArgumentError('must be two hexadecimal digits a byte, such as 0a0b')
  }
  if (digits.length / 2 > NLA_PAYLOAD_MAX) {
    throw new UsageError(`HEX: at most ${NLA_PAYLOAD_MAX} bytes`)
  }
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}
