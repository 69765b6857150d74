/**
 * Network interfaces by rtnetlink: reading (RTM_GETLINK), changing and moving (RTM_NEWLINK on one that exists), deleting.
 */
import { ENODEV, isErrno } from '../../core/errno.ts'
import { type MessageBuilder, putU32 } from '../../netlink/index.ts'
import { IFINFOMSG, type Link, parseLink } from './link-message.ts'
import type { RouteSocket } from './route-socket.ts'
import {
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_TARGET_NETNSID,
  IFLA_TXQLEN,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
} from './uapi.ts'

/** Changes of an interface; only what is named is touched. */
export interface LinkChanges {
  /** IFF_* in `mask` become as in `set`. */
  readonly flags?: { readonly set: number; readonly mask: number }
  readonly mtu?: number
  readonly address?: Uint8Array
  /** A name, or a pattern with one %d for the first free number. */
  readonly name?: string
  readonly txQueueLen?: number
  /** Descriptor of the network namespace to move to. The other changes are then made there. */
  readonly netnsFd?: number
}

function ifinfomsg(ifindex = 0, flags = 0, change = 0): Uint8Array {
  const octets = new Uint8Array(IFINFOMSG)
  putU32(octets, 4, ifindex)
  putU32(octets, 8, flags)
  putU32(octets, 12, change)
  return octets
}

/** The interface with this index, or this name; undefined when the socket's namespace has none. */
export function getLink(sock: RouteSocket, which: { ifindex: number } | { name: string }): Link | undefined {
  let link: Link | undefined
  const write = (builder: MessageBuilder) => {
    if ('ifindex' in which) builder.payload(ifinfomsg(which.ifindex))
    else builder.payload(ifinfomsg()).name(IFLA_IFNAME, which.name)
    if (sock.target !== undefined) builder.s32(IFLA_TARGET_NETNSID, sock.target)
  }
  const what = () => `RTM_GETLINK ${'ifindex' in which ? `ifindex ${which.ifindex}` : which.name}`
  try {
    sock.request({ type: RTM_GETLINK, what, write }, (bytes, message) => {
      if (message.type === RTM_NEWLINK) link = parseLink(bytes, message)
    })
  } catch (error) {
    if (!isErrno(error, ENODEV)) throw error
  }
  return link
}

/** All interfaces of the socket's namespace. */
export function getLinks(sock: RouteSocket): Link[] {
  const write = (builder: MessageBuilder) => builder.payload(ifinfomsg())
  return sock.dump({ type: RTM_GETLINK, what: () => 'RTM_GETLINK', write }, (bytes, message) =>
    message.type === RTM_NEWLINK ? parseLink(bytes, message) : undefined,
  )
}

/**
 * Changes an interface in one message. With `netnsFd` the kernel first moves it, under the name it has (where that is taken,
 * under the new one; without a new one EEXIST, and it stays), and then makes the other changes there. So when the new name
 * is taken (EEXIST) it has moved all the same, has its old name and none of the later changes: who owns it deletes it. A
 * pattern takes the first number that is free there; the name and index it got are asked for afterwards, there.
 */
export function setLink(sock: RouteSocket, ifindex: number, changes: LinkChanges): void {
  const { flags, mtu, address, name, txQueueLen, netnsFd } = changes
  // after a move that went wrong half-way its name could not be asked for here
  const moving = netnsFd === undefined ? undefined : nameOf(sock, ifindex)
  sock.request({
    type: RTM_NEWLINK,
    what: () => `RTM_NEWLINK ${describe(changes)} on ${moving ?? nameOf(sock, ifindex)}`,
    write: builder => {
      builder.payload(ifinfomsg(ifindex, flags?.set ?? 0, flags?.mask ?? 0))
      if (sock.target !== undefined) builder.s32(IFLA_TARGET_NETNSID, sock.target)
      if (netnsFd !== undefined) builder.s32(IFLA_NET_NS_FD, netnsFd)
      if (name !== undefined) builder.name(IFLA_IFNAME, name)
      if (mtu !== undefined) builder.u32(IFLA_MTU, mtu)
      if (address !== undefined) builder.binary(IFLA_ADDRESS, address)
      if (txQueueLen !== undefined) builder.u32(IFLA_TXQLEN, txQueueLen)
    },
  })
}

/** Deletes an interface (RTM_DELLINK); VnetError ENODEV when there is none. */
export function delLink(sock: RouteSocket, ifindex: number): void {
  sock.request({
    type: RTM_DELLINK,
    what: () => `RTM_DELLINK on ${nameOf(sock, ifindex)}`,
    write: builder => builder.payload(ifinfomsg(ifindex)),
  })
}

/** The interface's name for an error, or its number when it has gone. */
export function nameOf(sock: RouteSocket, ifindex: number): string {
  return getLink(sock, { ifindex })?.name ?? `ifindex ${ifindex}`
}

function describe({ flags, mtu, address, name, txQueueLen, netnsFd }: LinkChanges): string {
  const words: string[] = []
  if (netnsFd !== undefined) words.push('netns')
  if (name !== undefined) words.push(`name ${name}`)
  if (mtu !== undefined) words.push(`mtu ${mtu}`)
  if (address !== undefined)
    words.push(
      `address ${Buffer.from(address)
        .toString('hex')
        .replace(/..(?=.)/g, '$&:')}`,
    )
  if (txQueueLen !== undefined) words.push(`txqueuelen ${txQueueLen}`)
  if (flags !== undefined) words.push(`flags 0x${flags.set.toString(16)}/0x${flags.mask.toString(16)}`)
  return words.join(', ')
}
