/**
 * Link: a network interface as an rtnetlink message tells of it. What is read is a copy, and stays as it was.
 * include/uapi/linux/if_link.h.
 */
import { LINK_STATS64_LENGTH } from '../../core/stats.ts'
import {
  attributes,
  binary,
  decodeAttributes,
  getCounter64,
  getS32,
  getU32,
  type Message,
  NLA_HDRLEN,
  name,
  nested,
  policy,
  required,
  s32,
  string,
  u8,
  u32,
} from '../../netlink/index.ts'
import {
  AF_UNSPEC,
  IFLA_ADDRESS,
  IFLA_ALLMULTI,
  IFLA_ALT_IFNAME,
  IFLA_CARRIER,
  IFLA_GROUP,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MTU,
  IFLA_NEW_IFINDEX,
  IFLA_NEW_NETNSID,
  IFLA_OPERSTATE,
  IFLA_PROMISCUITY,
  IFLA_PROP_LIST,
  IFLA_QDISC,
  IFLA_STATS64,
  IFLA_TUN_GROUP,
  IFLA_TUN_MULTI_QUEUE,
  IFLA_TUN_NUM_DISABLED_QUEUES,
  IFLA_TUN_NUM_QUEUES,
  IFLA_TUN_OWNER,
  IFLA_TUN_PERSIST,
  IFLA_TUN_TYPE,
  IFLA_TUN_TYPE_TAP,
  IFLA_TUN_VNET_HDR,
  IFLA_TXQLEN,
  IFLA_WIRELESS,
} from './uapi.ts'

/** What the kernel tells of a TUN or TAP (IFLA_TUN_*). */
export interface TunInfo {
  readonly type: 'tun' | 'tap'
  readonly persist: boolean
  readonly multiQueue: boolean
  readonly vnetHdr: boolean
  /** Attached queues; with TUNSETQUEUE detached ones counted apart. Absent (0) when not multi-queue. */
  readonly numQueues: number
  readonly numDisabledQueues: number
  /** User and group ids that may attach; undefined: not restricted. */
  readonly owner: number | undefined
  readonly group: number | undefined
}

/** A network interface as the kernel told of it. */
export interface Link {
  readonly ifindex: number
  readonly name: string
  /** Other names it can be called by, which nothing else can have. */
  readonly altNames: readonly string[]
  /** IFF_* */
  readonly flags: number
  readonly mtu: number
  /** Hardware address: 6 octets on Ethernet, none on some kinds. */
  readonly address: Uint8Array
  /** IF_OPER_* */
  readonly operstate: number
  readonly carrier: boolean
  readonly txQueueLen: number
  /** Name of the root queueing discipline. */
  readonly qdisc: string
  /** How many ask for it: more than the flag IFF_PROMISC shows, since packet sockets do not set that. */
  readonly promiscuity: number
  readonly allmulti: number
  readonly group: number
  /** 'tun' for a TAP as well, 'veth', 'dummy'; undefined for hardware and the loopback. */
  readonly kind: string | undefined
  readonly tun: TunInfo | undefined
  /** The kernel's counters in the order of core's linkStats64Fields; a kernel that has fewer leaves zeros. */
  readonly stats64: Float64Array
  /**
   * In the RTM_DELLINK of an interface that moved away: the id of its new namespace, as the namespace it left numbers
   * them, and its new index there (undefined when that is unchanged).
   */
  readonly newNetnsid: number | undefined
  readonly newIfindex: number | undefined
}

const tunPolicy = policy({
  type: required(u8(IFLA_TUN_TYPE)),
  owner: u32(IFLA_TUN_OWNER),
  group: u32(IFLA_TUN_GROUP),
  vnetHdr: u8(IFLA_TUN_VNET_HDR),
  persist: u8(IFLA_TUN_PERSIST),
  multiQueue: u8(IFLA_TUN_MULTI_QUEUE),
  numQueues: u32(IFLA_TUN_NUM_QUEUES),
  numDisabledQueues: u32(IFLA_TUN_NUM_DISABLED_QUEUES),
})

const linkPolicy = policy({
  address: binary(IFLA_ADDRESS),
  name: name(IFLA_IFNAME),
  mtu: u32(IFLA_MTU),
  qdisc: string(IFLA_QDISC),
  wireless: binary(IFLA_WIRELESS),
  txQueueLen: u32(IFLA_TXQLEN),
  operstate: u8(IFLA_OPERSTATE),
  // what `data` holds depends on `kind`
  linkinfo: nested(IFLA_LINKINFO, policy({ kind: string(IFLA_INFO_KIND), data: binary(IFLA_INFO_DATA) })),
  stats64: binary(IFLA_STATS64),
  group: u32(IFLA_GROUP),
  promiscuity: u32(IFLA_PROMISCUITY),
  allmulti: u32(IFLA_ALLMULTI),
  carrier: u8(IFLA_CARRIER),
  newNetnsid: s32(IFLA_NEW_NETNSID),
  newIfindex: s32(IFLA_NEW_IFINDEX),
  // each property as often as there are values
  properties: binary(IFLA_PROP_LIST),
})

const altNamePolicy = policy({ altName: name(IFLA_ALT_IFNAME) })

/** sizeof(struct ifinfomsg) */
export const IFINFOMSG = 16

/**
 * Reads the payload of an RTM_NEWLINK or RTM_DELLINK. Undefined for what is not about an interface as such: a bridge's ports
 * (their RTM_DELLINK of family AF_BRIDGE does not mean deletion) and wireless events. Throws NetlinkParseError.
 */
export function parseLink(bytes: Uint8Array, { offset, length }: Message): Link | undefined {
  if (length < IFINFOMSG || bytes[offset] !== AF_UNSPEC) return undefined
  const decoded = decodeAttributes(linkPolicy, bytes, offset + IFINFOMSG, length - IFINFOMSG)
  const { name, mtu, wireless, linkinfo } = decoded
  if (name === undefined || mtu === undefined || wireless !== undefined) return undefined
  return {
    ifindex: getS32(bytes, offset + 4),
    flags: getU32(bytes, offset + 8),
    name,
    altNames: decoded.properties === undefined ? [] : parseAltNames(decoded.properties),
    mtu,
    address: decoded.address?.slice() ?? new Uint8Array(0),
    operstate: decoded.operstate ?? 0,
    carrier: decoded.carrier === 1,
    txQueueLen: decoded.txQueueLen ?? 0,
    qdisc: decoded.qdisc ?? '',
    promiscuity: decoded.promiscuity ?? 0,
    allmulti: decoded.allmulti ?? 0,
    group: decoded.group ?? 0,
    kind: linkinfo?.kind,
    tun: linkinfo?.kind === 'tun' && linkinfo.data !== undefined ? parseTun(linkinfo.data) : undefined,
    stats64: parseStats64(decoded.stats64),
    newNetnsid: decoded.newNetnsid,
    newIfindex: decoded.newIfindex,
  }
}

function parseAltNames(properties: Uint8Array): string[] {
  const names: string[] = []
  for (const { offset, length } of attributes(properties)) {
    const { altName } = decodeAttributes(altNamePolicy, properties, offset - NLA_HDRLEN, NLA_HDRLEN + length)
    if (altName !== undefined) names.push(altName)
  }
  return names
}

function parseTun(data: Uint8Array): TunInfo {
  const { type, owner, group, persist, multiQueue, vnetHdr, numQueues, numDisabledQueues } = decodeAttributes(
    tunPolicy,
    data,
  )
  return {
    type: type === IFLA_TUN_TYPE_TAP ? 'tap' : 'tun',
    persist: persist === 1,
    multiQueue: multiQueue === 1,
    vnetHdr: vnetHdr === 1,
    numQueues: numQueues ?? 0,
    numDisabledQueues: numDisabledQueues ?? 0,
    owner,
    group,
  }
}

function parseStats64(octets: Uint8Array | undefined): Float64Array {
  const stats = new Float64Array(LINK_STATS64_LENGTH)
  if (octets === undefined) return stats
  const known = Math.min(LINK_STATS64_LENGTH, octets.length >> 3)
  for (let i = 0; i < known; i++) stats[i] = getCounter64(octets, 8 * i)
  return stats
}
