/**
 * Exchanges over one netlink socket: requests to running vnets and their answers, told apart by port and sequence number, and
 * events, which come unasked. Each request ends with its answer, or with a VnetError: ECONNREFUSED where nobody listens, or
 * not any more, ETIMEDOUT where nobody answers, EPROTO where what comes is no answer, ECANCELED when it is closed meanwhile, EBADF after that.
 */
import { EAGAIN, ECANCELED, ECONNREFUSED, EPROTO, ETIMEDOUT, VnetError } from '../core/errno.ts'
import type { Native } from '../kernel/native.ts'
import {
  type Ack,
  type Decoded,
  decodeAttributes,
  type Fields,
  genlmsghdr,
  MessageBuilder,
  messages,
  NetlinkParseError,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_MIN_TYPE,
  NLMSG_NOOP,
  NLMSG_OVERRUN,
  type Policy,
  parseAck,
  parseGenl,
} from '../netlink/index.ts'
import { UserSocket } from './socket.ts'

/** One that was silent for this time may have ended before it read the question, which is then lost: it is looked for. */
const PROBE_MS = 100
/** One whose receive buffer is full is asked again after this time. */
const RETRY_MS = 5
/** Datagrams that a vnet may have sent before its end. */
const LAST_DATAGRAMS = 256

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
  readonly port: number
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
  /** Called once: when it is stopped, the vnet is there no more, another listens to the same port, or this is closed. */
  readonly end: () => void
}

/** What is no request is passed over; but it cannot be sent to a port that nobody has. */
const noop = new MessageBuilder().message(NLMSG_NOOP, 0, 0).bytes

export class Exchanges {
  readonly #socket: UserSocket
  readonly #timeoutMs: number
  /** By sequence number. */
  readonly #exchanges = new Map<number, Exchange>()
  /** By port. */
  readonly #listening = new Map<number, Listener>()
  #seq = 0
  #probe: NodeJS.Timeout | undefined

  constructor(native: Native, timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#socket = UserSocket.open(native, [0], (bytes, length, sender) => this.#receive(bytes, length, sender))
    this.#socket.unref()
  }

  /** Sends a request and collects what its answers hold. */
  ask<F extends Fields>(port: number, request: Request, policy: Policy<F>): Promise<Decoded<F>[]> {
    const answers: Decoded<F>[] = []
    const { type, cmd, version, flags, what, write } = request
    // Events have number 0.
    this.#seq = (this.#seq + 1) >>> 0 || 1
    const seq = this.#seq
    const builder = new MessageBuilder().message(type, NLM_F_REQUEST | flags, seq).payload(genlmsghdr(cmd, version))
    write?.(builder)
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout
      const end = (error?: unknown) => {
        clearTimeout(timer)
        this.#exchanges.delete(seq)
        this.#keepAlive()
        if (error === undefined) resolve(answers)
        else reject(error)
      }
      const wait = (left: number) => {
        const ms = Math.min(left, PROBE_MS)
        timer = setTimeout(() => {
          const late = `it has not answered for ${this.#timeoutMs / 1000} s`
          if (ms === left) end(new VnetError(ETIMEDOUT, what, late))
          else if (this.#isThere(port)) wait(left - ms)
          // Unless its answer was there already.
          else if (this.#exchanges.has(seq)) end(new VnetError(ECONNREFUSED, what))
        }, ms)
      }
      const progress = () => {
        clearTimeout(timer)
        wait(this.#timeoutMs)
      }
      const message = (bytes: Uint8Array, offset: number, length: number) =>
        void answers.push(decodeAttributes(policy, bytes, offset, length))
      this.#exchanges.set(seq, { port, message, end, progress, what })
      this.#keepAlive()
      progress()
      this.#send(seq, builder.bytes)
    })
  }

  /** Tells of what the vnet at `port` sends unasked. `stop` answers false when it has ended already. */
  listen(port: number, listener: Listener): { stop(): boolean } {
    this.#unlisten(port)
    this.#listening.set(port, listener)
    this.#probe ??= setInterval(() => this.#probeListening(), PROBE_MS)
    this.#keepAlive()
    return { stop: () => this.#listening.get(port) === listener && this.#unlisten(port) }
  }

  /** What is under way ends with an error. Idempotent. */
  close(): void {
    this.#socket.close()
    for (const { end, what } of [...this.#exchanges.values()]) end(new VnetError(ECANCELED, what))
    for (const port of [...this.#listening.keys()]) this.#unlisten(port)
  }

  /** The process waits for what is under way, and not for a client that asks nothing. */
  #keepAlive(): void {
    if (this.#exchanges.size + this.#listening.size > 0) this.#socket.ref()
    else this.#socket.unref()
  }

  /** Whether somebody has the port; where nobody has any more, what it sent last has been told. */
  #isThere(port: number): boolean {
    if (this.#socket.send(port, noop) !== -ECONNREFUSED) return true
    this.#socket.drain(LAST_DATAGRAMS)
    return false
  }

  #probeListening(): void {
    for (const port of [...this.#listening.keys()]) if (!this.#isThere(port)) this.#unlisten(port)
  }

  #unlisten(port: number): boolean {
    const listening = this.#listening.get(port)
    this.#listening.delete(port)
    if (this.#listening.size === 0) {
      clearInterval(this.#probe)
      this.#probe = undefined
    }
    this.#keepAlive()
    listening?.end()
    return listening !== undefined
  }

  #send(seq: number, octets: Uint8Array): void {
    const exchange = this.#exchanges.get(seq)
    if (exchange === undefined) return
    const sent = this.#socket.send(exchange.port, octets)
    if (sent === -EAGAIN) setTimeout(() => this.#send(seq, octets), RETRY_MS)
    else if (sent < 0) exchange.end(new VnetError(sent, exchange.what))
  }

  #receive(bytes: Uint8Array, length: number, sender: number): void {
    try {
      for (const message of messages(bytes, 0, length)) {
        const exchange = this.#exchanges.get(message.seq)
        // Anybody may send to our port.
        if (exchange === undefined || exchange.port !== sender) {
          const listening = this.#listening.get(sender)
          if (listening === undefined || message.seq !== 0) continue
          if (message.type === NLMSG_OVERRUN) listening.lost()
          if (message.type < NLMSG_MIN_TYPE) continue
          const { cmd, offset, length } = parseGenl(bytes, message)
          listening.message(cmd, bytes.slice(offset, offset + length))
          continue
        }
        exchange.progress()
        try {
          if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
            exchange.end(failure(parseAck(bytes, message), exchange.what))
          } else {
            const { offset, length } = parseGenl(bytes, message)
            // A copy: what is decoded outlives the datagram.
            exchange.message(bytes.slice(offset, offset + length), 0, length)
          }
        } catch (error) {
          exchange.end(malformed(error, exchange.what))
        }
      }
    } catch (error) {
      if (!(error instanceof NetlinkParseError)) throw error
    }
  }
}

/** Who has the port may be no vnet at all. */
function malformed(error: unknown, what: string): unknown {
  return error instanceof NetlinkParseError ? new VnetError(EPROTO, what, error.message) : error
}

function failure({ error, message }: Ack, what: string): VnetError | undefined {
  return error === 0 ? undefined : new VnetError(error, what, message)
}
