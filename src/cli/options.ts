/** The options that every driver's command takes, and what they say. */
import { InvalidArgumentError, Option } from 'commander'
import { devValidName, isValidEtherAddr } from '../core/alloc.ts'
import { ETH_MAX_MTU, ETH_MIN_MTU, MAX_TAP_QUEUES } from '../core/if.ts'
import { parseCidr } from '../kernel/cidr.ts'
import { getgrnam, getpwnam } from '../kernel/libc.ts'

/** What a bare --no-offload names; no interface can be called so. */
const EVERY = '/'
/** us */
const BUSY_POLL_MAX = 1_000_000

export interface CommonOptions {
  name?: string[]
  mac?: Uint8Array[]
  /** `[IF=]CIDR`, in order; false is --no-address. */
  address?: string[] | false
  mtu?: number
  txqs?: number
  rxqs?: number
  txqueuelen?: number
  netns?: string
  /** False is --no-offload; a list, the interfaces that alone go without. */
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

/** In the order of the help: what the interfaces are like, those that stay, what is said. */
export function commonOptions(): Option[] {
  const interfaces = [
    new Option('--name <name>', 'name, %d for the first free number; a second one for the second').argParser(
      collect(interfaceName),
    ),
    new Option(
      '--address <[if=]cidr>',
      'addresses in place of the usual ones, in the order of the interfaces or for the one named IF',
    ).argParser(collect(address)),
    new Option('--no-address', 'no addresses'),
    new Option('--mtu <n>', `MTU, ${ETH_MIN_MTU} to ${ETH_MAX_MTU}`).argParser(wholeNumber(ETH_MIN_MTU, ETH_MAX_MTU)),
    new Option('--mac <address>', 'hardware address; a second one for the second interface').argParser(
      collect(macAddress),
    ),
    new Option('--txqs <n>', `transmit queues, 1 to ${MAX_TAP_QUEUES}`).argParser(wholeNumber(1, MAX_TAP_QUEUES)),
    new Option('--rxqs <n>', 'receive queues, no more than transmit queues').argParser(wholeNumber(1, MAX_TAP_QUEUES)),
    new Option('--txqueuelen <n>', 'frames the kernel holds a transmit queue, 1000 unless the driver says').argParser(
      wholeNumber(1, 1_000_000),
    ),
    new Option('--netns <netns>', 'network namespace, a name as in `ip netns` or a path').argParser(netnsName),
    new Option(
      '--no-offload [[netns/]if,...]',
      'no checksum and segmentation offload, at all or for these alone',
    ).argParser(noOffload),
    new Option('--gro', 'merge TCP segments that arrive in a row, on interfaces with offloads'),
    new Option(
      '--busy-poll <time>',
      'how long to look for the next frame before sleeping, as 50us; it takes a CPU while there is traffic',
    ).argParser(busyPoll),
    new Option('--down', 'leave the link down'),
    new Option('--keep-privileges', 'give up no capabilities once ready; for driver files that need them'),
  ]
  const persistent = [
    new Option('--persist', 'leave the interface there at the end; a later run attaches to it by its name (%d is 0)'),
    new Option('--user <user>', 'who may attach without privileges, name or number').argParser(id('user', getpwnam)),
    new Option('--group <group>', 'the group that may; with --user, who must be in it too').argParser(
      id('group', getgrnam),
    ),
    new Option('--delete', 'remove the interface that an earlier run left').conflicts('persist'),
  ]
  const output = [
    new Option('--json', 'one JSON object a line on standard output'),
    new Option('-v, --verbose', 'log changes too, -vv every frame').argParser(
      (_, n: number | undefined) => (n ?? 0) + 1,
    ),
    new Option('-q, --quiet', 'only the line `ready`, and errors'),
  ]
  return [
    ...interfaces.map(option => option.helpGroup('Interfaces:')),
    ...persistent.map(option => option.helpGroup('Persistent interfaces:')),
    ...output.map(option => option.helpGroup('Output:')),
  ]
}

function collect<T>(parse: (text: string) => T): (text: string, before: T[] | false | undefined) => T[] {
  return (text, before) => [...(before || []), parse(text)]
}

function interfaceName(text: string): string {
  if (!devValidName(text)) throw new InvalidArgumentError('1 to 15 octets, no / or : or white space, at most one %d')
  return text
}

function netnsName(text: string): string {
  if (text === '') throw new InvalidArgumentError('a name as in `ip netns`, or a path')
  return text
}

function macAddress(text: string): Uint8Array {
  const octets = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)
    ? text.split(':').map(octet => Number.parseInt(octet, 16))
    : []
  const bytes = Uint8Array.from(octets)
  if (!isValidEtherAddr(bytes)) {
    throw new InvalidArgumentError('six octets as 02:00:00:00:00:01, neither all zero nor a group address')
  }
  return bytes
}

function address(text: string): string {
  if (parseCidr(text.slice(text.indexOf('=') + 1)) === undefined) {
    throw new InvalidArgumentError('write it as 192.0.2.1/24 or 2001:db8::1/64, after IF= to name the interface')
  }
  return text
}

/** With both forms the bare one holds. */
function noOffload(text: string, before: CommonOptions['offload']): CommonOptions['offload'] {
  if (text === EVERY || before === false) return false
  return [...(before === true ? [] : before), ...text.split(',')]
}

/** A bare option that can have a value would take the argument behind it for one: only `--no-offload=IF` is to name any. */
export function noOffloadAsValue(args: string[]): string[] {
  return args.map(arg => (arg === '--no-offload' ? `--no-offload=${EVERY}` : arg))
}

function busyPoll(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(us|ms)$/.exec(text) ?? []
  const us = Number(digits) * (unit === 'ms' ? 1000 : 1)
  if (digits === '' || us > BUSY_POLL_MAX) throw new InvalidArgumentError('0us to 1000ms, as 50us or 1ms')
  return us * 1000
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return text => {
    const n = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(n >= min && n <= max)) throw new InvalidArgumentError(`a whole number from ${min} to ${max} is needed`)
    return n
  }
}

function id(kind: string, lookUp: (name: string) => number | undefined): (text: string) => number {
  return text => {
    const found = /^\d+$/.test(text) ? Number(text) : lookUp(text)
    if (found === undefined) throw new InvalidArgumentError(`there is no such ${kind}; name another, or its number`)
    return found
  }
}
