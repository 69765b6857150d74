/**
 * Opens a packet socket (packet(7)) on an existing interface. It is used like a TAP's descriptor:
 * each read returns a frame that the interface received, whatever its destination, and each write
 * transmits one; a vnet header precedes every frame. Frames that the kernel itself transmits are
 * not read.
 *
 * The kernel removes the VLAN tag from a frame before a socket sees it. Without its tag the frame
 * would appear to be from another network, so tagged frames are filtered out. Frames of VLAN 0,
 * which have only a priority, pass.
 */
import { EPERM } from '../base/errno.ts'
import { putU16, putU32 } from '../netlink/index.ts'
import { encodeProgram } from '../netlink/sock-filter.ts'
import * as codes from '../packet/bpf-codes.ts'
import { type Condition, not, or, programOf, testing } from '../packet/condition.ts'
import { loading } from '../packet/filter-primitives.ts'
import { check, closingOnError, setBuffer } from './errno.ts'
import type { Native } from './native.ts'
import * as uapi from './uapi.ts'

/** Size in bytes: some hundred frames of 64 KiB, about as much as the transmit ring of a TAP. */
const RECEIVE_BUFFER = 32 << 20
/** In bytes, for frames in the interface's queue. The default would be full after two megabits. */
const SEND_BUFFER = 4 << 20

const NEEDS_RAW = 'it needs CAP_NET_RAW: run it as root'

const VLAN_VID_MASK = 0x0fff

const IS_UNTAGGED = or(
  testing([loading(uapi.SKF_AD_OFF + uapi.SKF_AD_VLAN_TAG_PRESENT, 4)], 0),
  not(testing([loading(uapi.SKF_AD_OFF + uapi.SKF_AD_VLAN_TAG, 4)], VLAN_VID_MASK, codes.JSET_K)),
)

/**
 * Opens a packet socket on the interface `ifindex` of the network namespace that `nsfd` refers to;
 * -1 is our own. The socket keeps that namespace alive. The descriptor belongs to the caller.
 * Throws a VnetError that starts with `what`.
 */
export function openPacketSocket(
  native: Native,
  nsfd: number,
  ifindex: number,
  what: string,
): number {
  return openFilteredSocket(native, nsfd, ifindex, IS_UNTAGGED, what, fd => {
    setBuffer(native, fd, 'SO_RCVBUF', RECEIVE_BUFFER, what)
    setBuffer(native, fd, 'SO_SNDBUF', SEND_BUFFER, what)
    check(native.setsockopt(fd, uapi.SOL_PACKET, uapi.PACKET_VNET_HDR, uapi.int32(1)), what)
    check(native.setsockopt(fd, uapi.SOL_PACKET, uapi.PACKET_IGNORE_OUTGOING, uapi.int32(1)), what)
    const promisc = packetMreq(ifindex, uapi.PACKET_MR_PROMISC)
    check(native.setsockopt(fd, uapi.SOL_PACKET, uapi.PACKET_ADD_MEMBERSHIP, promisc), what)
  })
}

/**
 * Opens a packet socket that receives a copy of the frames that a filter accepts, also of frames
 * that the kernel itself transmits, and nothing else. Otherwise like openPacketSocket. `prepare`
 * sets further options.
 */
export function openFilteredSocket(
  native: Native,
  nsfd: number,
  ifindex: number,
  filter: Condition,
  what: string,
  prepare: (fd: number) => void = () => {},
): number {
  const result = native.socket(uapi.AF_PACKET, uapi.SOCK_RAW | uapi.SOCK_NONBLOCK, 0, nsfd)
  const fd = check(result, what, result === -EPERM ? NEEDS_RAW : undefined)
  closingOnError(native, [fd], () => {
    check(native.setsockopt(fd, uapi.SOL_SOCKET, uapi.SO_ATTACH_FILTER, socketFilter(filter)), what)
    prepare(fd)
    // Last, because a socket receives nothing until it is bound.
    check(native.bind(fd, sockaddrLl(ifindex)), what)
  })
  return fd
}

/** Returns a program that accepts whole frames, each instruction as a struct sock_filter. */
export const socketFilter = (filter: Condition): Uint8Array => encodeProgram(programOf(filter, -1))

/** A struct sockaddr_ll (include/uapi/linux/if_packet.h): an interface and all protocols. */
function sockaddrLl(ifindex: number): Uint8Array {
  const address = new Uint8Array(20)
  const view = new DataView(address.buffer)
  view.setUint16(0, uapi.AF_PACKET, true)
  view.setUint16(2, uapi.ETH_P_ALL)
  view.setInt32(4, ifindex, true)
  return address
}

/** A struct packet_mreq (include/uapi/linux/if_packet.h) without an address. */
function packetMreq(ifindex: number, type: number): Uint8Array {
  const request = new Uint8Array(16)
  putU32(request, 0, ifindex)
  putU16(request, 4, type)
  return request
}
