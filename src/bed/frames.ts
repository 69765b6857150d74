/** Whole Ethernet frames for tests, with right lengths and checksums. Addresses: text or bytes. */
import { parseAddress, parseMac } from '../packet/address.ts'
import * as arp from '../packet/arp.ts'
import { finish, onesComplementSum } from '../packet/checksum.ts'
import {
  copyAddress,
  destinationAt,
  ETH_HLEN,
  ETH_P_IP,
  setEtherType,
  sourceAt,
} from '../packet/ethernet.ts'
import * as icmp from '../packet/icmp.ts'
import * as ipv4 from '../packet/ipv4.ts'
import { put16, put32 } from '../packet/octets.ts'
import * as udp from '../packet/udp.ts'
import { completeChecksum } from '../packet/upper-header.ts'

export type FrameAddress = string | Uint8Array

/** Hardware addresses. Both default to the address of a test bed's first device. */
export interface LinkFields {
  readonly sourceMac?: FrameAddress
  readonly destinationMac?: FrameAddress
}

/** The fields of an IPv4 packet that all builders take. */
export interface PacketFields extends LinkFields {
  readonly from: FrameAddress
  readonly to: FrameAddress
}

/** The fields of a UDP packet; the builder computes lengths and checksums. */
export interface DatagramFields extends PacketFields {
  readonly sourcePort?: number
  readonly destinationPort?: number
  /** A number stands for as many zero bytes. */
  readonly payload?: Uint8Array | string | number
}

/** The first hardware address of a test bed, for drivers that choose none. */
const FIRST_MAC = '02:00:00:00:00:02'
const BROADCAST = 'ff:ff:ff:ff:ff:ff'
const TTL = 64
const TCP_HLEN = 20
const IP_AT = ETH_HLEN
const L4_AT = ETH_HLEN + ipv4.IPV4_HLEN

/** Returns a frame of any EtherType. A number as payload stands for as many zero bytes. */
export function ethernetFrame({
  sourceMac = FIRST_MAC,
  destinationMac = FIRST_MAC,
  type,
  payload = 46,
}: LinkFields & { readonly type: number; readonly payload?: Uint8Array | number }): Uint8Array {
  const bytes = new Uint8Array(ETH_HLEN + (typeof payload === 'number' ? payload : payload.length))
  copyAddress(bytes, destinationAt(0), macOf(destinationMac))
  copyAddress(bytes, sourceAt(0), macOf(sourceMac))
  setEtherType(bytes, 0, type)
  if (typeof payload !== 'number') {
    bytes.set(payload, ETH_HLEN)
  }
  return bytes
}

/** Returns an ARP request for the address `to`, by default sent to all. */
export function arpRequest({
  from,
  to,
  sourceMac = FIRST_MAC,
  destinationMac = BROADCAST,
}: PacketFields): Uint8Array {
  return arp.requestFrame(macOf(sourceMac), ipv4Of(from), ipv4Of(to), macOf(destinationMac))
}

/** Returns an ICMP echo request with `size` bytes of data, as ping(8) sends it. */
export function echoRequest({
  identifier = 1,
  sequence = 1,
  size = 56,
  ...ends
}: PacketFields & {
  readonly identifier?: number
  readonly sequence?: number
  readonly size?: number
}): Uint8Array {
  const bytes = ipv4Frame(ends, ipv4.IPPROTO_ICMP, icmp.ICMP_HLEN + size)
  for (let i = 0; i < size; i++) {
    bytes[L4_AT + icmp.ICMP_HLEN + i] = i
  }
  icmp.setType(bytes, L4_AT, icmp.ICMP_ECHO)
  put16(bytes, L4_AT + 4, identifier)
  put16(bytes, L4_AT + 6, sequence)
  icmp.setChecksum(bytes, L4_AT, finish(onesComplementSum(bytes, L4_AT, icmp.ICMP_HLEN + size)))
  return bytes
}

/** Returns a UDP datagram. */
export function udpFrame({
  sourcePort = 50_000,
  destinationPort = 9,
  payload = 18,
  ...ends
}: DatagramFields): Uint8Array {
  const data = dataOf(payload)
  const bytes = ipv4Frame(ends, ipv4.IPPROTO_UDP, udp.UDP_HLEN + data.length)
  udp.setSourcePort(bytes, L4_AT, sourcePort)
  udp.setDestinationPort(bytes, L4_AT, destinationPort)
  udp.setLength(bytes, L4_AT, udp.UDP_HLEN + data.length)
  bytes.set(data, L4_AT + udp.UDP_HLEN)
  completeChecksum(bytes, 0, bytes.length)
  return bytes
}

/** Returns a TCP segment with ACK set and no options. */
export function tcpFrame({
  sourcePort = 50_000,
  destinationPort = 9,
  sequence = 1,
  payload = 18,
  ...ends
}: DatagramFields & { readonly sequence?: number }): Uint8Array {
  const data = dataOf(payload)
  const bytes = ipv4Frame(ends, ipv4.IPPROTO_TCP, TCP_HLEN + data.length)
  put16(bytes, L4_AT, sourcePort)
  put16(bytes, L4_AT + 2, destinationPort)
  put32(bytes, L4_AT + 4, sequence)
  put32(bytes, L4_AT + 8, 1)
  // The header's length in 32-bit words, then ACK; a window of 64 KiB less one.
  put16(bytes, L4_AT + 12, 0x5010)
  put16(bytes, L4_AT + 14, 0xffff)
  bytes.set(data, L4_AT + TCP_HLEN)
  completeChecksum(bytes, 0, bytes.length)
  return bytes
}

function ipv4Frame(
  { from, to, ...link }: PacketFields,
  protocol: number,
  length: number,
): Uint8Array {
  const bytes = ethernetFrame({ ...link, type: ETH_P_IP, payload: ipv4.IPV4_HLEN + length })
  ipv4.create(bytes, IP_AT, protocol, length, TTL)
  bytes.set(ipv4Of(from), ipv4.sourceAt(IP_AT))
  bytes.set(ipv4Of(to), ipv4.destinationAt(IP_AT))
  ipv4.fillHeaderChecksum(bytes, IP_AT)
  return bytes
}

function dataOf(payload: Uint8Array | string | number): Uint8Array {
  if (typeof payload === 'number') return new Uint8Array(payload)
  return typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
}

function macOf(address: FrameAddress): Uint8Array {
  const bytes = typeof address === 'string' ? parseMac(address) : address
  if (bytes?.length !== 6) throw new RangeError(`'${address}' is not a hardware address`)
  return bytes
}

/** Returns the four bytes of an IPv4 address. Throws a RangeError for anything else. */
export function ipv4Of(address: FrameAddress): Uint8Array {
  const bytes = typeof address === 'string' ? parseAddress(address) : address
  if (bytes?.length !== 4) throw new RangeError(`'${address}' is not an IPv4 address`)
  return bytes
}
