/** Subnets: the addresses of the links of a lab, by their numbers. */
import { type Prefix, UsageError } from 'vnet'

/** 198.18.0.0/15 (RFC 2544) has so many /24. Number 0 is left out. */
const MAX_LINKS = 511

/** The minimum MTU of an interface with IPv6 (RFC 8200 section 5). */
export const IPV6_MIN_MTU = 1280

/** The first 12 bytes of 64:ff9b::/96, the addresses of IPv4 hosts past a NAT64 (RFC 6052). */
export const NAT64_PREFIX = Uint8Array.of(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0)
export const NAT64_NETWORK: Prefix = {
  bytes: Uint8Array.of(...NAT64_PREFIX, 0, 0, 0, 0),
  prefixLen: 96,
}

/** The addresses inside all NPTv6 routers: unique local ones (RFC 4193). */
export const INTERNAL_NETWORK: Prefix = {
  bytes: Uint8Array.of(0xfd, ...Array<number>(15).fill(0)),
  prefixLen: 48,
}

/** The networks of all links to which a lab gives addresses itself. */
export const LINK_NETWORKS: readonly Prefix[] = [
  { bytes: Uint8Array.of(198, 18, 0, 0), prefixLen: 15 },
  { bytes: Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, ...Array<number>(12).fill(0)), prefixLen: 32 },
  INTERNAL_NETWORK,
]

/** The router of `vnet run` to the machine's network; the command's interface is named after it. */
export const RUN_ROUTER = 'internet'

/** Whether the bytes at `at` are an address or prefix. */
export function isAt(wanted: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < wanted.length; i++) {
    if (bytes[at + i] !== wanted[i]) {
      return false
    }
  }
  return true
}

/** Returns the network outside an NPTv6 router, by its link outside. */
export function externalNetwork(link: number): Prefix {
  return {
    bytes: Uint8Array.of(
      0x20,
      0x01,
      0x0d,
      0xb8,
      link >> 8,
      link & 0xff,
      ...Array<number>(10).fill(0),
    ),
    prefixLen: 48,
  }
}

/**
 * Returns the addresses of a host on a link, with their prefixes: of 198.18.0.0/15, and of
 * 2001:db8::/32, or of INTERNAL_NETWORK, unless the MTU is too small for IPv6.
 */
export function addressesOf(
  link: number,
  host: number,
  mtu = IPV6_MIN_MTU,
  isInternal = false,
): readonly string[] {
  if (link > MAX_LINKS) {
    throw new UsageError(`a lab has addresses for ${MAX_LINKS} links: give \`addresses\``)
  }
  const v4 = `198.${18 + (link >> 8)}.${link & 0xff}.${host}/24`
  return mtu < IPV6_MIN_MTU
    ? [v4]
    : [v4, `${isInternal ? 'fd00:0' : '2001:db8'}:0:${link.toString(16)}::${host.toString(16)}/64`]
}

/**
 * Returns the hardware address of a host on a link. It is the same in each run, and different for
 * every host from 1 to 65535.
 */
export function macOf(link: number, host: number): Uint8Array {
  return Uint8Array.of(0x02, link >> 16, host >> 8, link >> 8, link, host)
}
