/**
 * PacketView: the TCP segment or UDP datagram in a record of a capture. There is one view for all
 * records. Lengths count the packet on the wire: the record may have fewer bytes.
 */

import { ETH_P_IP, ETH_P_IPV6, formatAddress, icmp, icmpv6, ipv4, ipv6, tcp, udp, vlan } from 'vnet'
import type { CaptureRecord } from 'vnet/capture'
import { get16, get32, icmpErrorText, icmpv6ErrorText, UpperHeader } from 'vnet/kit/packet'

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
const SLL2_IFINDEX = 4

/** Reads `1 icmp, 2 igmp`. */
const table = (text: string) =>
  new Map(text.split(', ').map(one => [Number(one.split(' ')[0]), one.replace(/^\S+ /, '')]))

/** Frames that are counted, by their EtherType, protocol number or UDP port. */
const TYPES = table('0x0806 arp, 0x8847 mpls, 0x8863 pppoe, 0x8864 pppoe')
const PROTOCOLS = table(
  '1 icmp, 2 igmp, 4 ipip tunnel, 41 ipv6 tunnel, 47 gre tunnel, 50 esp tunnel, 51 ah tunnel, 58 icmpv6, 132 sctp',
)
const TUNNEL_PORTS = table(
  '2152 gtp tunnel, 4500 esp tunnel, 4789 vxlan tunnel, 6081 geneve tunnel, 8472 vxlan tunnel',
)
/** Link types that count frames by a name. */
const LINKS = table(
  '9 ppp, 50 ppp, 51 pppoe, 105 802.11, 119 802.11, 127 802.11, 163 802.11, 192 802.11',
)
/** The first bytes of a segment that are necessary: up to its window. */
const SEGMENT_MIN = 16

/** What a view reads of a record. */
export type ViewedRecord = Readonly<
  Pick<
    CaptureRecord,
    'bytes' | 'at' | 'capturedLength' | 'originalLength' | 'linkType' | 'interfaceIndex'
  >
>

export class PacketView extends tcp.TcpOptions {
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
  /** The number of the interface. */
  place = 0
  /** The report of an ICMP error, or ''. The other fields then describe the packet in it. */
  report = ''
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
  /** Fields of TCP. */
  seq = 0
  ack = 0
  flags = 0
  window = 0
  /** The timestamp, or -1. */
  stamp = -1
  readonly #upper = new UpperHeader()

  /** Reads a record. Returns '' for TCP and UDP, or the kind of another frame. */
  read(record: ViewedRecord): string {
    const { bytes, at, linkType } = record
    const end = at + record.capturedLength
    this.bytes = bytes
    this.place = record.interfaceIndex
    const nh = this.#networkAt(record, end)
    if (nh === -1) return 'cut'
    if (nh === -2) return nameOfLink(linkType)
    if (nh < 0) return nameOfType(-3 - nh)
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
    this.report = ''
    if (this.h < 0) return upper.isFragment ? 'fragment' : 'cut'
    this.protocol = upper.protocol
    if (this.#readReport()) return ''
    if (this.protocol === ipv4.IPPROTO_TCP) return this.#readSegment()
    if (this.protocol === ipv4.IPPROTO_UDP) return this.#readDatagram()
    return PROTOCOLS.get(this.protocol) ?? `ip protocol ${this.protocol}`
  }

  /** Returns the position of the IP header, -1 in a cut frame, -2 or less for other frames. */
  #networkAt({ bytes, at, capturedLength, linkType }: ViewedRecord, end: number): number {
    let nh = at
    let typeAt = -1
    if (linkType === LINK_ETHERNET) {
      const offset = vlan.networkOffset(bytes, at, capturedLength)
      if (offset < 0) return -1
      nh += offset
      typeAt = nh - 2
    } else if (linkType === LINK_SLL) {
      nh += SLL_HLEN
      typeAt = at + SLL_HLEN - 2
    } else if (linkType === LINK_SLL2) {
      nh += SLL2_HLEN
      typeAt = at
      if (nh <= end) {
        this.place = get32(bytes, at + SLL2_IFINDEX)
      }
    } else if (linkType === LINK_NULL || linkType === LINK_LOOP) {
      nh += LINK_ADDRESS_FAMILY
    } else if (!LINKS_RAW.includes(linkType)) {
      return -2
    }
    if (nh > end) return -1
    const type = typeAt < 0 ? ETH_P_IP : get16(bytes, typeAt)
    return type === ETH_P_IP || type === ETH_P_IPV6 ? nh : -3 - type
  }

  /** Reads an ICMP error up to the ports of the packet in it. Returns false for other packets. */
  #readReport(): boolean {
    const { bytes, h, end, version } = this
    const is4 = version === 4
    if (
      this.protocol !== (is4 ? ipv4.IPPROTO_ICMP : ipv6.NEXTHDR_ICMP) ||
      end - h < icmp.ICMP_HLEN
    ) {
      return false
    }
    if (!(is4 ? icmp : icmpv6).isError(bytes[h])) return false
    const upper = this.#upper
    const quoted = h + icmp.ICMP_HLEN
    if (upper.find(bytes, quoted, end) !== version || upper.h < 0 || upper.h + udp.UDP_HLEN > end) {
      return false
    }
    if (upper.protocol !== ipv4.IPPROTO_TCP && upper.protocol !== ipv4.IPPROTO_UDP) return false
    const from = formatAddress(bytes.slice(this.addressAt, this.addressAt + this.addressSize))
    this.report = `ICMP error of ${from}: ${(is4 ? icmpErrorText : icmpv6ErrorText)(bytes, h, bytes[h])}`
    this.addressAt = is4 ? ipv4.sourceAt(quoted) : ipv6.sourceAt(quoted)
    this.h = upper.h
    this.protocol = upper.protocol
    this.#readPorts()
    return true
  }

  #readDatagram(): string {
    const { h, end, nh } = this
    if (end - h < udp.UDP_HLEN) return 'cut'
    this.#readPorts()
    this.at = h + udp.UDP_HLEN
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
    this.clearOptions()
    this.readOptions(bytes, h + tcp.TCP_HLEN, this.at, (this.flags & tcp.TCP_SYN) !== 0)
    this.stamp = this.hasTimestamp ? this.timestamp : -1
    return ''
  }

  /** The number at an edge of the SACK blocks. */
  edge(i: number): number {
    return get32(this.bytes, this.sackAt + 4 * i)
  }

  #readPorts(): void {
    this.sourcePort = get16(this.bytes, this.h)
    this.destinationPort = get16(this.bytes, this.h + 2)
  }
}

function nameOfLink(type: number): string {
  const name = LINKS.get(type)
  return name === undefined ? `link type ${type}` : `${name} (link type ${type})`
}

function nameOfType(type: number): string {
  if (type < 0x600) return 'ieee 802.3'
  return TYPES.get(type) ?? `ethertype 0x${type.toString(16).padStart(4, '0')}`
}
