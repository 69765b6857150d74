/** Writes replies to DNS queries (RFC 1035 sec. 4.1, EDNS RFC 6891), with names compressed. */
import { C_IN, DNS_CD, DNS_OPCODE, DNS_QR, DNS_RD, DNS_TC, type DnsQuery, T_OPT } from './dns.ts'

/** The longest UDP reply without EDNS, and with it (RFC 9715: avoids fragments). */
const PLAIN_UDP = 512
const EDNS_UDP = 1232

/** "DNSSEC OK", in the flags of OPT. */
const DO = 0x8000

/** A name in record data may be compressed; bytes are written unchanged. */
export type RecordData = Uint8Array | { readonly name: Uint8Array }

/** A record of class IN. */
export interface DnsRecord {
  readonly name: Uint8Array
  readonly type: number
  /** Seconds. */
  readonly ttl: number
  readonly data: readonly RecordData[]
}

export interface DnsReply {
  readonly rcode: number
  /** DNS_AA, DNS_RA. */
  readonly flags: number
  readonly answers?: readonly DnsRecord[]
  readonly authority?: readonly DnsRecord[]
}

/**
 * Writes the reply to `query`. It has at most `max` bytes; the default is the limit of UDP: 512
 * bytes, or the size in the query's EDNS option up to 1232. A longer reply is replaced by one
 * without records and with TC set (RFC 2181 sec. 9).
 */
export function writeReply(query: DnsQuery, reply: DnsReply, max?: number): Uint8Array {
  const limit = max ?? Math.min(EDNS_UDP, Math.max(PLAIN_UDP, query.edns?.udpSize ?? 0))
  const whole = write(query, reply)
  if (whole.length <= limit) return whole
  return write(query, { rcode: reply.rcode, flags: reply.flags | DNS_TC })
}

function write({ id, flags, question, edns }: DnsQuery, reply: DnsReply): Uint8Array {
  const { rcode, answers = [], authority = [] } = reply
  const out: number[] = []
  const seen = new Map<string, number>()
  const word = (value: number): void => void out.push((value >>> 8) & 0xff, value & 0xff)
  const name = (wire: Uint8Array): void => {
    let at = 0
    for (; wire[at] > 0; at += wire[at] + 1) {
      const rest = wire.subarray(at).join()
      const place = seen.get(rest)
      if (place !== undefined) {
        word(0xc000 | place)
        return
      }
      if (out.length < 0x4000) seen.set(rest, out.length)
      out.push(...wire.subarray(at, at + wire[at] + 1))
    }
    out.push(0)
  }
  const record = (owner: Uint8Array, type: number, rrClass: number, ttl: number, data: readonly RecordData[]): void => {
    name(owner)
    for (const value of [type, rrClass, ttl >>> 16, ttl, 0]) word(value)
    const start = out.length
    for (const part of data) part instanceof Uint8Array ? out.push(...part) : name(part.name)
    const length = out.length - start
    out[start - 2] = length >>> 8
    out[start - 1] = length & 0xff
  }
  word(id)
  word(DNS_QR | (flags & (DNS_OPCODE | DNS_RD | DNS_CD)) | reply.flags | (rcode & 0xf))
  for (const count of [question ? 1 : 0, answers.length, authority.length, edns ? 1 : 0]) word(count)
  if (question !== undefined) {
    name(question.name)
    word(question.type)
    word(question.class)
  }
  for (const { name, type, ttl, data } of [...answers, ...authority]) record(name, type, C_IN, ttl, data)
  // The upper bits of the response code, version 0, and DO copied from the query (RFC 3225 sec. 3).
  if (edns) record(Uint8Array.of(0), T_OPT, EDNS_UDP, ((rcode >>> 4) << 24) | (edns.flags & DO), [])
  return Uint8Array.from(out)
}
