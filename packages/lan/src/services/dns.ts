/**
 * The gateway's DNS, over UDP and TCP. It resolves the names of itself, of its hosts and of clients
 * with a lease, each with or without the domain. All other names do not exist: it queries no other
 * server. The codec is packet/dns.ts.
 */
import type { Socket } from 'node:net'
import { formatAddress } from 'vnet'
import { dns, long } from 'vnet/kit/packet'
import { Names, type ResolverConfig, reverse } from './dns-names.ts'
import { LATER, replyPaced, type TimeForWork } from './tcp-handlers.ts'

/** Seconds for which clients may cache a reply, and a negative reply: a lease may add the name. */
const TTL = 60
const NEGATIVE_TTL = 5
/** Queries of a step, about 50 us. */
const STEP_QUERIES = 4
/** Bytes that a query may have for nothing: a message of 64 KiB takes as much time as many. */
const QUERY_MAX = 512
/** Milliseconds that a TCP connection may be silent. */
const IDLE_MS = 10_000

/**
 * Returns the reply of at most `maxSize` bytes (65535 over TCP; default: the query's EDNS size), or
 * undefined if `query` is not one. The reply is valid until the next call. A malformed query does
 * not call `onReply`. Never throws.
 */
export type Resolver = (
  query: Uint8Array,
  maxSize?: number,
  onReply?: OnReply,
) => Uint8Array | undefined

/** Called with a query and its reply before the reply is written, for the log. */
export type OnReply = (question: dns.DnsQuestion, reply: dns.DnsReply) => void

/** Names that are not valid host names are ignored. */
export function createResolver(config: ResolverConfig): Resolver {
  const names = new Names(config)
  const writer = new dns.DnsWriter()
  return (bytes, maxSize, onReply) => {
    const query = dns.parseQuery(bytes)
    if (query === undefined) return undefined
    const { question, rcode } = query
    const isValid = rcode === dns.NOERROR && question !== undefined
    const reply = isValid ? resolve(question, names) : { rcode, flags: dns.DNS_RA }
    if (isValid) {
      onReply?.(question, reply)
    }
    return writer.write(query, reply, maxSize)
  }
}

function resolve(question: dns.DnsQuestion, names: Names): dns.DnsReply {
  const { type } = question
  if (type === dns.T_OPT) return { rcode: dns.FORMERR, flags: dns.DNS_RA }
  if (question.class !== dns.C_IN && question.class !== dns.C_ANY) {
    return { rcode: dns.REFUSED, flags: dns.DNS_RA }
  }
  if (type === dns.T_AXFR || type === dns.T_IXFR) return { rcode: dns.REFUSED, flags: dns.DNS_RA }
  const labels = dns.labelsOf(question.name)
  const records = recordsOf(question.name, labels, names)
  const answers = records?.filter(record => type === dns.T_ANY || record.type === type) ?? []
  const flags = dns.DNS_AA | dns.DNS_RA
  if (answers.length > 0) return { rcode: dns.NOERROR, flags, answers }
  const rcode = records === undefined ? dns.NXDOMAIN : dns.NOERROR
  return { rcode, flags, authority: [soa(names.zoneOf(labels), names, NEGATIVE_TTL)] }
}

/** Returns all records of a name: none if it only has subdomains, undefined if unknown. */
function recordsOf(
  name: Uint8Array,
  labels: readonly string[],
  names: Names,
): dns.DnsRecord[] | undefined {
  const record = (type: number, ...data: dns.DnsRecord['data']): dns.DnsRecord => ({
    name,
    type,
    ttl: TTL,
    data,
  })
  if (names.isZone(labels)) {
    return [{ ...soa(name, names, TTL), name }, record(dns.T_NS, { name: names.server })]
  }
  const digits = reverse(labels)
  if (digits !== undefined) {
    return names.pointers(digits)?.map(target => record(dns.T_PTR, { name: target }))
  }
  return names
    .addresses(labels)
    ?.map(address => record(address.length === 4 ? dns.T_A : dns.T_AAAA, address))
}

/** Serial, refresh, retry, expire, minimum. No secondary server reads the first four. */
const SOA_NUMBERS = Uint8Array.from([1, 3600, 600, 86400, NEGATIVE_TTL].flatMap(long))

function soa(zone: Uint8Array, names: Names, ttl: number): dns.DnsRecord {
  return {
    name: zone,
    type: dns.T_SOA,
    ttl,
    data: [{ name: names.server }, { name: names.mailbox }, SOA_NUMBERS],
  }
}

const RCODES: Readonly<Record<number, string>> = {
  0: 'NODATA',
  1: 'FORMERR',
  3: 'NXDOMAIN',
  5: 'REFUSED',
}

/** Returns `query[A] web.lan from 198.18.0.100` and `reply web.lan is 198.18.0.2`. */
export function dnsLines(
  from: string,
  { name, type }: dns.DnsQuestion,
  { rcode, answers = [] }: dns.DnsReply,
): string[] {
  const asked = dns.formatName(name)
  const replies = answers.length === 0 ? [RCODES[rcode] ?? `RCODE ${rcode}`] : answers.map(dataOf)
  return [
    `query[${typeName(type)}] ${asked} from ${from}`,
    ...replies.map(reply => `reply ${asked} is ${reply}`),
  ]
}

function dataOf({ type, data: [first] }: dns.DnsRecord): string {
  if ((type === dns.T_A || type === dns.T_AAAA) && first instanceof Uint8Array) {
    return formatAddress(first)
  }
  if (type === dns.T_PTR && first !== undefined && 'name' in first) {
    return dns.formatName(first.name)
  }
  return `<${typeName(type)}>`
}

const typeName = (type: number): string => dns.DNS_TYPES[type] ?? `type=${type}`

/** The parts of a server that its connections use. */
export interface DnsTcpServer {
  readonly turns: TimeForWork
  /** Returns the reply to a query, valid until the next call; undefined if it gets none. */
  answer(query: Uint8Array): Uint8Array | undefined
  /** Takes a query from the budget of the client. Returns false if none is left now. */
  take(): boolean
}

/**
 * Replies to the queries of a TCP connection in order, each after its length (RFC 1035 sec. 4.2.2),
 * within the time of work without rights. Queries wait while the client does not read its replies.
 * A query beyond the client's budget waits, and nothing more is read: a disconnected client would
 * open another connection, which costs more than its queries. Owns the socket, and destroys it
 * after IDLE_MS of silence.
 */
export function serveDnsOverTcp(socket: Socket, { turns, answer, take }: DnsTcpServer): void {
  let rest = Buffer.alloc(0)
  function* replies(chunk: Buffer): Generator<Buffer | typeof LATER> {
    for (let free = QUERY_MAX; free < chunk.length; free += QUERY_MAX) {
      while (!take()) {
        yield LATER
      }
    }
    rest = Buffer.concat([rest, chunk])
    let at = 0
    const lengthAt = () => (rest.length < at + 2 ? Number.POSITIVE_INFINITY : rest.readUInt16BE(at))
    const isWhole = () => rest.length >= at + 2 + lengthAt()
    while (isWhole()) {
      const some: Buffer[] = []
      let taken = 0
      while (taken < STEP_QUERIES && isWhole() && take()) {
        taken++
        const end = at + 2 + lengthAt()
        const reply = answer(rest.subarray(at + 2, end))
        at = end
        if (reply !== undefined) {
          some.push(framed(reply))
        }
      }
      yield taken === 0 ? LATER : Buffer.concat(some)
    }
    rest = rest.subarray(at)
  }
  socket.setTimeout(IDLE_MS, () => socket.destroy())
  replyPaced(socket, turns, replies)
}

/** Returns a copy of a message after its length. */
function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(2 + message.length)
  bytes.writeUInt16BE(message.length)
  bytes.set(message, 2)
  return bytes
}
