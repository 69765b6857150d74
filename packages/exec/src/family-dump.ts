/** Datagrams for a program: packed like the kernel's, and the merged dump of all families. */

import { EBADF } from 'vnet/internal/base/errno'
import { VNET_GENL_NAME } from 'vnet/internal/control/protocol/family'
import { closing } from 'vnet/internal/linux/errno'
import type { Native } from 'vnet/internal/linux/native'
import { AF_NETLINK, MSG_DONTWAIT, NETLINK_GENERIC, SOCK_RAW, sockaddrNl } from 'vnet/internal/linux/uapi'
import {
  align4,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_CMD_GETFAMILY,
  CTRL_VERSION,
  GENL_ID_CTRL,
  genlmsghdr,
  getU16,
  MessageBuilder,
  messages,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_HDRLEN,
  putU16,
  putU32,
} from 'vnet/internal/netlink/index'
import type { OtherProcesses } from './other-process.ts'

const RECEIVE_BYTES = 65536
const TYPE_AT = 4
const FLAGS_AT = 6
const PORT_AT = 12

export function ourPart(seq: number): Uint8Array {
  const request = new MessageBuilder().message(GENL_ID_CTRL, NLM_F_REQUEST, seq)
  return request.payload(genlmsghdr(CTRL_CMD_GETFAMILY, CTRL_VERSION)).string(CTRL_ATTR_FAMILY_NAME, VNET_GENL_NAME)
    .bytes
}

/** Returns the kernel's messages up to NLMSG_DONE; undefined if incomplete or not of `netns`. */
export function kernelsPart(
  native: Native,
  processes: OtherProcesses,
  { pid, netns }: { readonly pid: number; readonly netns: number },
  request: Uint8Array,
): Uint8Array[] | undefined {
  const fd = processes.inNamespaceOf(pid, nsfd => native.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, nsfd)) ?? -EBADF
  if (fd < 0) return undefined
  return closing(native, fd, () => {
    const isThere = processes.namespaceOf(fd) === netns
    return isThere && native.sendto(fd, request, MSG_DONTWAIT, sockaddrNl()) >= 0 ? whole(native, fd) : undefined
  })
}

/** Merges both parts for the program at `port`; undefined unless the vnet sent one family. */
export function merged(
  kernels: readonly Uint8Array[],
  ours: readonly Uint8Array[],
  port: number,
): Uint8Array[] | undefined {
  const mine = ours.flatMap(bytes => [...messages(bytes)].map(message => messageAt(bytes, message)))
  if (mine.length !== 1 || getU16(mine[0]!, TYPE_AT) !== GENL_ID_CTRL) return undefined
  const all = [...kernels.slice(0, -1), ...mine, ...kernels.slice(-1)]
  for (const message of all) {
    putU16(message, FLAGS_AT, getU16(message, FLAGS_AT) | NLM_F_MULTI)
    putU32(message, PORT_AT, port)
  }
  return packed(all)
}

/** Receives a whole dump. Each receive makes the kernel write the next part, so none waits. */
function whole(native: Native, fd: number): Uint8Array[] | undefined {
  const [into, meta] = [new Uint8Array(RECEIVE_BYTES), new Int32Array(3)]
  const all: Uint8Array[] = []
  for (;;) {
    const length = native.recvmsg(fd, into, MSG_DONTWAIT, meta)
    // An administrator of the namespace may send to this socket too; the kernel's port is 0.
    if (length < 0 || meta[0] !== 0) return undefined
    for (const message of messages(into, 0, length)) {
      all.push(messageAt(into, message))
      if (message.type === NLMSG_DONE) return all
    }
  }
}

/** Bytes of a dump in one datagram by default: NLMSG_GOODSIZE with pages of 4 KiB. */
const PART_BYTES = 3776

/** Packs messages into datagrams like the kernel: one each, except for parts of a dump. */
export function packed(all: readonly Uint8Array[]): Uint8Array[] {
  const datagrams: Uint8Array[][] = []
  let room = 0
  for (const message of all) {
    const isPart = (getU16(message, FLAGS_AT) & NLM_F_MULTI) !== 0
    if (!isPart || message.length > room) {
      datagrams.push([])
      room = isPart ? PART_BYTES : 0
    }
    datagrams.at(-1)?.push(message)
    room -= message.length
  }
  return datagrams.map(parts => Buffer.concat(parts))
}

export function messageAt(bytes: Uint8Array, { offset, length }: { readonly offset: number; readonly length: number }) {
  const part = new Uint8Array(align4(NLMSG_HDRLEN + length))
  part.set(bytes.subarray(offset - NLMSG_HDRLEN, offset + length))
  return part
}
