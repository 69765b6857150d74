/** The options that every driver's command takes. */
import {
  attempt,
  NSEC_PER_MSEC,
  NSEC_PER_SEC,
  parseDuration,
  UsageError,
} from '../../base/index.ts'
import type { FileRing } from '../../capture/capture-file.node.ts'
import { getgrnam, getpwnam } from '../../linux/ffi.ts'
import { OVERFLOW_GID } from '../../linux/uapi.ts'
import {
  devValidName,
  ETH_MAX_MTU,
  ETH_MIN_MTU,
  isValidEtherAddr,
  MAX_TAP_QUEUES,
} from '../../netdev/if.ts'
import { parseMac, parsePrefix } from '../../packet/address.ts'
import { parseSize } from '../../wire/units.ts'
import { InvalidArgumentError, type Option, option, type Values } from './option.ts'

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

/** Throws a UsageError for options of a capture without one, or for a group that cannot capture. */
export function refuseStrayCaptureOptions({
  capture,
  captureGroup,
  ...options
}: CommonOptions): void {
  if (captureGroup === OVERFLOW_GID) {
    throw new UsageError(
      `--capture-group ${captureGroup}: unknown groups have this number; name another group`,
    )
  }
  if (captureGroup !== undefined && process.geteuid?.() !== 0) {
    throw new UsageError(
      "--capture-group: other users cannot reach an ordinary user's vnet; run it as root",
    )
  }
  if (capture === '-') {
    throw new UsageError(
      '--capture -: standard output has the lines of this command; use `vnet capture IF -` beside it',
    )
  }
  const all: Record<string, unknown> = options
  const stray = ['filter', 'snaplen', 'ring', 'duration', 'tlsKeys'].find(
    name => all[name] !== undefined,
  )
  if (capture !== undefined || stray === undefined) return
  throw new UsageError(
    `--${stray.replace(/[A-Z]/, letter => `-${letter.toLowerCase()}`)} needs --capture FILE`,
  )
}

/** Parses an option that may be given more than once. */
export function collect<T>(
  parse: (text: string) => T,
): (text: string, before: T[] | false | undefined) => T[] {
  return (text, before) => [...(before || []), parse(text)]
}

function macAddress(text: string): Uint8Array {
  const bytes = parseMac(text)
  if (bytes === undefined || !isValidEtherAddr(bytes)) {
    throw new InvalidArgumentError(
      'must be six bytes such as 02:00:00:00:00:01, neither all zero nor a group address',
    )
  }
  return bytes
}

/** Returns a parser that accepts a text unchanged, or throws an error with `rule`. */
function checked(isValid: (text: string) => boolean, rule: string): (text: string) => string {
  return text => {
    if (!isValid(text)) throw new InvalidArgumentError(rule)
    return text
  }
}

/** Returns false for a bare --no-offload, which wins over lists of `[NETNS/]IF`. */
function noOffload(
  text: string | undefined,
  before: false | string[] | undefined,
): false | string[] {
  if (text === undefined || before === false) return false
  return [...(before ?? []), ...text.split(',')]
}

/** Returns a parser of times with their unit, from `min` to `max`, in ns. */
export function time(
  rule: string,
  min = 1,
  max = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return text => {
    const ns = attempt(() => parseDuration(text)) ?? Number.NaN
    if (!(ns >= min && ns <= max)) throw new InvalidArgumentError(rule)
    return ns
  }
}

/** Parses a time with its unit. Returns ns. */
export const duration = time('must be a time with its unit, such as 500ms or 30s')

/** Returns ns after which each step runs by itself; 0: each waits for `vnet step`. */
function stepTime(text: string | undefined): number {
  return text === undefined
    ? 0
    : time('must be 10ms to 3600s, such as --step=500ms', STEP_MIN, STEP_MAX)(text)
}

function ring(text: string): FileRing {
  const [, digits = '', size = ''] = /^(\d+)x(.+)$/i.exec(text) ?? []
  const files = Number(digits)
  const bytes = attempt(() => parseSize(size)) ?? 0
  if (files >= 2 && files <= RING_FILES_MAX && bytes >= RING_BYTES_MIN) return { files, bytes }
  throw new InvalidArgumentError(
    `must be a number of files, from 2, and the size of each, from 64kB, such as 10x100MB`,
  )
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return text => {
    const n = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(n >= min && n <= max)) {
      throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`)
    }
    return n
  }
}

const userId = id('user', getpwnam)
export const groupId = id('group', getgrnam)

function id(kind: string, lookUp: (name: string) => number | undefined): (text: string) => number {
  return text => {
    const found = /^\d+$/.test(text) ? Number(text) : lookUp(text)
    if (found === undefined) {
      throw new InvalidArgumentError(`no such ${kind}; give a name that exists, or a number`)
    }
    return found
  }
}

/** Counts how often an option without a value is given. */
export const times = (_: undefined, before: number | undefined) => (before ?? 0) + 1

export const count = wholeNumber(0, 0xffff_ffff)

const interfaceName = checked(
  devValidName,
  'must be 1 to 15 bytes without /, : or white space, with at most one %d',
)
const netnsName = checked(text => text !== '', 'must be a name as in `ip netns`, or a path')
const address = checked(
  text => parsePrefix(text.slice(text.lastIndexOf('=') + 1)) !== undefined,
  'must be written as 192.0.2.1/24 or 2001:db8::1/64, with IF= before it to name one',
)

/** Options of several commands. */
export const shared = {
  snaplen: option('--snaplen <n>', 'write the first N bytes of each frame (all)', {
    parse: wholeNumber(1, SNAPLEN_MAX),
  }),
  ring: option('--ring <nxsize>', 'start another file after SIZE, and keep the last N: 10x100MB', {
    parse: ring,
  }),
  duration: option('--duration <time>', 'end the capture after this time, such as 30s', {
    parse: duration,
  }),
  tlsKeys: option(
    '--tls-keys <file>',
    'add the TLS keys that programs write to this file (SSLKEYLOGFILE)',
  ),
  json: option('--json', 'print one JSON object'),
  user: option('--user <user>', 'query the vnets of another user, name or number; for root', {
    parse: userId,
  }),
  filter: option('--filter <filter>', 'only frames that match, in the language of pcap-filter(7)'),
  drops: option('--drops', 'only dropped frames'),
}

/** The options of `vnet attach` for the place: a container or a process. */
export const PLACE_OPTIONS = grouped('Containers:', [
  option(
    '--container <name>',
    'attach outside of this Docker or Podman container; in is what it receives',
  ),
  option('--pid <pid>', 'the same for the network namespace of a process', {
    parse: wholeNumber(1, PID_MAX),
  }),
  option('--interface <name>', 'only for this interface of the container, instead of all'),
  option('--node', 'let the daemon `vnet node` attach, and return; `vnet detach` ends it'),
])

/** The options of drivers, in the order of the help. */
const COMMON = [
  ...grouped('Interfaces:', [
    option('--name <name>', 'name, with %d for the first free number; repeat for the second', {
      parse: collect(interfaceName),
    }),
    option(
      '--address <[[netns/]if=]cidr>',
      'address of the next interface, or of the one named IF, instead of the default ones; repeat for more',
      { parse: collect(address) },
    ),
    option('--no-address', 'assign no addresses'),
    option('--mtu <n>', `MTU, ${ETH_MIN_MTU} to ${ETH_MAX_MTU}`, {
      parse: wholeNumber(ETH_MIN_MTU, ETH_MAX_MTU),
    }),
    option('--mac <address>', 'hardware address; repeat for the second interface', {
      parse: collect(macAddress),
    }),
    option('--txqs <n>', `transmit queues, 1 to ${MAX_TAP_QUEUES}`, {
      parse: wholeNumber(1, MAX_TAP_QUEUES),
    }),
    option('--rxqs <n>', 'receive queues, at most as many as transmit queues', {
      parse: wholeNumber(1, MAX_TAP_QUEUES),
    }),
    option('--txqueuelen <n>', 'frames the kernel holds per transmit queue (usually 1000)', {
      parse: wholeNumber(1, 1_000_000),
    }),
    option('--netns <netns>', 'network namespace: a name as in `ip netns`, or a path', {
      parse: netnsName,
    }),
    option(
      '--no-offload [[netns/]if,...]',
      'turn off checksum and segmentation offload, on all interfaces or on those named',
      { parse: noOffload },
    ),
    option(
      '--gro',
      'merge TCP segments and UDP datagrams that arrive in a row, on interfaces with offloads',
    ),
    option(
      '--busy-poll <time>',
      'look for the next frame this long before sleeping, such as 50us; uses a CPU while there is traffic',
      { parse: time('must be 0us to 1000ms, such as 50us or 1ms', 0, BUSY_POLL_MAX) },
    ),
    option('--down', 'leave the link down'),
    option(
      '--keep-privileges',
      'keep all capabilities once ready, for driver files that need them',
    ),
    option('--for <time>', 'end after this time, such as 30s', { parse: duration }),
  ]),
  ...grouped('Persistent interfaces:', [
    option(
      '--persist',
      'keep the interface at the end; a later run attaches to it by its name (%d is 0)',
    ),
    option(
      '--user <user>',
      'user that may attach, name or number; default: your own, unless --group is given',
      {
        parse: userId,
      },
    ),
    option('--group <group>', 'group that may attach; with --user, that user must be in it', {
      parse: groupId,
    }),
    option('--delete', 'remove the interface that an earlier run kept', {
      conflicts: ['persist', 'capture'],
    }),
  ]),
  ...grouped('Capture:', [
    option('--capture <file>', 'write all frames, and why others were dropped, to a pcapng file'),
    {
      ...shared.filter,
      description: 'write only frames that match, in the language of pcap-filter(7)',
    },
    shared.snaplen,
    shared.ring,
    shared.duration,
    shared.tlsKeys,
    option('--capture-group <group>', 'group that may capture by `vnet capture`, name or number', {
      parse: groupId,
    }),
  ]),
  ...grouped('Driver checks:', [
    option(
      '--debug',
      'look for misuse of frames, leaks and wrong checksums, each with its line; slow',
    ),
    option(
      '--chaos <seed>',
      'with --debug: interrupts, polls, down and up, and lack of memory at awkward moments, which the seed chooses',
      { parse: wholeNumber(0, 0xffff_ffff) },
    ),
  ]),
  ...grouped('Single-stepping:', [
    option(
      '--step [time]',
      'halt frames before each step of their path, for `vnet step`; with a time, each step then runs by itself',
      { parse: stepTime },
    ),
  ]),
  ...grouped('Output:', [
    { ...shared.json, description: 'print one JSON object a line on standard output' },
    option('-v, --verbose', 'log changes; -vv: every frame, interrupt, poll and drop too', {
      parse: times,
    }),
    option('-q, --quiet', 'print only the line `ready`, and errors'),
  ]),
]

/** The values of the options of drivers. */
export type CommonOptions = Partial<Values<typeof COMMON>>

/** Groups of options for interfaces that vnet makes; of `Interfaces:`, these are for all. */
const MAKING: readonly (string | undefined)[] = [
  'Interfaces:',
  'Persistent interfaces:',
  'Driver checks:',
]
const FOR_ALL = ['--netns', '--busy-poll', '--keep-privileges', '--for']

/** Returns the options of a driver; of one that attaches, those for existing interfaces. */
export function commonOptions(attaches = false): readonly (typeof COMMON)[number][] {
  return COMMON.filter(
    ({ long, group }) => !attaches || !MAKING.includes(group) || FOR_ALL.includes(long),
  )
}

/** Returns options with their heading in the help. */
function grouped<const Options extends readonly Option[]>(
  group: string,
  options: Options,
): Options {
  return options.map(each => ({ ...each, group })) as readonly Option[] as Options
}
