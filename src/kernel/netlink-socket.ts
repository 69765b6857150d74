/**
 * NetlinkSocket: requests to the kernel and their answers, synchronously. The kernel works on a request inside send(2) and
 * has queued the answer when that returns, so nothing waits and nothing is polled. Meant to be short-lived: opened in the
 * namespace of the device, used, closed, since the descriptor keeps that namespace alive.
 */

import { fstatSync } from 'node:fs'
import { EBADF, EBADMSG, EMSGSIZE, VnetError } from '../core/errno.ts'
import {
  type Ack,
  type Message,
  MessageBuilder,
  messages,
  NetlinkParseError,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  parseAck,
} from '../netlink/index.ts'
import { check } from './errno.ts'
import type { Native } from './native.ts'
import {
  AF_NETLINK,
  int32,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GENERIC,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  SOCK_RAW,
  SOL_NETLINK,
} from './uapi.ts'

/** Answers a descriptor of the network namespace a socket is in, include/uapi/linux/sockios.h. */
const SIOCGSKNS = 0x894c
/** The kernel makes dumps in pieces of this size, but for an answer that is longer: all names an interface may have are 70 KB. */
const RECEIVE_OCTETS = 32 << 10
const RECEIVE_OCTETS_MAX = 1 << 20
/** What a datagram is received into of which only the length is wanted. */
const NOTHING = new Uint8Array(0)
/** A dump during which something changed is made anew, this often at most: a busy system must not hold us. */
const DUMP_ATTEMPTS = 8
const PROTOCOLS = { NETLINK_ROUTE, NETLINK_GENERIC }

/** One request: its type, what it is for in an error's first words, and what writes its payload. */
export interface NetlinkRequest {
  /** RTM_*, or a family of generic netlink. */
  readonly type: number
  /** NLM_F_CREATE and so on; REQUEST, ACK and DUMP are set as needed. */
  readonly flags?: number
  /** `RTM_NEWADDR 198.18.0.1/24 on vnet0`; only called when the request fails. */
  readonly what: () => string
  readonly write: (builder: MessageBuilder) => void
}

export class NetlinkSocket {
  readonly #native: Native
  readonly #fd: number
  readonly #builder = new MessageBuilder()
  #into = new Uint8Array(RECEIVE_OCTETS)
  readonly #meta = new Int32Array(3)
  #seq = 0
  #open = true

  /** Opens a socket in the network namespace that descriptor `nsfd` refers to; -1 is the caller's own. */
  protected constructor(native: Native, protocol: keyof typeof PROTOCOLS, nsfd: number) {
    this.#native = native
    this.#fd = check(native.socket(AF_NETLINK, SOCK_RAW, PROTOCOLS[protocol], nsfd), `socket(AF_NETLINK, ${protocol})`)
    // Each makes errors better; none is needed: what an old kernel lacks is left out.
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
      native.setsockopt(this.#fd, SOL_NETLINK, option, int32(1))
    }
  }

  /**
   * Sends a request and gives `answer` each message that comes back before the acknowledgement. The octets are the
   * socket's: valid during the call only. Throws VnetError with the kernel's own words when it refuses, EBADMSG
   * when what comes back is malformed.
   */
  request(request: NetlinkRequest, answer: (bytes: Uint8Array, message: Message) => void = () => {}): void {
    this.#send(request, NLM_F_ACK)
    this.#receive(request, answer)
  }

  /**
   * Sends a request for a dump and gives what `decode` makes of its messages; undefined is left out. So is a message that cannot
   * be parsed: it is about one thing of many, and often another's.
   */
  dump<T>(request: NetlinkRequest, decode: (bytes: Uint8Array, message: Message) => T | undefined): T[] {
    for (let attempt = 1; ; attempt++) {
      const found: T[] = []
      this.#send(request, NLM_F_DUMP)
      const consistent = this.#receive(request, (bytes, message) => {
        const item = parsed(() => decode(bytes, message))
        if (item !== undefined) found.push(item)
      })
      if (consistent || attempt === DUMP_ATTEMPTS) return found
    }
  }

  /** Whether descriptor `nsfd` refers to the namespace that the socket is in. */
  isIn(nsfd: number): boolean {
    const own = check(this.#native.ioctl(this.#fd, SIOCGSKNS, 0), 'SIOCGSKNS')
    try {
      const [one, other] = [fstatSync(own), fstatSync(nsfd)]
      return one.ino === other.ino && one.dev === other.dev
    } finally {
      this.#native.close(own)
    }
  }

  /** Idempotent. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#native.close(this.#fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #send({ type, flags = 0, what, write }: NetlinkRequest, mode: number): void {
    if (!this.#open) throw new VnetError(EBADF, what())
    this.#seq = (this.#seq + 1) >>> 0
    this.#builder.reset().message(type, NLM_F_REQUEST | mode | flags, this.#seq)
    write(this.#builder)
    const sent = this.#native.send(this.#fd, this.#builder.bytes, MSG_DONTWAIT)
    if (sent < 0) throw new VnetError(-sent, what())
  }

  /** Reads until the request's acknowledgement or the dump's end; false when the dump met a change on its way. */
  #receive({ what }: NetlinkRequest, answer: (bytes: Uint8Array, message: Message) => void): boolean {
    let consistent = true
    for (;;) {
      this.#makeRoom()
      const length = this.#native.recvmsg(this.#fd, this.#into, MSG_DONTWAIT, this.#meta)
      if (length < 0) throw new VnetError(-length, what())
      const [sender, , flags] = this.#meta
      if ((flags & MSG_TRUNC) !== 0) throw new VnetError(EMSGSIZE, what())
      if (sender !== 0) continue
      let end: Ack | undefined
      try {
        for (const message of messages(this.#into, 0, length)) {
          // answers to an earlier request whose reader threw
          if (message.seq !== this.#seq) continue
          if ((message.flags & NLM_F_DUMP_INTR) !== 0) consistent = false
          if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) end = parseAck(this.#into, message)
          else answer(this.#into, message)
        }
      } catch (error) {
        throw error instanceof NetlinkParseError ? new VnetError(EBADMSG, what(), error.message) : error
      }
      if (end === undefined) continue
      if (end.error < 0) throw new VnetError(-end.error, what(), end.message?.replace(/\.$/, ''))
      return consistent
    }
  }

  /** Has the buffer grow to what the next datagram needs. */
  #makeRoom(): void {
    const length = this.#native.recvmsg(this.#fd, NOTHING, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC, this.#meta)
    if (length > this.#into.length) this.#into = new Uint8Array(Math.min(length, RECEIVE_OCTETS_MAX))
  }
}

/** What `decode` returns, undefined if it meets a message that is malformed. */
function parsed<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof NetlinkParseError) return undefined
    throw error
  }
}
