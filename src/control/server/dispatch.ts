/**
 * Dispatches requests like the kernel's generic netlink, without a socket. Every request gets its
 * messages, an acknowledgement if it asks for one, or a refusal with a text and, for a bad or
 * missing attribute, its place.
 */
import { EINVAL, EIO, ENOENT, EOPNOTSUPP, EPERM, explain, VnetError } from '../../base/errno.ts'
import * as netlink from '../../netlink/index.ts'
import {
  type Caller,
  type Family,
  MissingAttribute,
  Refusal,
  type Write,
} from '../operations/operation.ts'

/** A part of a dump ends with the message that reaches this many bytes. */
const PART_BYTES = 8192

/** The parts of a dump; the last is returned. A part is valid until anything else is written. */
export type Parts = Iterator<Uint8Array, Uint8Array>

/**
 * The sender of a request, as dispatch() replies to it. `send` and `dump` never wait: a Session
 * queues what the client has not read, and serves no further request until then.
 */
export interface Client extends Caller {
  /** Sends messages; `bytes` is valid during the call only. */
  send(bytes: Uint8Array): void
  /** Sends the parts as the client reads them; its next request is dispatched after the last. */
  dump(parts: Parts): void
  /** True if an operation has left the reply, with its acknowledgement, to another thread. */
  readonly isDeferred?: boolean
}

/** The parts of a server that all its clients share. */
export interface Dispatch {
  readonly families: ReadonlyMap<number, Family>
  /** All replies are written into it, one after the other. */
  readonly builder: netlink.MessageBuilder
  /** Called with an unexpected exception: a defect of vnet, or of a driver. */
  readonly onDefect: (error: unknown) => void
}

/** Dispatches the request of `length` bytes at `at`, which must be a whole message. */
export function dispatch(
  shared: Dispatch,
  client: Client,
  bytes: Uint8Array,
  at: number,
  length: number,
): void {
  const message = netlink.readMessage(bytes, at, at + length)
  let continues = false
  let answer: netlink.Answer = { error: 0 }
  try {
    // Other messages mean nothing here; like the kernel we acknowledge them.
    if ((message.flags & netlink.NLM_F_REQUEST) !== 0 && message.type >= netlink.NLMSG_MIN_TYPE) {
      continues = perform(shared, client, bytes, message)
    }
  } catch (error) {
    answer = refusal(error, bytes, message, shared.onDefect)
  }
  // The end of a dump is its acknowledgement.
  if (continues || (answer.error === 0 && (message.flags & netlink.NLM_F_ACK) === 0)) return
  const builder = shared.builder.reset()
  netlink.writeAck(builder, bytes, message, message.portid, answer)
  client.send(builder.bytes)
}

/** Sends the reply to a request; returns true if the rest follows later. Throws a refusal. */
function perform(
  shared: Dispatch,
  client: Client,
  bytes: Uint8Array,
  message: netlink.Message,
): boolean {
  const { families, builder } = shared
  const family = families.get(message.type)
  if (family === undefined) {
    throw new VnetError(ENOENT, 'vnet_nl', `there is no family ${message.type}`)
  }
  const request = netlink.parseGenl(bytes, message)
  const { offset, length } = request
  const operation = family.operations.find(({ cmd }) => cmd === request.cmd)
  if (operation === undefined) throw unsupported(family, request, 'is unknown')
  if (operation.changes && client.missing !== undefined) {
    throw new VnetError(EPERM, family.name, client.missing)
  }
  const header = netlink.genlmsghdr(operation.replyCmd, family.version)
  const begin = (flags: number) => {
    builder.message(family.id, flags, message.seq, message.portid).payload(header)
  }
  if ((message.flags & netlink.NLM_F_DUMP) === netlink.NLM_F_DUMP) {
    if (operation.dumpit === undefined) throw unsupported(family, request, 'has no dump')
    const items = operation.dumpit(bytes, offset, length, client)
    if (client.isDeferred !== true) {
      client.dump(parts(shared, message, begin, items))
    }
    return true
  }
  if (operation.doit === undefined) throw unsupported(family, request, 'has a dump only')
  const write = operation.doit(bytes, offset, length, client)
  if (write === undefined) return client.isDeferred === true
  builder.reset()
  begin(0)
  write(builder)
  client.send(builder.bytes)
  return false
}

/** `begin` starts a message. Not a closure: each would be a generator with a shape of its own. */
function* parts(
  { builder, onDefect }: Dispatch,
  message: netlink.Message,
  begin: (flags: number) => void,
  items: Iterable<Write>,
): Generator<Uint8Array, Uint8Array> {
  let answer: netlink.Answer = { error: 0 }
  builder.reset()
  try {
    for (const write of items) {
      begin(netlink.NLM_F_MULTI)
      write(builder)
      if (builder.length < PART_BYTES) continue
      yield builder.bytes
      builder.reset()
    }
  } catch (error) {
    builder.reset()
    // The request's bytes are invalid by now: a Refusal has no place.
    answer = refusal(error, undefined, message, onDefect)
  }
  netlink.writeDone(builder, message.seq, message.portid, answer)
  return builder.bytes
}

/** Returns the reply to a failed request; without `bytes` it names no place. */
function refusal(
  error: unknown,
  bytes: Uint8Array | undefined,
  message: netlink.Message,
  onDefect: Dispatch['onDefect'],
): netlink.Answer {
  if (error instanceof netlink.NetlinkParseError) {
    const { attribute, reason, missing } = error
    const text = attribute === '' ? reason : `${attribute}: ${reason}`
    const offset = error.offset - (message.offset - netlink.NLMSG_HDRLEN)
    if (missing === undefined) return { error: -EINVAL, message: text, offset }
    const nest = attribute.includes('.') ? { missingNest: offset - netlink.NLA_HDRLEN } : undefined
    return { error: -EINVAL, message: text, missingType: missing, ...nest }
  }
  if (!(error instanceof VnetError)) {
    onDefect(error)
    return { error: -EIO, message: 'the driver failed to answer' }
  }
  const [number, text] = [-error.errno, error.advice ?? explain(error)]
  if (error instanceof MissingAttribute) {
    return { error: number, message: text, missingType: error.attribute }
  }
  const offset = error instanceof Refusal && bytes && placeOf(error.attribute, bytes, message)
  return offset ? { error: number, message: text, offset } : { error: number, message: text }
}

/** The place of the last attribute of a type, which takes effect. */
function placeOf(type: number, bytes: Uint8Array, message: netlink.Message): number | undefined {
  const { offset, length } = netlink.parseGenl(bytes, message)
  const found = [...netlink.attributes(bytes, offset, length)].findLast(
    attribute => attribute.type === type,
  )
  return found && found.offset - netlink.NLA_HDRLEN - (message.offset - netlink.NLMSG_HDRLEN)
}

function unsupported({ name }: Family, { cmd }: netlink.GenlMessage, why: string): VnetError {
  return new VnetError(EOPNOTSUPP, name, `command ${cmd} of ${name} ${why}`)
}
