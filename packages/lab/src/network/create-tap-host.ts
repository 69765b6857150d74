/** tapHost: opens a host on a TAP. Its code is loaded only here. */
import type { WireSpec } from '../world/wire-spec.ts'
import type { TapHost } from './tap-host.ts'

/** The options of tapHost, which rejects with a UsageError for one that it does not understand. */
export interface TapHostOptions {
  /** The TAP of the machine; `%d` is the first free number. Default `host%d`. */
  readonly interface?: string
  /**
   * The addresses of the host with their prefixes, one or two of each family. The machine gets the
   * first other address of each network. Default 198.18.1.2/24 and 2001:db8:0:1::2/64.
   */
  readonly addresses?: readonly string[]
  /** The network namespace of the TAP, by name or path. Default: the program's. */
  readonly netns?: string
  /** Impairments of the link. In `{ ab, ba }`, ab leads from the machine to the host. */
  readonly wire?: WireSpec
  /** The MTU of both ends. 1500 by default; below 1280 they have no IPv6. */
  readonly mtu?: number
  /** The seed of the wire's random decisions. Default 1. */
  readonly seed?: number
}

/**
 * Makes a host in TypeScript on a TAP of this machine, which reaches it by its addresses and is
 * `machine` on the host. The host is a LabHost without a lab, in real time. It sends packets for
 * other networks to the machine. Closing it removes the TAP. Rejects with a UsageError for wrong
 * options, and with a VnetError if the kernel refuses; nothing is left then.
 */
export async function tapHost(options: TapHostOptions = {}): Promise<TapHost> {
  const { TapHost: LoadedTapHost } = await import('./tap-host.ts')
  return LoadedTapHost.open(options)
}
