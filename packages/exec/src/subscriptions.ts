/**
 * Events for programs. A subscription of a program's socket is a SUBSCRIBE on its own connection to
 * every vnet of the socket's network namespace, also vnets that start later. It ends when the
 * process no longer has the socket under the same descriptor number. The socket is looked up for
 * each event, because holding a duplicate would keep it and its port open.
 */
import { ECONNREFUSED, EPERM } from 'vnet'
import {
  commands,
  directoriesOf,
  VNET_GENL_ID,
  VNET_GENL_VERSION,
  VNET_MCGRP_EVENTS,
  watchDirectories,
} from 'vnet/kit/control'
import { uapi } from 'vnet/kit/net'
import { netlink } from 'vnet/kit/netlink'
import { Conversation, type SentRequest } from './conversations.ts'
import { isGeneric } from './generic-socket.ts'
import { inodeOf, portOf, type Requester } from './program-socket.ts'
import type { Replies } from './replies.ts'
import type { Notification } from './seccomp.ts'
import type { Supervision } from './supervision.ts'

/**
 * A program's socket: the process, the descriptor number, and the inodes of the socket and of its
 * network namespace. A socket is the same one only while all of them match.
 */
export type Where = Readonly<{ tgid: number; number: number; inode: number; netns: number }>

/** The attributes of a SUBSCRIBE; the vnet has defaults for absent ones. */
export type Wanted = netlink.Decoded<typeof commands.subscribe.request.fields>

interface Subscription {
  readonly where: Where
  readonly requester: Requester | undefined
  readonly wanted: Wanted
  /** Conversations by the path of the vnet's socket. */
  readonly vnets: Map<string, Conversation>
}

const NETLINK_DROP_MEMBERSHIP = 2
const INT_LEN = 4
const ROOT = 0

/**
 * The subscriptions of all programs, at most two a socket: its membership of the group, and its
 * SUBSCRIBE. The handlers of setsockopt(2) and of relayed datagrams start them.
 */
export class Subscriptions {
  readonly #supervision: Supervision
  readonly #replies: Replies
  /** Subscriptions by socket, and by whether they are a group membership or a SUBSCRIBE. */
  readonly #all = new Map<string, Subscription>()
  #watch: Disposable | undefined

  constructor(supervision: Supervision, replies: Replies) {
    this.#supervision = supervision
    this.#replies = replies
  }

  /** Identifies the socket of a call, of which `fd` is a duplicate; undefined if it was closed. */
  where(call: Notification, fd: number, netns: number): Where | undefined {
    const tgid = this.#supervision.processes.identity(call.pid)?.tgid
    return tgid === undefined ? undefined : { tgid, number: call.int(0), netns, inode: inodeOf(fd) }
  }

  /** Sends a SUBSCRIBE request, on a connection for its events, and then to the other vnets. */
  subscribe(sent: SentRequest, where: Where, wanted: Wanted): void {
    const key = id(where, 'subscribe')
    this.#end(key)
    const subscription = this.#begin(key, {
      where,
      requester: sent.requester,
      wanted,
      vnets: new Map(),
    })
    const conversation = this.#converse(key, subscription, sent.vnet)
    conversation.ask({
      ...sent,
      onEnd: result => {
        if (result < 0 || wanted.events === 0) {
          this.#end(key)
        } else {
          this.#askAll()
        }
        sent.onEnd(result)
      },
    })
  }

  /**
   * Joins or leaves the group of vnet_nl; the kernel gets other groups. The call returns when each
   * vnet has replied, ended or taken too long, so that no event after a join is missed.
   */
  setsockopt(notification: Notification): void {
    const answer = (result: number | undefined) =>
      this.#supervision.listener.answer(notification, result)
    if (this.#isOurGroup(notification)) {
      this.#change(notification, answer)
    } else {
      answer(undefined)
    }
  }

  /** Ends all subscriptions. */
  close(): void {
    for (const key of [...this.#all.keys()]) {
      this.#end(key)
    }
  }

  #isOurGroup(notification: Notification): boolean {
    const name = notification.int(2)
    if (notification.int(1) !== uapi.SOL_NETLINK || notification.int(4) < INT_LEN) return false
    if (name !== uapi.NETLINK_ADD_MEMBERSHIP && name !== NETLINK_DROP_MEMBERSHIP) return false
    const group = new Uint8Array(INT_LEN)
    const read = this.#supervision.processes.read(notification.pid, notification.address(3), group)
    return read === 0 && netlink.getU32(group, 0) === VNET_MCGRP_EVENTS
  }

  /** Calls `answer` with the result of the call; undefined to let the kernel run it. */
  #change(notification: Notification, answer: (result: number | undefined) => void): void {
    const { native, processes, vnets, listener, requesterOf } = this.#supervision
    const where = processes.withDescriptor(notification.pid, notification.int(0), fd => {
      const netns = isGeneric(native, fd) ? processes.namespaceOf(fd) : undefined
      return netns === undefined ? undefined : this.where(notification, fd, netns)
    })
    const requester = requesterOf(notification.pid)
    if (
      where === undefined ||
      vnets.serving(where.netns).length === 0 ||
      !listener.isWaiting(notification)
    ) {
      answer(undefined)
      return
    }
    const key = id(where, 'group')
    if (notification.int(2) === NETLINK_DROP_MEMBERSHIP) {
      this.#end(key)
      answer(0)
    } else if (requester !== undefined || process.geteuid?.() !== ROOT) {
      // The kernel also refuses this for the groups of most families.
      answer(-EPERM)
    } else if (this.#all.has(key)) {
      answer(0)
    } else {
      this.#begin(key, { where, requester: undefined, wanted: {}, vnets: new Map() })
      this.#askAll(() => answer(0))
    }
  }

  #begin(key: string, subscription: Subscription): Subscription {
    for (const [known, { where }] of this.#all) {
      if (!this.#withSocket(where, () => {})) {
        this.#end(known)
      }
    }
    this.#all.set(key, subscription)
    this.#watch ??= watchDirectories(() => this.#changed(), directoriesOf({}))
    return subscription
  }

  #end(key: string): void {
    const subscription = this.#all.get(key)
    this.#all.delete(key)
    for (const conversation of [...(subscription?.vnets.values() ?? [])]) {
      conversation.close(0)
    }
    if (this.#all.size > 0) return
    this.#watch?.[Symbol.dispose]()
    this.#watch = undefined
  }

  /** An exception here has no caller but the event loop. */
  #changed(): void {
    try {
      this.#supervision.vnets.forget()
      this.#askAll()
    } catch (error) {
      this.#supervision.onDefect(error)
    }
  }

  /** Subscribes to the new vnets. Calls `onReplies` when all of these have replied or ended. */
  #askAll(onReplies = () => {}): void {
    const { vnets, conversations } = this.#supervision
    let awaited = 1
    const replied = () => {
      if (--awaited === 0) {
        onReplies()
      }
    }
    for (const [key, subscription] of this.#all) {
      for (const vnet of vnets.serving(subscription.where.netns)) {
        // An event that arrived during the previous request may have ended it.
        if (this.#all.get(key) !== subscription) break
        if (subscription.vnets.has(vnet.vnet)) continue
        const seq = conversations.nextSeq()
        const octets = request(seq, subscription.wanted)
        const conversation = this.#converse(key, subscription, vnet)
        const { requester } = subscription
        const onEnd = (result: number) => {
          if (result === -ECONNREFUSED) {
            vnets.gone(vnet)
          }
          replied()
        }
        // A vnet that refuses or has ended sends no events.
        awaited++
        conversation.ask({ vnet, requester, octets, seqs: [seq], onMessage: () => true, onEnd })
      }
    }
    replied()
  }

  #converse(key: string, subscription: Subscription, vnet: SentRequest['vnet']): Conversation {
    const conversation = new Conversation(this.#supervision, vnet, subscription.requester, {
      onEvent: message => {
        if (netlink.getU16(message, netlink.TYPE_AT) >= netlink.NLMSG_MIN_TYPE) {
          this.#notify(key, subscription, message.slice())
        }
      },
      onEnd: () => subscription.vnets.delete(vnet.vnet),
    })
    subscription.vnets.set(vnet.vnet, conversation)
    return conversation
  }

  #notify(key: string, { where }: Subscription, event: Uint8Array): void {
    const { native } = this.#supervision
    const { tgid, netns, inode } = where
    const put = (fd: number) => {
      const port = portOf(native, fd)
      // An event without room is lost, as in the kernel.
      if (port !== 0) {
        this.#replies.put({ fd, port, netns, inode }, tgid, [event])
      }
    }
    if (!this.#withSocket(where, put)) {
      this.#end(key)
    }
  }

  /** Calls `fn` with a duplicate of the program's socket; returns false if that was closed. */
  #withSocket({ tgid, number, inode }: Where, fn: (fd: number) => void): boolean {
    const found = this.#supervision.processes.withDescriptor(tgid, number, fd => {
      if (!isGeneric(this.#supervision.native, fd) || inodeOf(fd) !== inode) return false
      fn(fd)
      return true
    })
    return found === true
  }
}

const id = ({ tgid, number, inode }: Where, by: 'group' | 'subscribe') =>
  `${by} ${tgid} ${number} ${inode}`

function request(seq: number, wanted: Wanted): Uint8Array {
  const builder = new netlink.MessageBuilder().message(
    VNET_GENL_ID,
    netlink.NLM_F_REQUEST | netlink.NLM_F_ACK,
    seq,
  )
  builder.payload(netlink.genlmsghdr(commands.subscribe.cmd, VNET_GENL_VERSION))
  netlink.encodeAttributes(builder, commands.subscribe.request, wanted)
  return builder.bytes
}

/** Returns the attributes of the last SUBSCRIBE in a datagram; undefined if it has none. */
export function subscribes(octets: Uint8Array): Wanted | undefined {
  let wanted: Wanted | undefined
  // The vnet reports an error.
  netlink.parsed(() => {
    for (const message of netlink.messages(octets)) {
      const { cmd, offset, length } = netlink.parseGenl(octets, message)
      if (message.type !== VNET_GENL_ID || cmd !== commands.subscribe.cmd) continue
      wanted = netlink.decodeAttributes(commands.subscribe.request, octets, offset, length)
    }
  })
  return wanted
}
