/** Builds the DHCP server's replies and their destinations (RFC 2131 sec. 4.1, 4.3, table 3). */
import { arp, formatIpv4 } from 'vnet'
import { dhcp, get16, ipv4Bytes, long } from 'vnet/kit/packet'
import { DHCP_INFINITE, type DhcpConfig, type Reservation } from './config.ts'
import { type DhcpClient, numberIn } from './request.ts'

/** A reply and its destination. */
export interface DhcpReply {
  readonly data: Uint8Array
  /** Destination, an unsigned number, or 255.255.255.255. */
  readonly address: number
  readonly port: typeof dhcp.DHCP_SERVER_PORT | typeof dhcp.DHCP_CLIENT_PORT
  /** Destination MAC address. Undefined for a broadcast, and to use the neighbour table. */
  readonly mac: Uint8Array | undefined
  /** Codes of options that did not fit into the message size of the client. */
  readonly omitted: readonly number[]
}

/** Sends a reply. Called once for a reply, never for a message that gets none. */
export type SendReply = (reply: DhcpReply) => void

/** A client's message and the server's data about the client. */
export interface DhcpRequest {
  readonly message: dhcp.DhcpMessage
  readonly client: DhcpClient
  readonly reservation: Reservation | undefined
  /** Option 50. */
  readonly requested: number | undefined
  /** Source MAC address of the frame: the client's, or the router's or relay's in between. */
  readonly from: Uint8Array
}

/** Size in bytes: an Ethernet frame's IP packet, without the IP and UDP headers. */
const MAX_MESSAGE = 1472
const HEADERS = 28

/** A DHCPOFFER, or a DHCPACK to a DHCPREQUEST, of `address` for leaseTime(). */
export function leaseReply(
  type: number,
  request: DhcpRequest,
  config: DhcpConfig,
  address: number,
): DhcpReply {
  const { message } = request
  const seconds = leaseTime(request, config)
  const [renewal, rebinding] = renewalTimes(config, seconds)
  const options = new Map(head(type, config, message)).set(dhcp.DHO_LEASE_TIME, u32(seconds))
  if (seconds !== DHCP_INFINITE) {
    options.set(dhcp.DHO_RENEWAL_TIME, u32(renewal)).set(dhcp.DHO_REBINDING_TIME, u32(rebinding))
  }
  addConfigured(options, request, config)
  return reply(
    request,
    options,
    { ciaddr: type === dhcp.DHCPOFFER ? 0 : message.ciaddr, yiaddr: address },
    config,
  )
}

/** Lease time in seconds: the client's request, within the configured bounds. */
export function leaseTime(
  { message }: DhcpRequest,
  { leaseTime: usual, minLeaseTime, maxLeaseTime }: DhcpConfig,
): number {
  return Math.min(
    maxLeaseTime,
    Math.max(minLeaseTime, numberIn(message, dhcp.DHO_LEASE_TIME) ?? usual),
  )
}

/** A DHCPACK to a DHCPINFORM: the options without an address. */
export function informReply(request: DhcpRequest, config: DhcpConfig): DhcpReply {
  const options = new Map(head(dhcp.DHCPACK, config, request.message))
  addConfigured(options, request, config)
  return reply(request, options, { ciaddr: request.message.ciaddr, yiaddr: 0 }, config)
}

/** A DHCPNAK. It is broadcast, by a relay too, since the client may have no valid address. */
export function nakReply(message: dhcp.DhcpMessage, config: DhcpConfig, why: string): DhcpReply {
  const { giaddr } = message
  const options = new Map(head(dhcp.DHCPNAK, config, message))
  options.set(dhcp.DHO_MESSAGE, text(why))
  const flags = giaddr === 0 ? message.flags : message.flags | dhcp.DHCP_FLAG_BROADCAST
  const none = new Uint8Array(0)
  const built = build({ ...message, flags }, options, {
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    sname: none,
    file: none,
  })
  return { ...built, ...(giaddr === 0 ? TO_ALL : toRelay(giaddr)) }
}

function reply(
  request: DhcpRequest,
  options: Map<number, Uint8Array>,
  fields: { ciaddr: number; yiaddr: number },
  config: DhcpConfig,
): DhcpReply {
  const { message, reservation } = request
  const built = build(message, options, { ...fields, ...(reservation?.boot ?? config.boot) })
  return { ...built, ...destination(request, fields.yiaddr) }
}

/** Builds a message to the sender of another one, of at most the size that the sender accepts. */
function build(
  { htype, xid, flags, giaddr, chaddr, options: received }: dhcp.DhcpMessage,
  options: Map<number, Uint8Array>,
  fields: Pick<dhcp.DhcpMessage, 'ciaddr' | 'yiaddr' | 'siaddr' | 'sname' | 'file'>,
): Pick<DhcpReply, 'data' | 'omitted'> {
  const relay = received.get(dhcp.DHO_RELAY_AGENT)
  if (relay !== undefined && giaddr !== 0) {
    options.set(dhcp.DHO_RELAY_AGENT, relay)
  }
  const size = received.get(dhcp.DHO_MAX_MESSAGE_SIZE)
  // Option 57 includes the IP and UDP headers.
  const accepted = size === undefined ? 0 : Math.min(MAX_MESSAGE, get16(size, 0) - HEADERS)
  const header = { op: dhcp.BOOTREPLY, htype, hops: 0, xid, secs: 0, flags, giaddr, chaddr }
  const limit = Math.max(dhcp.DHCP_MIN_MESSAGE, accepted)
  const { data, left: omitted } = dhcp.build({ ...header, ...fields, options }, limit)
  return { data, omitted }
}

const TO_ALL = { address: 0xffff_ffff, port: dhcp.DHCP_CLIENT_PORT, mac: undefined } as const
const toRelay = (giaddr: number) =>
  ({ address: giaddr, port: dhcp.DHCP_SERVER_PORT, mac: undefined }) as const

/** RFC 2131 sec. 4.1. */
function destination(
  { message, from }: DhcpRequest,
  yiaddr: number,
): Pick<DhcpReply, 'address' | 'port' | 'mac'> {
  const { giaddr, ciaddr, flags, htype, chaddr } = message
  if (giaddr !== 0) return toRelay(giaddr)
  if (ciaddr !== 0) return { address: ciaddr, port: dhcp.DHCP_CLIENT_PORT, mac: from }
  const reachable =
    htype === arp.ARPHRD_ETHER && chaddr.length === 6 && ((chaddr[0] as number) & 1) === 0
  if ((flags & dhcp.DHCP_FLAG_BROADCAST) !== 0 || !reachable) return TO_ALL
  return { address: yiaddr, port: dhcp.DHCP_CLIENT_PORT, mac: chaddr }
}

/** The options of every reply. The client identifier is returned unchanged (RFC 6842). */
function head(type: number, config: DhcpConfig, message: dhcp.DhcpMessage): [number, Uint8Array][] {
  const identifier = message.options.get(dhcp.DHO_CLIENT_IDENTIFIER)
  return [
    [dhcp.DHO_MESSAGE_TYPE, Uint8Array.of(type)],
    [dhcp.DHO_SERVER_IDENTIFIER, ipv4Bytes(config.server)],
    ...(identifier === undefined
      ? []
      : ([[dhcp.DHO_CLIENT_IDENTIFIER, identifier]] as [number, Uint8Array][])),
  ]
}

/**
 * Adds the configured options that the client requests, in its order, except that the subnet mask
 * precedes the routers (RFC 2132 sec. 3.3). A client without a parameter request list gets all.
 */
function addConfigured(
  options: Map<number, Uint8Array>,
  request: DhcpRequest,
  config: DhcpConfig,
): void {
  const { message, reservation } = request
  const { siaddr, sname, file } = reservation?.boot ?? config.boot
  const bootServer = sname.length > 0 || siaddr === 0 ? sname : text(formatIpv4(siaddr))
  const configured = new Map<number, Uint8Array | null>([
    ...(bootServer.length > 0 ? [[dhcp.DHO_TFTP_SERVER, bootServer] as const] : []),
    ...(file.length > 0 ? [[dhcp.DHO_BOOTFILE, file] as const] : []),
    ...config.options,
    ...(reservation?.hostname === undefined
      ? []
      : [[dhcp.DHO_HOST_NAME, text(reservation.hostname)] as const]),
    ...(reservation?.options ?? []),
  ])
  const asked = message.options.get(dhcp.DHO_PARAMETER_REQUEST_LIST)
  const codes = asked === undefined ? [...configured.keys()] : [...asked]
  const first = codes.includes(dhcp.DHO_SUBNET_MASK) ? [dhcp.DHO_SUBNET_MASK] : []
  for (const code of [...first, ...codes, ...config.always]) {
    const value = configured.get(code)
    if (value != null && !options.has(code)) {
      options.set(code, value)
    }
  }
}

/** T1 and T2 in seconds (RFC 2131 sec. 4.4.5). */
function renewalTimes(
  { renewalTime, rebindingTime }: DhcpConfig,
  seconds: number,
): [number, number] {
  const rebinding =
    rebindingTime !== undefined && rebindingTime < seconds
      ? rebindingTime
      : Math.floor((seconds * 7) / 8)
  const renewal =
    renewalTime !== undefined && renewalTime < rebinding ? renewalTime : Math.floor(seconds / 2)
  return [Math.min(renewal, rebinding), rebinding]
}

const u32 = (value: number): Uint8Array => Uint8Array.from(long(value))

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
