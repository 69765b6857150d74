/**
 * A program's datagram on its way to a driver and back. The driver sees sequence numbers of ours, so that no late answer is taken for
 * another's, and is asked to acknowledge everything, so that there is an end to wait for; the program sees its own numbers, its own
 * port, and no acknowledgement that it did not ask for.
 */
import {
  messages,
  NetlinkParseError,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  parseAck,
  putU16,
  putU32,
} from '../../netlink/index.ts'
import { joined, messageAt } from './datagrams.ts'

/** Offsets in struct nlmsghdr, and of the one that an NLMSG_ERROR quotes. */
const FLAGS_AT = 6
const SEQ_AT = 8
const PORT_AT = 12
const QUOTED_AT = NLMSG_HDRLEN + 4

/** What a message was before. */
interface Asked {
  readonly flags: number
  readonly seq: number
  readonly portid: number
}

export class Relayed {
  /** For the driver. */
  readonly question: Uint8Array
  readonly #port: number
  /** By our sequence number: those that are not answered in full. */
  readonly #asked = new Map<number, Asked>()

  /** `octets` are whole messages, for the driver each; answers are to `port`. */
  constructor(octets: Uint8Array, port: number, nextSeq: () => number) {
    this.question = octets.slice()
    this.#port = port
    for (const { flags, seq, portid, offset } of messages(octets)) {
      const at = offset - NLMSG_HDRLEN
      const ours = nextSeq()
      this.#asked.set(ours, { flags, seq, portid })
      // The end of a dump is its acknowledgement.
      const ack = (flags & NLM_F_DUMP) === NLM_F_DUMP ? 0 : NLM_F_ACK
      putU16(this.question, at + FLAGS_AT, flags | ack)
      putU32(this.question, at + SEQ_AT, ours)
      putU32(this.question, at + PORT_AT, 0)
    }
  }

  /** The sequence numbers that the driver sees. */
  get seqs(): readonly number[] {
    return [...this.#asked.keys()]
  }

  get isAnswered(): boolean {
    return this.#asked.size === 0
  }

  /** What of a datagram of the driver's is for the program, as one datagram; undefined when nothing is. */
  answer(bytes: Uint8Array, length: number): Uint8Array | undefined {
    const parts: Uint8Array[] = []
    try {
      for (const message of messages(bytes, 0, length)) {
        const asked = this.#asked.get(message.seq)
        if (asked === undefined) continue
        const part = messageAt(bytes, message)
        putU32(part, SEQ_AT, asked.seq)
        putU32(part, PORT_AT, this.#port)
        if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) this.#asked.delete(message.seq)
        if (message.type === NLMSG_ERROR) {
          const { error } = parseAck(bytes, message)
          if (error === 0 && (asked.flags & NLM_F_ACK) === 0) continue
          putU16(part, QUOTED_AT + FLAGS_AT, asked.flags)
          putU32(part, QUOTED_AT + SEQ_AT, asked.seq)
          putU32(part, QUOTED_AT + PORT_AT, asked.portid)
        }
        parts.push(part)
      }
    } catch (error) {
      if (!(error instanceof NetlinkParseError)) throw error
    }
    return parts.length === 0 ? undefined : joined(parts)
  }
}
