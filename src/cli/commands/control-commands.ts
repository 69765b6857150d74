/** The commands that query or change running vnets. Each loads its code only when it runs. */
import { NSEC_PER_MSEC, UsageError } from '../../base/index.ts'
import type { ControlClient, FoundDevice } from '../../control/index.ts'
import { NLA_PAYLOAD_MAX } from '../../netlink/message.ts'
import { Argument, InvalidArgumentError, type LazyCommand, Option } from '../parse/option.ts'
import { captureFileOptions, count, group, json, option, time, user, wholeNumber } from '../parse/options.ts'
import type { Io } from '../process/io.ts'

const LOOK = 'Monitoring:'
const CHANGE = 'Controlling:'

/** VNET_IOCTL_DATA_MAX of the family: loading that module would take time at each start. */
const IOCTL_DATA_MAX = 16_384

const names = (what: string) =>
  new Option('--names', `print only the names of the ${what}, one a line`).conflicts('json')
/** An option that Wireshark gives, which the help does not list. */
const given = (flags: string) => Object.assign(new Option(flags), { isHidden: true })
const IF = () => new Argument('<IF>')
const jsonLines = () => new Option('--json', 'print one JSON object a line')
const frameOptions = () => [
  new Option('--filter <filter>', 'only frames that match, in the language of pcap-filter(7)'),
  new Option('--drops', 'only dropped frames'),
]
const queries = () => import('./queries.ts')
const commands: readonly LazyCommand[] = [
  {
    name: 'list',
    description: 'list the interfaces of running vnets',
    options: [
      new Option('--all', 'list the interfaces of all network namespaces'),
      json(),
      names('interfaces'),
      user(),
    ],
    examples: [
      ['sudo vnet list --all', 'of all network namespaces'],
      ['vnet list', 'the interfaces of this network namespace'],
    ],
    run: async (io, options) => (await queries()).list(options, io),
  },
  {
    name: 'show',
    description: 'show one interface and the parameters of its driver',
    args: [IF()],
    options: [json(), user()],
    examples: [['vnet show sn0', 'its driver, parameters, rings and queues']],
    run: async (io, name, options) => (await queries()).show(name, options, io),
  },
  {
    name: 'stats',
    description: 'show the counters of vnet and the kernel, and why frames were dropped (docs/statistics.md)',
    args: [new Argument('[IF...]')],
    options: [
      new Option('--queues', 'show each queue too'),
      new Option('--all', 'include counters that are 0'),
      option('--watch <time>', 'repeat at this interval, such as 1s or 500ms, with rates', interval),
      new Option('--json', 'print one JSON object, as `vnet --json` does at its end'),
      user(),
    ],
    examples: [
      ['vnet stats sn0', 'what vnet and the kernel counted'],
      ['vnet stats --watch 1s', 'again each second, with rates'],
    ],
    run: async (io, names, options) => (await import('./stats.ts')).stats(names, options, io),
  },
  change(
    'reset',
    'set the statistics of an interface to 0; the counts of its wire continue',
    'count from 0 again',
    'resetStats',
  ),
  {
    name: 'ioctl',
    description: 'run private ioctl SIOCDEVPRIVATE+N of the driver, with HEX as its data',
    group: CHANGE,
    args: [IF(), new Argument('<N>').argParser(wholeNumber(0, 15)), new Argument('[HEX]').argParser(hex)],
    options: [
      option('--length <n>', 'bytes of data; bytes that HEX lacks are 0', wholeNumber(1, IOCTL_DATA_MAX)),
      json(),
    ],
    examples: [['vnet ioctl sn0 1 --length 28', 'read a struct of 28 bytes']],
    run: async (io, name, n, data, options) => (await queries()).ioctl(name, n, data, options, io),
  },
  change(
    'cut',
    'cut the cable of an interface: neither end has a carrier until `plug`',
    'as if its cable were pulled out',
  ),
  change('plug', 'plug the cable in again, at both ends', 'and plugged in again'),
  {
    name: 'carrier',
    description: 'turn the carrier of one end on or off',
    group: CHANGE,
    args: [IF(), new Argument('<on|off>').choices(['on', 'off'])],
    examples: [['vnet carrier sn0 off', 'as if only its end were broken']],
    options: [json()],
    run: (io, name, state, options) =>
      request(io, name, (client, device) => client.setCarrier(device.vnet, device, state === 'on'), 'carrier', options),
  },
  {
    name: 'wire',
    description: 'show the impairments of an interface, or replace them by SPEC; `off` removes them',
    group: CHANGE,
    args: [IF(), new Argument('[SPEC]')],
    options: [
      new Option('--wire-ab <spec>', 'replace the stages from the first interface to the second'),
      new Option('--wire-ba <spec>', 'replace the stages from the second interface to the first'),
      new Option('--wire-in <spec>', 'on an attachment: replace the stages for received packets').conflicts('wireAb'),
      new Option('--wire-out <spec>', 'on an attachment: replace the stages for transmitted packets').conflicts(
        'wireBa',
      ),
      option('--watch <time>', 'repeat at this interval, with rates', interval),
      new Option('--json', 'print one JSON object for each stage'),
      user(),
    ],
    examples: [
      ['vnet wire sn0', 'the stages of its wire, and what they did'],
      ["vnet wire sn0 'delay 20ms loss 1%'", 'replace them in both directions'],
      ["vnet wire sn0 --wire-ab 'rate 10mbit'", 'in one direction'],
      ['vnet wire sn0 off', 'remove them'],
    ],
    run: async (io, name, spec, options) => (await import('./wire.ts')).wire(name, spec, options, io),
  },
  {
    name: 'param',
    description: 'show the parameters of its driver, or show or set one',
    group: CHANGE,
    args: [IF(), new Argument('[NAME]')],
    options: [json(), names('parameters'), user()],
    examples: [
      ['vnet param sn0', 'all parameters'],
      ['vnet param sn0 lockup=100', 'set one'],
    ],
    run: async (io, name, which, options) => (await queries()).param(name, which, options, io),
  },
  {
    name: 'trigger',
    description: 'cause one fault now, or list the faults of its driver',
    group: CHANGE,
    args: [IF(), new Argument('[FAULT]')],
    options: [option('--queue <n>', 'queue that the fault is for', count), json()],
    examples: [
      ['vnet trigger sn0', 'list the faults'],
      ['vnet trigger sn0 lockup', 'cause one'],
    ],
    run: async (io, name, fault, options) => {
      if (fault === undefined) return (await queries()).faults(name, options, io)
      const trigger: DeviceRequest = (client, device) => client.trigger(device.vnet, device, fault, options.queue)
      return request(io, name, trigger, 'trigger', options)
    },
  },
  {
    name: 'step',
    description: 'single-step frames: show the current one, turn stepping on or off, or run the next step',
    args: [IF(), new Argument('[on|off|next]').choices(['on', 'off', 'next'])],
    options: [
      option('--every <time>', 'with `on`: run each step by itself after this time, such as 500ms', interval),
      new Option('--filter <filter>', 'with `next`: run steps up to a frame that matches, as in pcap-filter(7)'),
      json(),
      user(),
    ],
    examples: [
      ['vnet step sn0 on', 'halt frames before each step'],
      ['vnet step sn0 next', 'run the next step'],
      ['vnet step sn0 next --filter icmp', 'the next step of a ping'],
      ['vnet step sn0 off', 'let frames pass'],
    ],
    run: async (io, name, mode, options) => (await import('./step.ts')).step(name, mode, options, io),
  },
  {
    name: 'events',
    description: 'print events of the interfaces until Ctrl-C',
    args: [new Argument('[IF...]')],
    options: [jsonLines(), option('--drops <n>', 'also report every Nth dropped frame of an interface', count), user()],
    examples: [
      ['vnet events', 'up, down, cut, timeouts of all interfaces'],
      ['vnet events sn0 --drops 100', 'and every 100th dropped frame'],
    ],
    run: async (io, names, options) => (await import('./events.ts')).events(names, options, io),
  },
  {
    name: 'capture',
    description: 'write frames, and why others were dropped, to a file until Ctrl-C',
    group: 'Captures:',
    args: [new Argument('<FILE...>')],
    options: [...frameOptions(), ...captureFileOptions(), json(), user()],
    examples: [
      ['vnet capture sn0 a.pcapng', 'record sn0'],
      ['vnet capture sn0 - | wireshark -k -i -', 'watch its frames in Wireshark'],
      ["vnet capture --filter 'tcp port 80' a.pcapng", 'only some frames, of all interfaces'],
    ],
    run: async (io, words, options) => (await import('./capture.ts')).capture(words, options, io),
  },
  {
    name: 'frames',
    description: 'print each frame that passes, and why frames were dropped, until Ctrl-C',
    args: [new Argument('[IF...]')],
    options: [...frameOptions(), jsonLines(), user()],
    examples: [
      ['vnet frames sn0', 'as tcpdump does, with drops'],
      ["vnet frames --drops --filter 'tcp'", 'only lost TCP segments'],
    ],
    run: async (io, names, options) => (await import('./frames.ts')).frames(names, options, io),
  },
  {
    name: 'extcap',
    description: 'capture for Wireshark, which runs this command once it is installed',
    group: 'Captures:',
    options: [
      new Option('--install', "put vnet's interfaces into Wireshark, for all users if root does it"),
      new Option('--uninstall', 'take them out again').conflicts('install'),
      given('--extcap-interfaces'),
      given('--extcap-interface <interface>'),
      given('--extcap-dlts'),
      given('--extcap-config'),
      given('--extcap-reload-option <option>'),
      given('--extcap-capture-filter <filter>'),
      given('--capture'),
      given('--fifo <path>'),
      given('--filter <filter>'),
      given('--drops'),
      given('--snaplen <bytes>').argParser(count),
    ],
    lenient: '--extcap-',
    examples: [['vnet extcap --install', 'for your user; with sudo for all']],
    run: async (io, options) => (await import('./extcap.ts')).extcap(options, io),
  },
  {
    name: 'node',
    description: 'run the daemon that keeps attachments: of `vnet attach --node`, Docker labels and CNI',
    group: 'Interfaces:',
    options: [
      new Option('--docker', "attach to Docker's containers that have labels such as vnet.wire"),
      new Option('--image-labels', 'with --docker: count the labels of images too'),
      new Option('--files <dir>', 'directory of the files that wires may name, such as traces and scenarios'),
      option('--group <group>', 'group that may attach and detach, too', group),
      jsonLines(),
      new Option('-v, --verbose', 'log changes').argParser((_, n: number = 0) => n + 1),
      new Option('-q, --quiet', 'print only the line `ready`, and errors'),
    ],
    examples: [['sudo vnet node --docker', "attach to containers that have vnet's labels"]],
    run: async (io, options) => (await import('./node.ts')).node(options, io),
  },
  {
    name: 'detach',
    description: 'end an attachment that `vnet node` has',
    group: CHANGE,
    args: [IF()],
    examples: [['vnet detach eth0', 'what `vnet attach --node` attached']],
    run: async (io, name) => (await import('./attach-options.ts')).detach(name, io),
  },
]

/** The commands that need no driver. */
export const controlCommands: readonly LazyCommand[] = commands.map(each => ({ group: LOOK, ...each }))

/** Returns a command that makes one request about an interface: by default, of its own name. */
function change(name: string, description: string, effect: string, method = name as Change): LazyCommand {
  const examples = [[`vnet ${name} sn0`, effect]] as const
  const make: DeviceRequest = (client, device) => client[method](device.vnet, device)
  const run: LazyCommand['run'] = (io, device, options) => request(io, device, make, name, options)
  return { name, description, group: CHANGE, args: [IF()], examples, options: [json()], run }
}

type Change = 'resetStats' | 'cut' | 'plug'
type DeviceRequest = (client: ControlClient, device: FoundDevice) => Promise<void>

/** Makes one request about the interface `name`. Returns the exit status. */
async function request(io: Io, name: string, make: DeviceRequest, event: string, { json }: { json?: boolean }) {
  const ask = async (client: ControlClient, device: FoundDevice) => {
    await make(client, device)
    if (json) io.out(`${JSON.stringify({ event, name: device.name, netns: device.netns ?? null })}\n`)
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
  if (!/^([0-9a-f]{2})*$/i.test(digits))
    throw new InvalidArgumentError('must be two hexadecimal digits a byte, such as 0a0b')
  if (digits.length / 2 > NLA_PAYLOAD_MAX) throw new UsageError(`HEX: at most ${NLA_PAYLOAD_MAX} bytes`)
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}
