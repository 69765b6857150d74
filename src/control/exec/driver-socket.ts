/**
 * A socket to running vnets that asks one question at a time and hears of its answers at once, without a promise: what a program
 * under `vnet exec` waits for. A question ends when its listener says so, or with -ECONNREFUSED where nobody listens any more
 * and -ETIMEDOUT where nobody answers.
 */
import { availableParallelism } from 'node:os'
import { EAGAIN, ECONNREFUSED, ETIMEDOUT, VnetError } from '../../core/errno.ts'
import { check } from '../../kernel/errno.ts'
import type { Native, Poller } from '../../kernel/native.ts'
import { startPoller } from '../../kernel/poller.ts'
import {
  AF_NETLINK,
  int32,
  MSG_DONTWAIT,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_USERSOCK,
  SOCK_RAW,
  SOL_NETLINK,
  sockaddrNl,
} from '../../kernel/uapi.ts'
import { MessageBuilder, NLMSG_NOOP } from '../../netlink/index.ts'
import type { Asker } from './credentials.ts'

/** How long a vnet may take for the next part of its answer. */
export const TIMEOUT_MS = 5000
/** One that was silent for this time may have ended before it read the question, which is then lost: it is looked for. */
const PROBE_MS = 100
/** One whose receive buffer is full is asked again after this time. */
const RETRY_MS = 1
const RECEIVE_OCTETS = 65536
/**
 * An answer is looked for this long before the event loop is gone back to, ns: while we wait nobody else does anything for the
 * program, and to sleep and be woken takes longer than most answers.
 */
const SPIN_NS = 50_000
/** Sockets that nobody uses just now, kept for a namespace. */
const IDLE_MAX = 16

export interface Question {
  readonly port: number
  readonly octets: Uint8Array
  readonly asker: Asker | undefined
  /** Told of a datagram from that port, valid during the call; true when it was the last. */
  readonly onDatagram: (bytes: Uint8Array, length: number) => boolean
  /** Told once: 0, or -errno. The socket may be asked again from here on. */
  readonly onEnd: (result: number) => void
}

/** What is no request is passed over; but it cannot be sent to a port that nobody has. */
const noop = new MessageBuilder().message(NLMSG_NOOP, 0, 0).bytes

type OnAny = (bytes: Uint8Array, length: number, from: number) => void

export class DriverSocket {
  readonly #native: Native
  readonly #fd: number
  readonly #poller: Poller
  readonly #into = new Uint8Array(RECEIVE_OCTETS)
  readonly #meta = new Int32Array(3)
  readonly #address = sockaddrNl()
  readonly #onDatagram: OnAny | undefined
  /** Not where the vnet would have to wait for us to sleep. */
  readonly #spins = availableParallelism() > 1
  #question: Question | undefined
  /** While a question waits. */
  #timer: NodeJS.Timeout | undefined
  /** Probes that were answered by nothing but a port that is there. */
  #silent = 0
  #open = true

  /** Opens a socket where `native` is at home, or answers -errno. `onDatagram` is told of all that comes, answers too, and from which port. */
  static open(native: Native, onDatagram?: OnAny): DriverSocket | number {
    try {
      return new DriverSocket(native, onDatagram)
    } catch (error) {
      if (error instanceof VnetError) return -error.errno
      throw error
    }
  }

  private constructor(native: Native, onDatagram: OnAny | undefined) {
    this.#native = native
    this.#onDatagram = onDatagram
    this.#fd = check(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1), 'socket(AF_NETLINK, NETLINK_USERSOCK)')
    try {
      check(native.bind(this.#fd, sockaddrNl()), 'bind(NETLINK_USERSOCK)')
      this.#poller = startPoller(native, this.#fd, () => this.#readable())
    } catch (error) {
      native.close(this.#fd)
      throw error
    }
    this.#poller.unref()
  }

  ask(question: Question): void {
    this.#question = question
    this.#silent = 0
    new DataView(this.#address.buffer).setUint32(4, question.port, true)
    this.#send(question)
  }

  /** Whether a question is under way: another would take its place. */
  get isBusy(): boolean {
    return this.#question !== undefined
  }

  /** Joins a multicast group: 0, or -EPERM unless we are root. */
  join(group: number): number {
    return this.#native.setsockopt(this.#fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, int32(group))
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#poller.close()
    this.#native.close(this.#fd)
    this.#end(-ETIMEDOUT)
  }

  #send(question: Question): void {
    if (question !== this.#question || !this.#open) return
    const { octets, asker } = question
    const [native, fd, to] = [this.#native, this.#fd, this.#address]
    const sent =
      asker === undefined
        ? native.sendto(fd, octets, MSG_DONTWAIT, to)
        : native.sendAs(fd, octets, MSG_DONTWAIT, to, asker.uid, asker.gid)
    if (sent === -EAGAIN) setTimeout(() => this.#send(question), RETRY_MS)
    else if (sent < 0) this.#end(sent)
    else if (this.#spins) this.#spin(question)
    if (question === this.#question) this.#timer ??= setInterval(() => this.#probe(), PROBE_MS)
  }

  #spin(question: Question): void {
    const until = this.#native.monotonic() + SPIN_NS
    while (question === this.#question && this.#native.monotonic() < until) this.#receive()
  }

  #readable(): void {
    try {
      this.#receive()
    } finally {
      if (this.#open) this.#poller.start()
    }
  }

  #receive(): void {
    const length = this.#native.recvmsg(this.#fd, this.#into, MSG_DONTWAIT, this.#meta)
    if (length >= 0) this.#onDatagram?.(this.#into, length, this.#meta[0] >>> 0)
    const question = this.#question
    // Anybody may send to our port, and a question may have ended before its answer came.
    if (length < 0 || question === undefined || this.#meta[0] >>> 0 !== question.port) return
    this.#silent = 0
    if (question.onDatagram(this.#into, length)) this.#end(0)
  }

  #probe(): void {
    this.#silent++
    if (this.#silent * PROBE_MS > TIMEOUT_MS) this.#end(-ETIMEDOUT)
    else if (this.#native.sendto(this.#fd, noop, MSG_DONTWAIT, this.#address) === -ECONNREFUSED) {
      // What it said last may still be unread.
      this.#receive()
      this.#end(-ECONNREFUSED)
    }
  }

  #end(result: number): void {
    const question = this.#question
    this.#question = undefined
    clearInterval(this.#timer)
    this.#timer = undefined
    question?.onEnd(result)
  }
}

/** As many sockets as questions are under way at once, of every namespace in which vnets are asked. */
export class DriverSockets {
  readonly #idle = new Map<Native, DriverSocket[]>()
  readonly #all = new Set<DriverSocket>()
  #open = true

  /** Asks the vnet at a port of the namespace that `native` is at home in. It ends with -errno when there is no socket to be had. */
  ask(native: Native, question: Question): void {
    const idle = this.#idle.get(native) ?? []
    this.#idle.set(native, idle)
    const socket = idle.pop() ?? DriverSocket.open(native)
    if (typeof socket === 'number') {
      question.onEnd(socket)
      return
    }
    this.#all.add(socket)
    socket.ask({
      ...question,
      onEnd: result => {
        // After a time-out its answer may still come, and would be taken for that of the next question.
        if (result === 0 && this.#open && idle.length < IDLE_MAX) idle.push(socket)
        else {
          this.#all.delete(socket)
          socket.close()
        }
        question.onEnd(result)
      },
    })
  }

  close(): void {
    this.#open = false
    for (const socket of [...this.#all]) socket.close()
  }
}
