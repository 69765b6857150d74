/**
 * The headers of a frame, each with its fields as text, for the page and `vnet step`. Frames come
 * from strangers: nothing here throws on any bytes, and a header that is cut off or malformed is
 * shown as far as it can be, with a note.
 */
import { formatIpv4, formatMac } from './address.ts'
import * as arp from './arp.ts'
import { finish, onesComplementSum } from './checksum.ts'
import * as ethernet from './ethernet.ts'
import { cutOff, type Header, header, hex, named, upperHeaders } from './fields-upper.ts'
import * as ipv4 from './ipv4.ts'
import * as ipv6 from './ipv6.ts'
import { type Layer, layersOf } from './layers.ts'
import { ARP_OPERATION_NAMES, ETHER_TYPE_NAMES, PROTOCOL_NAMES } from './names.ts'
import { get16 } from './octets.ts'
import { ipv6Text } from './print.ts'
import { dei, pcp, VLAN_HLEN, vid } from './vlan.ts'

/** ECN codepoints, RFC 3168 sec. 5. */
const ECN = ['not ECT', 'ECT(1)', 'ECT(0)', 'CE']

type HeaderOf = (
  bytes: Uint8Array,
  layer: Layer,
  next: Layer | undefined,
) => Header | readonly Header[]

const HEADERS: Readonly<Record<Layer['kind'], HeaderOf>> = {
  ethernet: ethernetHeader,
  vlan: vlanHeader,
  arp: arpHeader,
  ipv4: ipv4Header,
  ipv6: ipv6Header,
  extension: extensionHeader,
  fragment: () => header('IPv6 extension', { Note: 'a later fragment' }),
  upper: upperHeaders,
  other: () => [],
}

/** Returns the headers of the Ethernet frame at `at`, of which `length` bytes were captured. */
export function headersOf(bytes: Uint8Array, at: number, length: number): Header[] {
  const end = Math.min(bytes.length, at + length)
  const layers = layersOf(bytes, at, end, true)
  return layers.flatMap((layer, i) => HEADERS[layer.kind](bytes, layer, layers[i + 1]))
}

function ethernetHeader(bytes: Uint8Array, { at, end }: Layer): Header {
  if (end - at < ethernet.ETH_HLEN) return cutOff('Ethernet', end - at, ethernet.ETH_HLEN)
  return header('Ethernet', {
    Destination: formatMac(bytes, ethernet.destinationAt(at)),
    Source: formatMac(bytes, ethernet.sourceAt(at)),
    Type: typeText(ethernet.etherType(bytes, at)),
  })
}

function vlanHeader(bytes: Uint8Array, { at, end }: Layer): Header {
  if (at + VLAN_HLEN > end) return cutOff('VLAN', end - at, VLAN_HLEN)
  const tag = at - 2
  return header('VLAN', {
    Id: vid(bytes, tag),
    Priority: pcp(bytes, tag),
    'Drop eligible': dei(bytes, tag) === 1 ? 'yes' : 'no',
    Type: typeText(get16(bytes, at + 2)),
  })
}

function extensionHeader(_: Uint8Array, { at, end }: Layer, upper: Layer | undefined): Header {
  if (upper === undefined) return cutOff('IPv6 extension', end - at, undefined)
  return header('IPv6 extension', {
    Length: `${end - at} bytes`,
    'Next header': named(PROTOCOL_NAMES, upper.protocol),
  })
}

function typeText(type: number): string {
  return type < ethernet.ETH_P_802_3_MIN
    ? `${type} (802.3 length)`
    : named(ETHER_TYPE_NAMES, type, hex(type, 4))
}

function arpHeader(bytes: Uint8Array, { at, end }: Layer): Header {
  if (end - at < arp.ARP_LEN) return cutOff('ARP', end - at, arp.ARP_LEN)
  const operation = arp.op(bytes, at)
  const isUsual = arp.parse(bytes, at, end - at) >= 0
  return header('ARP', {
    Operation: named(ARP_OPERATION_NAMES, operation),
    ...(isUsual
      ? {
          'Sender MAC': formatMac(bytes, arp.shaAt(at)),
          'Sender address': formatIpv4(arp.spa(bytes, at)),
          'Target MAC': formatMac(bytes, arp.thaAt(at)),
          'Target address': formatIpv4(arp.tpa(bytes, at)),
        }
      : { Note: 'not of Ethernet and IPv4' }),
  })
}

function ipv4Header(bytes: Uint8Array, { at, end }: Layer): Header {
  if (end - at < ipv4.IPV4_HLEN) return cutOff('IPv4', end - at, ipv4.IPV4_HLEN)
  const [size, total, flags] = [
    ipv4.headerLength(bytes, at),
    ipv4.totalLength(bytes, at),
    ipv4.flags(bytes, at),
  ]
  const isWhole = ipv4.parseHeader(bytes, at, end - at) >= 0
  const service = ipv4.typeOfService(bytes, at)
  const bits = [(flags & ipv4.IP_DF) !== 0 && 'DF', (flags & ipv4.IP_MF) !== 0 && 'MF'].filter(
    Boolean,
  )
  const protocol = ipv4.protocol(bytes, at)
  const isRight = isWhole && finish(onesComplementSum(bytes, at, size)) === 0
  const fields = {
    ...(ipv4.version(bytes, at) !== 4 && { Version: ipv4.version(bytes, at) }),
    'Header length': `${size} bytes`,
    DSCP: service >>> 2,
    ECN: ECN[service & 3],
    'Total length': `${total} bytes`,
    Identification: hex(ipv4.identification(bytes, at), 4),
    Flags: bits.length === 0 ? 'none' : bits.join(' '),
    'Fragment offset': ipv4.fragmentOffset(bytes, at),
    TTL: ipv4.timeToLive(bytes, at),
    Protocol: named(PROTOCOL_NAMES, protocol),
    Checksum: `${hex(ipv4.headerChecksum(bytes, at), 4)}${isRight || !isWhole ? '' : ' (wrong)'}`,
    Source: formatIpv4(ipv4.source(bytes, at)),
    Destination: formatIpv4(ipv4.destination(bytes, at)),
    ...(isWhole && size > ipv4.IPV4_HLEN && { Options: `${size - ipv4.IPV4_HLEN} bytes` }),
    ...(!isWhole && { Note: 'malformed or cut off' }),
  }
  return header('IPv4', fields)
}

function ipv6Header(bytes: Uint8Array, { at, end }: Layer): Header {
  if (end - at < ipv6.IPV6_HLEN) return cutOff('IPv6', end - at, ipv6.IPV6_HLEN)
  const traffic = ipv6.trafficClass(bytes, at)
  const payload = ipv6.payloadLength(bytes, at)
  const version = ipv6.version(bytes, at)
  const fields = {
    ...(version !== 6 && { Version: version }),
    DSCP: traffic >>> 2,
    ECN: ECN[traffic & 3],
    'Flow label': hex(ipv6.flowLabel(bytes, at), 5),
    'Payload length': `${payload} bytes`,
    'Next header': named(PROTOCOL_NAMES, ipv6.nextHeader(bytes, at)),
    'Hop limit': ipv6.hopLimit(bytes, at),
    Source: ipv6Text(bytes, ipv6.sourceAt(at)),
    Destination: ipv6Text(bytes, ipv6.destinationAt(at)),
    ...(version !== 6 && { Note: 'malformed' }),
  }
  return header('IPv6', fields)
}
