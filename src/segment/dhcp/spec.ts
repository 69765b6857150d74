/** What the DHCP server gives to whom, as a configuration says it. */
import type { OptionValue } from './option-values.ts'

/** By name, or by number; null takes a default away. */
export type OptionsSpec = Readonly<Record<string, OptionValue | null>>

export interface SubnetSpec {
  /** `198.18.0.0/24` */
  readonly network: string
  /** Addresses for anybody: `198.18.0.100-198.18.0.199`, or one. Without any, only reservations are served. */
  readonly ranges?: readonly string[]
  readonly options?: OptionsSpec
}

export interface ReservationSpec {
  /** Which client: by its MAC address, or by its identifier (option 61) in hex, type octet and all. */
  readonly mac?: string
  readonly clientId?: string
  /** In one of the subnets, in a range or not. */
  readonly address: string
  /** The name it has whatever it says. */
  readonly hostname?: string
  readonly options?: OptionsSpec
  readonly boot?: BootSpec
}

/** The fields of a network boot. */
export interface BootSpec {
  /** The server of the boot file (siaddr); the DHCP server when there is a file. */
  readonly nextServer?: string
  readonly serverName?: string
  readonly file?: string
}

export interface DhcpSpec {
  /** The server's own address, on the segment, in one of the subnets. */
  readonly server: string
  readonly subnets: readonly SubnetSpec[]
  readonly reservations?: readonly ReservationSpec[]
  /** For all subnets; subnets and reservations add to them and overrule them. */
  readonly options?: OptionsSpec
  /** Options that are sent whether a client asks for them or not. */
  readonly always?: readonly string[]
  readonly boot?: BootSpec
  /** Seconds, or 'infinite': what a client gets that asks for nothing (3600), and the bounds of what it may ask for. */
  readonly leaseTime?: number | 'infinite'
  readonly minLeaseTime?: number
  readonly maxLeaseTime?: number | 'infinite'
  /** Seconds until a client renews and rebinds; 1/2 and 7/8 of the lease when not given, or not within it. */
  readonly renewalTime?: number
  readonly rebindingTime?: number
  /** Seconds for which an address is kept for the client it was offered to (30), and from all after one declined it (600). */
  readonly offerTime?: number
  readonly declineTime?: number
  /** Answers clients that it knows nothing of, as the only server of a segment may; otherwise they are left to others. */
  readonly authoritative?: boolean
}
