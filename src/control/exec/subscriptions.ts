/**
 * Events for programs: a subscription of a program's socket is a SUBSCRIBE on a connection of its own to every vnet of the socket's
 * network namespace, also to those that start later. It lasts as long as the process that asked has the socket under the number it
 * had. The socket is looked for when there is an event, so that we keep neither it nor its port from being closed.
 */
import { ECONNREFUSED } from '../../core/errno.ts'
import { isGeneric } from '../../kernel/socket-identity.ts'
import {
  decodeAttributes,
  genlmsghdr,
  getU16,
  MessageBuilder,
  messages,
  NetlinkParseError,
  NLM_F_REQUEST,
  NLMSG_MIN_TYPE,
  parseGenl,
} from '../../netlink/index.ts'
import { watchDirectories } from '../directory.ts'
import {
  subscribeRequest,
  VNET_ATTR_DROP_THRESHOLD,
  VNET_ATTR_EVENTS,
  VNET_CMD_SUBSCRIBE,
  VNET_GENL_ID,
  VNET_GENL_VERSION,
} from '../family.ts'
import { directoriesOf } from '../find.ts'
import { Conversation, type Request } from './conversations.ts'
import type { Asker } from './credentials.ts'
import { inodeOf, portOf } from './program-socket.ts'
import type { Replies } from './replies.ts'
import type { Supervision } from './supervisor.ts'

/** A socket as its process has it. */
export interface Where {
  readonly tgid: number
  readonly number: number
  readonly inode: number
  readonly netns: number
}

/** What a SUBSCRIBE asks for; absent is the vnet's default. */
export interface Wanted {
  readonly events?: number | undefined
  readonly dropThreshold?: bigint | undefined
}

interface Subscription {
  readonly where: Where
  readonly asker: Asker | undefined
  readonly wanted: Wanted
  /** By the path of the vnet's socket. */
  readonly vnets: Map<string, Conversation>
}

const TYPE_AT = 4

export class Subscriptions {
  readonly #supervision: Supervision
  readonly #replies: Replies
  /** By the socket, and whether it is by the group. */
  readonly #all = new Map<string, Subscription>()
  #watch: Disposable | undefined

  constructor(supervision: Supervision, replies: Replies) {
    this.#supervision = supervision
    this.#replies = replies
  }

  /** Where descriptor `number` of thread `pid` is, of which `fd` is ours; undefined when its process is gone. */
  where(pid: number, number: number, fd: number, netns: number): Where | undefined {
    const tgid = this.#supervision.processes.identity(pid)?.tgid
    return tgid === undefined ? undefined : { tgid, number, netns, inode: inodeOf(fd) }
  }

  /** Makes a request that has a SUBSCRIBE in it, on the connection that its events are to come on; then asks the other vnets. */
  subscribe(request: Request, where: Where, wanted: Wanted): void {
    const key = id(where, 'subscribe')
    this.#end(key)
    const subscription = this.#begin(key, { where, asker: request.asker, wanted, vnets: new Map() })
    const conversation = this.#converse(key, subscription, request.vnet)
    conversation.ask({
      ...request,
      onEnd: result => {
        if (result < 0 || wanted.events === 0) this.#end(key)
        else this.#askAll()
        request.onEnd(result)
      },
    })
  }

  /** Joins the group. */
  join(where: Where): void {
    const key = id(where, 'group')
    if (this.#all.has(key)) return
    this.#begin(key, { where, asker: undefined, wanted: {}, vnets: new Map() })
    this.#askAll()
  }

  leave(where: Where): void {
    this.#end(id(where, 'group'))
  }

  close(): void {
    for (const key of [...this.#all.keys()]) this.#end(key)
  }

  #begin(key: string, subscription: Subscription): Subscription {
    for (const [key, { where }] of this.#all) if (!this.#withSocket(where, () => {})) this.#end(key)
    this.#all.set(key, subscription)
    this.#watch ??= watchDirectories(() => this.#changed(), directoriesOf(this.#supervision.where))
    return subscription
  }

  #end(key: string): void {
    const subscription = this.#all.get(key)
    this.#all.delete(key)
    for (const conversation of [...(subscription?.vnets.values() ?? [])]) conversation.close(0)
    if (this.#all.size > 0) return
    this.#watch?.[Symbol.dispose]()
    this.#watch = undefined
  }

  #changed(): void {
    this.#supervision.vnets.forget()
    this.#askAll()
  }

  /** Subscribes to the vnets that a subscription does not have yet. */
  #askAll(): void {
    const { vnets, conversations } = this.#supervision
    for (const [key, subscription] of this.#all) {
      for (const vnet of vnets.serving(subscription.where.netns)) {
        // An event that came while another vnet was asked may have ended it.
        if (this.#all.get(key) !== subscription) break
        if (subscription.vnets.has(vnet.vnet)) continue
        const seq = conversations.nextSeq()
        const octets = request(seq, subscription.wanted)
        const conversation = this.#converse(key, subscription, vnet)
        const { asker } = subscription
        const onEnd = (result: number) => {
          if (result === -ECONNREFUSED) vnets.gone(vnet)
        }
        // What refuses it, or is gone, sends no events.
        conversation.ask({ vnet, asker, octets, seqs: [seq], onMessage: () => true, onEnd })
      }
    }
  }

  #converse(key: string, subscription: Subscription, vnet: Request['vnet']): Conversation {
    const conversation = new Conversation(this.#supervision.native, vnet, subscription.asker, {
      onEvent: message => {
        if (getU16(message, TYPE_AT) >= NLMSG_MIN_TYPE) this.#tell(key, subscription, message.slice())
      },
      onEnd: () => subscription.vnets.delete(vnet.vnet),
    })
    subscription.vnets.set(vnet.vnet, conversation)
    return conversation
  }

  #tell(key: string, { where }: Subscription, event: Uint8Array): void {
    const { native } = this.#supervision
    const { tgid, netns, inode } = where
    const put = (fd: number) => {
      const port = portOf(native, fd)
      // An event that there is no room for is lost, as the kernel's are.
      if (port !== 0) this.#replies.put({ fd, port, netns, inode }, tgid, [event])
    }
    if (!this.#withSocket(where, put)) this.#end(key)
  }

  /** Calls `fn` with a descriptor of ours for the program's socket; false when it is gone. */
  #withSocket({ tgid, number, inode }: Where, fn: (fd: number) => void): boolean {
    const found = this.#supervision.processes.withDescriptor(tgid, number, fd => {
      if (!isGeneric(this.#supervision.native, fd) || inodeOf(fd) !== inode) return false
      fn(fd)
      return true
    })
    return found === true
  }
}

const id = ({ tgid, number, inode }: Where, by: 'group' | 'subscribe') => `${by} ${tgid} ${number} ${inode}`

function request(seq: number, { events, dropThreshold }: Wanted): Uint8Array {
  const builder = new MessageBuilder().message(VNET_GENL_ID, NLM_F_REQUEST, seq)
  builder.payload(genlmsghdr(VNET_CMD_SUBSCRIBE, VNET_GENL_VERSION))
  if (events !== undefined) builder.u32(VNET_ATTR_EVENTS, events)
  if (dropThreshold !== undefined) builder.u64(VNET_ATTR_DROP_THRESHOLD, dropThreshold)
  return builder.bytes
}

/** What the last SUBSCRIBE in a program's datagram asks for; undefined when there is none. */
export function subscribes(octets: Uint8Array): Wanted | undefined {
  let wanted: Wanted | undefined
  try {
    for (const message of messages(octets)) {
      const { cmd, offset, length } = parseGenl(octets, message)
      if (message.type !== VNET_GENL_ID || cmd !== VNET_CMD_SUBSCRIBE) continue
      wanted = decodeAttributes(subscribeRequest, octets, offset, length)
    }
  } catch (error) {
    // The vnet says what is wrong with it.
    if (!(error instanceof NetlinkParseError)) throw error
  }
  return wanted
}
