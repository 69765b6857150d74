/** What a server says of a request: its acknowledgement or refusal (NLMSG_ERROR), and the end of a dump (NLMSG_DONE). */
import {
  type Ack,
  NLMSGERR_ATTR_MISS_NEST,
  NLMSGERR_ATTR_MISS_TYPE,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
} from './ack.ts'
import type { MessageBuilder } from './builder.ts'
import { putU32 } from './host-order.ts'
import {
  type Message,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
} from './message.ts'

/** What an Ack says, as far as a server gives it. */
export type Answer = Omit<Ack, 'cookie'>

/**
 * Writes an NLMSG_ERROR for the request `message` found in `bytes`, to port `portid`. Of the request it quotes the header alone
 * (NLM_F_CAPPED), so that an answer is never longer than what it answers but by its text.
 */
export function writeAck(
  builder: MessageBuilder,
  bytes: Uint8Array,
  message: Message,
  portid: number,
  answer: Answer,
): void {
  const octets = new Uint8Array(4 + NLMSG_HDRLEN)
  putU32(octets, 0, answer.error)
  octets.set(bytes.subarray(message.offset - NLMSG_HDRLEN, message.offset), 4)
  builder.message(NLMSG_ERROR, NLM_F_CAPPED | tlvFlag(answer), message.seq, portid).payload(octets)
  writeTlvs(builder, answer)
}

/** Writes the NLMSG_DONE that ends a dump, well (error 0) or early. */
export function writeDone(builder: MessageBuilder, seq: number, portid: number, answer: Answer): void {
  const octets = new Uint8Array(4)
  putU32(octets, 0, answer.error)
  builder.message(NLMSG_DONE, NLM_F_MULTI | tlvFlag(answer), seq, portid).payload(octets)
  writeTlvs(builder, answer)
}

function tlvFlag({ message, offset, missingType }: Answer): number {
  return (message ?? offset ?? missingType) === undefined ? 0 : NLM_F_ACK_TLVS
}

function writeTlvs(builder: MessageBuilder, { message, offset, missingType, missingNest }: Answer): void {
  if (message !== undefined) builder.string(NLMSGERR_ATTR_MSG, message)
  if (offset !== undefined) builder.u32(NLMSGERR_ATTR_OFFS, offset)
  if (missingType !== undefined) builder.u32(NLMSGERR_ATTR_MISS_TYPE, missingType)
  if (missingNest !== undefined) builder.u32(NLMSGERR_ATTR_MISS_NEST, missingNest)
}
