/**
 * ControlClient asks running vnets of this network namespace, by their netlink ports. Questions to different vnets may be under
 * way at once; a vnet answers one dump of a client at a time. Each ends with its answer, or with a VnetError: ECONNREFUSED
 * where nobody listens, or not any more, ETIMEDOUT where nobody answers, EPROTO where what comes is no answer, EBADF once it is closed.
 */
import { EAGAIN, ECONNREFUSED, EPROTO, ETIMEDOUT, VnetError } from '../core/errno.ts'
import type { Native } from '../kernel/native.ts'
import {
  type Ack,
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_CMD_GETFAMILY,
  CTRL_VERSION,
  type Decoded,
  decodeAttributes,
  type Fields,
  GENL_ID_CTRL,
  genlmsghdr,
  MessageBuilder,
  messages,
  NetlinkParseError,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  type Policy,
  parseAck,
  parseGenl,
  policy,
  required,
  u16,
} from '../netlink/index.ts'
import { type Answer, type Device, type DeviceStats, device, deviceStats } from './device-stats.ts'
import {
  answerPolicy,
  VNET_ATTR_IFINDEX,
  VNET_ATTR_IFNAME,
  VNET_ATTR_SCOPE,
  VNET_CMD_GET_DEVICES,
  VNET_CMD_GET_STATS,
  VNET_GENL_NAME,
  VNET_GENL_VERSION,
  VNET_SCOPE_QUEUE,
} from './family.ts'
import { UserSocket } from './socket.ts'

/** How long a vnet may take for the next part of its answer. */
const TIMEOUT_MS = 5000
/** One that was silent for this time may have ended before it read the question, which is then lost: it is looked for. */
const PROBE_MS = 100
/** One whose receive buffer is full is asked again after this time. */
const RETRY_MS = 5

interface Request {
  readonly type: number
  readonly cmd: number
  readonly version: number
  readonly flags: number
  /** What it is for, in an error's first words. */
  readonly what: string
  readonly write?: (builder: MessageBuilder) => void
}

/** A question under way. */
interface Exchange {
  readonly port: number
  readonly message: (bytes: Uint8Array, offset: number, length: number) => void
  readonly end: (error?: unknown) => void
  readonly progress: () => void
  readonly what: string
}

/** What is no request is passed over; but it cannot be sent to a port that nobody has. */
const noop = new MessageBuilder().message(NLMSG_NOOP, 0, 0).bytes

const familyPolicy = policy({ id: required(u16(CTRL_ATTR_FAMILY_ID)) })

export class ControlClient {
  readonly #socket: UserSocket
  readonly #timeoutMs: number
  /** By sequence number. */
  readonly #exchanges = new Map<number, Exchange>()
  #seq = 0

  constructor(native: Native, { timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {}) {
    this.#timeoutMs = timeoutMs
    this.#socket = UserSocket.open(native, [0], (bytes, length, sender) => this.#receive(bytes, length, sender))
    this.#socket.unref()
  }

  /** Message type of vnet_nl at a port. */
  async family(port: number): Promise<number> {
    const what = `${VNET_GENL_NAME} on port ${port}`
    const write = (builder: MessageBuilder) => void builder.string(CTRL_ATTR_FAMILY_NAME, VNET_GENL_NAME)
    const request = {
      type: GENL_ID_CTRL,
      cmd: CTRL_CMD_GETFAMILY,
      version: CTRL_VERSION,
      flags: NLM_F_ACK,
      what,
      write,
    }
    const [found] = await this.#ask(port, request, familyPolicy)
    if (found === undefined) throw new VnetError(EPROTO, what)
    return found.id
  }

  /** The devices of the vnet at a port. */
  async devices(port: number): Promise<Device[]> {
    const found = await this.#dump(port, VNET_CMD_GET_DEVICES, 'GET_DEVICES')
    return found.map(device)
  }

  /** Statistics of one of its devices, with its queues; undefined when it is gone. */
  async stats(port: number, { ifindex, name, netns }: Device): Promise<DeviceStats | undefined> {
    const found = await this.#dump(port, VNET_CMD_GET_STATS, `GET_STATS ${name}`, builder => {
      builder.u32(VNET_ATTR_IFINDEX, ifindex).string(VNET_ATTR_IFNAME, name).u32(VNET_ATTR_SCOPE, VNET_SCOPE_QUEUE)
    })
    // Two namespaces may have the same name and number.
    const ours = found.filter(answer => answer.netns === netns)
    const [sum, ...queues] = ours
    return sum === undefined ? undefined : deviceStats(sum, queues)
  }

  /** Questions under way end with an error. Idempotent. */
  close(): void {
    this.#socket.close()
    for (const { end, what } of [...this.#exchanges.values()]) end(new VnetError(ETIMEDOUT, what))
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async #dump(
    port: number,
    cmd: number,
    what: string,
    write: (builder: MessageBuilder) => void = () => {},
  ): Promise<Answer[]> {
    const type = await this.family(port)
    return this.#ask(port, { type, cmd, version: VNET_GENL_VERSION, flags: NLM_F_DUMP, what, write }, answerPolicy)
  }

  /** Sends a request and collects what its answers hold. */
  #ask<F extends Fields>(port: number, request: Request, policy: Policy<F>): Promise<Decoded<F>[]> {
    const answers: Decoded<F>[] = []
    const { type, cmd, version, flags, what, write } = request
    this.#seq = (this.#seq + 1) >>> 0
    const seq = this.#seq
    const builder = new MessageBuilder().message(type, NLM_F_REQUEST | flags, seq).payload(genlmsghdr(cmd, version))
    write?.(builder)
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout
      const end = (error?: unknown) => {
        clearTimeout(timer)
        this.#exchanges.delete(seq)
        if (this.#exchanges.size === 0) this.#socket.unref()
        if (error === undefined) resolve(answers)
        else reject(error)
      }
      const wait = (left: number) => {
        const ms = Math.min(left, PROBE_MS)
        timer = setTimeout(() => {
          const late = `it has not answered for ${this.#timeoutMs / 1000} s`
          if (ms === left) end(new VnetError(ETIMEDOUT, what, late))
          else if (this.#socket.send(port, noop) === -ECONNREFUSED) end(new VnetError(ECONNREFUSED, what))
          else wait(left - ms)
        }, ms)
      }
      const progress = () => {
        clearTimeout(timer)
        wait(this.#timeoutMs)
      }
      const message = (bytes: Uint8Array, offset: number, length: number) =>
        void answers.push(decodeAttributes(policy, bytes, offset, length))
      if (this.#exchanges.size === 0) this.#socket.ref()
      this.#exchanges.set(seq, { port, message, end, progress, what })
      progress()
      this.#send(seq, builder.bytes)
    })
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
        if (exchange === undefined || exchange.port !== sender) continue
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
