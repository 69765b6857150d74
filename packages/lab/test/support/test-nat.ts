/** Packets through a NAT, with the checksums that the codecs compute. */
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { formatIpv4, parseIpv4 } from '#src/packet/address.ts'
import { finish, onesComplementSum, pseudoHeaderSum4 } from '#src/packet/checksum.ts'
import * as ipv4 from '#src/packet/ipv4.ts'
import { get16, long, put16, word } from '#src/packet/octets.ts'
import { Nat, type NatOptions } from '../../src/nat/nat.ts'
import type { NatKind } from '../../src/nat/nat-table.ts'

export const OUTSIDE = '192.0.2.1'
export const HOST = '198.18.1.2:5000'
export const PEER = '203.0.113.7:3478'
/** The address of PEER, another port. */
export const PORT2 = '203.0.113.7:3479'
export const OTHER = '203.0.113.8:3478'
export const KINDS: readonly NatKind[] = ['full-cone', 'restricted', 'port-restricted', 'symmetric']

export const ICMP = 1
export const TCP = 6
export const UDP = 17
export const [SYN, ACK, FIN, RST] = [2, 16, 1, 4]

export function place(text: string): [address: number, port: number] {
  const [address, port = '0'] = text.split(':')
  return [parseIpv4(address!)!, Number(port)]
}

/** An IPv4 packet, with the checksums that the codecs compute. */
export function packet(
  protocol: number,
  from: string,
  to: string,
  upper: readonly number[],
  fragment = 0,
): Uint8Array {
  const header = [
    0x45,
    0,
    ...word(20 + upper.length),
    ...word(77),
    ...word(fragment),
    64,
    protocol,
    0,
    0,
  ]
  const bytes = Uint8Array.from([
    ...header,
    ...long(place(from)[0]),
    ...long(place(to)[0]),
    ...upper,
  ])
  ipv4.fillHeaderChecksum(bytes, 0)
  return bytes
}

function withChecksum(bytes: Uint8Array, at: number, pseudo: number): Uint8Array {
  const sum = finish(onesComplementSum(bytes, 20, bytes.length - 20, pseudo))
  put16(bytes, at, sum)
  return bytes
}

export function udp(from: string, to: string, data: readonly number[] = [1, 2, 3]): Uint8Array {
  const upper = [
    ...word(place(from)[1]),
    ...word(place(to)[1]),
    ...word(8 + data.length),
    0,
    0,
    ...data,
  ]
  const bytes = packet(UDP, from, to, upper)
  return withChecksum(bytes, 26, pseudoHeaderSum4(bytes, 0, UDP, upper.length))
}

export function tcp(from: string, to: string, flags = ACK): Uint8Array {
  const upper = [
    ...word(place(from)[1]),
    ...word(place(to)[1]),
    ...long(9),
    ...long(8),
    0x50,
    flags,
    2,
    0,
    0,
    0,
    0,
    0,
    7,
  ]
  const bytes = packet(TCP, from, to, upper)
  return withChecksum(bytes, 36, pseudoHeaderSum4(bytes, 0, TCP, upper.length))
}

/** An echo request (8) or reply (0). The end of the host has the identifier as its port. */
export function echo(from: string, to: string, type: 0 | 8): Uint8Array {
  const id = place(type === 8 ? from : to)[1]
  return withChecksum(packet(ICMP, from, to, [type, 0, 0, 0, ...word(id), 0, 1, 5, 6]), 22, 0)
}

/** "Port unreachable" about a packet. */
export function unreachable(from: string, to: string, quoted: Uint8Array): Uint8Array {
  return withChecksum(packet(ICMP, from, to, [3, 3, 0, 0, 0, 0, 0, 0, ...quoted]), 22, 0)
}

/** The first fragment of a packet, and a later one. */
export function firstFragment(
  from: string,
  to: string,
  make: typeof udp | typeof tcp = udp,
): Uint8Array {
  const bytes = make(from, to)
  put16(bytes, 6, 0x2000)
  ipv4.fillHeaderChecksum(bytes, 0)
  return bytes
}
export const laterFragment = (from: string, to: string, protocol = UDP) =>
  packet(protocol, from, to, [9, 9, 9, 9, 9, 9, 9, 9], 1)

const LINK = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]

export function frame(bytes: Uint8Array): Uint8Array {
  const sent = new Uint8Array(LINK.length + bytes.length)
  sent.set(LINK)
  sent.set(bytes, LINK.length)
  return sent
}

/** A NAT, and its results for packets: the translated packet, or why it was dropped. */
export class TestNat {
  readonly clock = new FakeClock()
  readonly nat: Nat

  constructor(kind: NatKind, seed = 7, options: NatOptions = {}) {
    this.nat = new Nat(kind, place(OUTSIDE)[0], random(seed), options)
  }

  out(bytes: Uint8Array): Uint8Array | string {
    return this.#pass('outbound', bytes)
  }

  in(bytes: Uint8Array): Uint8Array | string {
    return this.#pass('inbound', bytes)
  }

  /** Sends a UDP packet out. Returns where it seems to come from. */
  send(to = PEER, from = HOST): string {
    return sourceOf(this.out(udp(from, to)))
  }

  wait(seconds: number): void {
    this.clock.advance(seconds * NSEC_PER_SEC)
  }

  #pass(direction: 'outbound' | 'inbound', bytes: Uint8Array): Uint8Array | string {
    const sent = frame(bytes)
    const verdict = this.nat[direction](sent, 0, sent.length, this.clock.now())
    return verdict === 'pass' ? sent.subarray(14) : verdict
  }
}

export function sourceOf(result: Uint8Array | string): string {
  if (typeof result === 'string') throw new Error(`dropped: ${result}`)
  return `${formatIpv4(ipv4.source(result, 0))}:${get16(result, 20)}`
}
