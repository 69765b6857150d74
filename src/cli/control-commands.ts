/** The commands that ask running vnets. What each does is loaded when it runs, and not by every start. */
import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import { UsageError } from '../core/driver.ts'
import { NLA_PAYLOAD_MAX } from '../netlink/index.ts'
import { commandHelp } from './help.ts'
import { parseHex } from './hex.ts'
import type { Io } from './io.ts'

/** The heading that they have in the help. */
const GROUP = 'Asking a running vnet:'

/** Faults that come with vnet; a driver may have others. */
export const FAULTS: readonly string[] = ['lockup', 'lost-interrupt', 'stuck', 'flap']

interface ControlCommand {
  /** One word; two when the first is a driver's. */
  readonly name: string
  readonly usage: string
  readonly description: string
  readonly args?: readonly Argument[]
  readonly options?: readonly Option[]
  /** Runs it, with its arguments and then its options as commander gives them; answers the exit status. */
  // biome-ignore lint/suspicious/noExplicitAny: commander's parsers have checked what they are
  readonly run: (io: Io, ...args: any[]) => Promise<number>
}

const json = () => new Option('--json', 'one JSON object')
const names = (what: string) => new Option('--names', `the names of ${what} alone, one a line`)
const user = () => new Option('--user <uid>', 'the vnets of another user, for root').argParser(count)
const IF = () => new Argument('<IF>')

const commands: readonly ControlCommand[] = [
  {
    name: 'list',
    usage: '[OPTIONS]',
    description: 'list the interfaces of running vnets',
    options: [json(), names('the interfaces'), user()],
    run: async (io, options) => (await import('./commands/list.ts')).list(options, io),
  },
  {
    name: 'show',
    usage: '[OPTIONS] [NETNS/]IF',
    description: 'show one interface and the parameters of its driver',
    args: [IF()],
    options: [json(), user()],
    run: async (io, name, options) => (await import('./commands/show.ts')).show(name, options, io),
  },
  {
    name: 'stats',
    usage: '[OPTIONS] [[NETNS/]IF...]',
    description: 'show the counters of vnet and the kernel, and why frames were dropped',
    args: [new Argument('[IF...]')],
    options: [
      new Option('--queues', 'show each queue too'),
      new Option('--all', 'include counters that are 0'),
      new Option('--watch <interval>', 'repeat at this interval, such as 1s or 500ms').argParser(interval),
      new Option('--json', 'one JSON object, as at the end of `vnet --json`'),
      user(),
    ],
    run: async (io, names, options) => (await import('./stats.ts')).stats(names, options, io),
  },
  {
    name: 'reset',
    usage: '[OPTIONS] [NETNS/]IF',
    description: 'set its statistics to 0',
    args: [IF()],
    run: async (io, name) => (await import('./commands/reset.ts')).reset(name, io),
  },
  {
    name: 'echo',
    usage: '[OPTIONS] TEXT',
    description: 'send text to a vnet and print the reply',
    args: [new Argument('<TEXT>').argParser(echoText)],
    options: [json()],
    run: async (io, text, options) => (await import('./commands/echo.ts')).echo(text, options, io),
  },
  {
    name: 'ioctl',
    usage: '[OPTIONS] [NETNS/]IF N [HEX]',
    description: 'run private ioctl SIOCDEVPRIVATE+N; ifr_data points to HEX',
    args: [IF(), new Argument('<N>').argParser(ioctlNumber), new Argument('[HEX]').argParser(parseHex)],
    options: [json()],
    run: async (io, name, n, data, options) => (await import('./commands/ioctl.ts')).ioctl(name, n, data, options, io),
  },
  {
    name: 'carrier',
    usage: '[OPTIONS] [NETNS/]IF on|off',
    description: 'turn its carrier on or off',
    args: [IF(), new Argument('<on|off>').choices(['on', 'off'])],
    run: async (io, name, state) => (await import('./commands/carrier.ts')).carrier(name, state, io),
  },
  {
    name: 'param',
    usage: '[OPTIONS] [NETNS/]IF [NAME[=VALUE]]',
    description: 'show the parameters of its driver, or show or set one',
    args: [IF(), new Argument('[NAME]')],
    options: [json(), names('the parameters'), user()],
    run: async (io, name, which, options) => (await import('./commands/param.ts')).param(name, which, options, io),
  },
  {
    name: 'trigger',
    usage: '[OPTIONS] [NETNS/]IF WHAT',
    description: `cause one fault now: ${FAULTS.join(', ')}`,
    args: [IF(), new Argument('<WHAT>')],
    options: [new Option('--queue <n>', 'queue that the fault is for').argParser(count)],
    run: async (io, name, what, options) => (await import('./commands/trigger.ts')).trigger(name, what, options, io),
  },
  {
    name: 'events',
    usage: '[OPTIONS]',
    description: 'print events of the interfaces until Ctrl-C',
    options: [
      new Option('--json', 'one JSON object a line'),
      new Option('--drops <n>', 'also report every N dropped frames').argParser(count),
      user(),
    ],
    run: async (io, options) => (await import('./commands/events.ts')).events(options, io),
  },
  {
    name: 'lan show',
    usage: '[OPTIONS] [[NETNS/]IF]',
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
]

export const controlCommandNames: readonly string[] = commands.map(({ name }) => name)

/** A name of two words as one word, by which its command is found. */
export function withCommandNames(argv: readonly string[]): string[] {
  const [name, rest] = [argv.slice(0, 2).join(' '), argv.slice(2)]
  return argv.length > 1 && controlCommandNames.includes(name) ? [name, ...rest] : [...argv]
}

/** Names of two words whose first is `driver`. */
export function commandsOf(driver: string): string[] {
  return controlCommandNames.filter(name => name.startsWith(`${driver} `))
}

/** Makes the commands of empty ones; `done` gets the exit status. */
export function controlCommands(empty: (name: string) => Command, io: Io, done: (status: number) => void): Command[] {
  return commands.map(({ name, usage, description, args = [], options = [], run }) => {
    const command = empty(name).usage(usage).description(description).helpGroup(GROUP)
    for (const argument of args) command.addArgument(argument)
    for (const option of options) command.addOption(option.helpGroup('Options:'))
    commandHelp(command)
    // Behind the options commander gives the command itself.
    return command.action(async (...given: unknown[]) => done(await run(io, ...given.slice(0, -1))))
  })
}

/** `1s`, `500ms`, `2m`, `0.5`, which are seconds: in milliseconds. */
function interval(text: string): number {
  const [, digits, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? []
  const ms = Number(digits) * { ms: 1, s: 1000, m: 60_000 }[unit as 'ms' | 's' | 'm']
  // What setTimeout takes.
  if (!(ms >= 1 && ms <= 0x7fff_ffff)) throw new InvalidArgumentError('a time as 1s, 500ms or 2m is needed')
  return ms
}

function ioctlNumber(text: string): number {
  const n = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(n <= 15)) throw new InvalidArgumentError('a whole number from 0 to 15 is needed')
  return n
}

function echoText(text: string): string {
  // With a NUL behind it.
  if (Buffer.byteLength(text) >= NLA_PAYLOAD_MAX) throw new UsageError(`TEXT: at most ${NLA_PAYLOAD_MAX - 1} octets`)
  return text
}

function count(text: string): number {
  const n = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(n <= 0xffff_ffff)) throw new InvalidArgumentError('a whole number is needed')
  return n
}
