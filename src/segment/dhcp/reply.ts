/** What the DHCP server answers: the octets, and where they go (RFC 2131 sec. 4.1 and 4.3, table 3). */
import { ARPHRD_ETHER } from '../../header/arp.ts'
import {
  BOOTREPLY,
  build,
  DHCP_CLIENT_PORT,
  DHCP_FLAG_BROADCAST,
  DHCP_MIN_MESSAGE,
  DHCP_SERVER_PORT,
  DHCPNAK,
  DHCPOFFER,
  DHO_BOOTFILE,
  DHO_CLIENT_IDENTIFIER,
  DHO_HOST_NAME,
  DHO_LEASE_TIME,
  DHO_MAX_MESSAGE_SIZE,
  DHO_MESSAGE,
  DHO_MESSAGE_TYPE,
  DHO_PARAMETER_REQUEST_LIST,
  DHO_REBINDING_TIME,
  DHO_RENEWAL_TIME,
  DHO_SERVER_IDENTIFIER,
  DHO_SUBNET_MASK,
  DHO_TFTP_SERVER,
  type DhcpMessage,
} from '../../header/dhcp.ts'
import { DHO_RELAY_AGENT } from '../../header/dhcp-options.ts'
import { formatAddress } from '../../header/ipv4.ts'
import { addressOctets } from '../../header/ipv4-address.ts'
import { get16, put32 } from '../../header/octets.ts'
import { DHCP_INFINITE, type DhcpConfig, type Reservation, type Subnet } from './config.ts'

export interface DhcpReply {
  readonly data: Uint8Array
  /** Where to, an unsigned number; 255.255.255.255 is everybody. */
  readonly address: number
  readonly port: typeof DHCP_SERVER_PORT | typeof DHCP_CLIENT_PORT
  /** Whom the frame is for; undefined: everybody when `address` is, or whom the neighbour table says. */
  readonly mac: Uint8Array | undefined
  /** Options for which the client left no room. */
  readonly left: readonly number[]
}

/** Who is answered, and where in the network that is. */
export interface Asker {
  readonly message: DhcpMessage
  readonly subnet: Subnet
  readonly reservation: Reservation | undefined
  /** Whose frame brought the message: the client, or the router before it. */
  readonly from: Uint8Array
}

const BROADCAST = 0xffff_ffff
/** An IP packet of an Ethernet frame, less the headers of IP and UDP. */
const MAX_MESSAGE = 1472
const UDP_AND_IP = 28

/** DHCPOFFER, or DHCPACK to a DHCPREQUEST: an address for `seconds`. */
export function lending(type: number, asker: Asker, config: DhcpConfig, address: number, seconds: number): DhcpReply {
  const { message } = asker
  const [renewal, rebinding] = renewalTimes(config, seconds)
  const options = new Map<number, Uint8Array>([
    ...head(type, config, message),
    [DHO_LEASE_TIME, u32(seconds)],
    ...(seconds === DHCP_INFINITE
      ? []
      : ([
          [DHO_RENEWAL_TIME, u32(renewal)],
          [DHO_REBINDING_TIME, u32(rebinding)],
        ] as const)),
  ])
  addConfigured(options, asker, config)
  return reply(asker, options, { ciaddr: type === DHCPOFFER ? 0 : message.ciaddr, yiaddr: address }, config)
}

/** DHCPACK to a DHCPINFORM: everything but an address. */
export function informing(type: number, asker: Asker, config: DhcpConfig): DhcpReply {
  const options = new Map(head(type, config, asker.message))
  addConfigured(options, asker, config)
  return reply(asker, options, { ciaddr: asker.message.ciaddr, yiaddr: 0 }, config)
}

/** DHCPNAK, by broadcast, since the client may not have an address; a relay broadcasts it when the flag says so. */
export function refusing(message: DhcpMessage, config: DhcpConfig, why: string): DhcpReply {
  const options = new Map(head(DHCPNAK, config, message))
  options.set(DHO_MESSAGE, new TextEncoder().encode(why))
  const flags = message.giaddr === 0 ? message.flags : message.flags | DHCP_FLAG_BROADCAST
  const none = new Uint8Array(0)
  const nak = { ...answerTo(message), flags, ciaddr: 0, yiaddr: 0, siaddr: 0, sname: none, file: none }
  const { data, left } = build({ ...nak, options: withRelay(options, message) }, sizeLimit(message))
  const relayed = message.giaddr !== 0
  const address = relayed ? message.giaddr : BROADCAST
  return { data, left, address, port: relayed ? DHCP_SERVER_PORT : DHCP_CLIENT_PORT, mac: undefined }
}

function reply(
  asker: Asker,
  options: Map<number, Uint8Array>,
  fields: { ciaddr: number; yiaddr: number },
  config: DhcpConfig,
): DhcpReply {
  const { message, reservation } = asker
  const { siaddr, sname, file } = reservation?.boot ?? config.boot
  const whole = { ...answerTo(message), ...fields, siaddr, sname, file, options: withRelay(options, message) }
  return { ...build(whole, sizeLimit(message)), ...destination(asker, fields.yiaddr) }
}

function answerTo({ htype, xid, flags, giaddr, chaddr }: DhcpMessage) {
  return { op: BOOTREPLY, htype, hops: 0, xid, secs: 0, flags, giaddr, chaddr }
}

/** RFC 2131 sec. 4.1. */
function destination({ message, from }: Asker, yiaddr: number): Pick<DhcpReply, 'address' | 'port' | 'mac'> {
  const { giaddr, ciaddr, flags, htype, chaddr } = message
  if (giaddr !== 0) return { address: giaddr, port: DHCP_SERVER_PORT, mac: undefined }
  if (ciaddr !== 0) return { address: ciaddr, port: DHCP_CLIENT_PORT, mac: from }
  const reachable = htype === ARPHRD_ETHER && chaddr.length === 6 && ((chaddr[0] as number) & 1) === 0
  if ((flags & DHCP_FLAG_BROADCAST) !== 0 || !reachable)
    return { address: BROADCAST, port: DHCP_CLIENT_PORT, mac: undefined }
  return { address: yiaddr, port: DHCP_CLIENT_PORT, mac: chaddr }
}

/** What every answer has; the identifier comes back as it was sent (RFC 6842). */
function head(type: number, config: DhcpConfig, message: DhcpMessage): [number, Uint8Array][] {
  const identifier = message.options.get(DHO_CLIENT_IDENTIFIER)
  return [
    [DHO_MESSAGE_TYPE, Uint8Array.of(type)],
    [DHO_SERVER_IDENTIFIER, addressOctets(config.server)],
    ...(identifier === undefined ? [] : ([[DHO_CLIENT_IDENTIFIER, identifier]] as [number, Uint8Array][])),
  ]
}

function withRelay(options: Map<number, Uint8Array>, message: DhcpMessage): Map<number, Uint8Array> {
  const relay = message.options.get(DHO_RELAY_AGENT)
  if (relay !== undefined && message.giaddr !== 0) options.set(DHO_RELAY_AGENT, relay)
  return options
}

/** What is configured, of that what the client asks for, in its order; but the mask is before the routers (RFC 2132 sec. 3.3). */
function addConfigured(
  options: Map<number, Uint8Array>,
  { message, subnet, reservation }: Asker,
  config: DhcpConfig,
): void {
  const { siaddr, sname, file } = reservation?.boot ?? config.boot
  const bootServer = sname.length > 0 || siaddr === 0 ? sname : text(formatAddress(siaddr))
  const configured = new Map<number, Uint8Array | null>([
    ...(bootServer.length > 0 ? [[DHO_TFTP_SERVER, bootServer] as const] : []),
    ...(file.length > 0 ? [[DHO_BOOTFILE, file] as const] : []),
    ...subnet.options,
    ...(reservation?.hostname === undefined ? [] : [[DHO_HOST_NAME, text(reservation.hostname)] as const]),
    ...(reservation?.options ?? []),
  ])
  const asked = message.options.get(DHO_PARAMETER_REQUEST_LIST)
  const codes = asked === undefined ? [...configured.keys()] : [...asked]
  const first = codes.includes(DHO_SUBNET_MASK) ? [DHO_SUBNET_MASK] : []
  for (const code of [...first, ...codes, ...config.always]) {
    const value = configured.get(code)
    if (value != null && !options.has(code)) options.set(code, value)
  }
}

/** T1 and T2 of RFC 2131 sec. 4.4.5. */
function renewalTimes({ renewalTime, rebindingTime }: DhcpConfig, seconds: number): [number, number] {
  const rebinding =
    rebindingTime !== undefined && rebindingTime < seconds ? rebindingTime : Math.floor((seconds * 7) / 8)
  const renewal = renewalTime !== undefined && renewalTime < rebinding ? renewalTime : Math.floor(seconds / 2)
  return [Math.min(renewal, rebinding), rebinding]
}

/** Octets of message that the client takes (RFC 2132 sec. 9.10: with the headers of IP and UDP). */
function sizeLimit({ options }: DhcpMessage): number {
  const size = options.get(DHO_MAX_MESSAGE_SIZE)
  return size === undefined
    ? DHCP_MIN_MESSAGE
    : Math.min(MAX_MESSAGE, Math.max(DHCP_MIN_MESSAGE, get16(size, 0) - UDP_AND_IP))
}

function u32(value: number): Uint8Array {
  const octets = new Uint8Array(4)
  put32(octets, 0, value)
  return octets
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}
