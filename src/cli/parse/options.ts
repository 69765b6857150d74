/** The options that every driver's command takes. */
import { attempt, NSEC_PER_MSEC, NSEC_PER_SEC, parseDuration, UsageError } from '../../base/index.ts'
import type { FileRing } from '../../capture/capture-file.node.ts'
import { getgrnam, getpwnam } from '../../linux/ffi.ts'
import { OVERFLOW_GID } from '../../linux/uapi.ts'
import { devValidName, ETH_MAX_MTU, ETH_MIN_MTU, isValidEtherAddr, MAX_TAP_QUEUES } from '../../netdev/if.ts'
import { parseMac, parsePrefix } from '../../packet/address.ts'
import { parseSize } from '../../wire/units.ts'
import { InvalidArgumentError, type Option, optionsOf, type Parsers } from './option.ts'
import texts from './options.json' with { type: 'json' }

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
const PID_MAX = 4_194_304

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

const interfaceName = checked(devValidName, 'must be 1 to 15 bytes without /, : or white space, with at most one %d')
const netnsName = checked(text => text !== '', 'must be a name as in `ip netns`, or a path')
const address = checked(
  text => parsePrefix(text.slice(text.lastIndexOf('=') + 1)) !== undefined,
  'must be written as 192.0.2.1/24 or 2001:db8::1/64, with IF= before it to name one',
)

/** The parsers of options that drivers and other commands have. */
export const PARSERS: Parsers = {
  '--name <name>': collect(interfaceName),
  '--address <[[netns/]if=]cidr>': collect(address),
  '--mtu <n>': wholeNumber(ETH_MIN_MTU, ETH_MAX_MTU),
  '--mac <address>': collect(macAddress),
  '--txqs <n>': wholeNumber(1, MAX_TAP_QUEUES),
  '--rxqs <n>': wholeNumber(1, MAX_TAP_QUEUES),
  '--txqueuelen <n>': wholeNumber(1, 1_000_000),
  '--netns <netns>': netnsName,
  '--no-offload [[netns/]if,...]': noOffload,
  '--busy-poll <time>': time('must be 0us to 1000ms, such as 50us or 1ms', 0, BUSY_POLL_MAX),
  '--for <time>': duration,
  '--user <user>': id('user', getpwnam),
  '--group <group>': group,
  '--snaplen <n>': wholeNumber(1, SNAPLEN_MAX),
  '--ring <nxsize>': ring,
  '--duration <time>': duration,
  '--capture-group <group>': group,
  '--chaos <seed>': wholeNumber(0, 0xffff_ffff),
  '--step [time]': stepTime,
  '-v, --verbose': (_, n: number | undefined) => (n ?? 0) + 1,
  '--pid <pid>': wholeNumber(1, PID_MAX),
}

/** Groups of options for interfaces that vnet makes; of `Interfaces:`, these are for all. */
const MAKING: readonly (string | undefined)[] = ['Interfaces:', 'Persistent interfaces:', 'Driver checks:']
const FOR_ALL = ['--netns', '--busy-poll', '--keep-privileges', '--for']

/** Returns new options, in the order of the help; with `attaches` those for existing interfaces. */
export function commonOptions(attaches = false): Option[] {
  return Object.entries(texts.common)
    .flatMap(([heading, options]) => optionsOf(options, PARSERS, heading))
    .filter(({ long, group }) => !attaches || !MAKING.includes(group) || FOR_ALL.includes(long))
}

/** Returns the options of `vnet attach` for the place: a container or a process. */
export const placeOptions = (): Option[] => optionsOf(texts.attach, PARSERS, 'Containers:')

const shared = (flags: string): Option => optionsOf({ [flags]: true }, PARSERS)[0] as Option
/** Return new options of several commands. */
export const json = () => shared('--json')
export const user = () => shared('--user <user>')
