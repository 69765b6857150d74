/** The options that every driver's command takes. */
import { attempt, NSEC_PER_MSEC, NSEC_PER_SEC, parseDuration, UsageError } from '../../base/index.ts'
import type { FileRing } from '../../capture/capture-file.node.ts'
import { getgrnam, getpwnam } from '../../linux/ffi.ts'
import { OVERFLOW_GID } from '../../linux/uapi.ts'
import { devValidName, ETH_MAX_MTU, ETH_MIN_MTU, isValidEtherAddr, MAX_TAP_QUEUES } from '../../netdev/if.ts'
import { parseMac, parsePrefix } from '../../packet/address.ts'
import { parseSize } from '../../wire/units.ts'
import { InvalidArgumentError, Option } from './option.ts'

/** The longest time to poll, in ns. */
const BUSY_POLL_MAX = NSEC_PER_SEC
/** The limit of libpcap and Wireshark. */
const SNAPLEN_MAX = 262_144
/** The shortest and the longest time of a step, in ns. */
const STEP_MIN = 10 * NSEC_PER_MSEC
const STEP_MAX = 3600 * NSEC_PER_SEC
/** The number of files that ring names can distinguish, and the smallest useful size of a file. */
const RING_FILES_MAX = 99_999
const RING_BYTES_MIN = 64 * 1024

/** The options of every command that writes a capture. */
export interface CaptureCliOptions {
  /** Bytes kept of each frame. */
  snaplen?: number
  ring?: FileRing
  /** Duration of the capture in ns. */
  duration?: number
  tlsKeys?: string
}

export interface CommonOptions extends CaptureCliOptions {
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
  offload?: boolean | string[]
  gro?: boolean
  /** Time to poll in ns. */
  busyPoll?: number
  persist?: boolean
  delete?: boolean
  capture?: string
  filter?: string
  captureGroup?: number
  user?: number
  group?: number
  down?: boolean
  keepPrivileges?: boolean
  /** ns after which the program ends. */
  for?: number
  debug?: boolean
  chaos?: number
  /** Nanoseconds after which each step of a frame runs by itself; 0 is never. */
  step?: number
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

/** Groups of options for interfaces that vnet makes; of `Interfaces:`, these are for all. */
const MAKING: readonly (string | undefined)[] = ['Interfaces:', 'Persistent interfaces:', 'Driver checks:']
const FOR_ALL = ['--netns', '--busy-poll', '--keep-privileges', '--for']

/** Returns new options, in the order of the help; with `attaches` those for existing interfaces. */
export function commonOptions(attaches = false): Option[] {
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
      option('--gro', 'merge TCP segments and UDP datagrams that arrive in a row, on interfaces with offloads'),
      option(
        '--busy-poll <time>',
        'look for the next frame this long before sleeping, such as 50us; uses a CPU while there is traffic',
        time('must be 0us to 1000ms, such as 50us or 1ms', 0, BUSY_POLL_MAX),
      ),
      option('--down', 'leave the link down'),
      option('--keep-privileges', 'keep all capabilities once ready, for driver files that need them'),
      option('--for <time>', 'end after this time, such as 30s', duration),
    ],
    'Persistent interfaces:': [
      option('--persist', 'keep the interface at the end; a later run attaches to it by its name (%d is 0)'),
      option(
        '--user <user>',
        'user that may attach, name or number; default: your own, unless --group is given',
        id('user', getpwnam),
      ),
      option('--group <group>', 'group that may attach; with --user, that user must be in it', id('group', getgrnam)),
      option('--delete', 'remove the interface that an earlier run kept').conflicts(['persist', 'capture']),
    ],
    'Capture:': [
      option('--capture <file>', 'write all frames, and why others were dropped, to a pcapng file'),
      option('--filter <filter>', 'write only frames that match, in the language of pcap-filter(7)'),
      ...captureFileOptions(),
      option('--capture-group <group>', 'group that may capture by `vnet capture`, name or number', group),
    ],
    'Driver checks:': [
      option('--debug', 'look for misuse of frames, leaks and wrong checksums, each with its line; slow'),
      option(
        '--chaos <seed>',
        'with --debug: interrupts, polls, down and up, and lack of memory at awkward moments, which the seed chooses',
        wholeNumber(0, 0xffff_ffff),
      ),
    ],
    'Single-stepping:': [
      option(
        '--step [time]',
        'halt frames before each step of their path, for `vnet step`; with a time, each step then runs by itself',
        stepTime,
      ),
    ],
    'Output:': [
      option('--json', 'print one JSON object a line on standard output'),
      option(
        '-v, --verbose',
        'log changes; -vv: every frame, interrupt, poll and drop too',
        (_, n: number | undefined) => (n ?? 0) + 1,
      ),
      option('-q, --quiet', 'print only the line `ready`, and errors'),
    ],
  }
  return Object.entries(groups)
    .flatMap(([heading, options]) => options.map(each => Object.assign(each, { group: heading })))
    .filter(({ long, group }) => !attaches || !MAKING.includes(group) || FOR_ALL.includes(long))
}

/** Returns new options that every command has which writes a capture. */
export function captureFileOptions(): Option[] {
  return [
    option('--snaplen <n>', 'write the first N bytes of each frame (all)', wholeNumber(1, SNAPLEN_MAX)),
    option('--ring <nxsize>', 'start another file after SIZE, and keep the last N: 10x100MB', ring),
    option('--duration <time>', 'end the capture after this time, such as 30s', duration),
    option('--tls-keys <file>', 'add the TLS keys that programs write to this file (SSLKEYLOGFILE)'),
  ]
}

/** Throws a UsageError for options of a capture without one, or for a group that cannot capture. */
export function refuseStrayCaptureOptions({ capture, captureGroup, ...options }: CommonOptions): void {
  if (captureGroup === OVERFLOW_GID)
    throw new UsageError(`--capture-group ${captureGroup}: unknown groups have this number; name another group`)
  if (captureGroup !== undefined && process.geteuid?.() !== 0)
    throw new UsageError("--capture-group: other users cannot reach an ordinary user's vnet; run it as root")
  if (capture === '-') {
    throw new UsageError(
      '--capture -: standard output has the lines of this command; use `vnet capture IF -` beside it',
    )
  }
  const all: Record<string, unknown> = options
  const stray = ['filter', 'snaplen', 'ring', 'duration', 'tlsKeys'].find(name => all[name] !== undefined)
  if (capture !== undefined || stray === undefined) return
  throw new UsageError(`--${stray.replace(/[A-Z]/, letter => `-${letter.toLowerCase()}`)} needs --capture FILE`)
}

export function option(flags: string, description: string, parse?: Option['parse']): Option {
  const made = new Option(flags, description)
  return parse === undefined ? made : made.argParser(parse)
}

/** Parses an option that may be given more than once. */
export function collect<T>(parse: (text: string) => T): (text: string, before: T[] | false | undefined) => T[] {
  return (text, before) => [...(before || []), parse(text)]
}

function macAddress(text: string): Uint8Array {
  const bytes = parseMac(text)
  if (bytes === undefined || !isValidEtherAddr(bytes))
    throw new InvalidArgumentError('must be six bytes such as 02:00:00:00:00:01, neither all zero nor a group address')
  return bytes
}

/** Returns a parser that accepts a text unchanged, or throws an error with `rule`. */
function checked(isValid: (text: string) => boolean, rule: string): (text: string) => string {
  return text => {
    if (!isValid(text)) throw new InvalidArgumentError(rule)
    return text
  }
}

/** If both forms are given, the bare one wins. */
function noOffload(text: string | undefined, before: CommonOptions['offload']): CommonOptions['offload'] {
  if (text === undefined || before === false) return false
  return [...(Array.isArray(before) ? before : []), ...text.split(',')]
}

/** Returns a parser of times with their unit, from `min` to `max`, in ns. */
export function time(rule: string, min = 1, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return text => {
    const ns = attempt(() => parseDuration(text)) ?? Number.NaN
    if (!(ns >= min && ns <= max)) throw new InvalidArgumentError(rule)
    return ns
  }
}

/** Parses a time with its unit. Returns ns. */
export const duration = time('must be a time with its unit, such as 500ms or 30s')

function stepTime(text: string | undefined): number {
  return text === undefined ? 0 : time('must be 10ms to 3600s, such as --step=500ms', STEP_MIN, STEP_MAX)(text)
}

function ring(text: string): FileRing {
  const [, digits = '', size = ''] = /^(\d+)x(.+)$/i.exec(text) ?? []
  const files = Number(digits)
  const bytes = attempt(() => parseSize(size)) ?? 0
  if (files >= 2 && files <= RING_FILES_MAX && bytes >= RING_BYTES_MIN) return { files, bytes }
  throw new InvalidArgumentError(`must be a number of files, from 2, and the size of each, from 64kB, such as 10x100MB`)
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return text => {
    const n = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(n >= min && n <= max)) throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`)
    return n
  }
}

export const group = id('group', getgrnam)

export function id(kind: string, lookUp: (name: string) => number | undefined): (text: string) => number {
  return text => {
    const found = /^\d+$/.test(text) ? Number(text) : lookUp(text)
    if (found === undefined) throw new InvalidArgumentError(`no such ${kind}; give a name that exists, or a number`)
    return found
  }
}

export const count = wholeNumber(0, 0xffff_ffff)
export const json = () => new Option('--json', 'print one JSON object')
export const user = () =>
  new Option('--user <user>', 'query the vnets of another user, name or number; for root').argParser(
    id('user', getpwnam),
  )
