/**
 * Operations of a generic netlink family: the requests, replies and refusals of a command. An
 * operation refuses a request by throwing a VnetError, with the text for the client as its advice.
 */
import { EINVAL, VnetError, type Work } from '../../base/index.ts'
import * as netlink from '../../netlink/index.ts'
import type { Detached } from '../protocol/detached.ts'

/** Writes the attributes of one message of a reply. */
export type Write = (builder: netlink.MessageBuilder) => void

/** The client that made a request, as the kernel vouches for it. */
export interface Caller extends Pick<Work, 'share' | 'privileged'> {
  /** A few words about the right that the client lacks to change something; undefined if it may. */
  readonly missing: string | undefined
  /** The right that it lacks to capture frames, likewise. */
  readonly missingToCapture: string | undefined
  /** Sends a message that is not a reply if it fits; returns whether it was sent. */
  notify(bytes: Uint8Array): boolean
  /** Called, while it is set, when the client has read everything that was sent. */
  onDrained: (() => void) | undefined
  /** Gives the connection to `heir` after the acknowledgement; without a client closes `heir`. */
  handOver(heir: Heir): void
}

/** A caller that is not a client: the program itself, with all rights. */
export const NO_CLIENT: Caller = {
  share: 'local',
  privileged: true,
  missing: undefined,
  missingToCapture: undefined,
  notify: () => false,
  onDrained: undefined,
  handOver: heir => heir.close(),
}

/** Takes over the connection of a client. */
export interface Heir {
  take(connection: Detached): void
  close(): void
}

/** The rest of a reply that another thread makes. */
export interface Later {
  /** Called, once or more, when the client has read everything: the next part may be made. */
  more(): void
  /** Called if the connection ends before the last part. */
  close(): void
}

/**
 * One command of a family. The dispatcher has decoded nothing but the header, and has checked
 * `changes` against the client's rights. An exception that is a VnetError refuses the request; any
 * other is a defect, which is logged.
 */
export interface Operation {
  readonly cmd: number
  /** The command of its replies. */
  readonly replyCmd: number
  /** Reserved for clients that may change something (GENL_ADMIN_PERM). */
  readonly changes: boolean
  readonly policy: netlink.Policy<netlink.Fields>
  /** Replies with one message, or with the acknowledgement alone. Keeps no reference to `bytes`. */
  readonly doit:
    | ((bytes: Uint8Array, offset: number, length: number, caller: Caller) => Write | undefined)
    | undefined
  /** Replies with one message for each of many things. They are made as the client reads them. */
  readonly dumpit:
    | ((bytes: Uint8Array, offset: number, length: number, caller: Caller) => Iterable<Write>)
    | undefined
}

/**
 * A generic netlink family, as nlctrl describes it to clients and as the dispatcher finds its
 * operations.
 */
export interface Family {
  /** The type of its messages. */
  readonly id: number
  readonly name: string
  readonly version: number
  readonly maxattr: number
  readonly operations: readonly Operation[]
  readonly groups?: readonly { readonly name: string; readonly id: number }[]
}

/** A command of a family, and the attributes of its messages. */
export interface Command<F extends netlink.Fields, R extends netlink.Fields> {
  readonly cmd: number
  /** The command of its replies, if it is another. */
  readonly replyCmd?: number
  readonly changes?: boolean
  readonly request: netlink.Policy<F>
  readonly reply?: netlink.Policy<R>
}

/** Return the values of a reply or, for what no policy describes, a function that writes it. */
interface Handlers<F extends netlink.Fields, R extends netlink.Fields> {
  readonly doit?: (
    request: netlink.Decoded<F>,
    caller: Caller,
  ) => netlink.Encodable<R> | Write | undefined
  readonly dumpit?: (
    request: netlink.Decoded<F>,
    caller: Caller,
  ) => Iterable<netlink.Encodable<R> | Write>
}

/** Makes an operation of functions that take decoded requests. */
export function operation<F extends netlink.Fields, R extends netlink.Fields>(
  { cmd, replyCmd = cmd, changes = false, request: policy, reply }: Command<F, R>,
  { doit, dumpit }: Handlers<F, R>,
): Operation {
  const write = (values: netlink.Encodable<R> | Write): Write =>
    typeof values === 'function'
      ? values
      : builder => reply && netlink.encodeAttributes(builder, reply, values)
  function* writes(replies: Iterable<netlink.Encodable<R> | Write>): Generator<Write> {
    for (const values of replies) {
      yield write(values)
    }
  }
  return {
    cmd,
    replyCmd,
    changes,
    policy,
    doit:
      doit &&
      ((bytes, offset, length, caller) => {
        const values = doit(netlink.decodeAttributes(policy, bytes, offset, length), caller)
        return values && write(values)
      }),
    // Decodes immediately: the bytes of the request are invalid when the first message is made.
    dumpit:
      dumpit &&
      ((bytes, offset, length, caller) =>
        writes(dumpit(netlink.decodeAttributes(policy, bytes, offset, length), caller))),
  }
}

/** A refusal because of one attribute of the request; the client learns which and where. */
export class Refusal extends VnetError {
  /** The type of the attribute. */
  readonly attribute: number

  constructor(errno: number, attribute: number, text: string) {
    super(errno, 'vnet_nl', text)
    this.attribute = attribute
  }
}

/** A required attribute is missing: EINVAL. */
export class MissingAttribute extends Refusal {
  constructor(attribute: number, text: string) {
    super(EINVAL, attribute, text)
  }
}
