/**
 * Makes requests and collects the replies that a client gets, without sockets.
 */

import type { Family } from '#src/control/operations/operation.ts'
import { commands } from '#src/control/protocol/family.ts'
import { type Client, dispatch } from '#src/control/server/dispatch.ts'
import * as netlink from '#src/netlink/index.ts'

const PORT = 4242

export function request(
  type: number,
  cmd: number,
  {
    flags = 0,
    seq = 1,
    write = (_: netlink.MessageBuilder) => {},
  }: { flags?: number; seq?: number; write?: (b: netlink.MessageBuilder) => unknown } = {},
): Uint8Array {
  const builder = new netlink.MessageBuilder()
    .message(type, netlink.NLM_F_REQUEST | flags, seq, PORT)
    .payload(netlink.genlmsghdr(cmd, 1))
  write(builder)
  return builder.bytes
}

export interface Sent {
  readonly datagrams: Uint8Array[]
  readonly dumped: Uint8Array[]
}

export interface AskOptions {
  /** The right that the client lacks. */
  readonly missing?: string | undefined
  readonly onDefect?: (error: unknown) => void
}

export function ask(
  families: ReadonlyMap<number, Family>,
  octets: Uint8Array,
  options: AskOptions = {},
): Sent {
  const { missing, onDefect = fail } = options
  const sent: Sent = { datagrams: [], dumped: [] }
  const client: Client = {
    missing,
    missingToCapture: missing,
    share: 0,
    privileged: missing === undefined,
    onDrained: undefined,
    handOver: () => {},
    notify: () => true,
    send: octets => void sent.datagrams.push(octets.slice()),
    dump(parts) {
      for (let done: boolean | undefined = false; !done; ) {
        const next = parts.next()
        sent.dumped.push(next.value.slice())
        done = next.done
      }
    },
  }
  dispatchAll(families, octets, octets.length, client, onDefect)
  return sent
}

/** Dispatches the messages in `length` bytes like a connection, up to the first incomplete one. */
export function dispatchAll(
  families: ReadonlyMap<number, Family>,
  bytes: Uint8Array,
  length: number,
  client: Client,
  onDefect: (error: unknown) => void,
): void {
  for (let at = 0; length - at >= 16; ) {
    const size = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0, true)
    if (size < 16 || size > length - at) return
    dispatch({ families, builder: new netlink.MessageBuilder(), onDefect }, client, bytes, at, size)
    at += (size + 3) & ~3
  }
}

function fail(error: unknown): void {
  throw error
}

const replies: ReadonlyMap<number, netlink.Policy<netlink.Fields>> = new Map(
  Object.values(commands).flatMap(command =>
    'reply' in command ? [[command.cmd, command.reply]] : [],
  ),
)

/**
 * Returns the contents of the replies, by default decoded by the policy of their command, and the
 * acknowledgements.
 */
export function read({ datagrams, dumped }: Sent, by?: netlink.Policy<netlink.Fields>) {
  const answers: Record<string, unknown>[] = []
  const acks: netlink.Ack[] = []
  for (const octets of [...datagrams, ...dumped]) {
    for (const message of netlink.messages(octets)) {
      if (message.type === netlink.NLMSG_ERROR || message.type === netlink.NLMSG_DONE) {
        acks.push(netlink.parseAck(octets, message))
      } else {
        const { cmd, offset, length } = netlink.parseGenl(octets, message)
        answers.push(netlink.decodeAttributes(by ?? replies.get(cmd)!, octets, offset, length))
      }
    }
  }
  return { answers, acks }
}
