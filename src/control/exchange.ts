/**
 * Exchanges with running vnets, a connection to each: requests and their answers, told apart by sequence number, and events,
 * which come unasked. Each request ends with its answer, or with a VnetError: ECONNREFUSED where no vnet listens, or not any
 * more, ETIMEDOUT where it does not answer, EPROTO where what comes is not an answer, EPERM where the socket is another user's,
 * ECANCELED when it is closed meanwhile, EBADF after that.
 */
import {
  EAGAIN,
  EBADF,
  ECANCELED,
  ECONNREFUSED,
  ECONNRESET,
  ENOENT,
  EPERM,
  EPROTO,
  ETIMEDOUT,
  VnetError,
} from '../core/errno.ts'
import type { Native } from '../kernel/native.ts'
import {
  type Ack,
  type Decoded,
  decodeAttributes,
  type Fields,
  genlmsghdr,
  type Message,
  MessageBuilder,
  messages,
  NetlinkParseError,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_MIN_TYPE,
  NLMSG_OVERRUN,
  type Policy,
  parseAck,
  parseGenl,
} from '../netlink/index.ts'
import { Connection, type ConnectionListener } from './connection.ts'

/** One whose queue of connections is full is tried again after this time. */
const AGAIN_MS = 2

/** Bytes of all parts of an answer: a dump without an end must not take all memory. */
const ANSWER_MAX = 64 << 20

/** The whole answer may take this many times as long as one part: a trickle must not go on for ever. */
const WHOLE_ANSWER = 6

export interface Request {
  readonly type: number
  readonly cmd: number
  readonly version: number
  readonly flags: number
  /** What it is for, in an error's first words. */
  readonly what: string
  readonly write?: ((builder: MessageBuilder) => void) | undefined
}

/** A question under way. */
interface Exchange {
  readonly octets: Uint8Array
  readonly message: (bytes: Uint8Array, offset: number, length: number) => void
  readonly end: (error?: unknown) => void
  readonly progress: () => void
  readonly what: string
}

/** What is told of what a vnet sends unasked. */
export interface Listener {
  /** Each message: its command, and its attributes, which may be kept. */
  readonly message: (cmd: number, attributes: Uint8Array) => void
  /** Messages before the next one were lost: we did not read in time. */
  readonly lost: () => void
  /** Called once: when it is stopped, the vnet is gone, another listens, or this is closed. */
  readonly end: () => void
}

export class Exchanges {
  readonly #native: Native
  readonly #timeoutMs: number
  readonly #users: ReadonlySet<number>
  /** By the path of the socket. */
  readonly #vnets = new Map<string, Vnet>()
  #open = true

  /** `users` are those whose sockets are believed. */
  constructor(native: Native, timeoutMs: number, users: ReadonlySet<number>) {
    this.#native = native
    this.#timeoutMs = timeoutMs
    this.#users = users
  }

  /** Sends a request and collects what its answers hold. */
  ask<F extends Fields>(vnet: string, request: Request, policy: Policy<F>): Promise<Decoded<F>[]> {
    const answers: Decoded<F>[] = []
    const { type, cmd, version, flags, what, write } = request
    return new Promise((resolve, reject) => {
      if (!this.#open) throw new VnetError(EBADF, what)
      const at = this.#at(vnet)
      const seq = at.nextSeq()
      const builder = new MessageBuilder().message(type, NLM_F_REQUEST | flags, seq).payload(genlmsghdr(cmd, version))
      write?.(builder)
      const late = () => end(new VnetError(ETIMEDOUT, what, `it has not answered for ${this.#timeoutMs / 1000} s`))
      let timer = setTimeout(late, this.#timeoutMs)
      const tooLong = () =>
        end(
          new VnetError(
            ETIMEDOUT,
            what,
            `its answer is not complete after ${(WHOLE_ANSWER * this.#timeoutMs) / 1000} s`,
          ),
        )
      const deadline = setTimeout(tooLong, WHOLE_ANSWER * this.#timeoutMs)
      const end = (error?: unknown) => {
        clearTimeout(timer)
        clearTimeout(deadline)
        at.exchanges.delete(seq)
        at.keepAlive()
        if (error === undefined) resolve(answers)
        else reject(error)
      }
      const progress = () => {
        clearTimeout(timer)
        timer = setTimeout(late, this.#timeoutMs)
      }
      let size = 0
      const message = (bytes: Uint8Array, offset: number, length: number) => {
        size += length
        if (size > ANSWER_MAX) throw new NetlinkParseError(`the answer is longer than ${ANSWER_MAX} bytes`, 0)
        answers.push(decodeAttributes(policy, bytes, offset, length))
      }
      at.begin(seq, { octets: builder.bytes, message, end, progress, what })
    })
  }

  /** Tells of what a vnet sends unasked. `stop` returns false when that has ended already. */
  listen(vnet: string, listener: Listener): { stop(): boolean } {
    const at = this.#at(vnet)
    at.listen(listener)
    return { stop: () => at.unlisten(listener) }
  }

  /** What is under way ends with an error. Idempotent. */
  close(): void {
    this.#open = false
    for (const vnet of [...this.#vnets.values()]) vnet.close(ECANCELED)
  }

  #at(path: string): Vnet {
    const known = this.#vnets.get(path)
    if (known !== undefined) return known
    const vnet = new Vnet(this.#native, path, this.#users, () => this.#vnets.delete(path))
    this.#vnets.set(path, vnet)
    return vnet
  }
}

/** The connection to a vnet, and what is under way on it. */
class Vnet implements ConnectionListener {
  readonly exchanges = new Map<number, Exchange>()
  readonly #native: Native
  readonly #path: string
  readonly #users: ReadonlySet<number>
  readonly #onGone: () => void
  #connection: Connection | undefined
  #listening: Listener | undefined
  #again: NodeJS.Timeout | undefined
  #seq = 0

  constructor(native: Native, path: string, users: ReadonlySet<number>, onGone: () => void) {
    this.#native = native
    this.#path = path
    this.#users = users
    this.#onGone = onGone
  }

  /** Events have number 0. */
  nextSeq(): number {
    this.#seq = (this.#seq + 1) >>> 0 || 1
    return this.#seq
  }

  begin(seq: number, exchange: Exchange): void {
    this.exchanges.set(seq, exchange)
    if (this.#connection !== undefined) this.#send(exchange)
    else if (this.#again === undefined) this.#connect()
    this.keepAlive()
  }

  listen(listener: Listener): void {
    this.#listening?.end()
    this.#listening = listener
    this.keepAlive()
  }

  unlisten(listener: Listener): boolean {
    if (this.#listening !== listener) return false
    this.#listening = undefined
    this.keepAlive()
    listener.end()
    return true
  }

  /** The process waits for what is under way, and not for a client that asks nothing. */
  keepAlive(): void {
    if (this.exchanges.size > 0 || this.#listening !== undefined) this.#connection?.ref()
    else this.#connection?.unref()
  }

  close(errno: number, advice?: string): void {
    clearTimeout(this.#again)
    this.#connection?.close()
    this.#connection = undefined
    this.#onGone()
    for (const { end, what } of [...this.exchanges.values()]) end(new VnetError(errno, what, advice))
    const listening = this.#listening
    this.#listening = undefined
    listening?.end()
  }

  onMessage(bytes: Uint8Array, at: number, length: number): void {
    for (const message of messages(bytes, at, length)) {
      const exchange = this.exchanges.get(message.seq)
      if (exchange !== undefined) this.#answered(exchange, bytes, message)
      else if (message.seq === 0) this.#told(bytes, message)
    }
  }

  onEnd(errno: number): void {
    if (errno === EPROTO) this.close(EPROTO)
    else this.close(ECONNREFUSED)
  }

  #connect(): void {
    this.#again = undefined
    if (this.exchanges.size === 0) {
      this.close(ECANCELED)
      return
    }
    const connection = Connection.connect(this.#native, this.#path, this)
    if (connection === -EAGAIN) {
      this.#again = setTimeout(() => this.#connect(), AGAIN_MS)
      return
    }
    if (typeof connection === 'number') {
      this.close(connection === -ENOENT ? ECONNREFUSED : -connection)
      return
    }
    this.#connection = connection
    const uid = connection.peer()?.uid
    if (uid === undefined || !this.#users.has(uid)) {
      this.close(EPERM, `${this.#path} belongs to user ${uid}, who is neither root nor you`)
      return
    }
    for (const exchange of [...this.exchanges.values()]) this.#send(exchange)
    this.keepAlive()
  }

  #send({ octets, end, what }: Exchange): void {
    const sent = this.#connection?.send(octets) ?? 0
    // Of an end it is told what was sent before it.
    if (sent === -EAGAIN) end(new VnetError(EAGAIN, what, 'it does not read what it is asked'))
  }

  #answered(exchange: Exchange, bytes: Uint8Array, message: Message): void {
    exchange.progress()
    try {
      if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
        exchange.end(failure(parseAck(bytes, message), exchange.what))
        return
      }
      const { offset, length } = parseGenl(bytes, message)
      // A copy: what is decoded outlives the message.
      exchange.message(bytes.slice(offset, offset + length), 0, length)
    } catch (error) {
      exchange.end(malformed(error, exchange.what))
    }
  }

  #told(bytes: Uint8Array, message: Message): void {
    try {
      if (message.type === NLMSG_ERROR) {
        // Of the connection itself: there are too many.
        const { error, message: text } = parseAck(bytes, message)
        this.close(-error || ECONNRESET, text)
      } else if (message.type === NLMSG_OVERRUN) {
        this.#listening?.lost()
      } else if (message.type >= NLMSG_MIN_TYPE) {
        const { cmd, offset, length } = parseGenl(bytes, message)
        this.#listening?.message(cmd, bytes.slice(offset, offset + length))
      }
    } catch (error) {
      if (!(error instanceof NetlinkParseError)) throw error
    }
  }
}

/** What listens may be no vnet at all. */
function malformed(error: unknown, what: string): unknown {
  return error instanceof NetlinkParseError ? new VnetError(EPROTO, what, error.message) : error
}

function failure({ error, message }: Ack, what: string): VnetError | undefined {
  return error === 0 ? undefined : new VnetError(error, what, message)
}
