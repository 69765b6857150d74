/**
 * Replies for a program's generic netlink sockets. Only the kernel may queue a message on such a
 * socket without privileges, so each reply has a placeholder in the socket's receive queue: the
 * kernel's acknowledgement of an NLMSG_NOOP, sent through our duplicate of the socket. The
 * placeholder makes the socket readable and keeps the reply's place among other messages. The reply
 * itself waits here until the program receives the placeholder (reception.ts).
 */
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { attempt, ENOBUFS } from 'vnet'
import type { Native } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { netlink } from 'vnet/kit/netlink'
import type { ProgramSocket } from './program-socket.ts'

/** A struct nlmsghdr, the error, and the header that is acknowledged. */
export const PLACEHOLDER_LEN = netlink.QUOTED_AT + netlink.NLMSG_HDRLEN
/** Bytes of replies that wait for one socket; the receive queue limits their number. */
const WAITING_MAX = 1 << 20
/** Sockets with waiting replies. From half of it on, closed sockets are looked for. */
const SOCKETS_MAX = 256
/** Bytes of receive buffer that a placeholder uses: the smallest sk_buff. */
const TRUESIZE = 768
/** Indices in SO_MEMINFO. */
const SK_MEMINFO_RMEM_ALLOC = 0
const SK_MEMINFO_RCVBUF = 1
const SK_MEMINFO_DROPS = 8
const MEMINFO_LEN = 36

interface Waiting {
  readonly netns: number
  /** Replies by the sequence number of their placeholder. */
  readonly replies: Map<number, Uint8Array>
  bytes: number
}

/**
 * The replies that wait for placeholders, for all programs of a supervisor. It holds at most
 * WAITING_MAX bytes a socket and SOCKETS_MAX sockets; then the socket used least recently loses its
 * replies.
 */
export class Replies {
  readonly #native: Native
  /** Sockets by inode, in order of use. */
  readonly #sockets = new Map<number, Waiting>()
  /** The port in our NOOPs. The kernel ignores and quotes it; no other acknowledgement has it. */
  readonly #mark = randomInt(2 ** 31, 2 ** 32)
  readonly #noop = new netlink.MessageBuilder()
    .message(netlink.NLMSG_NOOP, netlink.NLM_F_REQUEST | netlink.NLM_F_ACK, 0)
    .bytes.slice()
  readonly #kernel = uapi.sockaddrNl()
  #seq = 0

  constructor(native: Native) {
    this.#native = native
    netlink.putU32(this.#noop, netlink.PORT_AT, this.#mark)
  }

  /**
   * Queues replies in order. Returns 0, or -ENOBUFS if the socket has no room for all of them; some
   * may be queued then. `pid` is any thread in the socket's namespace.
   */
  put(socket: ProgramSocket, pid: number, replies: readonly Uint8Array[]): number {
    const { fd, inode } = socket
    const waiting = this.#waitingFor(socket, pid)
    const bytes = replies.reduce((n, { length }) => n + length, waiting.bytes)
    if (bytes > WAITING_MAX || !this.hasRoom(fd, replies.length)) return -ENOBUFS
    this.#sockets.delete(inode)
    this.#sockets.set(inode, waiting)
    for (const reply of replies) {
      this.#seq = (this.#seq + 1) >>> 0
      netlink.putU32(this.#noop, netlink.SEQ_AT, this.#seq)
      const drops = this.#meminfo(fd, SK_MEMINFO_DROPS)
      const sent = this.#native.sendto(fd, this.#noop, uapi.MSG_DONTWAIT, this.#kernel)
      if (sent < 0 || this.#meminfo(fd, SK_MEMINFO_DROPS) !== drops) return -ENOBUFS
      waiting.replies.set(this.#seq, reply)
      waiting.bytes += reply.length
    }
    return 0
  }

  /** Whether the receive queue has room for this many placeholders. */
  hasRoom(fd: number, count: number): boolean {
    const allocated = this.#meminfo(fd, SK_MEMINFO_RMEM_ALLOC)
    return (
      allocated + count * TRUESIZE <= this.#meminfo(fd, SK_MEMINFO_RCVBUF) ||
      (allocated === 0 && count === 1)
    )
  }

  /** Whether a datagram from the kernel is one of our placeholders. */
  isPlaceholder(datagram: Uint8Array, length: number): boolean {
    return (
      length === PLACEHOLDER_LEN &&
      netlink.getU16(datagram, netlink.TYPE_AT) === netlink.NLMSG_ERROR &&
      netlink.getS32(datagram, netlink.NLMSG_HDRLEN) === 0 &&
      netlink.getU16(datagram, netlink.QUOTED_AT + netlink.TYPE_AT) === netlink.NLMSG_NOOP &&
      netlink.getU32(datagram, netlink.QUOTED_AT + netlink.PORT_AT) === this.#mark
    )
  }

  /** Returns a placeholder's reply, and forgets it unless `peek`; undefined if it was dropped. */
  take(inode: number, placeholder: Uint8Array, peek: boolean): Uint8Array | undefined {
    const waiting = this.#sockets.get(inode)
    const seq = netlink.getU32(placeholder, netlink.SEQ_AT)
    const reply = waiting?.replies.get(seq)
    if (waiting === undefined || reply === undefined || peek) return reply
    waiting.replies.delete(seq)
    waiting.bytes -= reply.length
    if (waiting.replies.size === 0) {
      this.#sockets.delete(inode)
    }
    return reply
  }

  #waitingFor({ inode, netns }: ProgramSocket, pid: number): Waiting {
    const known = this.#sockets.get(inode)
    if (known !== undefined) return known
    if (this.#sockets.size >= SOCKETS_MAX / 2) {
      this.#dropClosed(netns, pid)
    }
    for (const oldest of this.#sockets.keys()) {
      if (this.#sockets.size < SOCKETS_MAX) break
      this.#sockets.delete(oldest)
    }
    return { netns, replies: new Map(), bytes: 0 }
  }

  /** Drops the replies of closed sockets of this namespace. */
  #dropClosed(netns: number, pid: number): void {
    const table = attempt(() => readFileSync(`/proc/${pid}/net/netlink`, 'latin1'))
    if (table === undefined) return
    const open = new Set(table.split('\n').map(line => Number(line.trim().split(/\s+/).at(-1))))
    for (const [inode, waiting] of this.#sockets) {
      if (waiting.netns === netns && !open.has(inode)) {
        this.#sockets.delete(inode)
      }
    }
  }

  #meminfo(fd: number, index: number): number {
    const meminfo = new Uint8Array(MEMINFO_LEN)
    return this.#native.getsockopt(fd, uapi.SOL_SOCKET, uapi.SO_MEMINFO, meminfo) < 0
      ? 0
      : netlink.getU32(meminfo, 4 * index)
  }
}
