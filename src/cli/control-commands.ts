/** The commands that query or change running vnets. Each loads its code only when it runs. */
import { Argument, InvalidArgumentError, Option } from 'commander'
import { NSEC_PER_MSEC } from '../base/clock.ts'
import { UsageError } from '../base/usage-error.ts'
import type { ControlClient, FoundDevice } from '../control/index.ts'
import { NLA_PAYLOAD_MAX } from '../netlink/message.ts'
import { captureCommands } from './capture-commands.ts'
import type { Io } from './io.ts'
import { count, json, type LazyCommand, user } from './lazy-command.ts'
import { group, time, wholeNumber } from './options.ts'

/** Their heading in the help. */
const CONTROL_GROUP = 'Asking a running vnet:'

/**
 * The value of the family's VNET_IOCTL_DATA_MAX: loading that module would take time at each start.
 */
const IOCTL_DATA_MAX = 16_384

const names = (what: string) => new Option('--names', `print only the names of the ${what}, one a line`)
const host = () =>
  new Option('--host <name>', 'also take requests for this name; may be repeated').argParser(
    (name: string, others: readonly string[] = []) => [...others, name],
  )
const IF = () => new Argument('<IF>')
const queries = () => import('./commands/queries.ts')
const commands: readonly LazyCommand[] = [
  {
    name: 'list',
    description: 'list the interfaces of running vnets',
    options: [json(), names('interfaces'), user()],
    run: async (io, options) => (await queries()).list(options, io),
  },
  {
    name: 'show',
    description: 'show one interface and the parameters of its driver',
    args: [IF()],
    options: [json(), user()],
    run: async (io, name, options) => (await queries()).show(name, options, io),
  },
  {
    name: 'stats',
    description: 'show the counters of vnet and the kernel, and why frames were dropped',
    args: [new Argument('[IF...]')],
    options: [
      new Option('--queues', 'show each queue too'),
      new Option('--all', 'include counters that are 0'),
      new Option('--watch <interval>', 'repeat at this interval, such as 1s or 500ms, with rates').argParser(interval),
      new Option('--json', 'print one JSON object, as `vnet --json` does at its end'),
      user(),
    ],
    run: async (io, names, options) => (await import('./commands/stats.ts')).stats(names, options, io),
  },
  {
    name: 'top',
    description: 'show the rates of interfaces, why they drop frames, and the CPU, again each second',
    args: [new Argument('[IF...]')],
    options: [
      new Option('--interval <time>', 'time from one reading to the next, such as 500ms (default 1s)').argParser(
        interval,
      ),
      user(),
    ],
    run: async (io, names, options) => (await import('./commands/top.ts')).top(names, options, io),
  },
  {
    name: 'metrics',
    description: 'serve the counters of running vnets at /metrics, for Prometheus, until Ctrl-C',
    args: [new Argument('<ADDRESS>')],
    options: [host(), user()],
    run: async (io, address, options) => {
      const { parseAddress } = await import('../http/address.ts')
      const parsed = parseAddress(address)
      if (parsed === undefined) throw new UsageError(`metrics: '${address}' is not [ADDR:]PORT`)
      return (await import('./commands/metrics.ts')).metrics(parsed, options, io)
    },
  },
  {
    name: 'web',
    description: 'serve a live page of running vnets until Ctrl-C, and print its URL',
    args: [new Argument('<ADDRESS>'), new Argument('[IF...]')],
    options: [host(), user()],
    run: async (io, address, names, options) => {
      const { parseAddress } = await import('../http/address.ts')
      const parsed = parseAddress(address)
      if (parsed === undefined) throw new UsageError(`web: '${address}' is not [ADDR:]PORT`)
      return (await import('./commands/web.ts')).web(parsed, names, options, io)
    },
  },
  {
    name: 'reset',
    description: 'set the statistics of an interface to 0',
    args: [IF()],
    run: (io, name) => request(io, name, (client, device) => client.resetStats(device.vnet, device)),
  },
  {
    name: 'echo',
    description: 'send text to a vnet and print the reply',
    args: [new Argument('<TEXT>').argParser(echoText)],
    options: [json()],
    run: async (io, text, options) => (await queries()).echo(text, options, io),
  },
  {
    name: 'ioctl',
    description: 'run private ioctl SIOCDEVPRIVATE+N of the driver, with HEX as its data',
    args: [IF(), new Argument('<N>').argParser(wholeNumber(0, 15)), new Argument('[HEX]').argParser(hex)],
    options: [
      new Option('--length <n>', 'bytes of data; those that HEX does not give are 0').argParser(
        wholeNumber(1, IOCTL_DATA_MAX),
      ),
      json(),
    ],
    run: async (io, name, n, data, options) => (await queries()).ioctl(name, n, data, options, io),
  },
  {
    name: 'cut',
    description: 'cut the cable of an interface: neither end has a carrier until `plug`',
    args: [IF()],
    run: (io, name) => request(io, name, (client, device) => client.cut(device.vnet, device)),
  },
  {
    name: 'plug',
    description: 'plug the cable in again, at both ends',
    args: [IF()],
    run: (io, name) => request(io, name, (client, device) => client.plug(device.vnet, device)),
  },
  {
    name: 'carrier',
    description: 'turn the carrier of one end on or off',
    args: [IF(), new Argument('<on|off>').choices(['on', 'off'])],
    run: (io, name, state) =>
      request(io, name, (client, device) => client.setCarrier(device.vnet, device, state === 'on')),
  },
  {
    name: 'wire',
    description: 'show the stages of its wire, or replace them by WORDS; `off` takes them out',
    args: [IF(), new Argument('[WORDS]')],
    options: [
      new Option('--ab <spec>', 'replace the stages from the first interface to the second'),
      new Option('--ba <spec>', 'replace the stages from the second interface to the first'),
      new Option('--in <spec>', 'on an attachment: replace the stages of what it receives (ab)').conflicts('ab'),
      new Option('--out <spec>', 'on an attachment: replace the stages of what it transmits (ba)').conflicts('ba'),
      new Option('--watch <interval>', 'repeat at this interval, with rates').argParser(interval),
      new Option('--json', 'print one JSON object for each stage'),
      user(),
    ],
    run: async (io, name, words, options) => (await import('./commands/wire.ts')).wire(name, words, options, io),
  },
  {
    name: 'param',
    description: 'show the parameters of its driver, or show or set one',
    args: [IF(), new Argument('[NAME]')],
    options: [json(), names('parameters'), user()],
    run: async (io, name, which, options) => (await queries()).param(name, which, options, io),
  },
  {
    name: 'trigger',
    description: 'cause one fault now, or list those that its driver has',
    args: [IF(), new Argument('[FAULT]')],
    options: [new Option('--queue <n>', 'queue that the fault is for').argParser(count)],
    run: async (io, name, fault, { queue }) =>
      fault === undefined
        ? (await queries()).faults(name, io)
        : request(io, name, (client, device) => client.trigger(device.vnet, device, fault, queue)),
  },
  {
    name: 'step',
    description: 'single-step frames: show the current one, turn stepping on or off, or run the next step',
    args: [IF(), new Argument('[on|off|next]').choices(['on', 'off', 'next'])],
    options: [
      new Option('--every <time>', 'with `on`: run each step by itself after this time, such as 500ms').argParser(
        interval,
      ),
      json(),
      user(),
    ],
    run: async (io, name, mode, options) => (await import('./commands/step.ts')).step(name, mode, options, io),
  },
  {
    name: 'events',
    description: 'print events of the interfaces until Ctrl-C',
    args: [new Argument('[IF...]')],
    options: [
      new Option('--json', 'print one JSON object a line'),
      new Option('--drops <n>', 'also report every Nth dropped frame of an interface').argParser(count),
      user(),
    ],
    run: async (io, names, options) => (await import('./commands/events.ts')).events(names, options, io),
  },
  ...captureCommands,
  {
    name: 'node',
    description: 'run the daemon that keeps attachments: of `vnet attach --node`, Docker labels and CNI',
    options: [
      new Option('--docker', "attach to Docker's containers that have labels such as vnet.wire"),
      new Option('--image-labels', 'with --docker: count the labels of images too'),
      new Option('--files <dir>', 'directory of the files that wires may name, such as traces and scenarios'),
      new Option('--group <group>', 'group whose members may attach and detach too').argParser(group),
      new Option('--json', 'print one JSON object a line'),
      new Option('-v, --verbose', 'log changes').argParser((_, n: number = 0) => n + 1),
      new Option('-q, --quiet', 'print only the line `ready`, and errors'),
    ],
    run: async (io, options) => (await import('./commands/node.ts')).node(options, io),
  },
  {
    name: 'detach',
    description: 'end an attachment that `vnet node` has',
    args: [IF()],
    run: async (io, name) => (await import('./attach-options.ts')).detach(name, io),
  },
  {
    name: 'show',
    under: 'lan',
    description: 'hosts, leases, counters behind `vnet lan`',
    args: [new Argument('[IF]')],
    options: [
      new Option('--hosts', 'show only hosts; can be combined with the other options'),
      new Option('--leases', 'show DHCP leases'),
      new Option('--neighbours', 'show IP addresses and the MAC each was seen with'),
      new Option('--stations', 'show MAC addresses and the port each was seen on'),
      new Option('--counters', 'show counters: frames, drops, replies'),
      json(),
      user(),
    ],
    run: async (io, name, options) => (await import('./commands/lan-show.ts')).lanShow(name, options, io),
  },
  {
    name: 'exec',
    description: 'run a program written for a driver in the kernel',
    args: [new Argument('<program>'), new Argument('[args...]')],
    usage: '[--] PROGRAM [ARGS...]',
    passThrough: true,
    run: async (io, program, args) => (await import('./commands/exec.ts')).exec(program, args, io),
  },
]

/** The commands that need no driver, under one heading of the help. */
export const controlCommands: readonly LazyCommand[] = commands.map(each => ({ ...each, group: CONTROL_GROUP }))

/** True if `word` is one of them. */
export function isControlCommand(word: string): boolean {
  return commands.some(({ name, under }) => under === undefined && name === word)
}

/** Makes one request about the interface `name`. Returns the exit status. */
async function request(
  io: Io,
  name: string,
  make: (client: ControlClient, device: FoundDevice) => Promise<void>,
): Promise<number> {
  return (await import('./ask.ts')).askInterface(name, io, make)
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
  if (digits.length / 2 > NLA_PAYLOAD_MAX) throw new UsageError(`HEX: at most ${NLA_PAYLOAD_MAX} bytes`)
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}

function echoText(text: string): string {
  // One byte is taken by the terminating NUL.
  if (Buffer.byteLength(text) >= NLA_PAYLOAD_MAX) throw new UsageError(`TEXT: at most ${NLA_PAYLOAD_MAX - 1} bytes`)
  return text
}
