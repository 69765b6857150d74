/**
 * Receives on a program's generic netlink sockets. The supervisor makes the call on a duplicate, so
 * that the program gets the driver's reply instead of a placeholder (replies.ts), with its sender
 * and ancillary data. Every other message is passed on unchanged.
 */
import { EAGAIN, EFAULT, EINVAL, ENOBUFS } from 'vnet'
import { closeFd, closingOnError } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { netlink } from 'vnet/kit/netlink'
import { isGeneric } from './generic-socket.ts'
import {
  finishMsghdr,
  iovecs,
  type MemorySpan,
  MMSGHDR_LEN,
  type Msghdr,
  msghdr,
  putLength,
  scattered,
  span,
  timespecMs,
} from './program-memory.ts'
import { inodeOf, isNonBlocking, receiveTimeoutMs } from './program-socket.ts'
import { PLACEHOLDER_LEN, type Replies } from './replies.ts'
import type { Notification } from './seccomp.ts'
import type { Supervision } from './supervision.ts'
import { Waits } from './waits.ts'

const MSG_PEEK = 2
const MSG_WAITFORONE = 0x10000
const RWF_NOWAIT = 8
/** Longer than any message of generic netlink. */
const RECEIVE_MAX = 128 * 1024
/** Longer than the ancillary data of a netlink socket. */
const CONTROL_MAX = 256
const SOCKADDR_LEN = 12
/** Messages of one call; the program receives the others by its next call. */
const MESSAGES_MAX = 64

type Envelope = Readonly<{ name: Uint8Array; namelen: number; control: Uint8Array; flags: number }>

/**
 * The program's buffers for one message: for its bytes, for ancillary data, and for the other
 * results.
 */
interface ReceiveBuffers {
  readonly spans: readonly MemorySpan[]
  readonly controlLength: number
  /** Writes the rest of the call's results. Returns 0 or -errno. */
  finish(envelope: Envelope): number
}

/**
 * The handlers of the calls that receive. A call that has to wait for a message waits here
 * (waits.ts).
 */
export class Reception {
  readonly #supervision: Supervision
  readonly #replies: Replies
  readonly #waits: Waits
  readonly #bytes = new Uint8Array(RECEIVE_MAX)
  readonly #name = new Uint8Array(SOCKADDR_LEN)
  readonly #control = new Uint8Array(CONTROL_MAX)
  readonly #meta = new Int32Array(3)

  constructor(supervision: Supervision, replies: Replies) {
    this.#supervision = supervision
    this.#replies = replies
    this.#waits = new Waits(supervision)
  }

  /** Frees the descriptors of waiting calls, without a reply to them. */
  close(): void {
    this.#waits.close()
  }

  recvmsg(notification: Notification): void {
    const { processes } = this.#supervision
    const { pid } = notification
    const address = notification.address(1)
    const header = msghdr(processes, pid, address)
    this.#receive(notification, notification.int(2), header && this.#intoMsghdr(address, header))
  }

  recvfrom(notification: Notification): void {
    const { processes } = this.#supervision
    const { pid } = notification
    const [address, lengthAt] = [notification.address(4), notification.address(5)]
    this.#receive(notification, notification.int(3), {
      spans: [span(notification.address(1), notification.address(2))],
      controlLength: 0,
      finish({ name, namelen }) {
        const length = new Uint8Array(4)
        if (address === 0n) return 0
        if (processes.read(pid, lengthAt, length) < 0) return -EFAULT
        const room = netlink.getU32(length, 0)
        if (room > 0x7fff_ffff) return -EINVAL
        netlink.putU32(length, 0, namelen)
        return Math.min(
          processes.write(address, name.subarray(0, room)),
          processes.write(lengthAt, length),
        )
      },
    })
  }

  read(notification: Notification): void {
    this.#read(notification, [span(notification.address(1), notification.address(2))])
  }

  readv(notification: Notification): void {
    const { processes } = this.#supervision
    this.#read(
      notification,
      iovecs(processes, notification.pid, notification.address(1), notification.address(2)),
    )
  }

  /** At offset -1 it is readv(2); a socket has no other offset. */
  preadv2(notification: Notification): void {
    const { processes, listener } = this.#supervision
    if (notification.int(3) !== -1) {
      listener.proceed(notification)
      return
    }
    const spans = iovecs(
      processes,
      notification.pid,
      notification.address(1),
      notification.address(2),
    )
    this.#read(
      notification,
      spans,
      (notification.int(5) & RWF_NOWAIT) === 0 ? 0 : uapi.MSG_DONTWAIT,
    )
  }

  /** Receives until the call has all the messages it requested, may not wait, or has timed out. */
  recvmmsg(notification: Notification): void {
    const { native, processes, listener } = this.#supervision
    const { pid } = notification
    const [address, flags] = [notification.address(1), notification.int(3) & ~MSG_WAITFORONE]
    const wanted = Math.min(notification.int(2) >>> 0, MESSAGES_MAX)
    const timeoutMs = timespecMs(processes, pid, notification.address(4))
    const waitsForOne = (notification.int(3) & MSG_WAITFORONE) !== 0
    if (timeoutMs === undefined || wanted === 0) {
      listener.proceed(notification)
      return
    }
    const until = native.monotonic() + timeoutMs * 1e6
    let received = 0
    const ended = (error: number) => (received > 0 ? received : error)
    const attempt = (fd: number): number => {
      while (received < wanted) {
        const at = address + BigInt(MMSGHDR_LEN * received)
        const header = msghdr(processes, pid, at)
        const length =
          header === undefined ? -EFAULT : this.#one(fd, flags, this.#intoMsghdr(at, header))
        if (length === -EAGAIN && received > 0 && waitsForOne) return received
        if (length === -EAGAIN) return length
        if (length < 0) return ended(length)
        if (putLength(processes, at, length) < 0) return ended(-EFAULT)
        received++
        // The kernel too checks the time only after each message.
        if (native.monotonic() >= until) break
      }
      return received
    }
    this.#call(notification, flags, attempt, ended)
  }

  #read(notification: Notification, spans: readonly MemorySpan[] | undefined, flags = 0): void {
    const { listener } = this.#supervision
    // Reading no bytes from a socket neither receives nor waits.
    if (spans?.every(({ length }) => length === 0)) {
      listener.proceed(notification)
    } else {
      this.#receive(notification, flags, spans && { spans, controlLength: 0, finish: () => 0 })
    }
  }

  #intoMsghdr(address: bigint, { name, spans, controlAt }: Msghdr): ReceiveBuffers {
    const { processes } = this.#supervision
    return {
      spans,
      controlLength: controlAt.length,
      finish({ name: sender, namelen, control, flags }) {
        const wantsName = name.address !== 0n
        if (wantsName && processes.write(name.address, sender.subarray(0, name.length)) < 0) {
          return -EFAULT
        }
        if (processes.write(controlAt.address, control) < 0) return -EFAULT
        const lengths = { namelen: wantsName ? namelen : name.length, controllen: control.length }
        return finishMsghdr(processes, address, { ...lengths, flags })
      },
    }
  }

  /** `into` is undefined if the kernel fails the call because of its pointers. */
  #receive(notification: Notification, flags: number, into: ReceiveBuffers | undefined): void {
    if (into === undefined) {
      this.#supervision.listener.proceed(notification)
    } else {
      this.#call(notification, flags, fd => this.#one(fd, flags, into))
    }
  }

  /** Makes a call on a duplicate of its socket; waits unless the call or socket is non-blocking. */
  #call(
    notification: Notification,
    flags: number,
    attempt: (fd: number) => number,
    ended = (error: number) => error,
  ): void {
    const { native, processes, listener } = this.#supervision
    const fd = processes.descriptor(notification.pid, notification.int(0))
    if (fd < 0 || !isGeneric(native, fd)) {
      if (fd >= 0) {
        closeFd(native, fd)
      }
      listener.proceed(notification)
      return
    }
    // The message goes to the memory of this call, also if the thread executes a program later.
    const inPlace = () =>
      processes.inMemoryOf(
        notification.pid,
        () => listener.isWaiting(notification),
        () => attempt(fd),
      ) ?? -EFAULT
    const [result, waits] = closingOnError(native, [fd], () => {
      const outcome = inPlace()
      return [
        outcome,
        outcome === -EAGAIN && (flags & uapi.MSG_DONTWAIT) === 0 && !isNonBlocking(fd),
      ] as const
    })
    if (waits) {
      const timeoutMs = receiveTimeoutMs(native, fd)
      this.#waits.add({ notification, fd, timeoutMs, attempt: inPlace, ended })
      return
    }
    closeFd(native, fd)
    listener.answer(notification, result === -EAGAIN ? ended(result) : result)
  }

  /** Receives a message. Returns the result of recvmsg(2). */
  #one(fd: number, flags: number, { spans, controlLength, finish }: ReceiveBuffers): number {
    const { native, processes } = this.#supervision
    const room = spans.reduce((n, each) => n + each.length, 0)
    // The kernel fits the parts of a dump to the receiver's buffer; a placeholder has to fit too.
    const bytes = this.#bytes.subarray(0, Math.max(room, PLACEHOLDER_LEN))
    const controlRoom = this.#control.subarray(0, controlLength)
    const whole = native.recvmsgRaw(
      fd,
      bytes,
      flags | uapi.MSG_DONTWAIT | uapi.MSG_TRUNC,
      this.#name,
      controlRoom,
      this.#meta,
    )
    if (whole < 0) return whole
    const [namelen = 0, controllen = 0, received = 0] = this.#meta
    let message: Uint8Array | undefined = bytes.subarray(0, Math.min(whole, bytes.length))
    let length = whole
    if (netlink.getU32(this.#name, 4) === 0 && this.#replies.isPlaceholder(message, whole)) {
      message = this.#replies.take(inodeOf(fd), message, (flags & MSG_PEEK) !== 0)
      // The reply was dropped, as the kernel drops messages without room.
      if (message === undefined) return -ENOBUFS
      length = message.length
    }
    const copied = scattered(processes, spans, message.subarray(0, Math.min(room, message.length)))
    if (copied < 0) return copied
    const truncated = copied < length ? uapi.MSG_TRUNC : 0
    const name = this.#name.subarray(0, namelen)
    const control = controlRoom.subarray(0, controllen)
    const finished = finish({
      name,
      namelen,
      control,
      flags: (received & ~uapi.MSG_TRUNC) | truncated,
    })
    if (finished < 0) return finished
    return (flags & uapi.MSG_TRUNC) === 0 ? copied : length
  }
}
