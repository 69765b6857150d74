/** Datagrams for a program: packed like the kernel's, and the merged dump of all families. */
import { EBADF } from 'vnet'
import { VNET_GENL_NAME } from 'vnet/kit/control'
import { closing, type Native } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { netlink } from 'vnet/kit/netlink'
import type { OtherProcesses } from './other-process.ts'

const RECEIVE_BYTES = 65536

/** Returns the request that asks a vnet for its part of a dump: the family vnet_nl alone. */
export function ourPart(seq: number): Uint8Array {
  const request = new netlink.MessageBuilder().message(
    netlink.GENL_ID_CTRL,
    netlink.NLM_F_REQUEST,
    seq,
  )
  return request
    .payload(netlink.genlmsghdr(netlink.CTRL_CMD_GETFAMILY, netlink.CTRL_VERSION))
    .string(netlink.CTRL_ATTR_FAMILY_NAME, VNET_GENL_NAME).bytes
}

/** Returns the kernel's messages up to NLMSG_DONE; undefined if incomplete or not of `netns`. */
export function kernelsPart(
  native: Native,
  processes: OtherProcesses,
  { pid, netns }: { readonly pid: number; readonly netns: number },
  request: Uint8Array,
): Uint8Array[] | undefined {
  const fd =
    processes.inNamespaceOf(pid, nsfd =>
      native.socket(uapi.AF_NETLINK, uapi.SOCK_RAW, uapi.NETLINK_GENERIC, nsfd),
    ) ?? -EBADF
  if (fd < 0) return undefined
  return closing(native, fd, () => {
    const isThere = processes.namespaceOf(fd) === netns
    return isThere && native.sendto(fd, request, uapi.MSG_DONTWAIT, uapi.sockaddrNl()) >= 0
      ? whole(native, fd)
      : undefined
  })
}

/** Merges both parts for the program at `port`; undefined unless the vnet sent one family. */
export function merged(kernels: readonly Uint8Array[], ours: readonly Uint8Array[], port: number) {
  const mine = ours.flatMap(bytes =>
    [...netlink.messages(bytes)].map(message => messageAt(bytes, message)),
  )
  if (mine.length !== 1 || netlink.getU16(mine[0]!, netlink.TYPE_AT) !== netlink.GENL_ID_CTRL) {
    return undefined
  }
  const all = [...kernels.slice(0, -1), ...mine, ...kernels.slice(-1)]
  for (const message of all) {
    netlink.putU16(
      message,
      netlink.FLAGS_AT,
      netlink.getU16(message, netlink.FLAGS_AT) | netlink.NLM_F_MULTI,
    )
    netlink.putU32(message, netlink.PORT_AT, port)
  }
  return packed(all)
}

/** Receives a whole dump. Each receive makes the kernel write the next part, so none waits. */
function whole(native: Native, fd: number): Uint8Array[] | undefined {
  const [into, meta] = [new Uint8Array(RECEIVE_BYTES), new Int32Array(3)]
  const all: Uint8Array[] = []
  for (;;) {
    const length = native.recvmsg(fd, into, uapi.MSG_DONTWAIT, meta)
    // An administrator of the namespace may send to this socket too; the kernel's port is 0.
    if (length < 0 || meta[0] !== 0) return undefined
    for (const message of netlink.messages(into, 0, length)) {
      all.push(messageAt(into, message))
      if (message.type === netlink.NLMSG_DONE) return all
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
    const isPart = (netlink.getU16(message, netlink.FLAGS_AT) & netlink.NLM_F_MULTI) !== 0
    if (!isPart || message.length > room) {
      datagrams.push([])
      room = isPart ? PART_BYTES : 0
    }
    datagrams.at(-1)?.push(message)
    room -= message.length
  }
  return datagrams.map(parts => Buffer.concat(parts))
}

/** Returns a copy of a whole message with its header, padded to a multiple of 4 bytes. */
export function messageAt(
  bytes: Uint8Array,
  { offset, length }: { readonly offset: number; readonly length: number },
) {
  const part = new Uint8Array(netlink.align4(netlink.NLMSG_HDRLEN + length))
  part.set(bytes.subarray(offset - netlink.NLMSG_HDRLEN, offset + length))
  return part
}
