/**
 * NatTable: the ports outside that hosts inside a NAT have, and the peers that may send to each.
 * TCP, UDP and ICMP echo have a table each; the identifier of an echo is used as its port. The
 * terms are from RFC 4787, which calls a peer an external endpoint.
 */
import { ipv4, NSEC_PER_SEC } from 'vnet'

/** A NAT in TypeScript. RFC 4787 describes each by its mapping and its filtering. */
export type NatKind = 'full-cone' | 'restricted' | 'port-restricted' | 'symmetric'

/** The NAT of a router, as the lab sends it to the worker that carries the cable outside. */
export interface NatSpec {
  readonly kind: NatKind | 'nat64' | 'nptv6'
  /** The IPv4 address of the router on the cable, as an unsigned number; 0 for NPTv6. */
  readonly address: number
  /** The network outside of NPTv6. */
  readonly external?: Uint8Array | undefined
  /** Nanoseconds without a packet from inside after which mappings of UDP and TCP end. */
  readonly udp?: number | undefined
  readonly tcp?: number | undefined
  /** Whether packets for other addresses than the router's are dropped. */
  readonly blocks?: boolean
  /** The network namespace in which hosts ask for ports; undefined if they cannot. */
  readonly portMapping?: number | undefined
}

/** A port outside, and the endpoint inside that has it. */
export interface NatForward {
  /** IPPROTO_TCP or IPPROTO_UDP. */
  readonly protocol: number
  readonly port: number
  /** An IPv4 address as an unsigned number, and a port. */
  readonly address: number
  readonly to: number
}

/**
 * The verdict on a packet. It passes, turns back to another host inside (`hairpin`), or waits for
 * the first fragment of its packet (`early`). Otherwise it is dropped: nothing inside has its port
 * (`unmapped`), the NAT refuses its sender (`filtered`), no port is free (`full`), or it cannot be
 * translated.
 */
export type NatVerdict =
  | 'pass'
  | 'hairpin'
  | 'early'
  | 'unmapped'
  | 'filtered'
  | 'full'
  | 'untranslatable'

/**
 * Ports outside. They follow Linux's own ephemeral ports (ip_local_port_range), and end before
 * 65535, which the kernel's routing rules for hairpinning cannot match.
 */
export const FIRST_PORT = 61_000
export const LAST_PORT = 65_534
/** Where hosts ask for ports: the router's port of PCP and NAT-PMP. */
export const PORT_CONTROL_PORT = 5351
export const PORTS = LAST_PORT - FIRST_PORT + 1

const MAX_PEERS = 1024

/** An endpoint as one number: an IPv4 address and a port. */
export const endpoint = (address: number, port: number): number => address * 0x1_0000 + port
export const addressOf = (end: number): number => Math.floor(end / 0x1_0000)
export const portOf = (end: number): number => end % 0x1_0000

/** The packets between a mapping and one peer, as far as the NAT follows them. */
export interface NatConnection {
  /** When it ends, in ns. */
  expires: number
  /** True after a FIN or RST, until the next SYN. */
  isClosing: boolean
}

/**
 * A port outside that an endpoint inside has: for one peer, or for all. It ends at `expires`;
 * nothing has to end it.
 */
export interface NatMapping {
  /** The endpoint inside the NAT. */
  readonly inside: number
  /** The only peer of a symmetric mapping; 0 for a mapping that serves every peer. */
  readonly peer: number
  readonly port: number
  /** When it ends, in ns. A packet from inside postpones it. */
  expires: number
  /** The end of its lease, in ns: it does not end before, and admits every peer. */
  held: number
  /** By peer. Packets from outside add none. */
  readonly connections: Map<number, NatConnection>
  /** Peers that a restricted NAT has sent to, by address or endpoint, the latest last. */
  readonly sentTo: Set<number>
}

/**
 * The mappings of one protocol. Times are ns of the caller's clock: each call is given the present
 * time, and ended mappings are treated as if they did not exist.
 */
export class NatTable {
  readonly kind: NatKind
  readonly #byPort = new Map<number, NatMapping>()
  /** By the endpoint inside, then by the peer. */
  readonly #byInside = new Map<number, Map<number, NatMapping>>()
  #next: number

  /** `first` is the port that is tried first, from 0 to PORTS - 1; later ones follow it. */
  constructor(kind: NatKind, first: number) {
    this.kind = kind
    this.#next = first
  }

  /** Returns the mapping for packets from `inside` to `peer`, if it exists. */
  find(inside: number, peer: number, now: number): NatMapping | undefined {
    const peers = this.#byInside.get(inside)
    // A leased mapping serves every peer, even with a symmetric NAT.
    const forAll = peers?.get(0)
    const mapping = isAlive(forAll, now) ? forAll : peers?.get(this.#peerOf(peer))
    return isAlive(mapping, now) ? mapping : undefined
  }

  /**
   * Returns the mapping for packets from `inside` to `peer`, a new one if necessary. The caller
   * sets when it expires. Returns undefined if no port is free.
   */
  take(inside: number, peer: number, now: number): NatMapping | undefined {
    const mapping = this.find(inside, peer, now) ?? this.#add(inside, this.#peerOf(peer), now)
    if (mapping === undefined) return undefined
    if (this.kind === 'restricted') {
      permit(mapping, addressOf(peer))
    } else if (this.kind === 'port-restricted') {
      permit(mapping, peer)
    }
    return mapping
  }

  /** Returns the mapping of a port outside; undefined if it has none. */
  at(port: number, now: number): NatMapping | undefined {
    const mapping = this.#byPort.get(port)
    return isAlive(mapping, now) ? mapping : undefined
  }

  /** Whether `peer` may send to a mapping (RFC 4787 section 5). */
  admits(mapping: NatMapping, peer: number, now: number): boolean {
    if (this.kind === 'full-cone' || mapping.held > now) return true
    if (this.kind === 'restricted') return mapping.sentTo.has(addressOf(peer))
    return this.kind === 'symmetric' ? mapping.peer === peer : mapping.sentTo.has(peer)
  }

  /**
   * Forwards a port outside to an endpoint inside for ever. Returns undefined if the port is
   * forwarded now. Otherwise nothing has changed, and it returns the mapping that has the port or
   * the endpoint already.
   */
  forward(port: number, inside: number): NatMapping | undefined {
    for (const other of [this.#byPort.get(port), this.#byInside.get(inside)?.get(0)]) {
      if (other?.held === Number.POSITIVE_INFINITY) return other
    }
    this.#set(port, inside, 0, Number.POSITIVE_INFINITY)
    return undefined
  }

  /**
   * Leases a port to an endpoint inside until `until`, and admits every peer to it. Takes the port
   * that the endpoint has for all peers, otherwise the suggested port if it is free, otherwise any
   * port. Returns undefined if no port is free.
   */
  hold(inside: number, suggested: number, until: number, now: number): NatMapping | undefined {
    const known = this.#byInside.get(inside)?.get(0)
    let mapping = isAlive(known, now) ? known : undefined
    const isFree =
      suggested >= FIRST_PORT &&
      suggested <= LAST_PORT &&
      !isAlive(this.#byPort.get(suggested), now)
    mapping ??= isFree ? this.#set(suggested, inside, 0, until) : this.#add(inside, 0, now)
    if (mapping === undefined) return undefined
    if (mapping.held !== Number.POSITIVE_INFINITY) {
      mapping.held = until
    }
    mapping.expires = Math.max(mapping.expires, mapping.held)
    return mapping
  }

  release(inside: number, now: number): void {
    const mapping = this.#byInside.get(inside)?.get(0)
    if (mapping === undefined || mapping.held === Number.POSITIVE_INFINITY) return
    mapping.held = 0
    mapping.expires = now
  }

  /** Forgets every mapping that is not forwarded. New mappings have other ports. */
  clear(): void {
    for (const mapping of this.#byPort.values()) {
      if (mapping.held === Number.POSITIVE_INFINITY) continue
      this.#byPort.delete(mapping.port)
      this.#forget(mapping)
    }
  }

  /** A symmetric NAT has a mapping for each peer (address and port-dependent mapping). */
  #peerOf(peer: number): number {
    return this.kind === 'symmetric' ? peer : 0
  }

  /** A port that is even inside is even outside, and an odd one odd, if one is free (REQ-4). */
  #add(inside: number, peer: number, now: number): NatMapping | undefined {
    let free: number | undefined
    for (let tried = 0; tried < PORTS; tried++) {
      const port = FIRST_PORT + ((this.#next + tried) % PORTS)
      if (isAlive(this.#byPort.get(port), now)) continue
      free ??= port
      if (port % 2 !== inside % 2) continue
      free = port
      break
    }
    if (free === undefined) return undefined
    this.#next = (free + 1 - FIRST_PORT) % PORTS
    return this.#set(free, inside, peer, 0)
  }

  #set(port: number, inside: number, peer: number, held: number): NatMapping {
    const old = this.#byPort.get(port)
    if (old !== undefined) {
      this.#forget(old)
    }
    // An expired mapping may still have another port.
    const other = this.#byInside.get(inside)?.get(peer)
    if (other !== undefined) {
      this.#byPort.delete(other.port)
    }
    const mapping: NatMapping = {
      inside,
      peer,
      port,
      expires: held,
      held,
      connections: new Map(),
      sentTo: new Set(),
    }
    this.#byPort.set(port, mapping)
    const peers = this.#byInside.get(inside) ?? new Map<number, NatMapping>()
    this.#byInside.set(inside, peers.set(peer, mapping))
    return mapping
  }

  #forget({ inside, peer }: NatMapping): void {
    const peers = this.#byInside.get(inside)
    peers?.delete(peer)
    if (peers?.size === 0) {
      this.#byInside.delete(inside)
    }
  }
}

function isAlive(mapping: NatMapping | undefined, now: number): boolean {
  return mapping !== undefined && mapping.expires > now
}

function permit({ sentTo }: NatMapping, peer: number): void {
  sentTo.delete(peer)
  sentTo.add(peer)
  if (sentTo.size <= MAX_PEERS) return
  const [first] = sentTo
  sentTo.delete(first as number)
}

/**
 * Returns the connection of a mapping to `peer`, a new one if necessary. If the mapping has
 * MAX_PEERS, the new one replaces the connection that would end first.
 */
export function connectionTo({ connections }: NatMapping, peer: number): NatConnection {
  const known = connections.get(peer)
  if (known !== undefined) return known
  if (connections.size >= MAX_PEERS) {
    const expires = (each: number) => connections.get(each)?.expires ?? 0
    connections.delete([...connections.keys()].reduce((a, b) => (expires(b) < expires(a) ? b : a)))
  }
  const connection = { expires: 0, isClosing: false }
  connections.set(peer, connection)
  return connection
}

/**
 * Sets when a connection of a mapping ends. The mapping lasts as long as the longest of its
 * connections (RFC 5382 REQ-5), and at least as long as its lease.
 */
export function setExpires(mapping: NatMapping, connection: NatConnection, expires: number): void {
  const isShorter = expires < connection.expires
  connection.expires = expires
  if (isShorter) {
    mapping.expires = mapping.held
    for (const each of mapping.connections.values()) {
      mapping.expires = Math.max(mapping.expires, each.expires)
    }
  } else if (expires > mapping.expires) {
    mapping.expires = expires
  }
}

/** How many packets it remembers. The oldest is forgotten first. */
export const MAX_FRAGMENTED = 4096
/** Nanoseconds until an incomplete packet is dropped: the default of Linux (ipfrag_time). */
export const FRAGMENT_TIME = 30 * NSEC_PER_SEC
/** All other protocols share a key: none of them is translated. */
const PROTOCOLS = [ipv4.IPPROTO_ICMP, ipv4.IPPROTO_TCP, ipv4.IPPROTO_UDP]

interface Fragmented {
  /** The address that the packet is for, or why its first fragment was dropped. */
  readonly fate: number | NatVerdict
  readonly expires: number
}

/** Returns the key of a packet, at least 1: its source, identification and protocol (RFC 791). */
export function fragmentKey(source: number, identification: number, protocol: number): number {
  return (source * 0x1_0000 + identification) * 4 + PROTOCOLS.indexOf(protocol) + 1
}

/**
 * The fate of the fragments of packets that arrive at a NAT. Only the first one has a port, so the
 * others follow it. The NAT's stage holds fragments that arrive earlier.
 */
export class NatFragments {
  /** By key, in the order in which the first fragments arrived. */
  readonly #packets = new Map<number, Fragmented>()

  set(key: number, fate: Fragmented['fate'], now: number): void {
    this.#packets.delete(key)
    this.#packets.set(key, { fate, expires: now + FRAGMENT_TIME })
    if (this.#packets.size <= MAX_FRAGMENTED) return
    const [first] = this.#packets.keys()
    this.#packets.delete(first as number)
  }

  /** Returns the fate of the first fragment; undefined if it has not arrived. */
  get(key: number, now: number): Fragmented['fate'] | undefined {
    const packet = this.#packets.get(key)
    return packet !== undefined && packet.expires > now ? packet.fate : undefined
  }

  clear(): void {
    this.#packets.clear()
  }
}
