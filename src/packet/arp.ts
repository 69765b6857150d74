/**
 * ARP for IPv4 on Ethernet (RFC 826). Fields have the RFC's names without `ar$`. `parse` checks the
 * length and the kinds of addresses; the accessors do not check anything. `at` is the position of
 * the packet's first byte.
 */
import * as ethernet from './ethernet.ts'
import { type Getter, get16, get32, put16, put32, type Setter } from './octets.ts'

export const ARP_LEN = 28
export const ARPHRD_ETHER = 1
export const ARPOP_REQUEST = 1
export const ARPOP_REPLY = 2

/** Returns ARP_LEN, or -1 if the packet is truncated or not for IPv4 on Ethernet. */
export function parse(bytes: Uint8Array, at: number, length: number): number {
  if (length < ARP_LEN) return -1
  if (hrd(bytes, at) !== ARPHRD_ETHER || pro(bytes, at) !== ethernet.ETH_P_IP) return -1
  return bytes[at + 4] === 6 && bytes[at + 5] === 4 ? ARP_LEN : -1
}

/** Hardware and protocol address space. */
export const hrd: Getter = (bytes, at) => get16(bytes, at)
export const pro: Getter = (bytes, at) => get16(bytes, at + 2)

/** Opcode: ARPOP_REQUEST or ARPOP_REPLY. */
export const op: Getter = (bytes, at) => get16(bytes, at + 6)
export const setOp: Setter = (bytes, at, value) => put16(bytes, at + 6, value)

/** Positions of the sender's and the target's hardware address. */
export const shaAt = (at: number): number => at + 8
export const thaAt = (at: number): number => at + 18

/** The sender's and the target's IPv4 address, as unsigned numbers. */
export const spa: Getter = (bytes, at) => get32(bytes, at + 14)
export const tpa: Getter = (bytes, at) => get32(bytes, at + 24)
export const setSpa: Setter = (bytes, at, address) => put32(bytes, at + 14, address)
export const setTpa: Setter = (bytes, at, address) => put32(bytes, at + 24, address)

/** Writes all but the four addresses. */
export function create(bytes: Uint8Array, at: number, opcode: number): void {
  put16(bytes, at, ARPHRD_ETHER)
  put16(bytes, at + 2, ethernet.ETH_P_IP)
  bytes[at + 4] = 6
  bytes[at + 5] = 4
  put16(bytes, at + 6, opcode)
}

/** Returns a frame that asks the station `to`, or all, for the hardware address of `target`. */
export function requestFrame(
  mac: Uint8Array,
  source: Uint8Array,
  target: Uint8Array,
  to: Uint8Array = ethernet.BROADCAST,
): Uint8Array {
  const frame = new Uint8Array(ethernet.ETH_HLEN + ARP_LEN)
  ethernet.copyAddress(frame, ethernet.destinationAt(0), to)
  ethernet.copyAddress(frame, ethernet.sourceAt(0), mac)
  ethernet.setEtherType(frame, 0, ethernet.ETH_P_ARP)
  create(frame, ethernet.ETH_HLEN, ARPOP_REQUEST)
  ethernet.copyAddress(frame, shaAt(ethernet.ETH_HLEN), mac)
  frame.set(source, ethernet.ETH_HLEN + 14)
  frame.set(target, ethernet.ETH_HLEN + 24)
  return frame
}

/**
 * Turns a request into the reply in place (RFC 826, Packet Reception): the target becomes the
 * sender, with the hardware address at `hardwareAt` in `hardware`.
 */
export function toReply(bytes: Uint8Array, at: number, hardware: Uint8Array, hardwareAt = 0): void {
  ethernet.copyAddress(bytes, thaAt(at), bytes, shaAt(at))
  ethernet.copyAddress(bytes, shaAt(at), hardware, hardwareAt)
  // Byte by byte: V8 may allocate an object for a number of 32 bits.
  for (let i = 0; i < 4; i++) {
    const asked = bytes[at + 24 + i]
    bytes[at + 24 + i] = bytes[at + 14 + i]
    bytes[at + 14 + i] = asked
  }
  setOp(bytes, at, ARPOP_REPLY)
}
