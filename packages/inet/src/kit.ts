/**
 * '@vnet/inet/kit', for the packages of this repository, of the same version: checksums, versions
 * and counters of IP, and TCP segments as records.
 */
export { fillChecksum } from './ip/checksum.ts'
export { COUNTERS } from './ip/counters.ts'
export { IP4, IP6, type IpVersion, keyOf } from './ip/version.ts'
export { WINDOW_SCALE } from './tcp/receive.ts'
export { Header, Segment } from './tcp/segment.ts'
export { unmapped } from './udp.ts'
