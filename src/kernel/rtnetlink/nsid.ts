/**
 * Ids of other network namespaces as one namespace numbers them (RTM_GETNSID, RTM_NEWNSID). include/uapi/linux/net_namespace.h.
 */
import { EEXIST, isErrno } from '../../core/errno.ts'
import { decodeAttributes, type Message, type MessageBuilder, policy, s32 } from '../../netlink/index.ts'
import type { RouteSocket } from './route-socket.ts'
import { NETNSA_FD, NETNSA_NSID, NETNSA_NSID_NOT_ASSIGNED, RTM_GETNSID, RTM_NEWNSID } from './uapi.ts'

const nsidPolicy = policy({ nsid: s32(NETNSA_NSID) })

/** struct rtgenmsg and its padding */
const RTGENMSG = 4

/** Reads the payload of an RTM_NEWNSID or RTM_DELNSID: the id, -1 when the namespace has none. Throws NetlinkParseError. */
export function parseNsid(bytes: Uint8Array, { offset, length }: Message): number {
  if (length < RTGENMSG) return NETNSA_NSID_NOT_ASSIGNED
  return decodeAttributes(nsidPolicy, bytes, offset + RTGENMSG, length - RTGENMSG).nsid ?? NETNSA_NSID_NOT_ASSIGNED
}

/**
 * The id that the socket's namespace has for the one `nsfd` refers to. Where there is none yet the kernel gives it the first
 * free one: events of a namespace without an id are not delivered. -1 when `nsfd` is the socket's own namespace. The id is
 * free for another one when the namespace has gone (RTM_DELNSID).
 */
export function nsidOf(sock: RouteSocket, nsfd: number): number {
  // the kernel would give a namespace an id for itself, with which no event comes
  if (sock.isIn(nsfd)) return NETNSA_NSID_NOT_ASSIGNED
  const known = getNsid(sock, nsfd)
  if (known !== NETNSA_NSID_NOT_ASSIGNED) return known
  try {
    sock.request({
      type: RTM_NEWNSID,
      what: () => 'RTM_NEWNSID',
      write: builder => builder.payload(new Uint8Array(RTGENMSG)).s32(NETNSA_NSID, -1).u32(NETNSA_FD, nsfd),
    })
  } catch (error) {
    // somebody else was first
    if (!isErrno(error, EEXIST)) throw error
  }
  return getNsid(sock, nsfd)
}

function getNsid(sock: RouteSocket, nsfd: number): number {
  let nsid = NETNSA_NSID_NOT_ASSIGNED
  const write = (builder: MessageBuilder) => builder.payload(new Uint8Array(RTGENMSG)).u32(NETNSA_FD, nsfd)
  sock.request({ type: RTM_GETNSID, what: () => 'RTM_GETNSID', write }, (bytes, message) => {
    if (message.type === RTM_NEWNSID) nsid = parseNsid(bytes, message)
  })
  return nsid
}
