/** A dump of all families: the kernel's, which is asked in place of the program, with ours before its end. */
import { EBADF } from '../../core/errno.ts'
import type { Native } from '../../kernel/native.ts'
import type { OtherProcesses } from '../../kernel/other-process.ts'
import { AF_NETLINK, MSG_DONTWAIT, NETLINK_GENERIC, SOCK_RAW, sockaddrNl } from '../../kernel/uapi.ts'
import {
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
  putU16,
  putU32,
} from '../../netlink/index.ts'
import { VNET_GENL_NAME } from '../family.ts'
import { messageAt, packed } from './datagrams.ts'

const RECEIVE_OCTETS = 65536
const TYPE_AT = 4
const FLAGS_AT = 6
const PORT_AT = 12

/** What the driver is asked for its part: vnet_nl by name. */
export function ourPart(seq: number): Uint8Array {
  const request = new MessageBuilder().message(GENL_ID_CTRL, NLM_F_REQUEST, seq)
  return request.payload(genlmsghdr(CTRL_CMD_GETFAMILY, CTRL_VERSION)).string(CTRL_ATTR_FAMILY_NAME, VNET_GENL_NAME)
    .bytes
}

/** The kernel's messages, its NLMSG_DONE at the end, where thread `pid` is; undefined when they are not of namespace `netns`, or not all there. */
export function kernelsPart(
  native: Native,
  processes: OtherProcesses,
  { pid, netns }: { readonly pid: number; readonly netns: number },
  request: Uint8Array,
): Uint8Array[] | undefined {
  const fd = processes.inNamespaceOf(pid, nsfd => native.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, nsfd)) ?? -EBADF
  if (fd < 0) return undefined
  try {
    if (processes.namespaceOf(fd) !== netns || native.sendto(fd, request, MSG_DONTWAIT, sockaddrNl()) < 0)
      return undefined
    return whole(native, fd)
  } finally {
    native.close(fd)
  }
}

/** The dump as the program at `port` is to get it; undefined when the driver did not tell of a family. */
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

/** Each receive makes the kernel write the next part, so nothing is waited for. */
function whole(native: Native, fd: number): Uint8Array[] | undefined {
  const [into, meta] = [new Uint8Array(RECEIVE_OCTETS), new Int32Array(3)]
  const all: Uint8Array[] = []
  for (;;) {
    const length = native.recvmsg(fd, into, MSG_DONTWAIT, meta)
    // Whoever administers the namespace may send to this socket, too; the kernel's port is 0.
    if (length < 0 || meta[0] !== 0) return undefined
    for (const message of messages(into, 0, length)) {
      all.push(messageAt(into, message))
      if (message.type === NLMSG_DONE) return all
    }
  }
}
