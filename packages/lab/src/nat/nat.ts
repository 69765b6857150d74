/**
 * Nat: translates the IPv4 addresses and ports of frames between a router and the link outside it,
 * in place: of TCP (RFC 5382), UDP (RFC 4787), ICMP echo and the packets that ICMP errors quote
 * (RFC 5508). Checksums are updated by increments, so that a wrong checksum remains wrong.
 *
 * Hosts inside share the router's address outside, and the ports from FIRST_PORT on. The router's
 * own packets pass unchanged, unless they use these ports.
 */
import { checksum, ETH_P_IP, icmp, ipv4, NSEC_PER_SEC, tcp, vlan } from 'vnet'
import { get16, put16, UpperHeader } from 'vnet/kit/packet'
import type { Random } from 'vnet/net'
import {
  addressOf,
  connectionTo,
  endpoint,
  FIRST_PORT,
  fragmentKey,
  type NatForward,
  NatFragments,
  type NatKind,
  type NatMapping,
  type NatSpec,
  NatTable,
  type NatVerdict,
  PORTS,
  portOf,
  setExpires,
} from './nat-table.ts'
import type { Siit } from './siit.ts'

/**
 * Seconds without a packet from inside after which a mapping ends, by protocol: the shortest that
 * the RFCs allow.
 */
const SECONDS: ReadonlyMap<number, number> = new Map([
  [ipv4.IPPROTO_TCP, 7440],
  [ipv4.IPPROTO_UDP, 120],
  [ipv4.IPPROTO_ICMP, 60],
])
const TRANSITORY_SECONDS = 240

/** 224.0.0.0 */
const FIRST_MULTICAST = 0xe000_0000

/**
 * Options of a NAT. Times are ns without a packet from inside; by default the shortest that the
 * RFCs allow.
 */
export interface NatOptions extends Pick<NatSpec, 'udp' | 'tcp' | 'blocks'> {
  /** Translates the packets of IPv6 hosts inside to IPv4, before this NAT, and back after it. */
  readonly siit?: Siit | undefined
}

/**
 * The NAT of one router. It translates frames in place and keeps none: the caller passes, holds or
 * drops each by the verdict.
 */
export class Nat {
  /** The key of the packet of the last fragment in `inbound`; 0 after a whole packet. */
  fragment = 0
  /** The router's address outside. */
  readonly address: number
  readonly siit: Siit | undefined
  readonly #blocks: boolean
  readonly #tables: ReadonlyMap<number, NatTable>
  readonly #fragments = new NatFragments()
  readonly #upper = new UpperHeader()
  readonly #quoted = new UpperHeader()

  readonly #timeouts: ReadonlyMap<number, number>

  /** `address` is the router's address outside. `random` picks the first ports. */
  constructor(
    kind: NatKind,
    address: number,
    random: Random,
    { udp: forUdp, tcp: forTcp, blocks = false, siit }: NatOptions = {},
  ) {
    this.address = address
    this.siit = siit
    this.#blocks = blocks
    this.#tables = new Map(
      [...SECONDS.keys()].map(protocol => [protocol, new NatTable(kind, random.below(PORTS))]),
    )
    const given = new Map([
      [ipv4.IPPROTO_TCP, forTcp],
      [ipv4.IPPROTO_UDP, forUdp],
    ])
    this.#timeouts = new Map(
      [...SECONDS].map(([protocol, n]) => [protocol, given.get(protocol) ?? n * NSEC_PER_SEC]),
    )
  }

  /**
   * Forwards a port outside to an endpoint inside, an address and a port as numbers. Returns
   * undefined if it is forwarded now. Otherwise returns the port that the endpoint has already, or
   * `port` itself if another endpoint has it.
   */
  forward(protocol: number, port: number, address: number, to: number): number | undefined {
    return this.#tables.get(protocol)?.forward(port, endpoint(address, to))?.port
  }

  /** Leases a port to an endpoint inside until `until`: `port` if it is free. Returns the port. */
  hold(
    { protocol, port, address, to }: NatForward,
    until: number,
    now: number,
  ): number | undefined {
    return this.#tables.get(protocol)?.hold(endpoint(address, to), port, until, now)?.port
  }

  release(protocol: number, address: number, port: number, now: number): void {
    this.#tables.get(protocol)?.release(endpoint(address, port), now)
  }

  /**
   * Forgets every mapping that is not forwarded, like a router that restarts. New mappings have
   * other ports.
   */
  rebind(): void {
    for (const table of this.#tables.values()) {
      table.clear()
    }
    this.#fragments.clear()
  }

  /** Translates the frame of `length` bytes at `at` that the router sends. `now` is in ns. */
  outbound(bytes: Uint8Array, at: number, length: number, now: number): NatVerdict {
    const nh = this.#find(bytes, at, length)
    if (nh < 0) return 'pass'
    const { h, protocol, end } = this.#upper
    const source = ipv4.source(bytes, nh)
    const isOwn = source === this.address
    if (h < 0) {
      // A later fragment needs no port: all hosts have one address outside.
      this.#translate(bytes, nh, ipv4.sourceAt(nh), this.address)
      return 'pass'
    }
    if (isError(bytes, h, protocol, end)) return this.#outboundError(bytes, nh, now)
    const table = this.#tables.get(protocol)
    const field = portAt(bytes, h, protocol, end, 0)
    const isReply = protocol === ipv4.IPPROTO_ICMP && icmp.type(bytes, h) === icmp.ICMP_ECHOREPLY
    if (table === undefined || field < 0 || isReply) return isOwn ? 'pass' : 'untranslatable'
    const port = get16(bytes, field)
    if (isOwn && port < FIRST_PORT) return 'pass'
    const peer = endpoint(
      ipv4.destination(bytes, nh),
      protocol === ipv4.IPPROTO_ICMP ? 0 : get16(bytes, h + 2),
    )
    const mapping = table.take(endpoint(source, port), peer, now)
    if (mapping === undefined) return 'full'
    if (protocol === ipv4.IPPROTO_TCP) {
      this.#continue(mapping, peer, flagsOf(bytes, h, end), now)
    } else {
      mapping.expires = Math.max(mapping.held, now + (this.#timeouts.get(protocol) as number))
    }
    this.#translate(bytes, nh, ipv4.sourceAt(nh), this.address, field, mapping.port)
    if (ipv4.destination(bytes, nh) !== this.address) return 'pass'
    const verdict = this.#inbound(bytes, nh, now)
    return verdict === 'pass' ? 'hairpin' : verdict
  }

  /** Translates a frame that arrives for the router from outside. */
  inbound(bytes: Uint8Array, at: number, length: number, now: number): NatVerdict {
    this.fragment = 0
    const nh = this.#find(bytes, at, length)
    if (nh < 0) return 'pass'
    const destination = ipv4.destination(bytes, nh)
    // With hairpinning the kernel no longer drops packets that claim to be from the router.
    if (ipv4.source(bytes, nh) === this.address) return 'filtered'
    if (destination !== this.address) {
      return this.#blocks && destination < FIRST_MULTICAST ? 'filtered' : 'pass'
    }
    const { h, isFragment } = this.#upper
    if (!isFragment) return this.#inbound(bytes, nh, now)
    this.fragment = fragmentKey(
      ipv4.source(bytes, nh),
      ipv4.identification(bytes, nh),
      ipv4.protocol(bytes, nh),
    )
    if (h >= 0) {
      const verdict = this.#inbound(bytes, nh, now)
      this.#fragments.set(
        this.fragment,
        verdict === 'pass' ? ipv4.destination(bytes, nh) : verdict,
        now,
      )
      return verdict
    }
    const fate = this.#fragments.get(this.fragment, now) ?? 'early'
    if (typeof fate === 'string') return fate
    this.#translate(bytes, nh, ipv4.destinationAt(nh), fate)
    return 'pass'
  }

  /** Translates a packet for the router, or its first fragment. */
  #inbound(bytes: Uint8Array, nh: number, now: number): NatVerdict {
    const { h, protocol, end } = this.#upper
    const source = ipv4.source(bytes, nh)
    if (isError(bytes, h, protocol, end)) return this.#inboundError(bytes, nh, now)
    const field = portAt(bytes, h, protocol, end, 2)
    const isRequest =
      protocol === ipv4.IPPROTO_ICMP && field >= 0 && icmp.type(bytes, h) === icmp.ICMP_ECHO
    const table = this.#tables.get(protocol)
    // For the router itself.
    if (field < 0 || isRequest || table === undefined) return 'pass'
    const port = get16(bytes, field)
    const mapping = table.at(port, now)
    if (mapping === undefined) return port < FIRST_PORT ? 'pass' : 'unmapped'
    const peer = endpoint(source, protocol === ipv4.IPPROTO_ICMP ? 0 : get16(bytes, h))
    if (!table.admits(mapping, peer, now)) return 'filtered'
    const connection = mapping.connections.get(peer)
    if (connection !== undefined && isEnd(flagsOf(bytes, h, end))) {
      connection.isClosing = true
    }
    const address = addressOf(mapping.inside)
    this.#translate(bytes, nh, ipv4.destinationAt(nh), address, field, portOf(mapping.inside))
    return 'pass'
  }

  /** Finds the headers of an IPv4 packet. Returns -1 for any other frame. */
  #find(bytes: Uint8Array, at: number, length: number): number {
    const network = vlan.networkOffset(bytes, at, length)
    if (network < 0 || get16(bytes, at + network - 2) !== ETH_P_IP) return -1
    return this.#upper.find(bytes, at + network, at + length) === 4 ? at + network : -1
  }

  /** Translates an error about an incoming packet: its receiver is a host inside. */
  #outboundError(bytes: Uint8Array, nh: number, now: number): NatVerdict {
    const { h } = this.#upper
    const quote = h + icmp.ICMP_HLEN
    const table = this.#findQuoted(bytes, quote)
    const { h: quoted, protocol, end } = this.#quoted
    const field = table === undefined ? -1 : portAt(bytes, quoted, protocol, end, 2)
    if (table === undefined || field < 0) {
      return ipv4.source(bytes, nh) === this.address ? 'pass' : 'untranslatable'
    }
    const inside = endpoint(ipv4.destination(bytes, quote), get16(bytes, field))
    const peer = endpoint(
      ipv4.source(bytes, quote),
      protocol === ipv4.IPPROTO_ICMP ? 0 : get16(bytes, quoted),
    )
    const mapping = table.find(inside, peer, now)
    if (mapping === undefined) {
      return addressOf(inside) === this.address ? 'pass' : 'unmapped'
    }
    this.#translateQuoted(
      bytes,
      quote,
      ipv4.destinationAt(quote),
      this.address,
      field,
      mapping.port,
    )
    this.#translate(bytes, nh, ipv4.sourceAt(nh), this.address)
    return 'pass'
  }

  /** Translates an error about an outgoing packet. Any router on its path may send the error. */
  #inboundError(bytes: Uint8Array, nh: number, now: number): NatVerdict {
    const quote = this.#upper.h + icmp.ICMP_HLEN
    const table = this.#findQuoted(bytes, quote)
    const { h: quoted, protocol, end } = this.#quoted
    const field = table === undefined ? -1 : portAt(bytes, quoted, protocol, end, 0)
    if (table === undefined || field < 0) return 'untranslatable'
    const port = get16(bytes, field)
    const mapping = ipv4.source(bytes, quote) === this.address ? table.at(port, now) : undefined
    if (mapping === undefined) return port < FIRST_PORT ? 'pass' : 'unmapped'
    const peer = endpoint(
      ipv4.destination(bytes, quote),
      protocol === ipv4.IPPROTO_ICMP ? 0 : get16(bytes, quoted + 2),
    )
    if (!table.admits(mapping, peer, now)) return 'filtered'
    const [address, own] = [addressOf(mapping.inside), portOf(mapping.inside)]
    this.#translateQuoted(bytes, quote, ipv4.sourceAt(quote), address, field, own)
    this.#translate(bytes, nh, ipv4.destinationAt(nh), address)
    return 'pass'
  }

  /** Postpones the end of a TCP connection. One that opens or closes ends earlier. */
  #continue(mapping: NatMapping, peer: number, flags: number, now: number): void {
    const connection = connectionTo(mapping, peer)
    const isOpening = (flags & tcp.TCP_SYN) !== 0
    if (isOpening) {
      connection.isClosing = false
    }
    if (isEnd(flags)) {
      connection.isClosing = true
    }
    const timeout = this.#timeouts.get(ipv4.IPPROTO_TCP) as number
    const isTransitory = isOpening || connection.isClosing
    const lasts = isTransitory ? Math.min(timeout, TRANSITORY_SECONDS * NSEC_PER_SEC) : timeout
    setExpires(mapping, connection, now + lasts)
  }

  /** Finds the headers of the packet that an error quotes. Returns the table of its protocol. */
  #findQuoted(bytes: Uint8Array, quote: number): NatTable | undefined {
    if (this.#quoted.find(bytes, quote, this.#upper.end) !== 4 || this.#quoted.h < 0) {
      return undefined
    }
    return this.#tables.get(this.#quoted.protocol)
  }

  /** Replaces an address and, unless `field` is -1, a port. */
  #translate(
    bytes: Uint8Array,
    nh: number,
    at: number,
    address: number,
    field = -1,
    port = 0,
    { h, protocol, check, end } = this.#upper,
  ): void {
    const [high, low] = [address >>> 16, address & 0xffff]
    const moved = high - get16(bytes, at) + low - get16(bytes, at + 2)
    put16(bytes, at, high)
    put16(bytes, at + 2, low)
    checksum.growChecksum(bytes, nh + 10, moved)
    const changed = field < 0 ? 0 : port - get16(bytes, field)
    if (field >= 0) {
      put16(bytes, field, port)
    }
    // Errors and later fragments have no checksum of the pseudo-header.
    if (protocol === ipv4.IPPROTO_ICMP) {
      if (field >= 0 && h + 4 <= end) {
        checksum.growChecksum(bytes, h + 2, changed)
      }
    } else if (check >= 0) {
      checksum.growChecksum(bytes, check, moved + changed, protocol === ipv4.IPPROTO_UDP)
    }
  }

  #translateQuoted(
    bytes: Uint8Array,
    nh: number,
    at: number,
    address: number,
    field: number,
    port: number,
  ): void {
    const { h, end } = this.#upper
    const before = checksum.onesComplementSum(bytes, h + 4, end - h - 4)
    this.#translate(bytes, nh, at, address, field, port, this.#quoted)
    checksum.growChecksum(
      bytes,
      h + 2,
      checksum.onesComplementSum(bytes, h + 4, end - h - 4) - before,
    )
  }
}

function isError(bytes: Uint8Array, h: number, protocol: number, end: number): boolean {
  return (
    protocol === ipv4.IPPROTO_ICMP && h + icmp.ICMP_HLEN <= end && icmp.isError(icmp.type(bytes, h))
  )
}

/**
 * Returns the position of a port, `side` bytes into the header (0: source, 2: destination), or of
 * an echo's identifier; -1 if the packet has neither.
 */
function portAt(bytes: Uint8Array, h: number, protocol: number, end: number, side: number): number {
  if (protocol === ipv4.IPPROTO_TCP || protocol === ipv4.IPPROTO_UDP) {
    return h + 4 <= end ? h + side : -1
  }
  if (protocol !== ipv4.IPPROTO_ICMP || h + icmp.ICMP_HLEN > end) return -1
  const type = icmp.type(bytes, h)
  return type === icmp.ICMP_ECHO || type === icmp.ICMP_ECHOREPLY ? h + 4 : -1
}

/** The flags of a TCP segment; 0 if its header is cut. */
function flagsOf(bytes: Uint8Array, h: number, end: number): number {
  return h + tcp.TCP_HLEN <= end ? tcp.flags(bytes, h) : 0
}

const isEnd = (flags: number): boolean => (flags & (tcp.TCP_FIN | tcp.TCP_RST)) !== 0
