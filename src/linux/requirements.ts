/**
 * What vnet needs of the machine: how `vnet doctor` checks each requirement, and the sentences with
 * which commands refuse to start without it.
 */
import { EACCES, ENODEV, ENOENT, EPERM, errnoText, explain } from '../base/errno.ts'
import { DOWNLOAD_PROGRAMS, GUEST_PROGRAMS, installing, MODULE_PROGRAMS } from './programs.ts'

export const TUN_MODE = 'sudo chmod 666 /dev/net/tun'

/** Returns what makes /dev/net/tun usable; `instead` is what root could run otherwise. */
export function tunAdvice(error: number, instead?: string): string | undefined {
  if (error === ENOENT) {
    return 'the device is missing: sudo modprobe tun; in a container, start it with --device /dev/net/tun'
  }
  if (error === ENODEV) return 'the kernel has no module for it: sudo modprobe tun'
  const otherwise = instead === undefined ? '' : `, or ${instead}`
  if (error === EACCES) return `its mode is for root alone: ${TUN_MODE}${otherwise}`
  if (error === EPERM) {
    return 'this container may not use the device: start it with --device /dev/net/tun'
  }
  return undefined
}

export const PASTA_MISSING = `the way to the Internet is pasta, which is not installed: ${installing('pasta')}`
export const pastaLacks = (option: string) =>
  `pasta is too old, it has no ${option}: install a newer version of passt`
export const LIBPCAP_MISSING =
  'libpcap is missing: apt install libpcap0.8 (Debian), libpcap (Fedora, Arch, Alpine)'
export const TCX_MISSING = 'tcx programs need Linux 6.6 or newer'
export const moduleMissing = (name: string) => `the kernel lacks ${name}: modprobe ${name}`
export const READ_ONLY_SYSCTL =
  'in this container /proc/sys is read-only: docker run --security-opt systempaths=unconfined, ' +
  'or podman run --security-opt unmask=ALL'
export const notX64 = (what: string, arch: string) =>
  `${what} needs an x86-64 machine, this is ${arch}`

/** Options of pasta that old versions lack. */
const PASTA_OPTIONS = ['--config-net', '--dns-forward', '--no-netns-quit', '--runas']

const MIB = 1024 ** 2
/** Bytes for the captures and files of labs, and for a guest's files. */
const TEMPORARY_LEAST = 64 * MIB
const CACHE_LEAST = 1024 * MIB
const FILES_LEAST = 1024
const PROCESSES_LEAST = 64

/** The part of the machine that the checks read; tests have machines of their own. */
export interface System {
  readonly arch: string
  /** `6.18.1-amd64` */
  readonly release: string
  /** The groups of this process. */
  readonly groups: readonly number[]
  /** Opens a file for reading and writing, and closes it. Returns 0, or the error's number. */
  open(path: string): number
  /** Returns the mode of a file, such as 666. */
  mode(path: string): string
  /** Returns the text of a file, undefined if it cannot be read. */
  read(path: string): string | undefined
  /** Returns the path of a program, undefined if it is not installed. */
  find(program: string): string | undefined
  /** Returns what a program prints. */
  output(program: string, ...args: string[]): string
  /** Return why the addon does not load, and so on; undefined if it does. */
  readonly whyNot: Readonly<
    Record<'addon' | 'namespaces' | 'confinement' | 'libpcap', () => string | undefined>
  >
  /** Returns the bytes that are free for new files. Throws a VnetError if there can be none. */
  free(kind: 'temporary' | 'cache'): number
}

/** The result of a check: what works, or a refusal with the command that mends it. */
export type Found = { readonly works: string } | { readonly refusal: string }

/**
 * A thing that vnet needs of the machine, for one line of `vnet doctor`. `check` changes nothing.
 */
export interface Requirement {
  readonly name: string
  /** What needs it. */
  readonly commands: string
  /** Whether the usual commands need it. */
  readonly isUsual: boolean
  check(system: System): Found
}

/** Returns the result of a check that has a refusal or none. */
const unless = (refusal: string | undefined, works: string): Found =>
  refusal === undefined ? { works } : { refusal }

/** Programs that `what` needs, by default one; some only on x86-64. */
const programs = (
  [name, what, commands]: readonly [name: string, what: string, commands: string],
  needed: readonly string[] = [name],
  isOnlyX64 = false,
): Requirement => ({
  name,
  commands,
  isUsual: false,
  check(system) {
    if (isOnlyX64 && system.arch !== 'x64') return { refusal: notX64(what, system.arch) }
    const missing = needed.filter(each => system.find(each) === undefined)
    const refusal = `${what} needs ${missing.join(', ')}: ${installing(...missing)}`
    return unless(
      missing.length === 0 ? undefined : refusal,
      needed.map(each => system.find(each)).join(', '),
    )
  },
})

/** A limit of /proc/self/limits: `row` finds its number. */
const limit = (name: string, row: RegExp, option: string, least: number): Requirement => ({
  name,
  commands: 'labs, vnet run',
  isUsual: true,
  check(system) {
    const [, most] = row.exec(system.read('/proc/self/limits') ?? '') ?? []
    if (most === undefined) return { works: 'unlimited' }
    const refusal = `${most} at most: raise ulimit ${option} to ${least} or more`
    return unless(Number(most) < least ? refusal : undefined, `${most} at most`)
  },
})

const disk = (
  name: string,
  kind: 'temporary' | 'cache',
  least: number,
  rest: Omit<Requirement, 'name' | 'check'>,
) => ({
  ...rest,
  name,
  check(system: System): Found {
    try {
      const free = system.free(kind)
      const size = `${Math.floor(free / MIB)} MiB are free`
      const instead = kind === 'cache' ? 'XDG_CACHE_HOME' : 'TMPDIR'
      const refusal = `${size}: free ${least / MIB} MiB, or set ${instead} to another directory`
      return unless(free < least ? refusal : undefined, size)
    } catch (error) {
      return { refusal: explain(error as Error) }
    }
  },
})

export const REQUIREMENTS: readonly Requirement[] = [
  {
    name: 'addon',
    commands: 'all commands with interfaces',
    isUsual: true,
    check: system =>
      unless(system.whyNot.addon(), `it loads on Linux ${system.release}, ${system.arch}`),
  },
  {
    name: '/dev/net/tun',
    commands: 'all commands with interfaces',
    isUsual: true,
    check(system) {
      const error = system.open('/dev/net/tun')
      if (error !== 0) return { refusal: tunAdvice(error) ?? errnoText(error) }
      return { works: `it opens, and its mode is ${system.mode('/dev/net/tun')}` }
    },
  },
  {
    name: 'namespaces',
    commands:
      'labs, vnet run, vnet rootless, vnet guest; without root, all commands with interfaces',
    isUsual: true,
    check: system => unless(system.whyNot.namespaces(), 'they can be made'),
  },
  {
    name: 'pasta',
    commands: 'vnet run, vnet rootless --internet, lab.internet()',
    isUsual: true,
    check(system) {
      const path = system.find('pasta')
      if (path === undefined) return { refusal: PASTA_MISSING }
      const help = system.output(path, '--help')
      const missing = PASTA_OPTIONS.find(option => !help.includes(option))
      const version = system.output(path, '--version').split('\n', 1)[0]
      return unless(missing === undefined ? undefined : pastaLacks(missing), `${path}: ${version}`)
    },
  },
  disk('temporary files', 'temporary', TEMPORARY_LEAST, {
    commands: 'labs, vnet run, vnet explore',
    isUsual: true,
  }),
  // Node raises its own limit of files to the hard one.
  limit('open files', /^Max open files +\S+ +(\d+)/m, '-n', FILES_LEAST),
  limit('processes', /^Max processes +(\d+)/m, '-u', PROCESSES_LEAST),
  {
    name: 'confinement',
    commands: "vnet check, of others' drivers",
    isUsual: false,
    check: system => unless(system.whyNot.confinement(), 'drivers can be confined'),
  },
  {
    name: 'ping to the Internet',
    commands: 'ping in vnet run and behind lab.internet()',
    isUsual: false,
    check({ read, groups }) {
      const [least = 1, most = 0] = (read('/proc/sys/net/ipv4/ping_group_range') ?? '')
        .split(/\s+/)
        .map(Number)
      const isIn = groups.some(group => group >= least && group <= most)
      const refusal =
        "net.ipv4.ping_group_range leaves out your groups: sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'"
      return unless(isIn ? undefined : refusal, 'net.ipv4.ping_group_range has your group')
    },
  },
  {
    name: 'tcx',
    commands: 'vnet attach, vnet node',
    isUsual: false,
    check({ release }) {
      const [major = 0, minor = 0] = release.split('.').map(Number)
      return unless(
        major > 6 || (major === 6 && minor >= 6) ? undefined : TCX_MISSING,
        `Linux ${release}`,
      )
    },
  },
  {
    name: 'libpcap',
    commands: 'filters with names, and with words that vnet itself does not know',
    isUsual: false,
    check: system => unless(system.whyNot.libpcap(), 'it is installed'),
  },
  programs(['QEMU', 'virtual time', 'vnet guest, labs in virtual time'], GUEST_PROGRAMS, true),
  programs(
    ['guest kernel', "the download of Debian's kernel", 'vnet guest without VNET_KERNEL'],
    DOWNLOAD_PROGRAMS,
  ),
  disk('cache', 'cache', CACHE_LEAST, {
    commands: 'vnet guest, vnet check --kernel',
    isUsual: false,
  }),
  programs(['kernel modules', '--kernel', 'vnet check --kernel'], MODULE_PROGRAMS, true),
  programs(['ping', 'record', 'vnet record, live checks of the course']),
  programs(['tcpdump', 'a look at frames', 'live checks of the course']),
  programs(['tshark', 'extcap', 'vnet extcap']),
  programs([
    'chromium',
    'a lab with pages',
    'tests with pages, unless Playwright has a browser of its own',
  ]),
]
