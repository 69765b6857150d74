/**
 * Verifies the checksums of whole frames without the code under test: of IPv4 headers, TCP, UDP,
 * ICMP and ICMPv6, also of fragmented datagrams. Partial checksums are first completed, as hardware
 * would.
 */
import { VIRTIO_NET_HDR_F_NEEDS_CSUM } from '#src/linux/uapi.ts'
import type { HostFrame } from './packet-socket.ts'

const ICMP = 1
const TCP = 6
const UDP = 17
const FRAGMENT = 44
const ICMPV6 = 58
/** Offset of the checksum in a transport header. */
const FIELD: Readonly<Record<number, number>> = { [ICMP]: 2, [TCP]: 16, [UDP]: 6, [ICMPV6]: 2 }

/** A datagram that is being reassembled. */
interface Pieces {
  readonly pieces: { readonly at: number; readonly octets: Uint8Array }[]
  total: number
}

/** Verifies frames one by one, and keeps the results. */
export class ChecksumVerifier {
  /** Wrong checksums, one line each. */
  readonly problems: string[] = []
  /** The number of verified checksums by protocol number; 4 stands for IPv4 headers. */
  readonly verified: Record<number, number> = {}
  /** How many of these were partial. */
  partial = 0
  readonly #fragments = new Map<string, Pieces>()

  /** Datagrams with missing fragments. */
  get incomplete(): number {
    return this.#fragments.size
  }

  verify(frame: HostFrame): void {
    const octets = frame.octets.slice()
    if ((frame.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) !== 0) {
      this.#complete(octets, frame)
    }
    let at = 12
    while (word(octets, at) === 0x8100 || word(octets, at) === 0x88a8) {
      at += 4
    }
    if (word(octets, at) === 0x0800) {
      this.#ipv4(octets.subarray(at + 2))
    } else if (word(octets, at) === 0x86dd) {
      this.#ipv6(octets.subarray(at + 2))
    }
  }

  #complete(octets: Uint8Array, { csumStart, csumOffset }: HostFrame): void {
    this.partial++
    const sum = 0xffff - ones(octets.subarray(csumStart))
    // Hardware sends 0xffff for a checksum of zero (RFC 768), which is right for every protocol.
    putWord(octets, csumStart + csumOffset, sum === 0 ? 0xffff : sum)
  }

  #ipv4(packet: Uint8Array): void {
    const length = ((packet[0] as number) & 15) * 4
    const protocol = packet[9] as number
    this.#check(4, ones(packet.subarray(0, length)) === 0xffff, packet)
    const payload = packet.subarray(length, word(packet, 2))
    const at = (word(packet, 6) & 0x1fff) * 8
    const more = (word(packet, 6) & 0x2000) !== 0
    const addresses = packet.subarray(12, 20)
    const whole = this.#collect(`${addresses}/${protocol}/${word(packet, 4)}`, payload, at, more)
    if (whole !== undefined) {
      this.#transport(protocol, addresses, whole)
    }
  }

  #ipv6(packet: Uint8Array): void {
    const addresses = packet.subarray(8, 40)
    let payload = packet.subarray(40, 40 + word(packet, 4))
    let protocol = packet[6] as number
    if (protocol === FRAGMENT) {
      protocol = payload[0] as number
      const [at, more] = [word(payload, 2) & 0xfff8, (word(payload, 2) & 1) !== 0]
      const whole = this.#collect(
        `${addresses}/${payload.subarray(4, 8)}`,
        payload.subarray(8),
        at,
        more,
      )
      if (whole === undefined) return
      payload = whole
    }
    this.#transport(protocol, addresses, payload)
  }

  /** Returns the datagram if this was its last missing fragment. */
  #collect(key: string, octets: Uint8Array, at: number, more: boolean): Uint8Array | undefined {
    if (at === 0 && !more) return octets
    const entry = this.#fragments.get(key) ?? { pieces: [], total: -1 }
    this.#fragments.set(key, entry)
    entry.pieces.push({ at, octets })
    if (!more) {
      entry.total = at + octets.length
    }
    if (entry.pieces.reduce((sum, piece) => sum + piece.octets.length, 0) !== entry.total) {
      return undefined
    }
    this.#fragments.delete(key)
    const whole = new Uint8Array(entry.total)
    for (const piece of entry.pieces) {
      whole.set(piece.octets, piece.at)
    }
    return whole
  }

  #transport(protocol: number, addresses: Uint8Array, segment: Uint8Array): void {
    const field = FIELD[protocol]
    if (
      field === undefined ||
      (protocol === UDP && addresses.length === 8 && word(segment, field) === 0)
    ) {
      return
    }
    const pseudo = new Uint8Array(protocol === ICMP ? 0 : addresses.length + 8)
    if (protocol !== ICMP) {
      pseudo.set(addresses)
      new DataView(pseudo.buffer).setUint32(addresses.length, segment.length)
      pseudo[addresses.length + 7] = protocol
    }
    this.#check(protocol, fold(ones(pseudo) + ones(segment)) === 0xffff, segment)
  }

  #check(protocol: number, right: boolean, octets: Uint8Array): void {
    this.verified[protocol] = (this.verified[protocol] ?? 0) + 1
    if (!right) {
      this.problems.push(
        `protocol ${protocol}: ${Buffer.from(octets.subarray(0, 64)).toString('hex')}`,
      )
    }
  }
}

/** Verifies many frames. */
export function verifyAll(frames: readonly HostFrame[]): ChecksumVerifier {
  const verifier = new ChecksumVerifier()
  for (const frame of frames) {
    verifier.verify(frame)
  }
  return verifier
}

/** The ones' complement sum of 16-bit words, the last one padded; not complemented. */
export function ones(octets: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < octets.length; i += 2) {
    sum += word(octets, i)
  }
  return fold(sum)
}

function fold(sum: number): number {
  let folded = sum
  while (folded > 0xffff) {
    folded = (folded % 0x10000) + Math.floor(folded / 0x10000)
  }
  return folded
}

/** The 16-bit word at `at`; missing bytes are zero. */
export function word(octets: Uint8Array, at: number): number {
  return ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0)
}

export function putWord(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >> 8
  octets[at + 1] = value
}

/** An Ethernet frame between fixed addresses. A number as payload is the payload's length. */
export function ethernet(type: number, payload: ArrayLike<number> | number): Uint8Array {
  const octets = new Uint8Array(14 + (typeof payload === 'number' ? payload : payload.length))
  octets.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1])
  putWord(octets, 12, type)
  if (typeof payload !== 'number') {
    octets.set(Array.from(payload), 14)
  } else {
    for (let i = 14; i < octets.length; i++) {
      octets[i] = i * 7
    }
  }
  return octets
}

/** Returns a broadcast frame of no known protocol, numbered in its last byte. */
export function numberedFrame(number: number): Uint8Array {
  const bytes = new Uint8Array(60)
  bytes.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 8, 0x88, 0xb5])
  bytes[59] = number
  return bytes
}
