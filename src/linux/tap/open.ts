/** openTap: a TAP or TUN for programs that want its frames and need no driver. */
import { setImmediate } from 'node:timers/promises'
import { inspect } from 'node:util'
import { checkOptions, UsageError } from '../../base/usage-error.ts'
import {
  devValidName,
  ETH_MAX_MTU,
  ETH_MIN_MTU,
  isValidEtherAddr,
  MAX_TAP_QUEUES,
  NETIF_F_ALL_TAP,
} from '../../netdev/if.ts'
import type { LinkRequest, Platform, PortSpec } from '../../netdev/port.ts'
import { parseMac } from '../../packet/address.ts'
import { SkBuffPool } from '../../skb/pool.ts'
import { checkAddresses, parseRoutes } from '../check-addresses.ts'
import type { LinuxPlatform } from '../platform.ts'
import { Tap } from './device.ts'
import type { TapLayer } from './frame.ts'

/** Frame memory of a Tap. Reads take large slots, short frames that are written take small ones. */
const SLOTS = { large: 128, small: 512 }

/**
 * The options of openTap: of the interface that it makes, or of an open descriptor that it takes
 * over.
 */
export interface TapOptions {
  /** A name, or a pattern with one %d for the first free number. Default `tap%d` or `tun%d`. */
  readonly name?: string | undefined
  /** Network namespace: a name as in `ip netns`, or a path. Default: the program's own. */
  readonly netns?: string | undefined
  /**
   * A TAP or TUN that is already open, with its interface: from systemd, a container runtime or a
   * privileged helper, with IFF_NO_PI and one queue. The Tap owns the descriptor once openTap
   * resolves, and closes it; if openTap rejects, it remains the caller's. Its name, its namespace
   * and its layer do not change. A TUN takes CAP_NET_ADMIN, as do changes that the interface
   * lacks. A TAP takes no rights otherwise.
   */
  readonly fd?: number | undefined
  /** IP addresses with their prefix: `198.18.0.1/24`, `2001:db8::1/64`. */
  readonly addresses?: readonly string[] | undefined
  /**
   * Networks to reach over the interface, directly (`192.0.2.0/24`, `::/0`) or over a router on it
   * (`192.0.2.0/24 via 198.18.0.9`). The kernel removes them when the interface goes down.
   */
  readonly routes?: readonly string[] | undefined
  readonly mtu?: number | undefined
  /** Hardware address, `02:00:00:00:00:01`; not for a TUN. Default: a random one. */
  readonly mac?: string | undefined
  /** Frames that wait for the program in each queue, 1 to 1000000. Default 1000. */
  readonly txqueuelen?: number | undefined
  /** Queues in each direction, 1 to 256. Default 1. */
  readonly queues?: number | undefined
  /**
   * True to read and write GSO frames of up to 64 KiB and frames with partial checksums, as the
   * kernel has them. Default false: every frame is a plain packet.
   */
  readonly offload?: boolean | undefined
  /** 'tap', the default: Ethernet frames. 'tun': IP packets, without a link header. */
  readonly layer?: TapLayer | undefined
  /** Closes the Tap when it aborts. */
  readonly signal?: AbortSignal | undefined
  /** Where the interface is made. Default: the kernel; a MemoryPlatform for tests without root. */
  readonly platform?: Platform | undefined
}

/** Longer queues take memory of the kernel. */
const TXQUEUELEN_MAX = 1_000_000
/** RFC 8200 sec. 5: the kernel refuses IPv6 addresses with less. */
const IPV6_MIN_MTU = 1280

const NO_DNS =
  'the kernel has no name servers per interface: use resolvectl, or /etc/netns/NAME/resolv.conf'

/** The rule for the value of each option, in order of the checks. */
const VALUES: Readonly<
  Record<keyof TapOptions, readonly [isValid: (value: unknown) => boolean, text: string]>
> = {
  name: [
    value => typeof value === 'string' && devValidName(value),
    '1 to 15 bytes without /, : or white space, with at most one %d',
  ],
  netns: [
    value => typeof value === 'string' && value !== '',
    'give a name as in `ip netns`, or a path',
  ],
  fd: [value => isInteger(value, 0, 2 ** 31 - 1), "give a descriptor's number"],
  addresses: [Array.isArray, "give a list, such as ['198.18.0.1/24']"],
  routes: [Array.isArray, "give a list, such as ['192.0.2.0/24']"],
  mtu: [value => isInteger(value, ETH_MIN_MTU, 0xffff), `from ${ETH_MIN_MTU} to ${0xffff}`],
  mac: [
    isMac,
    'write it as 02:00:00:00:00:01: of one interface, neither a group nor 00:00:00:00:00:00',
  ],
  txqueuelen: [value => isInteger(value, 1, TXQUEUELEN_MAX), `from 1 to ${TXQUEUELEN_MAX}`],
  queues: [value => isInteger(value, 1, MAX_TAP_QUEUES), `from 1 to ${MAX_TAP_QUEUES}`],
  offload: [value => typeof value === 'boolean', 'it is true or false'],
  layer: [value => value === 'tap' || value === 'tun', "it is 'tap' or 'tun'"],
  // Each realm, such as a test environment, has an AbortSignal of its own.
  signal: [
    value => typeof (value as AbortSignal | null)?.throwIfAborted === 'function',
    'give an AbortSignal',
  ],
  platform: [
    value => typeof (value as Platform | null)?.open === 'function',
    'give a MemoryPlatform',
  ],
}

/** Whether a value is an object, not a list, a Map or the like; of any realm. */
const isPlain = (value: unknown): boolean =>
  Object.prototype.toString.call(value) === '[object Object]'

function isMac(value: unknown): boolean {
  const address = typeof value === 'string' ? parseMac(value) : undefined
  return address !== undefined && isValidEtherAddr(address)
}

function isInteger(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}

/** Throws a UsageError that names the wrong option. */
function check(options: TapOptions): void {
  if (!isPlain(options)) {
    throw new UsageError(`openTap ${inspect(options)}: give an object, such as { name: 'tap0' }`)
  }
  if ('dns' in options) throw new UsageError(`dns: ${NO_DNS}`)
  const names = Object.keys(VALUES) as (keyof TapOptions)[]
  checkOptions('openTap', options, names)
  for (const name of names) {
    const [isValid, text] = VALUES[name]
    const value: unknown = options[name]
    if (value !== undefined && !isValid(value)) {
      throw new UsageError(`${name} ${inspect(value, { depth: -1 })}: ${text}`)
    }
  }
}

/**
 * Makes an interface, or attaches to a persistent one or to `fd`, sets it up and returns it. Frames
 * that the kernel sends wait in its own ring, txqueuelen of them a queue, until the program reads
 * them. The first call loads code from files.
 *
 * Throws a UsageError for wrong options, a VnetError if the kernel refuses (EPERM without
 * CAP_NET_ADMIN), and the signal's reason if it aborts meanwhile. It then leaves no interface.
 */
export async function openTap(options: TapOptions = {}): Promise<Tap> {
  check(options)
  const { signal, fd } = options
  if (fd !== undefined) {
    checkDescriptor(options)
  }
  const spec = portSpec(options)
  const request = linkRequest(options)
  signal?.throwIfAborted()
  const linux = options.platform === undefined ? await linuxPlatform() : undefined
  const pool = new SkBuffPool(SLOTS)
  const slots = pool.openAccount(() => {})
  let tap: Tap | undefined
  try {
    const adopted =
      fd === undefined
        ? undefined
        : await linux?.adopt(fd, { ...spec, layer: options.layer, slots })
    const port =
      adopted ?? (await (options.platform ?? (linux as LinuxPlatform)).open({ ...spec, slots }))
    tap = new Tap({
      port,
      slots,
      layer: adopted?.layer ?? spec.layer,
      signal,
      close: async () => linux?.close(),
    })
    // Each step takes up to a millisecond; the event loop turns in between.
    await setImmediate()
    signal?.throwIfAborted()
    await port.apply(request)
    await setImmediate()
    // The kernel drops frames for an address that it has not finished to add.
    await linux?.settle()
    signal?.throwIfAborted()
    adopted?.take()
    return tap
  } catch (error) {
    await (tap ?? linux)?.close()
    throw error
  }
}

/** Loads the code for interfaces on Linux, which a program that is tested in memory lacks. */
async function linuxPlatform(): Promise<LinuxPlatform> {
  const [platform, { loadNative }] = await Promise.all([
    import('../platform.ts'),
    import('../native.ts'),
  ])
  return new platform.LinuxPlatform(loadNative(), text => process.emitWarning(text, 'VnetWarning'))
}

/** Options of a new interface, which a descriptor's interface is not. */
const OF_NEW = ['name', 'netns', 'queues', 'platform'] as const

function checkDescriptor(options: TapOptions): void {
  const other = OF_NEW.find(name => options[name] !== undefined)
  if (other !== undefined) {
    throw new UsageError(
      `fd and ${other}: the descriptor's interface exists, so leave out ${other}`,
    )
  }
}

function portSpec(options: TapOptions): Omit<PortSpec, 'slots'> & { readonly layer: TapLayer } {
  const { layer = 'tap', name = `${layer}%d`, netns, queues = 1, offload = false } = options
  return { name, netns, queues, layer, features: offload ? NETIF_F_ALL_TAP : 0 }
}

function linkRequest({
  fd,
  layer,
  mac,
  mtu,
  txqueuelen,
  addresses = [],
  routes = [],
}: TapOptions): LinkRequest {
  checkAddresses(addresses)
  const address = mac === undefined ? undefined : parseMac(mac)
  if (mtu !== undefined && mtu > ETH_MAX_MTU && layer !== 'tun' && fd === undefined) {
    throw new UsageError(`mtu ${mtu}: from ${ETH_MIN_MTU} to ${ETH_MAX_MTU} for a TAP`)
  }
  if (mtu !== undefined && mtu < IPV6_MIN_MTU && addresses.some(each => each.includes(':'))) {
    throw new UsageError(`mtu ${mtu}: IPv6 addresses need ${IPV6_MIN_MTU} or more`)
  }
  if (mac !== undefined && layer === 'tun') {
    throw new UsageError(`mac '${mac}': a TUN has no hardware address`)
  }
  return {
    up: true,
    addresses,
    routes: parseRoutes(routes),
    ...(mtu !== undefined && { mtu }),
    ...(txqueuelen !== undefined && { txQueueLen: txqueuelen }),
    ...(address !== undefined && { address }),
  }
}
