/** Requests as many clients write them, and what a client that reads everything gets, without sockets. */
import { expect } from 'vitest'
import { type Client, dispatch } from '../../src/control/dispatch.ts'
import { answerPolicy } from '../../src/control/family.ts'
import type { Family } from '../../src/control/operation.ts'
import {
  type Ack,
  decodeAttributes,
  type Fields,
  genlmsghdr,
  MessageBuilder,
  messages,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Policy,
  parseAck,
  parseGenl,
} from '../../src/netlink/index.ts'

const PORT = 4242

export function request(
  type: number,
  cmd: number,
  {
    flags = 0,
    seq = 1,
    write = (_: MessageBuilder) => {},
  }: { flags?: number; seq?: number; write?: (b: MessageBuilder) => unknown } = {},
): Uint8Array {
  const builder = new MessageBuilder().message(type, NLM_F_REQUEST | flags, seq).payload(genlmsghdr(cmd, 1))
  write(builder)
  return builder.bytes
}

export interface Sent {
  readonly datagrams: Uint8Array[]
  readonly dumped: Uint8Array[]
}

export interface AskOptions {
  /** It has a dump under way. */
  readonly busy?: boolean
  readonly uid?: number
  readonly mayChange?: boolean
  readonly onDefect?: (error: unknown) => void
}

export function ask(families: ReadonlyMap<number, Family>, octets: Uint8Array, options: AskOptions = {}): Sent {
  const { busy = false, uid = 0, mayChange = uid === 0, onDefect = fail } = options
  const sent: Sent = { datagrams: [], dumped: [] }
  const client: Client = {
    ...{ port: PORT, uid, mayChange },
    send: octets => void sent.datagrams.push(octets.slice()),
    dump(parts) {
      if (busy) return false
      for (;;) {
        const { done, value } = parts.next()
        sent.dumped.push(value.slice())
        if (done) return true
      }
    },
  }
  dispatch(families, octets, octets.length, client, onDefect)
  return sent
}

function fail(error: unknown): void {
  throw error
}

/** The answers' contents, and how it ended. */
export function read({ datagrams, dumped }: Sent, by: Policy<Fields> = answerPolicy) {
  const answers: Record<string, unknown>[] = []
  const acks: Ack[] = []
  for (const octets of [...datagrams, ...dumped]) {
    for (const message of messages(octets)) {
      expect(message.portid).toBe(PORT)
      if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) acks.push(parseAck(octets, message))
      else {
        const { offset, length } = parseGenl(octets, message)
        answers.push(decodeAttributes(by, octets, offset, length))
      }
    }
  }
  return { answers, acks }
}
