/**
 * The front's own side: passes requests to the frames' thread, and the replies to the clients that
 * made them. Requests wait until the last batch was served and a millisecond has passed. Meanwhile
 * identical ones (all bytes but `seq` and `portid`) become one, so that they get the same reply.
 * front.ts describes the messages.
 */
import { type Alarm, type Clock, NSEC_PER_MSEC } from '../../base/clock.ts'
import { closeFd } from '../../linux/errno.ts'
import type { Native } from '../../linux/native.ts'
import * as netlink from '../../netlink/index.ts'
import type { Heir, Later } from '../operations/operation.ts'
import { Connection, type ConnectionListener, MESSAGE_MAX } from '../sockets/connection.ts'
import { BATCH } from './batches.ts'
import {
  type ClientSocket,
  FRONT_BEAT,
  FRONT_FORGET,
  FRONT_MORE,
  FRONT_READY,
  READ_MAX,
} from './front.ts'

/** Requests with replies of several parts that are remembered: these are not shared. */
const LONG = 64

/** A client with a deferred reply: a Session. */
export interface Asker {
  defer(later: Later): void
  reply(bytes: Uint8Array, isLast: boolean): void
  handOver(heir: Heir): void
}

/** A client, with what distinguishes its request from others. */
type Asking = Readonly<{ asker: Asker; seq: number; portid: number }>

interface Request {
  readonly seq: number
  readonly key: string
  /** The flags of the clients. The relay requests an acknowledgement in any case. */
  readonly flags: number
  readonly bytes: Uint8Array
  readonly asking: Asking[]
  /** True while the frames' thread makes a part. */
  isWaiting: boolean
}

interface RelayOptions {
  readonly native: Native
  readonly clock: Clock
  /** The socket of messages. */
  readonly fd: number
  readonly passing: ClientSocket
  /** Is called with each FRONT_BEAT. */
  readonly onBeat: () => void
  /** Is called when the other side has ended. */
  readonly onEnd: () => void
}

export class Relay implements ConnectionListener {
  readonly #options: RelayOptions
  readonly #connection: Connection
  readonly #alarm: Alarm
  /** The messages of the next batches. */
  readonly #queue: (Request | Uint8Array)[] = []
  /** The clients that the frames' thread is to serve. */
  readonly #clients: { readonly fd: number; readonly input: Uint8Array }[] = []
  /** The requests in the queue that identical ones join. */
  readonly #shared = new Map<string, Request>()
  /** Requests with a reply that is not complete, by their numbers. */
  readonly #requests = new Map<number, Request>()
  readonly #long = new Set<string>()
  readonly #builder = new netlink.MessageBuilder()
  /** The messages of the part that arrives. */
  #part: Uint8Array[] = []
  #seq = 0
  /** The number of parts that the frames' thread has yet to make. */
  #outstanding = 0
  #next = Number.NEGATIVE_INFINITY
  #isArmed = false

  constructor(options: RelayOptions) {
    const { native, clock, fd } = options
    const connection = Connection.of(native, fd, this)
    if (typeof connection === 'number') throw new Error(`no poller: ${connection}`)
    this.#options = options
    this.#connection = connection
    this.#alarm = clock.alarm(() => this.#flush())
    connection.send(this.#builder.reset().message(FRONT_READY, 0, 0).bytes)
  }

  /** Passes on the request of `length` bytes at `at`; its reply is shared if `isShared`. */
  ask(asker: Asker, bytes: Uint8Array, at: number, length: number, isShared: boolean): void {
    const { flags, seq, portid } = netlink.readMessage(bytes, at, at + length)
    const request = bytes.slice(at, at + netlink.align4(length))
    // Text of single bytes: a Map compares it.
    const key = Buffer.concat([
      request.subarray(0, 8),
      request.subarray(netlink.NLMSG_HDRLEN, length),
    ]).toString('latin1')
    const sharing = isShared && !this.#long.has(key)
    const asking = { asker, seq, portid }
    const found = sharing ? this.#shared.get(key) : undefined
    if (found === undefined) {
      this.#enqueue(request, flags, key, asking, sharing)
    } else {
      this.#join(found, asking)
    }
  }

  /** Passes a client to the frames' thread, with its request in hand. */
  handOver(asker: Asker, bytes: Uint8Array, at: number, length: number): void {
    const request = bytes.slice(at, at + netlink.align4(length))
    asker.defer({ more() {}, close() {} })
    asker.handOver({
      take: ({ fd, input }) => {
        const all = Buffer.concat([request, input])
        if (all.length > READ_MAX) {
          closeFd(this.#options.native, fd)
        } else {
          this.give(fd, all)
        }
      },
      close() {},
    })
  }

  /** Passes a client to the frames' thread, with bytes that were read from it; returns true. */
  give(fd: number, input = new Uint8Array(0)): true {
    this.#clients.push({ fd, input })
    this.#arm()
    return true
  }

  onMessage(bytes: Uint8Array, at: number, length: number): void {
    const message = netlink.readMessage(bytes, at, at + length)
    if (message.type === FRONT_BEAT) {
      this.#options.onBeat()
      return
    }
    if (message.type !== FRONT_MORE) {
      this.#part.push(bytes.slice(at, at + netlink.align4(length)))
    }
    const isLast = message.type === netlink.NLMSG_DONE || message.type === netlink.NLMSG_ERROR
    if (!isLast && message.type !== FRONT_MORE) return
    this.#outstanding--
    const part = this.#part
    this.#part = []
    // Undefined if its clients have gone.
    const request = this.#requests.get(message.seq)
    if (request !== undefined) {
      this.#reply(request, part, isLast)
    }
    this.#arm()
  }

  onDrain(): void {
    this.#arm()
  }

  onEnd(): void {
    this.#options.onEnd()
  }

  #enqueue(bytes: Uint8Array, flags: number, key: string, asking: Asking, isShared: boolean): void {
    this.#seq = (this.#seq + 1) >>> 0
    const seq = this.#seq
    netlink.putU16(bytes, netlink.FLAGS_AT, flags | netlink.NLM_F_ACK)
    netlink.putU32(bytes, netlink.SEQ_AT, seq)
    netlink.putU32(bytes, netlink.PORT_AT, 0)
    const request: Request = { seq, key, flags, bytes, asking: [], isWaiting: true }
    this.#requests.set(seq, request)
    if (isShared) {
      this.#shared.set(key, request)
    }
    this.#join(request, asking)
    this.#push(request)
  }

  #join(request: Request, asking: Asking): void {
    request.asking.push(asking)
    asking.asker.defer({
      more: () => {
        if (request.isWaiting) return
        request.isWaiting = true
        this.#push(this.#builder.reset().message(FRONT_MORE, 0, request.seq).bytes.slice())
      },
      close: () => {
        const index = request.asking.indexOf(asking)
        if (index >= 0) {
          request.asking.splice(index, 1)
        }
        if (request.asking.length > 0 || !this.#requests.has(request.seq)) return
        // A request in the queue is not sent then; another one gets no more parts.
        this.#drop(request)
      },
    })
  }

  #drop(request: Request): void {
    this.#requests.delete(request.seq)
    this.#unshare(request)
    const index = this.#queue.indexOf(request)
    if (index >= 0) {
      this.#queue.splice(index, 1)
    } else {
      this.#push(this.#builder.reset().message(FRONT_FORGET, 0, request.seq).bytes.slice())
    }
  }

  /** Sends a part of a reply to the clients that asked for it. */
  #reply(request: Request, part: Uint8Array[], isLast: boolean): void {
    const { seq, key, flags, asking } = request
    request.isWaiting = false
    if (isLast) {
      this.#requests.delete(seq)
    } else {
      this.#remember(key)
    }
    // Only this relay wanted the acknowledgement of a request without NLM_F_ACK.
    if ((flags & netlink.NLM_F_ACK) === 0 && isSuccess(part.at(-1))) {
      part.pop()
    }
    // Clients read at their own pace, so a reply of several parts has one client.
    const others = isLast ? [] : asking.splice(1)
    for (const each of [...asking]) {
      each.asker.reply(addressed(part, flags, each), isLast)
    }
    for (const each of others) {
      this.#enqueue(request.bytes.slice(), flags, key, each, false)
    }
  }

  #remember(key: string): void {
    if (this.#long.size >= LONG) {
      this.#long.clear()
    }
    this.#long.add(key)
  }

  #push(message: Request | Uint8Array): void {
    this.#queue.push(message)
    this.#arm()
  }

  #arm(): void {
    const { pending } = this.#connection
    const isIdle = this.#queue.length === 0 || this.#outstanding > 0 || pending > 0
    if (this.#isArmed || (isIdle && this.#clients.length === 0)) return
    this.#isArmed = true
    this.#alarm.at(Math.max(this.#options.clock.now(), this.#next))
  }

  #flush(): void {
    this.#isArmed = false
    this.#next = this.#options.clock.now() + NSEC_PER_MSEC
    this.#passClients()
    if (this.#outstanding === 0 && this.#connection.pending === 0) {
      this.#sendBatch()
    }
    this.#arm()
  }

  /** Passes on clients while the socket has room. */
  #passClients(): void {
    for (let [client] = this.#clients; client !== undefined; [client] = this.#clients) {
      if (!this.#options.passing.send(client.fd, client.input)) return
      closeFd(this.#options.native, client.fd)
      this.#clients.shift()
    }
  }

  #sendBatch(): void {
    const batch: Uint8Array[] = []
    for (let size = 0; this.#queue.length > 0 && batch.length < BATCH && size < MESSAGE_MAX; ) {
      const message = this.#queue.shift() as Request | Uint8Array
      const bytes = message instanceof Uint8Array ? message : message.bytes
      if (message === bytes) {
        if (netlink.getU16(bytes, netlink.TYPE_AT) === FRONT_MORE) {
          this.#outstanding++
        }
      } else {
        this.#outstanding++
        this.#unshare(message as Request)
      }
      batch.push(bytes)
      size += bytes.length
    }
    if (batch.length > 0) {
      this.#connection.send(Buffer.concat(batch))
    }
  }

  #unshare(request: Request): void {
    if (this.#shared.get(request.key) === request) {
      this.#shared.delete(request.key)
    }
  }
}

/** True for the acknowledgement of a request that succeeded. */
function isSuccess(message: Uint8Array | undefined): boolean {
  return (
    message !== undefined &&
    netlink.getU16(message, netlink.TYPE_AT) === netlink.NLMSG_ERROR &&
    netlink.getU32(message, netlink.NLMSG_HDRLEN) === 0
  )
}

/** Returns the messages as a reply to the request of one client. */
function addressed(
  messages: readonly Uint8Array[],
  flags: number,
  { seq, portid }: Asking,
): Uint8Array {
  const bytes = Buffer.concat(messages)
  for (let at = 0; at < bytes.length; at += netlink.align4(netlink.getU32(bytes, at))) {
    netlink.putU32(bytes, at + netlink.SEQ_AT, seq)
    netlink.putU32(bytes, at + netlink.PORT_AT, portid)
    if (netlink.getU16(bytes, at + netlink.TYPE_AT) !== netlink.NLMSG_ERROR) continue
    const quoted = at + netlink.QUOTED_AT
    netlink.putU16(bytes, quoted + netlink.FLAGS_AT, flags)
    netlink.putU32(bytes, quoted + netlink.SEQ_AT, seq)
    netlink.putU32(bytes, quoted + netlink.PORT_AT, portid)
  }
  return bytes
}
