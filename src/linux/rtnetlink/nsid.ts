/** Ids that a network namespace gives to others. include/uapi/linux/net_namespace.h. */
import { EEXIST, isErrno } from '../../base/errno.ts'
import {
  decodeAttributes,
  type Message,
  type MessageBuilder,
  policy,
  s32,
} from '../../netlink/index.ts'
import { RTM_GETNSID, RTM_NEWNSID } from '../uapi.ts'
import type { RouteSocket } from './route-socket.ts'

const NETNSA_NSID = 1
const NETNSA_FD = 3
/** No id; in RTM_NEWNSID, any free id. */
const NETNSA_NSID_NOT_ASSIGNED = -1

const nsidPolicy = policy({ nsid: s32(NETNSA_NSID) })

/** sizeof(struct rtgenmsg), with padding. */
const RTGENMSG = 4

/** Returns the id in an RTM_NEWNSID or RTM_DELNSID, -1 if none. Throws NetlinkParseError. */
export function parseNsid(bytes: Uint8Array, { offset, length }: Message): number {
  if (length < RTGENMSG) return NETNSA_NSID_NOT_ASSIGNED
  return (
    decodeAttributes(nsidPolicy, bytes, offset + RTGENMSG, length - RTGENMSG).nsid ??
    NETNSA_NSID_NOT_ASSIGNED
  )
}

/**
 * The id that the socket's namespace has for the namespace `nsfd` refers to; -1 for the socket's
 * own. If it has none, the kernel assigns the first free one: without an id, events of a namespace
 * are not delivered. When the namespace is deleted (RTM_DELNSID), the id may be assigned to
 * another.
 */
export function nsidOf(sock: RouteSocket, nsfd: number): number {
  // The kernel would assign an id for the own namespace, too, but its events do not carry it.
  if (sock.isIn(nsfd)) return NETNSA_NSID_NOT_ASSIGNED
  const known = getNsid(sock, nsfd)
  if (known !== NETNSA_NSID_NOT_ASSIGNED) return known
  try {
    sock.request({
      type: RTM_NEWNSID,
      what: () => 'RTM_NEWNSID',
      write: builder =>
        builder.payload(new Uint8Array(RTGENMSG)).s32(NETNSA_NSID, -1).u32(NETNSA_FD, nsfd),
    })
  } catch (error) {
    // Another process was first.
    if (!isErrno(error, EEXIST)) throw error
  }
  return getNsid(sock, nsfd)
}

function getNsid(sock: RouteSocket, nsfd: number): number {
  let nsid = NETNSA_NSID_NOT_ASSIGNED
  const write = (builder: MessageBuilder) =>
    builder.payload(new Uint8Array(RTGENMSG)).u32(NETNSA_FD, nsfd)
  sock.request({ type: RTM_GETNSID, what: () => 'RTM_GETNSID', write }, (bytes, message) => {
    if (message.type === RTM_NEWNSID) {
      nsid = parseNsid(bytes, message)
    }
  })
  return nsid
}
