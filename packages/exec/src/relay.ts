/**
 * Relays a program's datagram to a vnet, and queues the replies before the sending call returns.
 * Datagrams that cannot be relayed are left to the kernel, which has no vnet_nl.
 */
import { ECONNREFUSED, ENOBUFS } from 'vnet'
import type { Entry } from 'vnet/control'
import { netlink } from 'vnet/kit/netlink'
import type { Addressee } from './addressee.ts'
import type { SentRequest } from './conversations.ts'
import { kernelsPart, merged, messageAt, ourPart, packed } from './family-dump.ts'
import type { ProgramSocket, Requester } from './program-socket.ts'
import type { Replies } from './replies.ts'
import type { Notification } from './seccomp.ts'
import { type Subscriptions, subscribes } from './subscriptions.ts'
import type { Supervision } from './supervision.ts'

/** Bytes of a reply; a longer one fails with ENOBUFS. */
const REPLY_MAX = 1 << 20

/**
 * Called with the result of the call: a byte count or -errno; undefined to let the kernel run it,
 * -ECONNREFUSED if the vnet has ended and another may be tried.
 */
export type RelayDone = (result: number | undefined) => void

/**
 * A datagram that a program sends. `octets` are a copy of its bytes; `notification` is the sending
 * call.
 */
export interface Sent {
  readonly notification: Notification
  readonly socket: ProgramSocket
  readonly octets: Uint8Array
  readonly to: Addressee
}

/**
 * Relays a datagram to a vnet. Calls `done` once, maybe before it returns; the caller keeps the
 * socket's duplicate open until then.
 */
export type Relay = (vnet: Entry, sent: Sent, done: RelayDone) => void

/**
 * Returns the relay of a supervisor. A SUBSCRIBE goes through `subscriptions`, so that its events
 * arrive on the same connection; other requests share the connection of their user.
 */
export function relayOf(
  supervision: Supervision,
  replies: Replies,
  subscriptions: Subscriptions,
): Relay {
  const requests = new RelayedRequests(supervision, replies, subscriptions)
  return (vnet, sent, done) => requests.relay(vnet, sent, done)
}

class RelayedRequests {
  readonly #supervision: Supervision
  readonly #replies: Replies
  readonly #subscriptions: Subscriptions

  constructor(supervision: Supervision, replies: Replies, subscriptions: Subscriptions) {
    this.#supervision = supervision
    this.#replies = replies
    this.#subscriptions = subscriptions
  }

  relay(vnet: Entry, sent: Sent, done: RelayDone): void {
    const requester = this.#supervision.requesterOf(sent.notification.pid)
    // Checked last, to make sure that the rights belong to the thread that waits.
    if (requester === null || !this.#supervision.listener.isWaiting(sent.notification)) {
      done(undefined)
    } else if (sent.to === 'both') {
      this.#dump(vnet, requester, sent, done)
    } else {
      this.#ask(vnet, requester, sent, sent.octets, (result, found) => {
        if (result < 0) {
          done(result)
        } else {
          this.#put(sent, packed(found), done)
        }
      })
    }
  }

  /** Replies with the kernel's part of a dump and the vnet's. */
  #dump(vnet: Entry, requester: Requester | undefined, sent: Sent, done: RelayDone): void {
    const { native, processes } = this.#supervision
    const { notification, socket, octets } = sent
    const asker = { pid: notification.pid, netns: socket.netns }
    const kernels = kernelsPart(native, processes, asker, octets)
    const [asked] = netlink.messages(octets)
    if (kernels === undefined || asked === undefined) {
      done(undefined)
      return
    }
    this.#ask(vnet, requester, sent, ourPart(asked.seq), (result, found) => {
      const datagrams = result < 0 ? undefined : merged(kernels, found, socket.port)
      if (result === -ECONNREFUSED) {
        done(result)
      } else if (datagrams === undefined || !this.#replies.hasRoom(socket.fd, datagrams.length)) {
        // The kernel makes a dump while it is read. Ours is queued all together, so it may not fit.
        done(undefined)
      } else {
        this.#put(sent, datagrams, done)
      }
    })
  }

  #ask(
    vnet: Entry,
    requester: Requester | undefined,
    { notification, socket }: Sent,
    octets: Uint8Array,
    onEnd: (result: number, found: readonly Uint8Array[]) => void,
  ): void {
    const { conversations, vnets } = this.#supervision
    const relayed = new Relayed(octets, socket.port, () => conversations.nextSeq())
    const found: Uint8Array[] = []
    let size = 0
    const request: SentRequest = {
      vnet,
      requester,
      octets: relayed.question,
      seqs: relayed.seqs,
      onMessage(message) {
        const reply = relayed.answer(message, message.length)
        size += message.length
        if (reply !== undefined && size <= REPLY_MAX) {
          found.push(reply)
        }
        return relayed.isAnswered
      },
      onEnd(result) {
        if (result === -ECONNREFUSED) {
          vnets.gone(vnet)
        }
        onEnd(size > REPLY_MAX ? -ENOBUFS : result, found)
      },
    }
    const wanted = subscribes(octets)
    const where = wanted && this.#subscriptions.where(notification, socket.fd, socket.netns)
    if (wanted === undefined || where === undefined) {
      conversations.ask(request)
    } else {
      this.#subscriptions.subscribe(request, where, wanted)
    }
  }

  #put(
    { notification, socket, octets }: Sent,
    datagrams: readonly Uint8Array[],
    done: RelayDone,
  ): void {
    const result = this.#replies.put(socket, notification.pid, datagrams)
    done(result < 0 ? result : octets.length)
  }
}

/**
 * A program's datagram, changed for a vnet: with the supervisor's sequence numbers, so that a late
 * reply is never taken for another request's, and with acknowledgements, so that each reply ends.
 * The program sees its own numbers and port, and only the acknowledgements that it requested.
 */
export class Relayed {
  readonly question: Uint8Array
  readonly #port: number
  /** The program's messages without a complete reply, by the supervisor's sequence number. */
  readonly #open = new Map<number, netlink.Message>()

  /** `octets` are whole messages, all for the vnet; replies are addressed to `port`. */
  constructor(octets: Uint8Array, port: number, nextSeq: () => number) {
    this.question = octets.slice()
    this.#port = port
    for (const message of netlink.messages(octets)) {
      const { flags } = message
      const at = message.offset - netlink.NLMSG_HDRLEN
      const ours = nextSeq()
      this.#open.set(ours, message)
      // A dump ends with NLMSG_DONE instead.
      const ack = (flags & netlink.NLM_F_DUMP) === netlink.NLM_F_DUMP ? 0 : netlink.NLM_F_ACK
      netlink.putU16(this.question, at + netlink.FLAGS_AT, flags | ack)
      netlink.putU32(this.question, at + netlink.SEQ_AT, ours)
      netlink.putU32(this.question, at + netlink.PORT_AT, 0)
    }
  }

  get seqs(): readonly number[] {
    return [...this.#open.keys()]
  }

  get isAnswered(): boolean {
    return this.#open.size === 0
  }

  /** Returns the part of a vnet's datagram that is for the program, or undefined. */
  answer(bytes: Uint8Array, length: number): Uint8Array | undefined {
    const parts: Uint8Array[] = []
    // The messages before an error in a datagram are passed on.
    netlink.parsed(() => {
      for (const message of netlink.messages(bytes, 0, length)) {
        const part = this.#part(bytes, message)
        if (part !== undefined) {
          parts.push(part)
        }
      }
    })
    return parts.length === 0 ? undefined : Buffer.concat(parts)
  }

  #part(bytes: Uint8Array, message: netlink.Message): Uint8Array | undefined {
    const original = this.#open.get(message.seq)
    if (original === undefined) return undefined
    const part = messageAt(bytes, message)
    netlink.putU32(part, netlink.SEQ_AT, original.seq)
    netlink.putU32(part, netlink.PORT_AT, this.#port)
    if (message.type === netlink.NLMSG_DONE || message.type === netlink.NLMSG_ERROR) {
      this.#open.delete(message.seq)
    }
    if (message.type === netlink.NLMSG_ERROR) {
      const { error } = netlink.parseAck(bytes, message)
      if (error === 0 && (original.flags & netlink.NLM_F_ACK) === 0) return undefined
      netlink.putU16(part, netlink.QUOTED_AT + netlink.FLAGS_AT, original.flags)
      netlink.putU32(part, netlink.QUOTED_AT + netlink.SEQ_AT, original.seq)
      netlink.putU32(part, netlink.QUOTED_AT + netlink.PORT_AT, original.portid)
    }
    return part
  }
}
