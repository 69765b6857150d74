/**
 * 'vnet/kit/packet', for the packages of this repository, of the same version: addresses, filters,
 * and headers that a driver does not need: DHCP, DNS, router advertisements.
 */
export {
  formatHex,
  ipv4Bytes,
  isInPrefix,
  maskOf,
  networkOf,
  plus,
  prefixesIntersect,
  sameBytes,
  toPrefix,
} from '../packet/address.ts'
export { type BpfInstruction, BpfProgram } from '../packet/bpf.ts'
export { and, testing } from '../packet/condition.ts'
export * as dhcp from '../packet/dhcp.ts'
export * as dns from '../packet/dns.ts'
export { headersOf } from '../packet/fields.ts'
export type { Header } from '../packet/fields-upper.ts'
export { noteOfFilter } from '../packet/filter-note.ts'
export { isPort, loading } from '../packet/filter-primitives.ts'
export { layersOf } from '../packet/layers.ts'
export { concat, get16, get32, long, put16, put32, word } from '../packet/octets.ts'
export { flagText, icmpErrorText, icmpv6ErrorText } from '../packet/print.ts'
export { UpperHeader, wholeTransport } from '../packet/upper-header.ts'
