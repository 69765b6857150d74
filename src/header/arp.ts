/**
 * ARP for IPv4 on Ethernet (RFC 826) as pure functions over octets; fields under the RFC's names without their `ar$`.
 * `parse` checks the length and the address kinds once, the accessors after it do not.
 */
import { copyAddress, ETH_P_IP } from './ethernet.ts'
import { get16, get32, put16, put32 } from './octets.ts'

/** Octets of a packet for IPv4 on Ethernet. */
export const ARP_LEN = 28
export const ARPHRD_ETHER = 1
export const ARPOP_REQUEST = 1
export const ARPOP_REPLY = 2

/** 28, the packet's length, or -1 when it is short or not for IPv4 on Ethernet. */
export function parse(bytes: Uint8Array, at: number, length: number): number {
  if (length < ARP_LEN) return -1
  if (hrd(bytes, at) !== ARPHRD_ETHER || pro(bytes, at) !== ETH_P_IP) return -1
  return bytes[at + 4] === 6 && bytes[at + 5] === 4 ? ARP_LEN : -1
}

/** Hardware and protocol address space. */
export function hrd(bytes: Uint8Array, at: number): number {
  return get16(bytes, at)
}
export function pro(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 2)
}

/** Opcode: ARPOP_REQUEST or ARPOP_REPLY. */
export function op(bytes: Uint8Array, at: number): number {
  return get16(bytes, at + 6)
}
export function setOp(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at + 6, value)
}

/** Positions of the sender's and the target's hardware address. */
export function sha(at: number): number {
  return at + 8
}
export function tha(at: number): number {
  return at + 18
}

/** The sender's and the target's IPv4 address, as unsigned numbers. */
export function spa(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 14)
}
export function tpa(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 24)
}
export function setSpa(bytes: Uint8Array, at: number, address: number): void {
  put32(bytes, at + 14, address)
}
export function setTpa(bytes: Uint8Array, at: number, address: number): void {
  put32(bytes, at + 24, address)
}

/** Writes the fixed part for IPv4 on Ethernet, with an opcode; the addresses are the caller's to write. */
export function create(bytes: Uint8Array, at: number, opcode: number): void {
  put16(bytes, at, ARPHRD_ETHER)
  put16(bytes, at + 2, ETH_P_IP)
  bytes[at + 4] = 6
  bytes[at + 5] = 4
  put16(bytes, at + 6, opcode)
}

/**
 * Turns a request into its reply, in place (RFC 826, Packet Reception): the address that was asked for answers with
 * `hardware`, the six octets at `hardwareAt`, to who asked.
 */
export function toReply(bytes: Uint8Array, at: number, hardware: Uint8Array, hardwareAt = 0): void {
  copyAddress(bytes, tha(at), bytes, sha(at))
  copyAddress(bytes, sha(at), hardware, hardwareAt)
  // Octet by octet: a number of 32 bits may cost an object.
  for (let i = 0; i < 4; i++) {
    const asked = bytes[at + 24 + i]
    bytes[at + 24 + i] = bytes[at + 14 + i]
    bytes[at + 14 + i] = asked
  }
  setOp(bytes, at, ARPOP_REPLY)
}
