/**
 * Requests to running vnets in the name of programs: one connection for each vnet and user, which the vnet judges by what the
 * kernel says of that user. Replies are handed on at once, without a promise: a program waits for them.
 */
import { availableParallelism } from 'node:os'
import { EAGAIN, ECONNREFUSED, ECONNRESET, EIO, ENOBUFS, ENOENT, EPERM, ETIMEDOUT } from '../../core/errno.ts'
import type { Native } from '../../kernel/native.ts'
import { getS32, getU16, getU32, NLMSG_ERROR, NLMSG_HDRLEN } from '../../netlink/index.ts'
import { Connection } from '../connection.ts'
import type { Entry } from '../directory.ts'
import type { Asker } from './credentials.ts'

/** How long a vnet may take for the next part of its reply. */
const TIMEOUT_MS = 5000
/** Late ones are looked for this often: a timer for each request would take longer than the rest. */
const LOOK_MS = 250
/** A vnet whose queue of connections is full is tried again after this time. */
const AGAIN_MS = 2
/**
 * A reply is looked for this long before the event loop is returned to, ns: meanwhile nothing else is done for the program, and to
 * sleep and be woken takes longer than most replies. Not on one CPU, where the vnet would have to wait for us to sleep.
 */
const SPIN_NS = 50_000
/** Requests that wait for room on a connection. */
const UNSENT_MAX = 4096
const TYPE_AT = 4
const SEQ_AT = 8

export interface Request {
  readonly vnet: Entry
  readonly asker: Asker | undefined
  /** Whole messages, with sequence numbers of nextSeq(); valid during ask(). */
  readonly octets: Uint8Array
  readonly seqs: readonly number[]
  /** Called with each message that has one of these numbers, valid during the call; returns true when it was the last. */
  readonly onMessage: (message: Uint8Array) => boolean
  /** Called once: 0, or -errno. -ECONNREFUSED when the vnet is gone. */
  readonly onEnd: (result: number) => void
}

export class Conversations {
  readonly #native: Native
  /** By the vnet's socket and the user. */
  readonly #all = new Map<string, Conversation>()
  #seq = 0

  constructor(native: Native) {
    this.#native = native
  }

  nextSeq(): number {
    // Events have number 0.
    this.#seq = (this.#seq + 1) >>> 0 || 1
    return this.#seq
  }

  ask(request: Request): void {
    const { vnet, asker } = request
    const key = `${vnet.vnet} ${asker?.uid}:${asker?.gid}`
    const known = this.#all.get(key)
    const conversation = known ?? new Conversation(this.#native, vnet, asker, { onEnd: () => this.#all.delete(key) })
    this.#all.set(key, conversation)
    conversation.ask(request)
  }

  close(): void {
    for (const conversation of [...this.#all.values()]) conversation.close(-ECONNREFUSED)
  }
}

export interface ConversationListener {
  /** Called with each message that no request is for, valid during the call. */
  onEvent?(message: Uint8Array): void
  /** Called once. */
  onEnd(): void
}

/** A connection to a vnet as a user, and what is asked on it. */
export class Conversation {
  readonly #native: Native
  readonly #vnet: Entry
  readonly #asker: Asker | undefined
  readonly #listener: ConversationListener
  readonly #spins = availableParallelism() > 1
  /** By sequence number; a request is there under each of its own. */
  readonly #requests = new Map<number, Waiting>()
  /** What there was no room for on the connection yet: at most UNSENT_MAX, since threads that wait for it may be killed. */
  #unsent: { readonly waiting: Waiting; readonly octets: Uint8Array }[] = []
  #connection: Connection | undefined
  #again: NodeJS.Timeout | undefined
  #looking: NodeJS.Timeout | undefined
  #open = true

  constructor(native: Native, vnet: Entry, asker: Asker | undefined, listener: ConversationListener) {
    this.#native = native
    this.#vnet = vnet
    this.#asker = asker
    this.#listener = listener
  }

  ask(request: Request): void {
    const waiting: Waiting = { request, since: performance.now() }
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref()
    for (const seq of request.seqs) this.#requests.set(seq, waiting)
    if (this.#connection === undefined && this.#again === undefined) this.#connect()
    if (this.#connection === undefined || this.#unsent.length > 0) this.#queue(waiting, request.octets)
    else this.#send(waiting, request.octets)
  }

  /** What is under way ends with -errno. Idempotent. */
  close(result: number): void {
    if (!this.#open) return
    this.#open = false
    clearTimeout(this.#again)
    clearInterval(this.#looking)
    this.#connection?.close()
    this.#listener.onEnd()
    for (const waiting of new Set(this.#requests.values())) this.#end(waiting, result)
  }

  #connect(): void {
    this.#again = undefined
    if (this.#requests.size === 0) {
      this.close(-ETIMEDOUT)
      return
    }
    const listener = {
      onMessage: (bytes: Uint8Array, at: number, length: number) => this.#received(bytes.subarray(at, at + length)),
      onDrain: () => this.#sendQueued(),
      onEnd: (errno: number) => this.close(errno === 0 || errno === ECONNRESET ? -ECONNREFUSED : -EIO),
    }
    const connection = Connection.connect(this.#native, this.#vnet.vnet, listener, { as: this.#asker })
    if (connection === -EAGAIN) this.#again = setTimeout(() => this.#connect(), AGAIN_MS)
    else if (typeof connection === 'number') this.close(connection === -ENOENT ? -ECONNREFUSED : connection)
    else {
      connection.unref()
      this.#connection = connection
      // A file is its directory's owner's, and so must be who listens.
      if (connection.peer()?.uid !== this.#vnet.uid) this.close(-EPERM)
      else this.#sendQueued()
    }
  }

  #queue(waiting: Waiting, octets: Uint8Array): void {
    // None when it could not connect.
    if (!this.#isUnderWay(waiting)) return
    if (this.#unsent.length >= UNSENT_MAX) this.#end(waiting, -ENOBUFS)
    else this.#unsent.push({ waiting, octets: octets.slice() })
  }

  #sendQueued(): void {
    for (const { waiting, octets } of this.#unsent.splice(0)) {
      if (this.#isUnderWay(waiting)) this.#send(waiting, octets)
    }
  }

  #send(waiting: Waiting, octets: Uint8Array): void {
    const sent = this.#connection?.send(octets) ?? 0
    // When the connection ended, what was received before that is still to be read.
    if (sent === -EAGAIN) this.#queue(waiting, octets)
    else if (this.#spins) this.#spin(waiting)
  }

  #isUnderWay({ request }: Waiting): boolean {
    return request.seqs.some(seq => this.#requests.has(seq))
  }

  #spin(waiting: Waiting): void {
    const until = this.#native.monotonic() + SPIN_NS
    while (this.#isUnderWay(waiting) && this.#native.monotonic() < until) this.#connection?.receive()
  }

  #received(message: Uint8Array): void {
    const seq = getU32(message, SEQ_AT)
    const waiting = this.#requests.get(seq)
    if (waiting !== undefined) {
      waiting.since = performance.now()
      if (waiting.request.onMessage(message)) this.#end(waiting, 0)
    } else if (seq === 0 && getU16(message, TYPE_AT) === NLMSG_ERROR && message.length >= NLMSG_HDRLEN + 4) {
      // Of the connection itself: this user has too many.
      this.close(getS32(message, NLMSG_HDRLEN) || -EIO)
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
    for (const waiting of new Set(this.#requests.values())) {
      if (now - waiting.since >= TIMEOUT_MS) this.#end(waiting, -ETIMEDOUT)
    }
    this.#unsent = this.#unsent.filter(({ waiting }) => this.#isUnderWay(waiting))
  }

  #end({ request }: Waiting, result: number): void {
    for (const seq of request.seqs) this.#requests.delete(seq)
    request.onEnd(result)
  }
}

interface Waiting {
  readonly request: Request
  /** When it was made, or last had a part of its reply; ms. */
  since: number
}
