/**
 * NatTable: which host behind a NAT has which port outside, and which peers may send to it. One
 * table for each of TCP, UDP and ICMP echo, whose identifier stands for a port. The terms are those
 * of RFC 4787, where a peer is called an external endpoint.
 */

/** A NAT in TypeScript. RFC 4787 describes each by its mapping and its filtering. */
export type NatKind = 'full-cone' | 'restricted' | 'symmetric'

/**
 * What becomes of a packet. It passes, waits for the first fragment of its packet, or is dropped:
 * nothing inside has its port, the NAT refuses its sender, no port is free, or it has nothing that
 * could be translated.
 */
export type NatVerdict = 'pass' | 'early' | 'unmapped' | 'filtered' | 'full' | 'untranslatable'

/** Ports outside: behind those that Linux gives to sockets of its own (ip_local_port_range). */
export const FIRST_PORT = 61_000
export const PORTS = 65_536 - FIRST_PORT

/** Peers that may send to one mapping. That which was sent to longest ago is forgotten first. */
const MAX_PEERS = 1024

/** An endpoint as one number: an IPv4 address and a port. */
export const endpoint = (address: number, port: number): number => address * 0x1_0000 + port
export const addressOf = (end: number): number => Math.floor(end / 0x1_0000)
export const portOf = (end: number): number => end % 0x1_0000

export interface NatMapping {
  /** The endpoint behind the NAT. */
  readonly inside: number
  /** The only peer of a symmetric mapping; 0 for a mapping that serves every peer. */
  readonly peer: number
  /** The port outside. */
  readonly port: number
  /** When it ends, ns. A packet from inside moves that. */
  expires: number
  /** True after a FIN or RST of TCP, until the next SYN. */
  isClosing: boolean
  /** Addresses that a restricted NAT has sent to, the latest last. */
  readonly sentTo: Set<number>
}

export class NatTable {
  readonly kind: NatKind
  readonly #byPort: (NatMapping | undefined)[] = new Array(PORTS).fill(undefined)
  /** By the endpoint inside, then by the peer. */
  readonly #byInside = new Map<number, Map<number, NatMapping>>()
  #next: number

  /** `first` is the port that is tried first, from 0 to PORTS - 1; later ones follow it. */
  constructor(kind: NatKind, first: number) {
    this.kind = kind
    this.#next = first
  }

  /** The mapping of what `inside` sends to `peer`, if it has one. */
  find(inside: number, peer: number, now: number): NatMapping | undefined {
    const mapping = this.#byInside.get(inside)?.get(this.#peerOf(peer))
    return mapping !== undefined && mapping.expires > now ? mapping : undefined
  }

  /**
   * The mapping of what `inside` sends to `peer`, a new one if there is none. The caller sets when
   * it expires. Undefined if no port is free.
   */
  take(inside: number, peer: number, now: number): NatMapping | undefined {
    const mapping = this.find(inside, peer, now) ?? this.#add(inside, this.#peerOf(peer), now)
    if (mapping !== undefined && this.kind === 'restricted') permit(mapping, addressOf(peer))
    return mapping
  }

  /** The mapping of a port outside; undefined if there is none. */
  at(port: number, now: number): NatMapping | undefined {
    const mapping = this.#byPort[port - FIRST_PORT]
    return mapping !== undefined && mapping.expires > now ? mapping : undefined
  }

  /** Whether `peer` may send to a mapping (RFC 4787 section 5). */
  admits(mapping: NatMapping, peer: number): boolean {
    if (this.kind === 'full-cone') return true
    return this.kind === 'restricted' ? mapping.sentTo.has(addressOf(peer)) : mapping.peer === peer
  }

  /** Forgets every mapping. The next ones have other ports. */
  clear(): void {
    this.#byPort.fill(undefined)
    this.#byInside.clear()
  }

  /** A symmetric NAT has a mapping for each peer (address and port-dependent mapping). */
  #peerOf(peer: number): number {
    return this.kind === 'symmetric' ? peer : 0
  }

  #add(inside: number, peer: number, now: number): NatMapping | undefined {
    for (let tried = 0; tried < PORTS; tried++) {
      const slot = this.#next
      this.#next = (slot + 1) % PORTS
      const old = this.#byPort[slot]
      if (old !== undefined && old.expires > now) continue
      if (old !== undefined) this.#forget(old)
      const mapping: NatMapping = {
        inside,
        peer,
        port: FIRST_PORT + slot,
        expires: now,
        isClosing: false,
        sentTo: new Set(),
      }
      // One that has expired may still have another port.
      const other = this.#byInside.get(inside)?.get(peer)
      if (other !== undefined) this.#byPort[other.port - FIRST_PORT] = undefined
      this.#byPort[slot] = mapping
      const peers = this.#byInside.get(inside) ?? new Map<number, NatMapping>()
      this.#byInside.set(inside, peers.set(peer, mapping))
      return mapping
    }
    return undefined
  }

  #forget({ inside, peer }: NatMapping): void {
    const peers = this.#byInside.get(inside)
    peers?.delete(peer)
    if (peers?.size === 0) this.#byInside.delete(inside)
  }
}

function permit({ sentTo }: NatMapping, address: number): void {
  sentTo.delete(address)
  sentTo.add(address)
  if (sentTo.size <= MAX_PEERS) return
  const [first] = sentTo
  sentTo.delete(first as number)
}
