/**
 * ioctl(2) with a private command, SIOCSIFMAP or SIOCGIFMAP on an interface of a vnet. The
 * supervisor copies the call's data from the program's memory and back; the vnet receives and
 * returns bytes. The interface is found by name in the network namespace of the caller's socket.
 */
import {
  ECONNREFUSED,
  EFAULT,
  EIO,
  ENODEV,
  IFNAMSIZ,
  IFR_IFRU,
  IFREQ_LEN,
  SIOCDEVPRIVATE,
} from 'vnet'
import { commands, VNET_GENL_ID, VNET_GENL_VERSION, VNET_IOCTL_DATA_MAX } from 'vnet/kit/control'
import { netlink } from 'vnet/kit/netlink'
import type { Notification } from './seccomp.ts'
import type { Supervision } from './supervision.ts'
import type { RemoteDevice } from './vnets.ts'

/** A driver's result: 0 or more, or -errno, with the ifreq and the data that it changed. */
interface Reply {
  readonly result: number
  readonly ifreq?: Uint8Array
  readonly data?: Uint8Array | undefined
  /** True if the vnet no longer has the device; then the kernel runs the call. */
  readonly gone?: boolean
}

/**
 * Returns the handler of these calls. It ends a call with the driver's result when the vnet
 * replies. The kernel runs the call if no vnet has the interface, or has it no longer, and if the
 * supervisor may not act for the thread's user.
 */
export function privateIoctls(supervision: Supervision): (notification: Notification) => void {
  const ioctls = new PrivateIoctls(supervision)
  return notification => ioctls.receive(notification)
}

class PrivateIoctls {
  readonly #supervision: Supervision
  readonly #builder = new netlink.MessageBuilder()
  readonly #room = new Uint8Array(VNET_IOCTL_DATA_MAX)

  constructor(supervision: Supervision) {
    this.#supervision = supervision
  }

  receive(notification: Notification): void {
    const { processes, vnets } = this.#supervision
    const { pid } = notification
    const ifreq = new Uint8Array(IFREQ_LEN)
    const isRead = processes.read(pid, notification.address(2), ifreq) === 0
    const netns = isRead
      ? processes.withDescriptor(pid, notification.int(0), fd => processes.namespaceOf(fd))
      : undefined
    // Undefined if the descriptor is not a socket, or its namespace is out of reach.
    const driver = netns === undefined ? undefined : vnets.named(netns, nameOf(ifreq))
    this.#askOrProceed(notification, driver, ifreq)
  }

  #askOrProceed(
    notification: Notification,
    driver: RemoteDevice | undefined,
    ifreq: Uint8Array,
  ): void {
    if (driver === undefined) {
      this.#supervision.listener.proceed(notification)
    } else {
      this.#ask(notification, driver, ifreq)
    }
  }

  #ask(notification: Notification, remote: RemoteDevice, ifreq: Uint8Array): void {
    const { listener, conversations } = this.#supervision
    const requester = this.#supervision.requesterOf(notification.pid)
    const data = this.#dataOf(notification, ifreq)
    // Checked last, to make sure that rights and memory belong to the thread that waits.
    if (requester === null || !listener.isWaiting(notification)) {
      listener.proceed(notification)
      return
    }
    const seq = conversations.nextSeq()
    const { ifindex, name: ifname, netns } = remote.device
    const builder = this.#builder
    builder.reset().message(VNET_GENL_ID, netlink.NLM_F_REQUEST, seq)
    builder.payload(netlink.genlmsghdr(commands.ioctl.cmd, VNET_GENL_VERSION))
    const cmd = notification.int(1) >>> 0
    const attributes = { ifindex, ifname, netns, cmd, ifreq, data }
    netlink.encodeAttributes(builder, commands.ioctl.request, attributes)
    const length = data?.length ?? 0
    let reply: Reply | undefined
    conversations.ask({
      vnet: remote.vnet,
      requester,
      octets: builder.bytes,
      seqs: [seq],
      onMessage(message) {
        reply = replyIn(message)
        return true
      },
      onEnd: result => this.#end(notification, remote, { ifreq, length, result, reply }),
    })
  }

  /** Ends a call with the driver's result, asks another vnet, or lets the kernel run the call. */
  #end(notification: Notification, { vnet, device }: RemoteDevice, asked: Asked): void {
    const { listener, vnets } = this.#supervision
    const { ifreq, result, reply } = asked
    if (result === -ECONNREFUSED) {
      vnets.gone(vnet)
      this.#askOrProceed(notification, vnets.named(device.inode, device.name), ifreq)
    } else if (reply?.gone) {
      vnets.forget()
      listener.proceed(notification)
    } else if (result < 0 || reply === undefined) {
      listener.answer(notification, result < 0 ? result : -EIO)
    } else {
      listener.answer(notification, this.#finish(notification, reply, asked))
    }
  }

  /** Returns the readable part of the data at ifr_data, or undefined. */
  #dataOf(notification: Notification, ifreq: Uint8Array): Uint8Array | undefined {
    // A map is in the ifreq itself.
    if (notification.int(1) >>> 0 < SIOCDEVPRIVATE) return undefined
    const { native } = this.#supervision
    const place = netlink.getU64(ifreq, IFR_IFRU)
    const length = native.processVmReadv(notification.pid, place, this.#room)
    return length > 0 ? this.#room.subarray(0, length) : undefined
  }

  /** Writes the driver's changes back; returns the result of the call. */
  #finish(notification: Notification, reply: Reply, { ifreq, length }: Asked): number {
    const { listener, processes } = this.#supervision
    const { result, data, ifreq: after } = reply
    if (data !== undefined && data.length > length) return -EIO
    // The kernel too copies the ifreq back only after success.
    const isChanged =
      result >= 0 && after !== undefined && after.some((byte, i) => byte !== ifreq[i])
    if (data === undefined && !isChanged) return result
    const write = () => {
      const done = data === undefined ? 0 : processes.write(netlink.getU64(ifreq, IFR_IFRU), data)
      return done < 0 || !isChanged ? done : processes.write(notification.address(2), after)
    }
    const isWaiting = () => listener.isWaiting(notification)
    const written = processes.inMemoryOf(notification.pid, isWaiting, write) ?? -EFAULT
    return written < 0 ? written : result
  }
}

/** A call that a vnet was asked for, and how the conversation has ended. */
interface Asked {
  readonly ifreq: Uint8Array
  /** The bytes of the data at ifr_data. */
  readonly length: number
  readonly result: number
  readonly reply: Reply | undefined
}

/** Returns ifr_name up to a colon: the interface of an address label such as `vnet0:1`. */
function nameOf(ifreq: Uint8Array): string {
  const octets = ifreq.subarray(0, IFNAMSIZ)
  const end = octets.findIndex(octet => octet === 0 || octet === 0x3a)
  return netlink.decodeName(end < 0 ? octets.subarray(0, IFNAMSIZ - 1) : octets.subarray(0, end))
}

/** Returns the driver's reply; -EIO for a malformed message. */
function replyIn(bytes: Uint8Array): Reply {
  const reply = netlink.parsed((): Reply | undefined => {
    const [message] = netlink.messages(bytes)
    if (message === undefined) return undefined
    if (message.type === netlink.NLMSG_ERROR) {
      const { error } = netlink.parseAck(bytes, message)
      return { result: error, gone: error === -ENODEV }
    }
    const { offset, length } = netlink.parseGenl(bytes, message)
    const { ifreq, data, ...rest } = netlink.decodeAttributes(
      commands.ioctl.reply,
      bytes,
      offset,
      length,
    )
    return { ...rest, ifreq: ifreq.slice(), data: data?.slice() }
  })
  return reply ?? { result: -EIO }
}
