/**
 * Exchanges with running vnets, over one connection to each: requests and their replies, matched by
 * sequence number, and events. A capture has a connection of its own. A request ends with its reply
 * or with a VnetError: ECONNREFUSED if no vnet listens, or if it has ended, ETIMEDOUT if it does
 * not reply, EPROTO if the reply is malformed, EPERM if the socket belongs to another user, EAGAIN
 * if the vnet does not read its requests, ECANCELED if the client is closed meanwhile, and EBADF if
 * the client was closed before. Other numbers are those with which the vnet or connect(2) refused.
 */

import { timerMs } from '../../base/duration.ts'
import * as errnos from '../../base/errno.ts'
import type { Native } from '../../linux/native.ts'
import * as netlink from '../../netlink/index.ts'
import type { Detached } from '../protocol/detached.ts'
import { VNET_GENL_ID, VNET_GENL_VERSION } from '../protocol/family.ts'
import { Connection, type ConnectionListener } from '../sockets/connection.ts'

/** Bytes of a reply at most, all parts together: an endless dump must not take all memory. */
const REPLY_MAX = 64 << 20

/** Milliseconds until the next attempt to connect to a vnet with a full connection queue. */
const AGAIN_MS = 2

/** The whole reply may take this many times as long as one part: a trickle must end. */
const WHOLE_REPLY = 6

/**
 * One request, before it has a sequence number. `write` adds the attributes; it is called once,
 * synchronously, when the request is made.
 */
export interface Request {
  readonly cmd: number
  readonly flags: number
  /** The request and its object, for an error. */
  readonly what: errnos.Call
  readonly write: (builder: netlink.MessageBuilder) => void
}

interface Exchange {
  readonly request: Uint8Array
  readonly what: errnos.Call
  readonly onMessage: (bytes: Uint8Array, message: netlink.Message) => void
  readonly end: (error?: unknown) => void
}

/** Receives the events of a vnet, until `end` is called. */
export interface VnetListener {
  /** Called with each message: its command, and its attributes, which may be kept. */
  readonly message: (cmd: number, attributes: Uint8Array) => void
  /** Called if messages before the next one were lost, because the client did not read in time. */
  readonly lost: () => void
  /** Called once: the listener is stopped or replaced, the vnet has ended, the client is closed. */
  readonly end: () => void
}

export class Exchanges {
  readonly #native: Native
  readonly #timeoutMs: number
  readonly #users: ReadonlySet<number>
  /** The vnets with shared connections by the path of their sockets, the others by a symbol. */
  readonly #vnets = new Map<string | symbol, Vnet>()
  #open = true

  /** `users` are the owners of the sockets that are trusted. */
  constructor(native: Native, timeoutMs: number, users: ReadonlySet<number>) {
    this.#native = native
    this.#timeoutMs = timeoutMs
    this.#users = users
  }

  /** Sends a request; returns the decoded messages of its reply. */
  ask<F extends netlink.Fields>(
    path: string,
    request: Request,
    policy: netlink.Policy<F>,
  ): Promise<netlink.Decoded<F>[]> {
    const replies: netlink.Decoded<F>[] = []
    let size = 0
    const receive = (attributes: Uint8Array) => {
      size += attributes.length
      if (size > REPLY_MAX) {
        throw new netlink.NetlinkParseError(`the reply is longer than ${REPLY_MAX} bytes`, 0)
      }
      replies.push(netlink.decodeAttributes(policy, attributes))
    }
    return this.#ask(this.#at(path), request, receive, () => replies)
  }

  /** Sends a request on a connection of its own. Returns the connection once the reply is there. */
  async detach(path: string, request: Request): Promise<Detached> {
    const vnet = this.#at(path, Symbol(path))
    try {
      return await this.#ask(
        vnet,
        request,
        () => {},
        () => vnet.detach(),
      )
    } catch (error) {
      vnet.close(errnos.ECANCELED)
      throw error
    }
  }

  /** Calls `receive` with each message; returns the `result` at the end, before it reads on. */
  #ask<T>(
    at: Vnet,
    request: Request,
    receive: (attributes: Uint8Array) => void,
    result: () => T,
  ): Promise<T> {
    const { cmd, flags, what, write } = request
    return new Promise((resolve, reject) => {
      if (!this.#open) throw new errnos.VnetError(errnos.EBADF, what)
      const seq = at.nextSeq()
      const builder = new netlink.MessageBuilder().message(
        VNET_GENL_ID,
        netlink.NLM_F_REQUEST | flags,
        seq,
      )
      write(builder.payload(netlink.genlmsghdr(cmd, VNET_GENL_VERSION)))
      const timeOut = (why: string) => end(new errnos.VnetError(errnos.ETIMEDOUT, what, why))
      const ms = timerMs(this.#timeoutMs)
      const wholeMs = timerMs(WHOLE_REPLY * ms)
      let parts = 0
      const timer = setTimeout(() => {
        // Timers run before descriptors. After a stop of this process, the reply may be waiting.
        const before = parts
        at.receive(() => parts !== before)
        if (parts === before) {
          timeOut(`it has not replied for ${ms / 1000} s`)
        }
      }, ms)
      const deadline = setTimeout(() => {
        at.receive(() => !at.exchanges.has(seq))
        if (at.exchanges.has(seq)) {
          timeOut(`its reply is not complete after ${wholeMs / 1000} s`)
        }
      }, wholeMs)
      const end = (error?: unknown) => {
        clearTimeout(timer)
        clearTimeout(deadline)
        at.exchanges.delete(seq)
        at.keepAlive()
        if (error === undefined) {
          resolve(result())
        } else {
          reject(error)
        }
      }
      const onMessage = (bytes: Uint8Array, message: netlink.Message) => {
        parts++
        timer.refresh()
        try {
          if (isEnd(bytes, message, what, receive)) {
            end()
          }
        } catch (error) {
          // The peer may be something other than a vnet.
          end(
            error instanceof netlink.NetlinkParseError
              ? new errnos.VnetError(errnos.EPROTO, what, error.message)
              : error,
          )
        }
      }
      at.begin(seq, { request: builder.bytes, what, onMessage, end })
    })
  }

  /** Passes the events of a vnet to `listener`. `stop` returns false if that has ended already. */
  listen(vnet: string, listener: VnetListener): { stop(): boolean } {
    const at = this.#at(vnet)
    at.listen(listener)
    return { stop: () => at.unlisten(listener) }
  }

  /** Ends pending requests with ECANCELED. Idempotent. */
  close(): void {
    this.#open = false
    for (const vnet of [...this.#vnets.values()]) {
      vnet.close(errnos.ECANCELED)
    }
  }

  #at(path: string, key: string | symbol = path): Vnet {
    const vnet =
      this.#vnets.get(key) ??
      new Vnet(this.#native, path, this.#users, () => this.#vnets.delete(key))
    this.#vnets.set(key, vnet)
    return vnet
  }
}

class Vnet implements ConnectionListener {
  readonly exchanges = new Map<number, Exchange>()
  readonly #native: Native
  readonly #path: string
  readonly #users: ReadonlySet<number>
  readonly #onGone: () => void
  #connection: Connection | undefined
  #listening: VnetListener | undefined
  #again: NodeJS.Timeout | undefined
  #seq = 0

  constructor(native: Native, path: string, users: ReadonlySet<number>, onGone: () => void) {
    this.#native = native
    this.#path = path
    this.#users = users
    this.#onGone = onGone
  }

  /** Returns the next sequence number; 0 is for events. */
  nextSeq(): number {
    this.#seq = (this.#seq + 1) >>> 0 || 1
    return this.#seq
  }

  begin(seq: number, exchange: Exchange): void {
    this.exchanges.set(seq, exchange)
    if (this.#connection !== undefined) {
      this.#send(exchange)
    } else if (this.#again === undefined) {
      this.#connect()
    }
    this.keepAlive()
  }

  /** Reads the messages that have arrived, until `isEnough`. */
  receive(isEnough: () => boolean): void {
    this.#connection?.receiveAll(isEnough)
  }

  listen(listener: VnetListener): void {
    this.#listening?.end()
    this.#listening = listener
    this.keepAlive()
  }

  unlisten(listener: VnetListener): boolean {
    if (this.#listening !== listener) return false
    this.#listening = undefined
    this.keepAlive()
    listener.end()
    return true
  }

  /** Keeps the process alive while requests are pending or a listener exists. */
  keepAlive(): void {
    if (this.exchanges.size > 0 || this.#listening !== undefined) {
      this.#connection?.ref()
    } else {
      this.#connection?.unref()
    }
  }

  close(errno: number, advice?: string): void {
    clearTimeout(this.#again)
    this.#connection?.close()
    this.#connection = undefined
    this.#onGone()
    for (const { end, what } of [...this.exchanges.values()]) {
      end(new errnos.VnetError(errno, what, advice))
    }
    const listening = this.#listening
    this.#listening = undefined
    listening?.end()
  }

  detach(): Detached {
    const connection = this.#connection as Connection
    this.#connection = undefined
    this.#onGone()
    return connection.detach()
  }

  onMessage(bytes: Uint8Array, at: number, length: number): void {
    for (const message of netlink.messages(bytes, at, length)) {
      const exchange = this.exchanges.get(message.seq)
      if (exchange !== undefined) {
        exchange.onMessage(bytes, message)
      } else if (message.seq === 0) {
        this.#unasked(bytes, message)
      }
    }
  }

  onEnd(errno: number): void {
    this.close(errno === errnos.EPROTO ? errnos.EPROTO : errnos.ECONNREFUSED)
  }

  #connect(): void {
    this.#again = undefined
    const connection =
      this.exchanges.size === 0
        ? -errnos.ECANCELED
        : Connection.connect(this.#native, this.#path, this)
    if (connection === -errnos.EAGAIN) {
      this.#again = setTimeout(() => this.#connect(), AGAIN_MS)
    } else if (typeof connection === 'number') {
      this.close(connection === -errnos.ENOENT ? errnos.ECONNREFUSED : -connection)
    } else {
      this.#connected(connection)
    }
  }

  #connected(connection: Connection): void {
    this.#connection = connection
    const uid = connection.peer()?.uid
    if (uid === undefined || !this.#users.has(uid)) {
      this.close(errnos.EPERM, `${this.#path} belongs to user ${uid}, who is neither root nor you`)
      return
    }
    for (const exchange of [...this.exchanges.values()]) {
      this.#send(exchange)
    }
    this.keepAlive()
  }

  #send({ request, end, what }: Exchange): void {
    const sent = this.#connection?.send(request) ?? 0
    // If the connection has ended, onEnd is called after the remaining messages of the vnet.
    if (sent === -errnos.EAGAIN) {
      end(new errnos.VnetError(errnos.EAGAIN, what, 'it does not read its requests'))
    }
  }

  #unasked(bytes: Uint8Array, message: netlink.Message): void {
    netlink.parsed(() => {
      if (message.type === netlink.NLMSG_ERROR) {
        // An error about the connection itself: the user has too many.
        const { error, message: text } = netlink.parseAck(bytes, message)
        this.close(-error || errnos.ECONNRESET, text)
      } else if (message.type === netlink.NLMSG_OVERRUN) {
        this.#listening?.lost()
      } else if (message.type >= netlink.NLMSG_MIN_TYPE) {
        const { cmd, offset, length } = netlink.parseGenl(bytes, message)
        this.#listening?.message(cmd, bytes.slice(offset, offset + length))
      }
    })
  }
}

/** Passes a message of a reply on. Returns whether it is the end; throws if that is a refusal. */
function isEnd(
  bytes: Uint8Array,
  message: netlink.Message,
  what: errnos.Call,
  receive: (attributes: Uint8Array) => void,
): boolean {
  if (message.type === netlink.NLMSG_DONE || message.type === netlink.NLMSG_ERROR) {
    const { error, message: report } = netlink.parseAck(bytes, message)
    // The report of a vnet or its driver names its object.
    if (error !== 0) {
      throw new errnos.VnetError(error, report === undefined ? what : [what[0], ''], report)
    }
    return true
  }
  const { offset, length } = netlink.parseGenl(bytes, message)
  // A copy, because the decoded views outlive the message.
  receive(bytes.slice(offset, offset + length))
  return false
}
