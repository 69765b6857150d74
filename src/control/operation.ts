/**
 * Operations of a generic netlink family: what a command takes and what it answers. An operation says no by throwing a VnetError,
 * whose advice is the text the client gets; the octets of a request are checked by its policy before it sees them.
 */
import { type Decoded, decodeAttributes, type Fields, type MessageBuilder, type Policy } from '../netlink/index.ts'

/** Writes the attributes of one message of an answer. */
export type Write = (builder: MessageBuilder) => void

/** Who asks, as the kernel says. */
export interface Caller {
  /** What the caller lacks to change something, in a few words; undefined for one who may. */
  readonly missing: string | undefined
  /** Sends a message that is not an answer, unless there is no room for it; returns whether it was sent. */
  tell(octets: Uint8Array): boolean
  /** Called, when it is set, once the caller has read all that was sent. */
  onDrained: (() => void) | undefined
}

export interface Operation {
  readonly cmd: number
  /** The command of its answers. */
  readonly answerCmd: number
  /** Only for who may change something (GENL_ADMIN_PERM). */
  readonly changes: boolean
  /** What a request may hold. */
  readonly policy: Policy<Fields>
  /** Answers a request with one message, or with its acknowledgement alone. The octets may be used during the call only. */
  readonly doit: ((bytes: Uint8Array, offset: number, length: number, caller: Caller) => Write | undefined) | undefined
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
  /** Its multicast groups. */
  readonly groups?: readonly { readonly name: string; readonly id: number }[]
}

export interface OperationOptions<F extends Fields> {
  readonly cmd: number
  readonly answerCmd?: number
  readonly changes?: boolean
  readonly policy: Policy<F>
  readonly doit?: (request: Decoded<F>, caller: Caller) => Write | undefined
  readonly dumpit?: (request: Decoded<F>) => Iterable<Write>
}

/** An operation whose functions get requests decoded by its policy. */
export function operation<F extends Fields>(options: OperationOptions<F>): Operation {
  const { cmd, answerCmd = cmd, changes = false, policy, doit, dumpit } = options
  return {
    cmd,
    answerCmd,
    changes,
    policy,
    doit: doit && ((bytes, offset, length, caller) => doit(decodeAttributes(policy, bytes, offset, length), caller)),
    dumpit: dumpit && ((bytes, offset, length) => dumpit(decodeAttributes(policy, bytes, offset, length))),
  }
}
