/**
 * A vnet that is only its control socket: it answers what a test tells it to, as octets, and remembers what it was asked. It is
 * written on the codec alone, so that a client is not tested against a mistake that server and client share.
 */

import { UserSocket } from '../../src/control/socket.ts'
import { ENOENT, VnetError } from '../../src/core/errno.ts'
import type { Native } from '../../src/kernel/native.ts'
import {
  type Attribute,
  attributes,
  genlmsghdr,
  MessageBuilder,
  messages,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  parseGenl,
  writeAck,
  writeDone,
} from '../../src/netlink/index.ts'

export const VNET_PORT = 0x766e6574
const FAMILY = 0x3f0
const EVENT = 11

type Write = (builder: MessageBuilder) => void

/** A request as it came: its command, and its attributes' payloads by number. */
export interface Asked {
  readonly cmd: number
  readonly dump: boolean
  readonly attributes: Readonly<Record<number, Uint8Array>>
}

/** What a command is answered, message by message; a VnetError that it throws is the refusal. */
export type Answers = Readonly<Record<number, (asked: Asked) => readonly Write[]>>

export class FakeVnet implements Disposable {
  readonly asked: Asked[] = []
  readonly #answers: Answers
  readonly #socket: UserSocket
  readonly #subscribers = new Set<number>()
  #heard = () => {}

  constructor(native: Native, answers: Answers, port = VNET_PORT) {
    this.#answers = answers
    this.#socket = UserSocket.open(native, [port], (bytes, length, sender) => this.#answer(bytes, length, sender))
  }

  /** Settles when it has been asked for a command so many times. */
  async hears(cmd: number, times = 1): Promise<void> {
    while (this.asked.filter(asked => asked.cmd === cmd).length < times) {
      await new Promise<void>(resolve => {
        this.#heard = resolve
      })
    }
  }

  /** Sends an event to everybody who has asked for SUBSCRIBE. */
  event(write: Write): void {
    this.#tell(new MessageBuilder(), write)
  }

  /** The same, to those who had no room for the one before. */
  overrun(write: Write): void {
    this.#tell(new MessageBuilder().message(4, 0, 0), write)
  }

  #tell(builder: MessageBuilder, write: Write): void {
    write(builder.message(FAMILY, 0, 0).payload(genlmsghdr(EVENT, 1)))
    for (const port of this.#subscribers) this.#socket.send(port, builder.bytes)
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }

  #answer(bytes: Uint8Array, length: number, client: number): void {
    for (const message of messages(bytes, 0, length)) {
      if ((message.flags & NLM_F_REQUEST) === 0) continue
      const request = parseGenl(bytes, message)
      const found = [...attributes(bytes, request.offset, request.length)]
      const payload = ({ offset, length }: Attribute) => bytes.slice(offset, offset + length)
      const asked = {
        cmd: request.cmd,
        dump: (message.flags & NLM_F_DUMP) === NLM_F_DUMP,
        attributes: Object.fromEntries(found.map(attribute => [attribute.type, payload(attribute)])),
      }
      const builder = new MessageBuilder()
      const send = () => {
        this.#socket.send(client, builder.bytes)
        builder.reset()
      }
      try {
        const writes = message.type === FAMILY ? this.#perform(asked, client) : [this.#family]
        const type = message.type
        for (const write of writes) {
          builder.message(type, asked.dump ? NLM_F_MULTI : 0, message.seq, client).payload(genlmsghdr(asked.cmd, 1))
          write(builder)
          send()
        }
        if (asked.dump) writeDone(builder, message.seq, client, { error: 0 })
        else if (message.flags & NLM_F_ACK) writeAck(builder, bytes, message, client, { error: 0 })
      } catch (error) {
        if (!(error instanceof VnetError)) throw error
        writeAck(builder, bytes, message, client, { error: -error.errno, message: error.advice ?? error.message })
      }
      send()
    }
  }

  readonly #family: Write = builder => void builder.string(2, 'vnet_nl').u16(1, FAMILY)

  #perform(asked: Asked, client: number): readonly Write[] {
    this.asked.push(asked)
    this.#heard()
    const answer = this.#answers[asked.cmd]
    if (answer === undefined) throw new VnetError(ENOENT, 'fake', `nobody expects command ${asked.cmd}`)
    if (asked.cmd === 10) this.#subscribers.add(client)
    return answer(asked)
  }
}
