/**
 * ioctl(2) with a private command, SIOCSIFMAP or SIOCGIFMAP on an interface of ours: asked of its driver, which reads and writes
 * what ifr_data points to by itself. The interface is the one of that name where the caller's socket is.
 */
import { ECONNREFUSED, EIO, ENODEV } from '../../core/errno.ts'
import { IFREQ_LEN } from '../../core/sockios.ts'
import type { Notification } from '../../kernel/seccomp.ts'
import {
  decodeAttributes,
  genlmsghdr,
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
  VNET_ATTR_IOCTL_DEADLINE,
  VNET_ATTR_IOCTL_IFREQ,
  VNET_ATTR_IOCTL_PID,
  VNET_ATTR_NETNS,
  VNET_CMD_IOCTL,
  VNET_GENL_VERSION,
} from '../family.ts'
import { TIMEOUT_MS } from './driver-socket.ts'
import type { Driver } from './drivers.ts'
import type { Supervision } from './supervisor.ts'

const IFNAMSIZ = 16
/** Before we give up: what a driver does after that, it would do to the memory of a program that has gone on. */
const DEADLINE_NS = (TIMEOUT_MS - 1000) * 1e6
const NAMES = new TextDecoder()

/** What a driver said: 0 or more, or -errno, and the ifreq as it left it. */
interface Answer {
  readonly result: number
  readonly ifreq?: Uint8Array
  /** There is no such device: it has gone, and the kernel says what is there now. */
  readonly gone?: boolean
}

export class PrivateIoctls {
  readonly #supervision: Supervision
  readonly #builder = new MessageBuilder()
  #seq = 0

  constructor(supervision: Supervision) {
    this.#supervision = supervision
  }

  handle(notification: Notification): void | Promise<void> {
    const { listener, processes, drivers } = this.#supervision
    const { pid } = notification
    const ifreq = new Uint8Array(IFREQ_LEN)
    if (processes.read(pid, notification.address(2), ifreq) < 0) return listener.proceed(notification)
    const netns = processes.withDescriptor(pid, notification.int(0), fd => processes.namespaceOf(fd))
    // No socket, or one of a namespace where nothing can be ours.
    if (netns === undefined) return listener.proceed(notification)
    const name = nameOf(ifreq)
    const driver = drivers.known(netns, name)
    if (driver !== undefined) return this.#ask(notification, driver, ifreq)
    if (!drivers.isStale) return listener.proceed(notification)
    return drivers.ask().then(() => this.#askKnown(notification, netns, name, ifreq))
  }

  #askKnown(notification: Notification, netns: number, name: string, ifreq: Uint8Array): void {
    const { listener, drivers } = this.#supervision
    const driver = drivers.asked(netns, name)
    if (driver === undefined) listener.proceed(notification)
    else this.#ask(notification, driver, ifreq)
  }

  #ask(notification: Notification, driver: Driver, ifreq: Uint8Array): void {
    const { listener, processes, sockets, drivers } = this.#supervision
    const asker = this.#supervision.askerOf(notification.pid)
    // Only now: the rights, too, were of whoever has that number.
    if (asker === null || !listener.isWaiting(notification)) {
      listener.proceed(notification)
      return
    }
    const seq = this.#write(notification, driver, ifreq)
    let answer: Answer | undefined
    sockets.ask(driver.native, {
      port: driver.port,
      octets: this.#builder.bytes.slice(),
      asker,
      onDatagram(bytes, length) {
        answer = answerIn(bytes, length, seq)
        return answer !== undefined
      },
      onEnd(result) {
        if (result === -ECONNREFUSED || answer?.gone) {
          drivers.forget()
          listener.proceed(notification)
        } else if (result < 0 || answer === undefined) {
          listener.answer(notification, result < 0 ? result : -EIO)
        } else {
          listener.answer(notification, finish(answer))
        }
      },
    })
    /** As the kernel, which copies the ifreq back when all went well. */
    function finish({ result, ifreq: after }: Answer): number {
      if (result < 0 || after === undefined || after.every((octet, i) => octet === ifreq[i])) return result
      if (!listener.isWaiting(notification)) return result
      const written = processes.write(notification.pid, notification.address(2), after)
      return written < 0 ? written : result
    }
  }

  /** Writes the question; answers its sequence number. */
  #write(notification: Notification, { family, device }: Driver, ifreq: Uint8Array): number {
    this.#seq = (this.#seq + 1) >>> 0
    this.#builder
      .reset()
      .message(family, NLM_F_REQUEST, this.#seq)
      .payload(genlmsghdr(VNET_CMD_IOCTL, VNET_GENL_VERSION))
      .u32(VNET_ATTR_IFINDEX, device.ifindex)
      .string(VNET_ATTR_IFNAME, device.name)
    if (device.netns !== undefined) this.#builder.string(VNET_ATTR_NETNS, device.netns)
    this.#builder
      .u32(VNET_ATTR_IOCTL_CMD, notification.int(1) >>> 0)
      .binary(VNET_ATTR_IOCTL_IFREQ, ifreq)
      .u32(VNET_ATTR_IOCTL_PID, notification.pid)
      .u64(VNET_ATTR_IOCTL_DEADLINE, BigInt(this.#supervision.native.monotonic() + DEADLINE_NS))
    return this.#seq
  }
}

/** ifr_name up to a colon: what an address's label (`vnet0:1`) is of. */
function nameOf(ifreq: Uint8Array): string {
  const octets = ifreq.subarray(0, IFNAMSIZ)
  const end = octets.findIndex(octet => octet === 0 || octet === 0x3a)
  return NAMES.decode(end < 0 ? octets.subarray(0, IFNAMSIZ - 1) : octets.subarray(0, end))
}

/** The answer to question `seq` in a datagram; undefined when it is not there. */
function answerIn(bytes: Uint8Array, length: number, seq: number): Answer | undefined {
  try {
    for (const message of messages(bytes, 0, length)) {
      if (message.seq !== seq) continue
      if (message.type === NLMSG_ERROR) {
        const { error } = parseAck(bytes, message)
        return { result: error, gone: error === -ENODEV }
      }
      const { offset, length } = parseGenl(bytes, message)
      const { ioctlResult, ifreq } = decodeAttributes(ioctlAnswer, bytes, offset, length)
      return { result: ioctlResult, ifreq: ifreq.slice() }
    }
  } catch (error) {
    if (!(error instanceof NetlinkParseError)) throw error
    return { result: -EIO }
  }
  return undefined
}
