/**
 * PacketView: the TCP segment or UDP datagram in a record of a capture. There is one view for all
 * records. Lengths count the packet on the wire: the record may have fewer bytes.
 */
import type { CaptureRecord } from 'vnet/internal/capture/record'
import { ETH_P_IP, ETH_P_IPV6 } from 'vnet/internal/packet/ethernet'
import * as ipv4 from 'vnet/internal/packet/ipv4'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import { get16, get32 } from 'vnet/internal/packet/octets'
import * as tcp from 'vnet/internal/packet/tcp'
import { UDP_HLEN } from 'vnet/internal/packet/udp'
import { UpperHeader } from 'vnet/internal/packet/upper-header'
import { networkOffset } from 'vnet/internal/packet/vlan'

/** The registry of link types (draft-ietf-opsawg-pcaplinktype), and DLT_RAW of two systems. */
const LINK_NULL = 0
const LINK_ETHERNET = 1
const LINK_LOOP = 108
const LINK_SLL = 113
const LINK_SLL2 = 276
const LINKS_RAW: readonly number[] = [12, 14, 101, 228, 229]
const LINK_ADDRESS_FAMILY = 4
const SLL_HLEN = 16
const SLL2_HLEN = 20

/** Reads `1 icmp, 2 igmp`. */
const table = (text: string) =>
  new Map(text.split(', ').map(one => [Number(one.split(' ')[0]), one.replace(/^\S+ /, '')]))

/** Frames that are counted, by their EtherType, protocol number or UDP port. */
const TYPES = table('0x0806 arp, 0x8847 mpls, 0x8863 pppoe, 0x8864 pppoe')
const PROTOCOLS = table(
  '1 icmp, 2 igmp, 4 ipip tunnel, 41 ipv6 tunnel, 47 gre tunnel, 50 esp tunnel, 51 ah tunnel, 58 icmpv6, 132 sctp',
)
const TUNNEL_PORTS = table('2152 gtp tunnel, 4500 esp tunnel, 4789 vxlan tunnel, 6081 geneve tunnel, 8472 vxlan tunnel')
/** The first bytes of a segment that are necessary: up to its window. */
const SEGMENT_MIN = 16

const OPT_END = 0
const OPT_NOP = 1
const OPT_MSS = 2
const OPT_WINDOW_SCALE = 3
const OPT_SACK = 5
const OPT_TIMESTAMPS = 8
const SACK_EDGES_MAX = 8

export class PacketView {
  bytes: Uint8Array = new Uint8Array(0)
  /** The number of the frame, and its time in ns from the first one. */
  frame = 0
  time = 0
  version = 0
  /** Positions of the headers of IP and above it, of the payload, and of the end of the record. */
  nh = 0
  h = 0
  at = 0
  end = 0
  protocol = 0
  /** Bytes of the IP packet, and of the payload of TCP or UDP. */
  ipLength = 0
  length = 0
  /** The identification of IPv4; 0 with IPv6. */
  id = 0
  life = 0
  /** The position of the source address, which the destination follows, and their length. */
  addressAt = 0
  addressSize = 0
  sourcePort = 0
  destinationPort = 0
  /** Fields of TCP; `mss` and `scale` are -1 without the option. */
  seq = 0
  ack = 0
  flags = 0
  window = 0
  mss = -1
  scale = -1
  /** The timestamp and its echo; -1 without the option. */
  stamp = -1
  echo = -1
  readonly sacks: number[] = new Array(SACK_EDGES_MAX).fill(0)
  sackEdges = 0
  readonly #upper = new UpperHeader()

  /** Reads a record. Returns '' for TCP and UDP, or the kind of another frame. */
  read(record: CaptureRecord): string {
    const { bytes, at, linkType } = record
    const end = at + record.capturedLength
    this.bytes = bytes
    const nh = this.#networkAt(record, end)
    if (nh < 0) return nh === -1 ? 'cut' : nh === -2 ? `link type ${linkType}` : nameOfType(-3 - nh)
    const upper = this.#upper
    this.version = nh < end ? upper.find(bytes, nh, end) : 0
    if (this.version === 0) return 'cut'
    const is4 = this.version === 4
    // An IP length of 0 is of a frame that the NIC has yet to cut.
    const said = is4 ? ipv4.totalLength(bytes, nh) : ipv6.payloadLength(bytes, nh)
    const original = record.originalLength - (nh - at)
    this.ipLength = said === 0 ? original : Math.min(original, is4 ? said : said + ipv6.IPV6_HLEN)
    this.end = Math.min(end, nh + this.ipLength)
    this.nh = nh
    this.addressAt = is4 ? ipv4.sourceAt(nh) : ipv6.sourceAt(nh)
    this.addressSize = is4 ? ipv4.IPV4_ALEN : ipv6.IPV6_ALEN
    this.id = is4 ? ipv4.identification(bytes, nh) : 0
    this.life = is4 ? ipv4.timeToLive(bytes, nh) : ipv6.hopLimit(bytes, nh)
    this.h = upper.h
    if (this.h < 0) return upper.isFragment ? 'fragment' : 'cut'
    this.protocol = upper.protocol
    if (this.protocol === ipv4.IPPROTO_TCP) return this.#readSegment()
    if (this.protocol === ipv4.IPPROTO_UDP) return this.#readDatagram()
    return PROTOCOLS.get(this.protocol) ?? `ip protocol ${this.protocol}`
  }

  /** Returns the position of the IP header, -1 in a cut frame, -2 or less for other frames. */
  #networkAt({ bytes, at, capturedLength, linkType }: CaptureRecord, end: number): number {
    let nh = at
    let typeAt = -1
    if (linkType === LINK_ETHERNET) {
      const offset = networkOffset(bytes, at, capturedLength)
      if (offset < 0) return -1
      nh += offset
      typeAt = nh - 2
    } else if (linkType === LINK_SLL) {
      nh += SLL_HLEN
      typeAt = at + SLL_HLEN - 2
    } else if (linkType === LINK_SLL2) {
      nh += SLL2_HLEN
      typeAt = at
    } else if (linkType === LINK_NULL || linkType === LINK_LOOP) nh += LINK_ADDRESS_FAMILY
    else if (!LINKS_RAW.includes(linkType)) return -2
    if (nh > end) return -1
    const type = typeAt < 0 ? ETH_P_IP : get16(bytes, typeAt)
    return type === ETH_P_IP || type === ETH_P_IPV6 ? nh : -3 - type
  }

  #readDatagram(): string {
    const { h, end, nh } = this
    if (end - h < UDP_HLEN) return 'cut'
    this.#readPorts()
    this.at = h + UDP_HLEN
    this.length = Math.max(0, nh + this.ipLength - this.at)
    return TUNNEL_PORTS.get(this.destinationPort) ?? TUNNEL_PORTS.get(this.sourcePort) ?? ''
  }

  #readSegment(): string {
    const { bytes, h, end, nh } = this
    const header = tcp.dataOffset(bytes, h)
    if (end - h < SEGMENT_MIN) return 'cut'
    if (header < tcp.TCP_HLEN || h + header > nh + this.ipLength) return 'malformed tcp'
    this.#readPorts()
    this.seq = tcp.sequenceNumber(bytes, h)
    this.ack = tcp.acknowledgmentNumber(bytes, h)
    this.flags = tcp.flags(bytes, h)
    this.window = tcp.window(bytes, h)
    this.at = Math.min(h + header, end)
    this.length = nh + this.ipLength - h - header
    this.mss = this.scale = -1
    this.stamp = this.echo = -1
    this.sackEdges = 0
    if (header > tcp.TCP_HLEN) this.#readOptions(h + tcp.TCP_HLEN, this.at)
    return ''
  }

  #readPorts(): void {
    this.sourcePort = get16(this.bytes, this.h)
    this.destinationPort = get16(this.bytes, this.h + 2)
  }

  #readOptions(from: number, end: number): void {
    const { bytes } = this
    for (let at = from; at + 1 < end; ) {
      const kind = bytes[at]
      if (kind === OPT_END) return
      if (kind === OPT_NOP) {
        at++
        continue
      }
      const size = bytes[at + 1]
      if (size < 2 || at + size > end) return
      if (kind === OPT_TIMESTAMPS && size === 10) {
        this.stamp = get32(bytes, at + 2)
        this.echo = get32(bytes, at + 6)
      } else if (kind === OPT_SACK) {
        const edges = Math.min((size - 2) >> 2, SACK_EDGES_MAX) & ~1
        for (let i = 0; i < edges; i++) this.sacks[i] = get32(bytes, at + 2 + 4 * i)
        this.sackEdges = edges
      } else if (kind === OPT_MSS && size === 4) this.mss = get16(bytes, at + 2)
      else if (kind === OPT_WINDOW_SCALE && size === 3) this.scale = Math.min(bytes[at + 2], 14)
      at += size
    }
  }
}

function nameOfType(type: number): string {
  if (type < 0x600) return 'ieee 802.3'
  return TYPES.get(type) ?? `ethertype 0x${type.toString(16).padStart(4, '0')}`
}
