/**
 * ControlClient asks running vnets of this network namespace, by their netlink ports. Questions to different vnets may be under
 * way at once; a vnet answers one dump of a client at a time. Each ends with its answer, or with a VnetError: ECONNREFUSED
 * where nobody listens, ETIMEDOUT where nobody answers.
 */
import { EAGAIN, EPROTO, ETIMEDOUT, VnetError } from '../core/errno.ts'
import { type LinkStats64, linkStats64Fields } from '../core/stats.ts'
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
  type Policy,
  parseAck,
  parseGenl,
  policy,
  required,
  u16,
} from '../netlink/index.ts'
import {
  answerPolicy,
  VNET_ATTR_IFINDEX,
  VNET_ATTR_IFNAME,
  VNET_ATTR_SCOPE,
  VNET_CMD_GET_DEVICES,
  VNET_CMD_GET_STATS,
  VNET_DROP_TX,
  VNET_GENL_NAME,
  VNET_GENL_VERSION,
  VNET_SCOPE_QUEUE,
} from './family.ts'
import { UserSocket } from './socket.ts'

/** How long a vnet may take for the next part of its answer. */
const TIMEOUT_MS = 5000
/** One whose receive buffer is full is asked again after this time. */
const RETRY_MS = 5

/** A device of a running vnet. */
export interface Device {
  readonly ifindex: number
  readonly name: string
  /** Where it is, if not in the namespace of its program. */
  readonly netns: string | undefined
}

/** Its statistics at one moment. */
export interface DeviceStats extends Device {
  readonly total: LinkStats64
  /** Row q: transmit queue q and, for q < rxQueues, receive queue q. */
  readonly queues: readonly LinkStats64[]
  readonly rxQueues: number
  /** Drops by reason, of frames the host sent and of frames for it. */
  readonly drops: { readonly tx: Readonly<Record<string, number>>; readonly rx: Readonly<Record<string, number>> }
  /** What the kernel counted since the device was opened; undefined when the interface is just going. */
  readonly kernel: LinkStats64 | undefined
}

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
  ): Promise<Decoded<typeof answerPolicy.fields>[]> {
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
      const progress = () => {
        clearTimeout(timer)
        const late = `it has not answered for ${this.#timeoutMs / 1000} s`
        timer = setTimeout(() => end(new VnetError(ETIMEDOUT, what, late)), this.#timeoutMs)
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
          exchange.end(error)
        }
      }
    } catch (error) {
      if (!(error instanceof NetlinkParseError)) throw error
    }
  }
}

function failure({ error, message }: Ack, what: string): VnetError | undefined {
  return error === 0 ? undefined : new VnetError(error, what, message)
}

type Answer = Decoded<typeof answerPolicy.fields>

function device({ ifindex, ifname, netns }: Answer): Device {
  return { ifindex, name: ifname, netns }
}

function deviceStats(sum: Answer, queues: readonly Answer[]): DeviceStats {
  const drops = { tx: {} as Record<string, number>, rx: {} as Record<string, number> }
  for (const { way, reason, frames } of sum.drops ?? []) {
    drops[way === VNET_DROP_TX ? 'tx' : 'rx'][reason] = Number(frames)
  }
  return {
    ...device(sum),
    total: linkStats(sum.stats),
    queues: queues.map(({ stats }) => linkStats(stats)),
    rxQueues: sum.numRxQueues ?? 0,
    drops,
    kernel: sum.kernelStats && linkStats(sum.kernelStats),
  }
}

function linkStats(stats: Answer['stats'] = {}): LinkStats64 {
  return Object.fromEntries(linkStats64Fields.map(field => [field, Number(stats[field] ?? 0)])) as LinkStats64
}
