/** Network interfaces: RTM_GETLINK reads them, RTM_NEWLINK changes and moves them. */
import { ENODEV, isErrno } from '../../base/errno.ts'
import { LINK_STATS64_LENGTH } from '../../netdev/stats.ts'
import * as netlink from '../../netlink/index.ts'
import { formatMac } from '../../packet/address.ts'
import * as uapi from '../uapi.ts'
import type { RouteRequest, RouteSocket } from './route-socket.ts'

/** A network interface. */
export type Link = Readonly<NonNullable<ReturnType<typeof parseLink>>>

const tunPolicy = netlink.policy({
  type: netlink.required(netlink.u8(uapi.IFLA_TUN_TYPE)),
  owner: netlink.u32(uapi.IFLA_TUN_OWNER),
  group: netlink.u32(uapi.IFLA_TUN_GROUP),
  packetInfo: netlink.u8(uapi.IFLA_TUN_PI),
  persist: netlink.u8(uapi.IFLA_TUN_PERSIST),
  multiQueue: netlink.u8(uapi.IFLA_TUN_MULTI_QUEUE),
  numQueues: netlink.withDefault(netlink.u32(uapi.IFLA_TUN_NUM_QUEUES), 0),
  numDisabledQueues: netlink.withDefault(netlink.u32(uapi.IFLA_TUN_NUM_DISABLED_QUEUES), 0),
})

const NONE = new Uint8Array(0)

const linkPolicy = netlink.policy({
  address: netlink.withDefault(netlink.binary(uapi.IFLA_ADDRESS), NONE),
  name: netlink.name(uapi.IFLA_IFNAME),
  mtu: netlink.u32(uapi.IFLA_MTU),
  qdisc: netlink.withDefault(netlink.string(uapi.IFLA_QDISC), ''),
  wireless: netlink.binary(uapi.IFLA_WIRELESS),
  txQueueLen: netlink.withDefault(netlink.u32(uapi.IFLA_TXQLEN), 0),
  operstate: netlink.withDefault(netlink.u8(uapi.IFLA_OPERSTATE), 0),
  // The format of `data` depends on `kind`.
  linkinfo: netlink.nested(
    uapi.IFLA_LINKINFO,
    netlink.policy({
      kind: netlink.string(uapi.IFLA_INFO_KIND),
      data: netlink.binary(uapi.IFLA_INFO_DATA),
    }),
  ),
  stats64: netlink.withDefault(netlink.binary(uapi.IFLA_STATS64), NONE),
  promiscuity: netlink.withDefault(netlink.u32(uapi.IFLA_PROMISCUITY), 0),
  allmulti: netlink.withDefault(netlink.u32(uapi.IFLA_ALLMULTI), 0),
  carrier: netlink.u8(uapi.IFLA_CARRIER),
  peer: netlink.u32(uapi.IFLA_LINK),
  peerNsid: netlink.s32(uapi.IFLA_LINK_NETNSID),
  // A list that repeats one attribute, once per value.
  properties: netlink.withDefault(netlink.binary(uapi.IFLA_PROP_LIST), NONE),
})

const altNamePolicy = netlink.policy({ altName: netlink.name(uapi.IFLA_ALT_IFNAME) })

/**
 * Parses the payload of an RTM_NEWLINK or RTM_DELLINK. Returns undefined for messages about
 * something else: bridge ports (an RTM_DELLINK of family AF_BRIDGE does not mean deletion) and
 * wireless events. Throws NetlinkParseError.
 */
export function parseLink(bytes: Uint8Array, { offset, length }: netlink.Message) {
  if (length < uapi.IFINFOMSG || bytes[offset] !== uapi.AF_UNSPEC) return undefined
  const decoded = netlink.decodeAttributes(
    linkPolicy,
    bytes,
    offset + uapi.IFINFOMSG,
    length - uapi.IFINFOMSG,
  )
  const { name, mtu, linkinfo } = decoded
  if (name === undefined || mtu === undefined || decoded.wireless !== undefined) return undefined
  // No spread, which makes garbage that collections of young objects keep (vnet-family.ts).
  return {
    ifindex: netlink.getS32(bytes, offset + 4),
    name,
    /** Alternative names, unique in the namespace. */
    altNames: parseAltNames(decoded.properties),
    /** ARPHRD_* */
    type: netlink.getU16(bytes, offset + 2),
    /** IFF_* */
    flags: netlink.getU32(bytes, offset + 8),
    mtu,
    /** MAC address: 6 bytes on Ethernet, none on some kinds. */
    address: decoded.address.slice() as Uint8Array,
    /** IF_OPER_* */
    operstate: decoded.operstate,
    carrier: decoded.carrier === 1,
    txQueueLen: decoded.txQueueLen,
    /** Name of the root queueing discipline. */
    qdisc: decoded.qdisc,
    /** The number of requests, including packet sockets, which do not set IFF_PROMISC. */
    promiscuity: decoded.promiscuity,
    allmulti: decoded.allmulti,
    /** 'tun' (also for a TAP), 'veth', 'bridge'; undefined for hardware and the loopback. */
    kind: linkinfo?.kind,
    /** The index of the interface that it is on, or joined with: the other end of a veth. */
    peer: decoded.peer,
    /** The namespace of that interface, as an id of this one; undefined if it is this one. */
    peerNsid: decoded.peerNsid,
    tun:
      linkinfo?.kind === 'tun' && linkinfo.data !== undefined ? parseTun(linkinfo.data) : undefined,
    /** The kernel's counters in the order of linkStats64Fields; 0 if an old kernel lacks them. */
    stats64: parseStats64(decoded.stats64),
  }
}

function parseAltNames(properties: Uint8Array): readonly string[] {
  const names: string[] = []
  if (properties.length === 0) return names
  for (const { offset, length } of netlink.attributes(properties)) {
    const { altName } = netlink.decodeAttributes(
      altNamePolicy,
      properties,
      offset - netlink.NLA_HDRLEN,
      netlink.NLA_HDRLEN + length,
    )
    if (altName !== undefined) {
      names.push(altName)
    }
  }
  return names
}

function parseTun(data: Uint8Array) {
  const tun = netlink.decodeAttributes(tunPolicy, data)
  return {
    type: tun.type === uapi.IFF_TAP ? ('tap' as const) : ('tun' as const),
    persist: tun.persist === 1,
    /** 4 bytes (struct tun_pi) are in front of each frame. */
    packetInfo: tun.packetInfo === 1,
    multiQueue: tun.multiQueue === 1,
    /** Attached queues, and those detached with TUNSETQUEUE; both 0 without multiQueue. */
    numQueues: tun.numQueues,
    numDisabledQueues: tun.numDisabledQueues,
    /** The user and the group that may attach; undefined is not restricted. */
    owner: tun.owner,
    group: tun.group,
  }
}

function parseStats64(bytes: Uint8Array): Float64Array {
  const stats = new Float64Array(LINK_STATS64_LENGTH)
  const known = Math.min(LINK_STATS64_LENGTH, bytes.length >> 3)
  for (let i = 0; i < known; i++) {
    stats[i] = netlink.getCounter64(bytes, 8 * i)
  }
  return stats
}

/** Changes of an interface. Omitted properties are not changed. */
export interface LinkChanges extends Partial<Pick<Link, 'mtu' | 'address' | 'txQueueLen'>> {
  /** The IFF_* in `mask` take the values in `set`. */
  readonly flags?: { readonly set: number; readonly mask: number }
  /** A name, or a pattern with one %d for the first free number. */
  readonly name?: string
  /** A descriptor of the network namespace to move to. The other changes are then made there. */
  readonly netnsFd?: number
}

function ifinfomsg(ifindex = 0, flags = 0, change = 0): Uint8Array {
  const bytes = new Uint8Array(uapi.IFINFOMSG)
  netlink.putU32(bytes, 4, ifindex)
  netlink.putU32(bytes, 8, flags)
  netlink.putU32(bytes, 12, change)
  return bytes
}

/** The interface with this index or name; undefined if the socket's namespace has none. */
export function getLink(
  sock: RouteSocket,
  which: { ifindex: number } | { name: string },
): Link | undefined {
  let link: Link | undefined
  const write = (builder: netlink.MessageBuilder) => {
    if ('ifindex' in which) {
      builder.payload(ifinfomsg(which.ifindex))
    } else {
      builder.payload(ifinfomsg()).name(uapi.IFLA_IFNAME, which.name)
    }
    if (sock.target !== undefined) {
      builder.s32(uapi.IFLA_TARGET_NETNSID, sock.target)
    }
  }
  const what = () =>
    ['RTM_GETLINK', 'ifindex' in which ? `ifindex ${which.ifindex}` : which.name] as const
  try {
    sock.request({ type: uapi.RTM_GETLINK, what, write }, (bytes, message) => {
      if (message.type === uapi.RTM_NEWLINK) {
        link = parseLink(bytes, message)
      }
    })
  } catch (error) {
    if (!isErrno(error, ENODEV)) throw error
  }
  return link
}

/** All interfaces of the socket's namespace. */
export function getLinks(sock: RouteSocket): Link[] {
  const write = (builder: netlink.MessageBuilder) => builder.payload(ifinfomsg())
  return sock.dump(
    { type: uapi.RTM_GETLINK, what: () => 'RTM_GETLINK', write },
    (bytes, message) => (message.type === uapi.RTM_NEWLINK ? parseLink(bytes, message) : undefined),
  )
}

/**
 * Changes an interface in one message. With `netnsFd`, the kernel first moves it under its old name
 * and then makes the other changes there. If the old name is taken there, it moves under the new
 * name; without a new name it does not move, and the error is EEXIST. If the new name is taken, the
 * error is EEXIST too, but the interface has moved, with its old name and without the other
 * changes: its owner must delete it. A pattern takes the first number that is free in the new
 * namespace; read the resulting name and index there.
 */
export function setLink(sock: RouteSocket, ifindex: number, changes: LinkChanges): void {
  sock.request(changeRequest(sock, ifindex, changes))
}

/** Like setLink, for a move, which takes 20 ms: the event loop continues meanwhile. */
export function setLinkAside(
  sock: RouteSocket,
  ifindex: number,
  changes: LinkChanges,
): Promise<void> {
  return sock.requestAside(changeRequest(sock, ifindex, changes))
}

function changeRequest(sock: RouteSocket, ifindex: number, changes: LinkChanges): RouteRequest {
  const { flags, mtu, address, name, txQueueLen, netnsFd } = changes
  // Read now: after a move that failed half-way it could not be read here.
  const moving = netnsFd === undefined ? undefined : nameOf(sock, ifindex)
  return {
    type: uapi.RTM_NEWLINK,
    what: () => ['RTM_NEWLINK', `${describe(changes)} on ${moving ?? nameOf(sock, ifindex)}`],
    write: builder => {
      builder.payload(ifinfomsg(ifindex, flags?.set ?? 0, flags?.mask ?? 0))
      if (netnsFd !== undefined) {
        builder.s32(uapi.IFLA_NET_NS_FD, netnsFd)
      }
      if (name !== undefined) {
        builder.name(uapi.IFLA_IFNAME, name)
      }
      if (mtu !== undefined) {
        builder.u32(uapi.IFLA_MTU, mtu)
      }
      if (address !== undefined) {
        builder.binary(uapi.IFLA_ADDRESS, address)
      }
      if (txQueueLen !== undefined) {
        builder.u32(uapi.IFLA_TXQLEN, txQueueLen)
      }
    },
  }
}

/** The interface's name for an error; its index if it was deleted. */
export function nameOf(sock: RouteSocket, ifindex: number): string {
  return getLink(sock, { ifindex })?.name ?? `ifindex ${ifindex}`
}

function describe({ flags, mtu, address, name, txQueueLen, netnsFd }: LinkChanges): string {
  const changes: string[] = []
  if (netnsFd !== undefined) {
    changes.push('netns')
  }
  if (name !== undefined) {
    changes.push(`name ${name}`)
  }
  if (mtu !== undefined) {
    changes.push(`mtu ${mtu}`)
  }
  if (address !== undefined) {
    changes.push(`address ${formatMac(address)}`)
  }
  if (txQueueLen !== undefined) {
    changes.push(`txqueuelen ${txQueueLen}`)
  }
  if (flags !== undefined) {
    changes.push(`flags 0x${flags.set.toString(16)}/0x${flags.mask.toString(16)}`)
  }
  return changes.join(', ')
}
