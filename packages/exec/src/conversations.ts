/**
 * Requests to running vnets on behalf of programs, on one connection per vnet and user, because a
 * vnet grants rights by the credentials of the connection. Replies are passed on by callbacks, not
 * promises: a program waits for them.
 */
import { availableParallelism } from 'node:os'
import { EAGAIN, ECONNREFUSED, ECONNRESET, EIO, ENOBUFS, ENOENT, EPERM, ETIMEDOUT } from 'vnet'
import type { Entry } from 'vnet/control'
import { Connection } from 'vnet/kit/control'
import { netlink } from 'vnet/kit/netlink'
import type { Requester } from './program-socket.ts'
import type { Supervision } from './supervision.ts'

const TIMEOUT_MS = 5000
/** Late replies are looked for this often; a timer per request would cost more than the request. */
const LOOK_MS = 250
/** Milliseconds before connecting again to a vnet with a full backlog. */
const AGAIN_MS = 2
/** Nanoseconds to spin for a reply, unless on a single CPU: sleeping and waking up takes longer. */
const SPIN_NS = 50_000
const UNSENT_MAX = 4096

/**
 * A request of a program to a vnet. The handler of a trapped call makes it and passes it to ask(),
 * which calls `onEnd` once in any case, possibly before it returns.
 */
export interface SentRequest {
  readonly vnet: Entry
  readonly requester: Requester | undefined
  /** Whole messages, with sequence numbers of nextSeq(); valid during ask(). */
  readonly octets: Uint8Array
  readonly seqs: readonly number[]
  /** Gets each message of these numbers, valid during the call. Returns true for the last. */
  readonly onMessage: (message: Uint8Array) => boolean
  /** Called once, with 0 or -errno: -ECONNREFUSED if the vnet has ended. */
  readonly onEnd: (result: number) => void
}

type Environment = Pick<Supervision, 'native' | 'onDefect'>

/**
 * All conversations of a supervisor. A conversation opens with the first request of its user to its
 * vnet, and is removed when its connection ends; the next request opens a new one.
 */
export class Conversations {
  readonly #environment: Environment
  /** Conversations by the vnet's socket and the user. */
  readonly #all = new Map<string, Conversation>()
  #seq = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /**
   * Returns a sequence number for one message of a request. It is never 0, the number of events.
   */
  nextSeq(): number {
    // 0 is the number of events.
    this.#seq = (this.#seq + 1) >>> 0 || 1
    return this.#seq
  }

  /** Sends a request on the connection of its vnet and user. */
  ask(request: SentRequest): void {
    const { vnet, requester } = request
    const key = `${vnet.vnet} ${requester?.uid}:${requester?.gid}`
    const known = this.#all.get(key)
    const conversation =
      known ??
      new Conversation(this.#environment, vnet, requester, { onEnd: () => this.#all.delete(key) })
    this.#all.set(key, conversation)
    conversation.ask(request)
  }

  /** Ends all requests with -ECONNREFUSED. */
  close(): void {
    for (const conversation of [...this.#all.values()]) {
      conversation.close(-ECONNREFUSED)
    }
  }
}

/** The owner of a conversation, which is notified of events and of the end of its connection. */
interface ConversationListener {
  /** Called with each message that belongs to no request, valid during the call. */
  onEvent?(message: Uint8Array): void
  /** Called once. */
  onEnd(): void
}

/**
 * The requests of one user to one vnet, and the events that the vnet sends on the same connection.
 * A request that gets no part of its reply for TIMEOUT_MS ends with -ETIMEDOUT.
 */
export class Conversation {
  readonly #environment: Environment
  readonly #vnet: Entry
  readonly #requester: Requester | undefined
  readonly #listener: ConversationListener
  readonly #spins = availableParallelism() > 1
  /** Requests by sequence number; a request has one entry for each of its numbers. */
  readonly #requests = new Map<number, Waiting>()
  /** Requests that wait for room, at most UNSENT_MAX: their threads may be killed meanwhile. */
  #unsent: { readonly waiting: Waiting; readonly octets: Uint8Array }[] = []
  #connection: Connection | undefined
  #again: NodeJS.Timeout | undefined
  #looking: NodeJS.Timeout | undefined
  #open = true

  constructor(
    environment: Environment,
    vnet: Entry,
    requester: Requester | undefined,
    listener: ConversationListener,
  ) {
    this.#environment = environment
    this.#vnet = vnet
    this.#requester = requester
    this.#listener = listener
  }

  /**
   * Sends a request, and spins briefly for its reply if there are several CPUs. While connecting,
   * or if the connection has no room, a copy waits; beyond UNSENT_MAX the request ends with
   * -ENOBUFS.
   */
  ask(request: SentRequest): void {
    const waiting: Waiting = { request, since: performance.now() }
    this.#looking ??= setInterval(() => this.#guarded(() => this.#look()), LOOK_MS).unref()
    for (const seq of request.seqs) {
      this.#requests.set(seq, waiting)
    }
    if (this.#connection === undefined && this.#again === undefined) {
      this.#connect()
    }
    if (this.#connection === undefined || this.#unsent.length > 0) {
      this.#queue(waiting, request.octets)
    } else {
      this.#send(waiting, request.octets)
    }
  }

  /** Ends all requests with -errno. Idempotent. */
  close(result: number): void {
    if (!this.#open) return
    this.#open = false
    clearTimeout(this.#again)
    clearInterval(this.#looking)
    this.#connection?.close()
    this.#listener.onEnd()
    for (const waiting of new Set(this.#requests.values())) {
      this.#end(waiting, result)
    }
  }

  #connect(): void {
    this.#again = undefined
    if (this.#requests.size === 0) {
      this.close(-ETIMEDOUT)
      return
    }
    const listener = {
      onMessage: (bytes: Uint8Array, at: number, length: number) =>
        this.#guarded(() => this.#received(bytes.subarray(at, at + length))),
      onDrain: () => this.#guarded(() => this.#sendQueued()),
      onEnd: (errno: number) =>
        this.close(errno === 0 || errno === ECONNRESET ? -ECONNREFUSED : -EIO),
    }
    const connection = Connection.connect(
      this.#environment.native,
      this.#vnet.vnet,
      listener,
      this.#requester,
    )
    if (connection === -EAGAIN) {
      this.#again = setTimeout(() => this.#guarded(() => this.#connect()), AGAIN_MS)
    } else if (typeof connection === 'number') {
      this.close(connection === -ENOENT ? -ECONNREFUSED : connection)
    } else {
      connection.unref()
      this.#connection = connection
      // The socket file belongs to the owner of its directory, as must the listening process.
      if (connection.peer()?.uid !== this.#vnet.uid) {
        this.close(-EPERM)
      } else {
        this.#sendQueued()
      }
    }
  }

  /** An exception of a timer or of the connection has no caller: it ends the conversation. */
  #guarded(fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.#environment.onDefect(error)
      this.close(-EIO)
    }
  }

  #queue(waiting: Waiting, octets: Uint8Array): void {
    // Connecting may have failed, which ends the request.
    if (!this.#isUnderWay(waiting)) return
    if (this.#unsent.length >= UNSENT_MAX) {
      this.#end(waiting, -ENOBUFS)
    } else {
      this.#unsent.push({ waiting, octets: octets.slice() })
    }
  }

  #sendQueued(): void {
    for (const { waiting, octets } of this.#unsent.splice(0)) {
      if (this.#isUnderWay(waiting)) {
        this.#send(waiting, octets)
      }
    }
  }

  #send(waiting: Waiting, octets: Uint8Array): void {
    const sent = this.#connection?.send(octets) ?? 0
    // If the connection has ended, its last messages are still to be read.
    if (sent === -EAGAIN) {
      this.#queue(waiting, octets)
    } else if (this.#spins) {
      this.#spin(waiting)
    }
  }

  #isUnderWay({ request }: Waiting): boolean {
    return request.seqs.some(seq => this.#requests.has(seq))
  }

  #spin(waiting: Waiting): void {
    const until = this.#environment.native.monotonic() + SPIN_NS
    while (this.#isUnderWay(waiting) && this.#environment.native.monotonic() < until) {
      this.#connection?.receive()
    }
  }

  #received(message: Uint8Array): void {
    const seq = netlink.getU32(message, netlink.SEQ_AT)
    const waiting = this.#requests.get(seq)
    if (waiting !== undefined) {
      waiting.since = performance.now()
      if (waiting.request.onMessage(message)) {
        this.#end(waiting, 0)
      }
    } else if (
      seq === 0 &&
      netlink.getU16(message, netlink.TYPE_AT) === netlink.NLMSG_ERROR &&
      message.length >= netlink.NLMSG_HDRLEN + 4
    ) {
      // An error of the connection itself: this user has too many.
      this.close(netlink.getS32(message, netlink.NLMSG_HDRLEN) || -EIO)
    } else if (seq === 0) {
      this.#listener.onEvent?.(message)
    }
  }

  #look(): void {
    if (this.#requests.size === 0) {
      clearInterval(this.#looking)
      this.#looking = undefined
    }
    const now = performance.now()
    const isLate = ({ since }: Waiting) => now - since >= TIMEOUT_MS
    // Timers run before descriptors. After a stop of this process, replies may be waiting.
    this.#connection?.receiveAll(() => ![...this.#requests.values()].some(isLate))
    for (const waiting of new Set(this.#requests.values())) {
      if (isLate(waiting)) {
        this.#end(waiting, -ETIMEDOUT)
      }
    }
    this.#unsent = this.#unsent.filter(({ waiting }) => this.#isUnderWay(waiting))
  }

  #end({ request }: Waiting, result: number): void {
    for (const seq of request.seqs) {
      this.#requests.delete(seq)
    }
    request.onEnd(result)
  }
}

interface Waiting {
  readonly request: SentRequest
  /** Time of the request, or of the last part of its reply, in ms. */
  since: number
}
