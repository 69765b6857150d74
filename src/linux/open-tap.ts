/** openTap: a TAP or TUN for programs that want its frames and need no driver. */

import { setImmediate } from 'node:timers/promises'
import { checkOptions, UsageError } from '../base/usage-error.ts'
import { devValidName, MAX_TAP_QUEUES, NETIF_F_ALL_TAP } from '../netdev/if.ts'
import type { LinkRequest, Platform, PortSpec } from '../netdev/port.ts'
import { parseMac } from '../packet/address.ts'
import { SkBuffPool } from '../skb/pool.ts'
import { checkAddresses } from './check-addresses.ts'
import type { LinuxPlatform } from './platform.ts'
import { Tap } from './tap-device.ts'
import type { TapLayer } from './tap-frame.ts'

/** Frame memory of a Tap. Reads take large slots, short frames that are written take small ones. */
const SLOTS = { large: 128, small: 512 }

export interface TapOptions {
  /** A name, or a pattern with one %d for the first free number. Default `tap%d` or `tun%d`. */
  readonly name?: string | undefined
  /** Network namespace: a name as in `ip netns`, or a path. Default: the program's own. */
  readonly netns?: string | undefined
  /** IP addresses with their prefix: `198.18.0.1/24`, `2001:db8::1/64`. */
  readonly addresses?: readonly string[] | undefined
  readonly mtu?: number | undefined
  /** Hardware address, `02:00:00:00:00:01`; not for a TUN. Default: a random one. */
  readonly mac?: string | undefined
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

const OPTIONS: readonly (keyof TapOptions)[] = [
  ...(['name', 'netns', 'addresses', 'mtu', 'mac', 'queues', 'offload', 'layer', 'signal', 'platform'] as const),
]

/**
 * Makes an interface, or attaches to a persistent one, sets it up and returns it. Frames that the
 * kernel sends wait in its own ring, txqueuelen of them a queue, until the program reads them. The
 * first call loads code from files.
 *
 * Throws a UsageError for wrong options, a VnetError if the kernel refuses (EPERM without
 * CAP_NET_ADMIN), and the signal's reason if it aborts meanwhile. It then leaves no interface.
 */
export async function openTap(options: TapOptions = {}): Promise<Tap> {
  checkOptions('openTap', options, OPTIONS)
  const { signal } = options
  const spec = portSpec(options)
  const request = linkRequest(options)
  signal?.throwIfAborted()
  const linux = options.platform === undefined ? await linuxPlatform() : undefined
  const pool = new SkBuffPool(SLOTS)
  const slots = pool.openAccount(() => {})
  let tap: Tap | undefined
  try {
    const port = await (options.platform ?? (linux as LinuxPlatform)).open({ ...spec, slots })
    tap = new Tap({ port, slots, layer: spec.layer, signal, close: async () => linux?.close() })
    // Each step takes up to a millisecond; the event loop turns in between.
    await setImmediate()
    signal?.throwIfAborted()
    await port.apply(request)
    await setImmediate()
    // The kernel drops frames for an address that it has not finished to add.
    await linux?.settle()
    signal?.throwIfAborted()
    return tap
  } catch (error) {
    await (tap ?? linux)?.close()
    throw error
  }
}

/**
 * Loads the code that opens interfaces on Linux: a program that is tested in memory needs none of
 * it.
 */
async function linuxPlatform(): Promise<LinuxPlatform> {
  const [{ LinuxPlatform }, { loadNative }] = await Promise.all([import('./platform.ts'), import('./native.ts')])
  return new LinuxPlatform(loadNative(), warn)
}

function warn(text: string): void {
  process.emitWarning(text, 'VnetWarning')
}

function portSpec(options: TapOptions): Omit<PortSpec, 'slots'> & { readonly layer: TapLayer } {
  const { layer = 'tap', name = `${layer}%d`, netns, queues = 1, offload = false } = options
  if (layer !== 'tap' && layer !== 'tun') throw new UsageError(`layer '${layer}': it is 'tap' or 'tun'`)
  if (!devValidName(name)) {
    throw new UsageError(`name '${name}': 1 to 15 bytes without /, : or white space, with at most one %d`)
  }
  if (!Number.isInteger(queues) || queues < 1 || queues > MAX_TAP_QUEUES) {
    throw new UsageError(`queues ${queues}: from 1 to ${MAX_TAP_QUEUES}`)
  }
  return { name, netns, queues, layer, features: offload ? NETIF_F_ALL_TAP : 0 }
}

function linkRequest({ layer, mac, mtu, addresses = [] }: TapOptions): LinkRequest {
  checkAddresses(addresses)
  const address = mac === undefined ? undefined : parseMac(mac)
  if (mac !== undefined && address === undefined) throw new UsageError(`mac '${mac}': write it as 02:00:00:00:00:01`)
  if (mac !== undefined && layer === 'tun') throw new UsageError(`mac '${mac}': a TUN has no hardware address`)
  return { up: true, addresses, ...(mtu !== undefined && { mtu }), ...(address !== undefined && { address }) }
}
