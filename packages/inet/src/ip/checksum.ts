/** Checksums that cover the upper header and its payload: TCP's, UDP's and ICMP's. */
import { checksum, ipv4, tcp, udp } from 'vnet'
import { get16, put16 } from 'vnet/kit/packet'
import type { Packet } from '../contract.ts'
import { IP4, type IpVersion } from './version.ts'

const ICMP_CHECK = 2

/** The header of TCP, UDP or ICMP at `at`, with its payload. */
type Part = Pick<Packet, 'bytes' | 'at' | 'length'>

/** Returns the offset of a checksum that covers the payload; -1 for protocols without one. */
function checksumOf(version: IpVersion, protocol: number): number {
  if (protocol === ipv4.IPPROTO_TCP) return tcp.TCP_CHECK
  if (protocol === ipv4.IPPROTO_UDP) return udp.UDP_CHECK
  return protocol === version.icmp ? ICMP_CHECK : -1
}

function sumOf(
  version: IpVersion,
  protocol: number,
  nh: number,
  { bytes, at, length }: Part,
): number {
  // ICMP of IPv4 has no pseudo-header.
  const pseudo = protocol === IP4.icmp ? 0 : version.pseudoSum(bytes, nh, protocol, length)
  return checksum.finish(checksum.onesComplementSum(bytes, at, length, pseudo))
}

/** Writes the checksum after the IP header at `nh`, if its protocol has one. */
export function fillChecksum(version: IpVersion, protocol: number, nh: number, part: Part): void {
  const { bytes, at, length } = part
  const offset = checksumOf(version, protocol)
  if (offset < 0 || offset + 2 > length) return
  put16(bytes, at + offset, 0)
  const check = sumOf(version, protocol, nh, part)
  put16(bytes, at + offset, check === 0 && protocol === ipv4.IPPROTO_UDP ? 0xffff : check)
}

/** Whether a received checksum is right, or its protocol has none. */
export function isChecksumRight(
  version: IpVersion,
  protocol: number,
  nh: number,
  part: Part,
): boolean {
  const offset = checksumOf(version, protocol)
  if (offset < 0) return true
  if (offset + 2 > part.length) return false
  // IPv4 allows datagrams without a checksum, IPv6 does not (RFC 8200 section 8.1).
  if (protocol === ipv4.IPPROTO_UDP && get16(part.bytes, part.at + offset) === 0) {
    return version === IP4
  }
  return sumOf(version, protocol, nh, part) === 0
}
