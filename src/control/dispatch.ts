/**
 * A request from a client, and the answers to it, as the kernel's generic netlink gives them: every request is answered, by
 * messages, an acknowledgement if it asks for one, or a refusal with a text and the place of what is wrong. Knows no socket.
 */
import { EINVAL, EIO, ENOENT, EOPNOTSUPP, EPERM, VnetError } from '../core/errno.ts'
import {
  type Answer,
  attributes,
  type GenlMessage,
  genlmsghdr,
  type Message,
  MessageBuilder,
  messages,
  NetlinkParseError,
  NLA_HDRLEN,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_HDRLEN,
  NLMSG_MIN_TYPE,
  parseGenl,
  writeAck,
  writeDone,
} from '../netlink/index.ts'
import type { Caller, Family, Operation, Write } from './operation.ts'
import { MissingAttribute, Refusal } from './refusal.ts'

/** A part of a dump ends with the message that reaches this many bytes. */
const PART_OCTETS = 8192

/** The parts of a dump: each is valid until the next is asked for, and what it returns is the last. */
export type Parts = Iterator<Uint8Array, Uint8Array>

/** Who asks, and where the answers go. */
export interface Client extends Caller {
  /** Sends messages; the bytes are valid during the call only. */
  send(octets: Uint8Array): void
  /** Sends the parts as the client reads them; no other request of this client is dispatched before all are sent. */
  dump(parts: Parts): void
}

/** Called with an exception that is neither a refusal nor a malformed request: a defect of ours, or of a driver. */
export type OnDefect = (error: unknown) => void

/** Answers the request of `length` bytes at `at`, a whole message. */
export function dispatch(
  families: ReadonlyMap<number, Family>,
  bytes: Uint8Array,
  at: number,
  length: number,
  client: Client,
  onDefect: OnDefect,
): void {
  for (const message of messages(bytes, at, length)) answerOne(families, bytes, message, client, onDefect)
}

function answerOne(
  families: ReadonlyMap<number, Family>,
  bytes: Uint8Array,
  message: Message,
  client: Client,
  onDefect: OnDefect,
): void {
  let dumping = false
  let answer: Answer = { error: 0 }
  try {
    // What is no request, and netlink's own messages, mean nothing here; like the kernel we acknowledge them.
    if ((message.flags & NLM_F_REQUEST) !== 0 && message.type >= NLMSG_MIN_TYPE) {
      dumping = perform(families, bytes, message, client, onDefect)
    }
  } catch (error) {
    answer = refusal(error, bytes, message, onDefect)
  }
  // The end of a dump is its acknowledgement.
  if (dumping || (answer.error === 0 && (message.flags & NLM_F_ACK) === 0)) return
  const builder = new MessageBuilder()
  writeAck(builder, bytes, message, message.portid, answer)
  client.send(builder.bytes)
}

/** Sends what answers a request; true when that is a dump. Throws what refuses it. */
function perform(
  families: ReadonlyMap<number, Family>,
  bytes: Uint8Array,
  message: Message,
  client: Client,
  onDefect: OnDefect,
): boolean {
  const family = families.get(message.type)
  if (family === undefined) throw new VnetError(ENOENT, 'vnet_nl', `there is no family ${message.type}`)
  const request = parseGenl(bytes, message)
  const { offset, length } = request
  const operation = family.operations.find(({ cmd }) => cmd === request.cmd)
  if (operation === undefined) throw unsupported(family, request, 'is not known')
  if (operation.changes && client.missing !== undefined) throw new VnetError(EPERM, family.name, client.missing)
  if ((message.flags & NLM_F_DUMP) === NLM_F_DUMP) {
    if (operation.dumpit === undefined) throw unsupported(family, request, 'has no dump')
    const begin = (builder: MessageBuilder) => header(builder, family, operation, message, NLM_F_MULTI)
    const end = (builder: MessageBuilder, answer: Answer) => writeDone(builder, message.seq, message.portid, answer)
    // The request is gone by then: a Refusal has no place.
    const failed = (error: unknown) => refusal(error, undefined, message, onDefect)
    client.dump(parts(operation.dumpit(bytes, offset, length), begin, end, failed))
    return true
  }
  if (operation.doit === undefined) throw unsupported(family, request, 'has a dump only')
  const write = operation.doit(bytes, offset, length, client)
  if (write === undefined) return false
  const builder = new MessageBuilder()
  header(builder, family, operation, message, 0)
  write(builder)
  client.send(builder.bytes)
  return false
}

function header(
  builder: MessageBuilder,
  family: Family,
  { answerCmd }: Operation,
  { seq, portid }: Message,
  flags: number,
): void {
  builder.message(family.id, flags, seq, portid).payload(genlmsghdr(answerCmd, family.version))
}

function* parts(
  items: Iterable<Write>,
  begin: (builder: MessageBuilder) => void,
  end: (builder: MessageBuilder, answer: Answer) => void,
  failed: (error: unknown) => Answer,
): Generator<Uint8Array, Uint8Array> {
  const builder = new MessageBuilder(2 * PART_OCTETS)
  let answer: Answer = { error: 0 }
  try {
    for (const write of items) {
      begin(builder)
      write(builder)
      if (builder.bytes.length < PART_OCTETS) continue
      yield builder.bytes
      builder.reset()
    }
  } catch (error) {
    builder.reset()
    answer = failed(error)
  }
  end(builder, answer)
  return builder.bytes
}

function refusal(error: unknown, bytes: Uint8Array | undefined, message: Message, onDefect: OnDefect): Answer {
  if (error instanceof MissingAttribute) {
    return { error: -EINVAL, message: error.advice ?? error.message, missingType: error.attribute }
  }
  if (error instanceof Refusal && bytes !== undefined) {
    const offset = placeOf(error.attribute, bytes, message)
    return { error: -error.errno, message: error.advice ?? error.message, ...(offset === undefined ? {} : { offset }) }
  }
  if (error instanceof VnetError) return { error: -error.errno, message: error.advice ?? error.message }
  if (error instanceof NetlinkParseError) {
    const { attribute, reason, missing } = error
    const text = attribute === '' ? reason : `${attribute}: ${reason}`
    const offset = error.offset - (message.offset - NLMSG_HDRLEN)
    if (missing === undefined) return { error: -EINVAL, message: text, offset }
    const isInNest = attribute.includes('.')
    return {
      error: -EINVAL,
      message: text,
      missingType: missing,
      ...(isInNest ? { missingNest: offset - NLA_HDRLEN } : {}),
    }
  }
  onDefect(error)
  return { error: -EIO, message: 'the driver failed to answer' }
}

/** Of the last attribute of a type, which is the one that counts, in a request that was decoded well. */
function placeOf(type: number, bytes: Uint8Array, message: Message): number | undefined {
  const { offset, length } = parseGenl(bytes, message)
  const found = [...attributes(bytes, offset, length)].findLast(attribute => attribute.type === type)
  return found && found.offset - NLA_HDRLEN - (message.offset - NLMSG_HDRLEN)
}

function unsupported({ name }: Family, { cmd }: GenlMessage, why: string): VnetError {
  return new VnetError(EOPNOTSUPP, name, `command ${cmd} of ${name} ${why}`)
}
