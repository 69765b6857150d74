/**
 * A packet socket (packet(7)) on an interface that is there, as a TAP's descriptor is used: each read is a frame that came in by the
 * interface, whoever it is for, each write one that leaves by it, with a vnet header before it. What the host itself sends there
 * is not read.
 *
 * The kernel takes the VLAN tag off a frame before any socket sees it. Without its tag a frame would come in from another network
 * than the one it belongs to, so tagged frames are filtered out; those of VLAN 0, which have a priority and no network, pass.
 */
import { EPERM } from '../core/errno.ts'
import { check } from './errno.ts'
import type { Native } from './native.ts'
import {
  AF_PACKET,
  int32,
  PACKET_ADD_MEMBERSHIP,
  PACKET_IGNORE_OUTGOING,
  PACKET_MR_PROMISC,
  PACKET_STATISTICS,
  PACKET_VNET_HDR,
  packetMreq,
  SO_ATTACH_FILTER,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_PACKET,
  SOL_SOCKET,
  sockaddrLl,
} from './uapi.ts'

/** As much as waits in the transmit ring of a TAP: some hundred frames of 64 KiB. */
const RECEIVE_BUFFER = 32 << 20
/** What may lie in the interface's own queue; the default would be asked again every two megabits. */
const SEND_BUFFER = 4 << 20

// include/uapi/linux/bpf_common.h, filter.h
const BPF_LD_W_ABS = 0x20
const BPF_JEQ_K = 0x15
const BPF_JSET_K = 0x45
const BPF_RET_K = 0x06
const SKF_AD_OFF = -0x1000
const SKF_AD_VLAN_TAG = SKF_AD_OFF + 44
const SKF_AD_VLAN_TAG_PRESENT = SKF_AD_OFF + 48
const VLAN_VID_MASK = 0x0fff

/** Code, jumps if so and if not, operand. */
const UNTAGGED = [
  [BPF_LD_W_ABS, 0, 0, SKF_AD_VLAN_TAG_PRESENT],
  [BPF_JEQ_K, 2, 0, 0],
  [BPF_LD_W_ABS, 0, 0, SKF_AD_VLAN_TAG],
  [BPF_JSET_K, 1, 0, VLAN_VID_MASK],
  [BPF_RET_K, 0, 0, -1],
  [BPF_RET_K, 0, 0, 0],
] as const

/**
 * Opens one on the interface of this index in the network namespace that `nsfd` refers to, -1 for our own. It keeps that alive. The
 * descriptor is the caller's. Throws a VnetError that begins with `what`.
 */
export function openPacketSocket(native: Native, nsfd: number, ifindex: number, what: string): number {
  const opened = native.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0, nsfd)
  const fd = check(opened, what, opened === -EPERM ? 'it needs CAP_NET_RAW: run it as root' : undefined)
  try {
    if (native.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(RECEIVE_BUFFER)) < 0) {
      check(native.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int32(RECEIVE_BUFFER)), what)
    }
    if (native.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, int32(SEND_BUFFER)) < 0) {
      check(native.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, int32(SEND_BUFFER)), what)
    }
    check(native.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, socketFilter(UNTAGGED)), what)
    check(native.setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, int32(1)), what)
    check(native.setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, int32(1)), what)
    const promisc = packetMreq(ifindex, PACKET_MR_PROMISC)
    check(native.setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, promisc), what)
    // Not before all that: until it is bound it hears nothing.
    check(native.bind(fd, sockaddrLl(ifindex)), what)
    return fd
  } catch (error) {
    native.close(fd)
    throw error
  }
}

/** Frames that came in since it was asked last, those included that the socket had no room for: tp_packets. */
export function packetsArrived(native: Native, fd: number): number {
  const statistics = new Uint8Array(8)
  if (native.getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics) < 0) return 0
  return new DataView(statistics.buffer).getUint32(0, true)
}

/** struct sock_filter of each instruction. */
function socketFilter(program: readonly (readonly [number, number, number, number])[]): Uint8Array {
  const octets = new Uint8Array(8 * program.length)
  const view = new DataView(octets.buffer)
  for (const [i, [code, jt, jf, k]] of program.entries()) {
    view.setUint16(8 * i, code, true)
    view.setUint8(8 * i + 2, jt)
    view.setUint8(8 * i + 3, jf)
    view.setInt32(8 * i + 4, k, true)
  }
  return octets
}
