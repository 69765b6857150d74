/** Turns a program's datagram into requests for a vnet, and the replies into the program's. */
import { expect, test } from 'vitest'
import * as netlink from '#src/netlink/index.ts'
import { Relayed } from '../src/relay.ts'

const FAMILY = 0x3f0
const PORT = 4711

function relay(...flags: number[]) {
  const builder = new netlink.MessageBuilder()
  for (const [i, each] of flags.entries()) {
    builder
      .message(FAMILY, netlink.NLM_F_REQUEST | each, 100 + i, 9)
      .payload(netlink.genlmsghdr(1, 1))
  }
  let seq = 500
  const octets = builder.bytes.slice()
  return { octets, relayed: new Relayed(octets, PORT, () => ++seq) }
}

const heads = (octets: Uint8Array | undefined) =>
  octets &&
  [...netlink.messages(octets)].map(({ type, flags, seq, portid }) => ({
    type,
    flags,
    seq,
    portid,
  }))

/** The driver's acknowledgement of its request n. */
function ack(question: Uint8Array, n: number, error = 0) {
  const builder = new netlink.MessageBuilder()
  netlink.writeAck(builder, question, [...netlink.messages(question)][n]!, 77, { error })
  return builder.bytes
}

test('the vnet sees the supervisor’s sequence numbers, no port, and a request for an acknowledgement', () => {
  const { octets, relayed } = relay(0, netlink.NLM_F_ACK, netlink.NLM_F_DUMP)
  expect(heads(relayed.question)).toEqual([
    { type: FAMILY, flags: netlink.NLM_F_REQUEST | netlink.NLM_F_ACK, seq: 501, portid: 0 },
    { type: FAMILY, flags: netlink.NLM_F_REQUEST | netlink.NLM_F_ACK, seq: 502, portid: 0 },
    { type: FAMILY, flags: netlink.NLM_F_REQUEST | netlink.NLM_F_DUMP, seq: 503, portid: 0 },
  ])
  expect(heads(octets)?.map(({ seq }) => seq)).toEqual([100, 101, 102])
})

test('the program sees its own numbers, its port, and only the acknowledgements that it requested', () => {
  const { relayed } = relay(0, netlink.NLM_F_ACK)
  const reply = new netlink.MessageBuilder()
    .message(FAMILY, 0, 501, 77)
    .payload(netlink.genlmsghdr(1, 1))
    .string(1, 'x').bytes
  expect(heads(relayed.answer(reply, reply.length))).toEqual([
    { type: FAMILY, flags: 0, seq: 100, portid: PORT },
  ])
  const first = ack(relayed.question, 0)
  expect(relayed.answer(first, first.length)).toBeUndefined()
  expect(relayed.isAnswered).toBe(false)
  const second = ack(relayed.question, 1)
  const answer = relayed.answer(second, second.length)!
  expect(heads(answer)).toMatchObject([{ type: 2, seq: 101, portid: PORT }])
  // It quotes the request as the program sent it.
  expect([...answer.subarray(20 + 8, 20 + 12)]).toEqual([101, 0, 0, 0])
  expect(relayed.isAnswered).toBe(true)
})

test('an error reaches the program, even without NLM_F_ACK', () => {
  const { relayed } = relay(0)
  const refusal = ack(relayed.question, 0, -95)
  const answer = relayed.answer(refusal, refusal.length)!
  expect(netlink.parseAck(answer, [...netlink.messages(answer)][0]!)).toMatchObject({ error: -95 })
  expect(relayed.isAnswered).toBe(true)
})

test('a dump ends with NLMSG_DONE; messages of other requests and malformed ones are left out', () => {
  const { relayed } = relay(netlink.NLM_F_DUMP)
  const other = new netlink.MessageBuilder()
    .message(FAMILY, 2, 999, 77)
    .payload(netlink.genlmsghdr(1, 1)).bytes
  expect(relayed.answer(other, other.length)).toBeUndefined()
  expect(relayed.answer(Uint8Array.of(1, 2, 3), 3)).toBeUndefined()
  const builder = new netlink.MessageBuilder()
    .message(FAMILY, 2, 501, 77)
    .payload(netlink.genlmsghdr(1, 1))
  netlink.writeDone(builder, 501, 77, { error: 0 })
  expect(heads(relayed.answer(builder.bytes, builder.bytes.length))).toMatchObject([
    { type: FAMILY, seq: 100, portid: PORT },
    { type: 3, seq: 100, portid: PORT },
  ])
  expect(relayed.isAnswered).toBe(true)
})
