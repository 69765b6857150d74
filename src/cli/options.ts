/** The options that every driver's command takes, and what they say. */
import { InvalidArgumentError, Option } from 'commander'
import { devValidName, isValidEtherAddr } from '../core/alloc.ts'
import { ETH_MAX_MTU, ETH_MIN_MTU, MAX_TAP_QUEUES } from '../core/if.ts'
import { parseCidr } from '../kernel/cidr.ts'
import { getgrnam, getpwnam } from '../kernel/libc.ts'

export interface CommonOptions {
  name: string[]
  mac: Uint8Array[]
  /** `[IF=]CIDR`, in order; false is --no-address. */
  address: string[] | false
  mtu?: number
  txqs?: number
  rxqs?: number
  netns?: string
  offload: boolean
  persist?: boolean
  delete?: boolean
  user?: number
  group?: number
  down?: boolean
  json?: boolean
  verbose: number
  quiet?: boolean
}

export function commonOptions(): Option[] {
  return [
    new Option('--name <name>', 'name of the interface, %d for the first free number (repeat for a second one)')
      .argParser(collect(interfaceName))
      .default([], 'the driver chooses'),
    new Option('--mac <address>', 'hardware address, such as 02:00:00:00:00:01 (repeat for a second one)')
      .argParser(collect(macAddress))
      .default([], 'the driver chooses'),
    new Option(
      '--address <[if=]cidr>',
      'address in place of the usual ones (repeat for more; the n-th without a name goes to the n-th interface)',
    )
      .argParser(collect(address))
      .default([], "the driver's"),
    new Option('--no-address', 'no addresses'),
    new Option('--mtu <n>', 'MTU of the interfaces').argParser(wholeNumber(ETH_MIN_MTU, ETH_MAX_MTU)),
    new Option('--txqs <n>', 'transmit queues of each interface').argParser(wholeNumber(1, MAX_TAP_QUEUES)),
    new Option('--rxqs <n>', 'receive queues, no more than transmit queues').argParser(wholeNumber(1, MAX_TAP_QUEUES)),
    new Option('--netns <name>', 'network namespace, by name or path, of interfaces that name none themselves'),
    new Option('--no-offload', 'no checksum and segmentation offload'),
    new Option('--persist', 'leave the interfaces there at the end, for a later run to attach to (%d is 0)'),
    new Option('--user <user>', 'user who may attach to a persistent interface').argParser(id('user', getpwnam)),
    new Option('--group <group>', 'group that may attach to a persistent interface').argParser(id('group', getgrnam)),
    new Option('--delete', 'remove the persistent interfaces').conflicts('persist'),
    new Option('--down', 'leave the links down'),
    new Option('--json', 'one JSON object a line on standard output'),
    new Option('-v, --verbose', 'more log lines').argParser((_, n: number) => n + 1).default(0, 'off'),
    new Option('-q, --quiet', 'nothing but errors and the line `ready`'),
  ]
}

function collect<T>(parse: (text: string) => T): (text: string, before: T[] | false) => T[] {
  return (text, before) => [...(before === false ? [] : before), parse(text)]
}

function interfaceName(text: string): string {
  if (!devValidName(text)) throw new InvalidArgumentError('1 to 15 octets, no / or : or white space, at most one %d.')
  return text
}

function macAddress(text: string): Uint8Array {
  const octets = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)
    ? text.split(':').map(octet => Number.parseInt(octet, 16))
    : []
  const bytes = Uint8Array.from(octets)
  if (!isValidEtherAddr(bytes)) {
    throw new InvalidArgumentError('six octets as 02:00:00:00:00:01, neither all zero nor a group address.')
  }
  return bytes
}

function address(text: string): string {
  if (parseCidr(text.slice(text.indexOf('=') + 1)) === undefined) {
    throw new InvalidArgumentError('write it as 198.18.0.1/24 or 2001:db8::1/64, after IF= to name the interface.')
  }
  return text
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return text => {
    const n = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(n >= min && n <= max)) throw new InvalidArgumentError(`a whole number from ${min} to ${max}.`)
    return n
  }
}

function id(kind: string, lookUp: (name: string) => number | undefined): (text: string) => number {
  return text => {
    const found = /^\d+$/.test(text) ? Number(text) : lookUp(text)
    if (found === undefined) throw new InvalidArgumentError(`there is no such ${kind}.`)
    return found
  }
}
