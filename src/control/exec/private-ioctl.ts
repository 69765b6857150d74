/**
 * ioctl(2) with a private command, SIOCSIFMAP or SIOCGIFMAP on an interface of a vnet. The supervisor copies what the call points to
 * out of the program's memory and back; the vnet gets and returns bytes. The interface is the one of that name where the
 * caller's socket is.
 */
import { ECONNREFUSED, EFAULT, EIO, ENODEV } from '../../core/errno.ts'
import { IFR_IFRU, IFREQ_LEN, SIOCDEVPRIVATE } from '../../core/sockios.ts'
import type { Notification } from '../../kernel/seccomp.ts'
import {
  decodeAttributes,
  decodeName,
  genlmsghdr,
  getU64,
  MessageBuilder,
  messages,
  NetlinkParseError,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  parseAck,
  parseGenl,
} from '../../netlink/index.ts'
import {
  ioctlAnswer,
  VNET_ATTR_IFINDEX,
  VNET_ATTR_IFNAME,
  VNET_ATTR_IOCTL_CMD,
  VNET_ATTR_IOCTL_DATA,
  VNET_ATTR_IOCTL_IFREQ,
  VNET_ATTR_NETNS,
  VNET_CMD_IOCTL,
  VNET_GENL_ID,
  VNET_GENL_VERSION,
  VNET_IOCTL_DATA_MAX,
} from '../family.ts'
import type { Supervision } from './supervisor.ts'
import type { Driver } from './vnets.ts'

const IFNAMSIZ = 16

/** What a driver returned: 0 or more, or -errno; the ifreq as it left it, and what it wrote of the data. */
interface Reply {
  readonly result: number
  readonly ifreq?: Uint8Array
  readonly data?: Uint8Array | undefined
  readonly dataOffset?: number | undefined
  /** There is no such device: the kernel says what is there now. */
  readonly gone?: boolean
}

export class PrivateIoctls {
  readonly #supervision: Supervision
  readonly #builder = new MessageBuilder()
  readonly #data = new Uint8Array(VNET_IOCTL_DATA_MAX)

  constructor(supervision: Supervision) {
    this.#supervision = supervision
  }

  handle(notification: Notification): void {
    const { processes, vnets } = this.#supervision
    const { pid } = notification
    const ifreq = new Uint8Array(IFREQ_LEN)
    const isRead = processes.read(pid, notification.address(2), ifreq) === 0
    const netns = isRead
      ? processes.withDescriptor(pid, notification.int(0), fd => processes.namespaceOf(fd))
      : undefined
    // Undefined without a socket, and for one of a namespace in which nothing can be ours.
    const driver = netns === undefined ? undefined : vnets.named(netns, nameOf(ifreq))
    this.#askOrProceed(notification, driver, ifreq)
  }

  #askOrProceed(notification: Notification, driver: Driver | undefined, ifreq: Uint8Array): void {
    if (driver === undefined) this.#supervision.listener.proceed(notification)
    else this.#ask(notification, driver, ifreq)
  }

  #ask(notification: Notification, { vnet, device }: Driver, ifreq: Uint8Array): void {
    const { listener, conversations, vnets } = this.#supervision
    const asker = this.#supervision.askerOf(notification.pid)
    const data = this.#dataOf(notification, ifreq)
    // Only now: rights and memory, too, were those of the process that has this number.
    if (asker === null || !listener.isWaiting(notification)) {
      listener.proceed(notification)
      return
    }
    const seq = conversations.nextSeq()
    this.#builder
      .reset()
      .message(VNET_GENL_ID, NLM_F_REQUEST, seq)
      .payload(genlmsghdr(VNET_CMD_IOCTL, VNET_GENL_VERSION))
      .u32(VNET_ATTR_IFINDEX, device.ifindex)
      .string(VNET_ATTR_IFNAME, device.name)
    if (device.netns !== undefined) this.#builder.string(VNET_ATTR_NETNS, device.netns)
    this.#builder.u32(VNET_ATTR_IOCTL_CMD, notification.int(1) >>> 0).binary(VNET_ATTR_IOCTL_IFREQ, ifreq)
    if (data !== undefined) this.#builder.binary(VNET_ATTR_IOCTL_DATA, data)
    const length = data?.length ?? 0
    let reply: Reply | undefined
    conversations.ask({
      ...{ vnet, asker, octets: this.#builder.bytes, seqs: [seq] },
      onMessage(message) {
        reply = replyIn(message)
        return true
      },
      onEnd: result => {
        if (result === -ECONNREFUSED) {
          vnets.gone(vnet)
          this.#askOrProceed(notification, vnets.named(device.inode, device.name), ifreq)
        } else if (reply?.gone) {
          vnets.forget()
          listener.proceed(notification)
        } else if (result < 0 || reply === undefined) {
          listener.answer(notification, result < 0 ? result : -EIO)
        } else {
          listener.answer(notification, this.#finish(notification, reply, ifreq, length))
        }
      },
    })
  }

  /** As much as is readable of what ifr_data points to; undefined when that is nothing. */
  #dataOf(notification: Notification, ifreq: Uint8Array): Uint8Array | undefined {
    // A map is in the ifreq itself.
    if (notification.int(1) >>> 0 < SIOCDEVPRIVATE) return undefined
    const { native } = this.#supervision
    const length = native.processVmReadv(notification.pid, getU64(ifreq, IFR_IFRU), this.#data)
    return length > 0 ? this.#data.subarray(0, length) : undefined
  }

  /** Writes what the driver wrote: what the call returns. `length` bytes of data were sent. */
  #finish(notification: Notification, reply: Reply, ifreq: Uint8Array, length: number): number {
    const { listener, processes } = this.#supervision
    const { result, data, dataOffset = 0, ifreq: after } = reply
    if (data !== undefined && dataOffset + data.length > length) return -EIO
    // As the kernel, which copies the ifreq back when all went well.
    const isChanged = result >= 0 && after !== undefined && after.some((byte, i) => byte !== ifreq[i])
    if (data === undefined && !isChanged) return result
    const write = () => {
      const at = getU64(ifreq, IFR_IFRU) + BigInt(dataOffset)
      const written = data === undefined ? 0 : processes.write(at, data)
      return written < 0 || !isChanged ? written : processes.write(notification.address(2), after)
    }
    const written = processes.inMemoryOf(notification.pid, () => listener.isWaiting(notification), write) ?? -EFAULT
    return written < 0 ? written : result
  }
}

/** ifr_name up to a colon: what the label of an address (`vnet0:1`) is of. */
function nameOf(ifreq: Uint8Array): string {
  const octets = ifreq.subarray(0, IFNAMSIZ)
  const end = octets.findIndex(octet => octet === 0 || octet === 0x3a)
  return decodeName(end < 0 ? octets.subarray(0, IFNAMSIZ - 1) : octets.subarray(0, end))
}

function replyIn(bytes: Uint8Array): Reply {
  try {
    for (const message of messages(bytes)) {
      if (message.type === NLMSG_ERROR) {
        const { error } = parseAck(bytes, message)
        return { result: error, gone: error === -ENODEV }
      }
      const { offset, length } = parseGenl(bytes, message)
      const { ioctlResult, ifreq, ioctlData, ioctlDataOffset } = decodeAttributes(ioctlAnswer, bytes, offset, length)
      return { result: ioctlResult, ifreq: ifreq.slice(), data: ioctlData?.slice(), dataOffset: ioctlDataOffset }
    }
  } catch (error) {
    if (!(error instanceof NetlinkParseError)) throw error
  }
  return { result: -EIO }
}
