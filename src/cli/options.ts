/** The options that every driver's command takes. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { getgrnam, getpwnam } from '../linux/libc.ts'
import { devValidName, isValidEtherAddr } from '../netdev/alloc.ts'
import { ETH_MAX_MTU, ETH_MIN_MTU, MAX_TAP_QUEUES } from '../netdev/if.ts'
import { parseMac, parsePrefix } from '../packet/address.ts'

/** The value of a bare --no-offload, which no interface can be called. */
const EVERY = '/'
/** The longest time to poll, us. */
const BUSY_POLL_MAX = 1_000_000

export interface CommonOptions {
  name?: string[]
  mac?: Uint8Array[]
  /** `[[NETNS/]IF=]CIDR`, in order; false for --no-address. */
  address?: string[] | false
  mtu?: number
  txqs?: number
  rxqs?: number
  txqueuelen?: number
  netns?: string
  /** False for a bare --no-offload; a list of `[NETNS/]IF` for --no-offload=. */
  offload: boolean | string[]
  gro?: boolean
  /** ns */
  busyPoll?: number
  persist?: boolean
  delete?: boolean
  user?: number
  group?: number
  down?: boolean
  keepPrivileges?: boolean
  json?: boolean
  verbose?: number
  quiet?: boolean
}

const interfaceName = checked(devValidName, 'must be 1 to 15 bytes without /, : or white space, with at most one %d')
const netnsName = checked(text => text !== '', 'must be a name as in `ip netns`, or a path')
const address = checked(
  text => parsePrefix(text.slice(text.lastIndexOf('=') + 1)) !== undefined,
  'must be written as 192.0.2.1/24 or 2001:db8::1/64, with IF= before it to name one',
)

/** Returns new options, in the order of the help. */
export function commonOptions(): Option[] {
  const groups = {
    'Interfaces:': [
      option('--name <name>', 'name, with %d for the first free number; repeat for the second', collect(interfaceName)),
      option(
        '--address <[[netns/]if=]cidr>',
        'address of the next interface, or of the one named IF, instead of the default ones; repeat for more',
        collect(address),
      ),
      option('--no-address', 'assign no addresses'),
      option('--mtu <n>', `MTU, ${ETH_MIN_MTU} to ${ETH_MAX_MTU}`, wholeNumber(ETH_MIN_MTU, ETH_MAX_MTU)),
      option('--mac <address>', 'hardware address; repeat for the second interface', collect(macAddress)),
      option('--txqs <n>', `transmit queues, 1 to ${MAX_TAP_QUEUES}`, wholeNumber(1, MAX_TAP_QUEUES)),
      option('--rxqs <n>', 'receive queues, at most as many as transmit queues', wholeNumber(1, MAX_TAP_QUEUES)),
      option(
        '--txqueuelen <n>',
        'frames the kernel holds per transmit queue (usually 1000)',
        wholeNumber(1, 1_000_000),
      ),
      option('--netns <netns>', 'network namespace: a name as in `ip netns`, or a path', netnsName),
      option(
        '--no-offload [[netns/]if,...]',
        'turn off checksum and segmentation offload, on all interfaces or on those named',
        noOffload,
      ),
      option('--gro', 'merge TCP segments that arrive in a row, on interfaces with offloads'),
      option(
        '--busy-poll <time>',
        'look for the next frame this long before sleeping, such as 50us; uses a CPU while there is traffic',
        busyPoll,
      ),
      option('--down', 'leave the link down'),
      option('--keep-privileges', 'keep all capabilities once ready, for driver files that need them'),
    ],
    'Persistent interfaces:': [
      option('--persist', 'keep the interface at the end; a later run attaches to it by its name (%d is 0)'),
      option('--user <user>', 'user that may attach without privileges, name or number', id('user', getpwnam)),
      option('--group <group>', 'group that may attach; with --user, that user must be in it', id('group', getgrnam)),
      option('--delete', 'remove the interface that an earlier run kept').conflicts('persist'),
    ],
    'Output:': [
      option('--json', 'print one JSON object a line on standard output'),
      option('-v, --verbose', 'log changes; -vv: every frame too', (_, n: number | undefined) => (n ?? 0) + 1),
      option('-q, --quiet', 'print only the line `ready`, and errors'),
    ],
  }
  return Object.entries(groups).flatMap(([heading, options]) => options.map(each => each.helpGroup(heading)))
}

function option<T>(flags: string, description: string, parse?: (text: string, before: T) => T): Option {
  const made = new Option(flags, description)
  return parse === undefined ? made : made.argParser(parse)
}

export function addCommonOptions(command: Command): Command {
  for (const option of commonOptions()) command.addOption(option)
  // A bare option whose value is optional takes the next argument for its value; only `=` may give
  // this one a value. The arguments of a subcommand are left alone.
  const parseOptions = command.parseOptions.bind(command)
  command.parseOptions = args => {
    const sub = args.findIndex(arg => command.commands.map(each => each.name()).includes(arg))
    const isBare = (arg: string, i: number) => arg === '--no-offload' && (sub < 0 || i < sub)
    return parseOptions(args.map((arg, i) => (isBare(arg, i) ? `${arg}=${EVERY}` : arg)))
  }
  return command
}

function collect<T>(parse: (text: string) => T): (text: string, before: T[] | false | undefined) => T[] {
  return (text, before) => [...(before || []), parse(text)]
}

function macAddress(text: string): Uint8Array {
  const bytes = parseMac(text)
  if (bytes === undefined || !isValidEtherAddr(bytes)) {
    throw new InvalidArgumentError('must be six bytes such as 02:00:00:00:00:01, neither all zero nor a group address')
  }
  return bytes
}

/** Returns a parser that takes a text as it is, or throws an error with `rule`. */
function checked(isValid: (text: string) => boolean, rule: string): (text: string) => string {
  return text => {
    if (!isValid(text)) throw new InvalidArgumentError(rule)
    return text
  }
}

/** If both forms are given, the bare one wins. */
function noOffload(text: string, before: CommonOptions['offload']): CommonOptions['offload'] {
  if (text === EVERY || before === false) return false
  return [...(before === true ? [] : before), ...text.split(',')]
}

function busyPoll(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(us|ms)$/.exec(text) ?? []
  const us = Number(digits) * (unit === 'ms' ? 1000 : 1)
  if (digits === '' || us > BUSY_POLL_MAX) throw new InvalidArgumentError('must be 0us to 1000ms, such as 50us or 1ms')
  return us * 1000
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return text => {
    const n = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(n >= min && n <= max)) throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`)
    return n
  }
}

function id(kind: string, lookUp: (name: string) => number | undefined): (text: string) => number {
  return text => {
    const found = /^\d+$/.test(text) ? Number(text) : lookUp(text)
    if (found === undefined) throw new InvalidArgumentError(`no such ${kind}; give a name that exists, or a number`)
    return found
  }
}
