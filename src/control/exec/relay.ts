/**
 * A program's datagram, asked of a vnet, and the replies queued for the program's socket before the call that sent it returns. What
 * cannot be answered so is left to the kernel, which does not know vnet_nl, before anything was asked.
 */
import { ECONNREFUSED, ENOBUFS } from '../../core/errno.ts'
import type { Notification } from '../../kernel/seccomp.ts'
import { messages } from '../../netlink/index.ts'
import type { Entry } from '../directory.ts'
import type { Addressee } from './addressee.ts'
import type { Request } from './conversations.ts'
import type { Asker } from './credentials.ts'
import { packed } from './datagrams.ts'
import { kernelsPart, merged, ourPart } from './family-dump.ts'
import type { ProgramSocket } from './program-socket.ts'
import { Relayed } from './relayed.ts'
import type { Replies } from './replies.ts'
import { type Subscriptions, subscribes } from './subscriptions.ts'
import type { Supervision } from './supervisor.ts'

/** Bytes of a reply: more than a socket is given. */
const REPLY_MAX = 1 << 20

/**
 * Called with the call's result: a byte count or -errno; undefined to let the kernel run the call, -ECONNREFUSED when the vnet is
 * gone and another may be asked.
 */
type Done = (result: number | undefined) => void

export interface Sent {
  readonly notification: Notification
  /** The thread that sent it. */
  readonly pid: number
  /** Its number of the socket. */
  readonly number: number
  readonly socket: ProgramSocket
  readonly octets: Uint8Array
  readonly to: Addressee
}

export class Relay {
  readonly #supervision: Supervision
  readonly #replies: Replies
  readonly #subscriptions: Subscriptions

  constructor(supervision: Supervision, replies: Replies, subscriptions: Subscriptions) {
    this.#supervision = supervision
    this.#replies = replies
    this.#subscriptions = subscriptions
  }

  send(vnet: Entry, sent: Sent, done: Done): void {
    const asker = this.#supervision.askerOf(sent.pid)
    // Only now: the rights, too, were those of the process that has this number.
    if (asker === null || !this.#supervision.listener.isWaiting(sent.notification)) done(undefined)
    else if (sent.to === 'both') this.#dump(vnet, asker, sent, done)
    else
      this.#ask(vnet, asker, sent, sent.octets, (result, replies) => {
        if (result < 0) done(result)
        else this.#put(sent, packed(replies), done)
      })
  }

  #dump(vnet: Entry, asker: Asker | undefined, sent: Sent, done: Done): void {
    const { native, processes } = this.#supervision
    const { pid, socket, octets } = sent
    const kernels = kernelsPart(native, processes, { pid, netns: socket.netns }, octets)
    const [asked] = messages(octets)
    if (kernels === undefined || asked === undefined) {
      done(undefined)
      return
    }
    this.#ask(vnet, asker, sent, ourPart(asked.seq), (result, replies) => {
      const datagrams = result < 0 ? undefined : merged(kernels, replies, socket.port)
      if (result === -ECONNREFUSED) done(result)
      // The kernel makes a dump as it is read. Ours is there at once, so a long one may be too long.
      else if (datagrams === undefined || !this.#replies.hasRoom(socket.fd, datagrams.length)) done(undefined)
      else this.#put(sent, datagrams, done)
    })
  }

  #ask(
    vnet: Entry,
    asker: Asker | undefined,
    { pid, number, socket }: Sent,
    octets: Uint8Array,
    onEnd: (result: number, replies: readonly Uint8Array[]) => void,
  ): void {
    const { conversations } = this.#supervision
    const relayed = new Relayed(octets, socket.port, () => conversations.nextSeq())
    const replies: Uint8Array[] = []
    let size = 0
    const request: Request = {
      ...{ vnet, asker, octets: relayed.question, seqs: relayed.seqs },
      onMessage(message) {
        const reply = relayed.answer(message, message.length)
        size += message.length
        if (reply !== undefined && size <= REPLY_MAX) replies.push(reply)
        return relayed.isAnswered
      },
      onEnd: result => {
        if (result === -ECONNREFUSED) this.#supervision.vnets.gone(vnet)
        onEnd(size > REPLY_MAX ? -ENOBUFS : result, replies)
      },
    }
    const wanted = subscribes(octets)
    const where = wanted && this.#subscriptions.where(pid, number, socket.fd, socket.netns)
    if (wanted === undefined || where === undefined) conversations.ask(request)
    else this.#subscriptions.subscribe(request, where, wanted)
  }

  #put({ pid, socket, octets }: Sent, datagrams: readonly Uint8Array[], done: Done): void {
    const result = this.#replies.put(socket, pid, datagrams)
    done(result < 0 ? result : octets.length)
  }
}
