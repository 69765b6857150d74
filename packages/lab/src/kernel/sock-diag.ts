/**
 * Ends TCP connections of a network namespace from outside, without their programs (sock_diag(7)).
 * Source: include/uapi/linux/sock_diag.h, inet_diag.h; net/ipv4/inet_diag.c.
 */
import { ENOENT, EOPNOTSUPP, EPERM, EPROTONOSUPPORT, formatAddress, ipv4, isErrno } from 'vnet'
import type { Native } from 'vnet/kit/linux'
import { RouteSocket, uapi } from 'vnet/kit/net'
import type { netlink } from 'vnet/kit/netlink'
import { get16 } from 'vnet/kit/packet'

/** One end of a connection. The address is a text without a prefix. */
export type ConnectionEnd = Readonly<{ address: string; port: number }>

const SOCK_DIAG_BY_FAMILY = 20
const SOCK_DESTROY = 21

// struct inet_diag_req_v2, and where its idiag_states and id are.
const REQUEST = 56
const STATES_AT = 4
const ID_AT = 8

// struct inet_diag_msg, and where its id is; struct inet_diag_sockid, with both addresses.
const REPLY = 72
const REPLY_ID_AT = 4
const ID = 48

const LOCAL_AT = 4
const REMOTE_AT = 20

// include/net/tcp_states.h
const TCP_FIN_WAIT2 = 5
const TCP_TIME_WAIT = 6
const TCP_LISTEN = 10

/** The bits of all states up to TCP_NEW_SYN_RECV, except the state of servers. */
const CONNECTED = 0x1ffe & ~(1 << TCP_LISTEN)
/** The first bytes of an IPv4 address in an IPv6 socket. */
const MAPPED = '::ffff:'

interface Connection {
  readonly state: number
  /** A struct inet_diag_sockid, with the cookie of the socket. */
  readonly id: Uint8Array
}

/**
 * Ends TCP connections as tcp_abort does: their programs get ECONNABORTED, and the kernel sends a
 * reset for some states and forgets them, also if their program has ended. `isMeant` gets both
 * ends. Returns false if the kernel cannot do that. Older kernels keep connections in TIME_WAIT.
 * Throws a VnetError.
 */
export function destroyConnections(
  native: Native,
  nsfd: number,
  isMeant: (local: ConnectionEnd, remote: ConnectionEnd) => boolean = () => true,
): boolean {
  try {
    using sock = RouteSocket.openDiag(native, nsfd)
    for (const family of [uapi.AF_INET, uapi.AF_INET6]) {
      for (const each of connectionsOf(sock, family)) {
        if (isMeant(endAt(each.id, family, 0), endAt(each.id, family, 1))) {
          destroy(sock, family, each)
        }
      }
    }
    return true
  } catch (error) {
    // Without CONFIG_INET_DIAG_DESTROY, CONFIG_INET_TCP_DIAG or CONFIG_INET_DIAG.
    if (isErrno(error, EOPNOTSUPP, ENOENT, EPROTONOSUPPORT)) return false
    throw error
  }
}

/** Returns whether a program listens on a TCP port of a namespace. Throws a VnetError. */
export function hasListener(native: Native, nsfd: number): boolean {
  using sock = RouteSocket.openDiag(native, nsfd)
  return [uapi.AF_INET, uapi.AF_INET6].some(
    family => connectionsOf(sock, family, 1 << TCP_LISTEN).length > 0,
  )
}

/** Returns whether the kernel can end the connections of a namespace. */
export function canDestroyConnections(native: Native, nsfd: number): boolean {
  try {
    using sock = RouteSocket.openDiag(native, nsfd)
    connectionsOf(sock, uapi.AF_INET)
    // No connection has these ends, which the kernel says if it has looked for one.
    destroy(sock, uapi.AF_INET, { state: 0, id: new Uint8Array(ID) })
    return true
  } catch (error) {
    if (isErrno(error, EOPNOTSUPP, ENOENT, EPROTONOSUPPORT, EPERM)) return false
    throw error
  }
}

/** Returns the sockets in one of the states, which are bits. */
function connectionsOf(sock: RouteSocket, family: number, states = CONNECTED): Connection[] {
  const decode = (
    bytes: Uint8Array,
    { offset, length }: netlink.Message,
  ): Connection | undefined => {
    if (length < REPLY) return undefined
    const id = bytes.slice(offset + REPLY_ID_AT, offset + REPLY_ID_AT + ID)
    return { state: bytes[offset + 1] as number, id }
  }
  const message = requestOf(family)
  message[STATES_AT] = states & 0xff
  message[STATES_AT + 1] = states >> 8
  const type = SOCK_DIAG_BY_FAMILY
  return sock.dump(
    { type, what: () => 'read TCP connections', write: builder => builder.payload(message) },
    decode,
  )
}

function destroy(sock: RouteSocket, family: number, { state, id }: Connection): void {
  const message = requestOf(family)
  message.set(id, ID_AT)
  try {
    sock.request({
      type: SOCK_DESTROY,
      what: () => 'end a TCP connection',
      write: b => b.payload(message),
    })
  } catch (error) {
    const isWaiting = state === TCP_TIME_WAIT || state === TCP_FIN_WAIT2
    // It has ended meanwhile, or an old kernel keeps it.
    if (!isErrno(error, ENOENT) && !(isWaiting && isErrno(error, EOPNOTSUPP))) throw error
  }
}

function requestOf(family: number): Uint8Array {
  const message = new Uint8Array(REQUEST)
  message[0] = family
  message[1] = ipv4.IPPROTO_TCP
  return message
}

/** Returns the local (0) or remote (1) end of a struct inet_diag_sockid. */
function endAt(id: Uint8Array, family: number, end: 0 | 1): ConnectionEnd {
  const at = end === 0 ? LOCAL_AT : REMOTE_AT
  const text = formatAddress(id.subarray(at, at + (family === uapi.AF_INET ? 4 : 16)))
  return {
    address: text.startsWith(MAPPED) ? text.slice(MAPPED.length) : text,
    port: get16(id, 2 * end),
  }
}
