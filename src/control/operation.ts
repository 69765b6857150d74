/**
 * Operations of a generic netlink family: what a command takes and what it answers. An operation says no by throwing a VnetError,
 * whose advice is the text the client gets; the octets of a request are checked by its policy before it sees them.
 */
import { type Decoded, decodeAttributes, type Fields, type MessageBuilder, type Policy } from '../netlink/index.ts'

/** Writes the attributes of one message of an answer. */
export type Write = (builder: MessageBuilder) => void

export interface Operation {
  readonly cmd: number
  /** The command of its answers. */
  readonly answerCmd: number
  /** Answers a request with one message. The octets may be used during the call only. */
  readonly doit: ((bytes: Uint8Array, offset: number, length: number) => Write) | undefined
  /** Answers a request with a message for each of many things, which are made as the client takes them. */
  readonly dumpit: ((bytes: Uint8Array, offset: number, length: number) => Iterable<Write>) | undefined
}

export interface Family {
  /** The type of its messages. */
  readonly id: number
  readonly name: string
  readonly version: number
  readonly maxattr: number
  readonly operations: readonly Operation[]
}

export interface OperationOptions<F extends Fields> {
  readonly cmd: number
  readonly answerCmd?: number
  /** What a request may hold. */
  readonly policy: Policy<F>
  readonly doit?: (request: Decoded<F>) => Write
  readonly dumpit?: (request: Decoded<F>) => Iterable<Write>
}

/** An operation whose functions get requests decoded by its policy. */
export function operation<F extends Fields>(options: OperationOptions<F>): Operation {
  const { cmd, answerCmd = cmd, policy, doit, dumpit } = options
  return {
    cmd,
    answerCmd,
    doit: doit && ((bytes, offset, length) => doit(decodeAttributes(policy, bytes, offset, length))),
    dumpit: dumpit && ((bytes, offset, length) => dumpit(decodeAttributes(policy, bytes, offset, length))),
  }
}
