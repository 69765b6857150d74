/**
 * Parses and writes DNS queries and replies (RFC 1035 sec. 4, EDNS RFC 6891). Names are in wire
 * form, so that case, dots inside a label and bytes that are not text are kept; replies compress
 * them. Nothing here throws on any input.
 */

import { get16, get32 } from './octets.ts'

export const DNS_PORT = 53
/** Length of the header. The question's name follows it. */
export const DNS_HLEN = 12

// Types, RFC 1035 sec. 3.2.2, 3596, 6891.
export const T_A = 1
export const T_NS = 2
export const T_SOA = 6
export const T_PTR = 12
export const T_AAAA = 28
export const T_OPT = 41
export const T_IXFR = 251
export const T_AXFR = 252
export const T_ANY = 255
export const C_IN = 1
export const C_ANY = 255

// Response codes. The upper bits of BADVERS, an extended one, are in OPT.
export const NOERROR = 0
export const FORMERR = 1
export const NXDOMAIN = 3
export const NOTIMP = 4
export const REFUSED = 5
export const BADVERS = 16

export const DNS_QR = 0x8000
export const DNS_OPCODE = 0x7800
export const DNS_AA = 0x0400
export const DNS_TC = 0x0200
export const DNS_RD = 0x0100
export const DNS_RA = 0x0080
export const DNS_CD = 0x0010

/** Types of records by number, as people write them. */
export const DNS_TYPES: Readonly<Record<number, string>> = {
  [T_A]: 'A',
  [T_NS]: 'NS',
  5: 'CNAME',
  [T_SOA]: 'SOA',
  [T_PTR]: 'PTR',
  15: 'MX',
  16: 'TXT',
  [T_AAAA]: 'AAAA',
  33: 'SRV',
  [T_OPT]: 'OPT',
  65: 'HTTPS',
  [T_ANY]: 'ANY',
}

/** The meanings of response codes. */
export const DNS_RCODE_NAMES: Readonly<Record<number, string>> = {
  [NOERROR]: 'no error',
  [FORMERR]: 'format error',
  2: 'server failure',
  [NXDOMAIN]: 'no such name',
  [NOTIMP]: 'not implemented',
  [REFUSED]: 'refused',
}

/** The question of a query. `name` is a copy. */
export interface DnsQuestion {
  /** In wire form, with the case of the query. */
  readonly name: Uint8Array
  readonly type: number
  readonly class: number
}

/** A parsed query, even a wrong one: `rcode` is then the error to reply with. */
export interface DnsQuery {
  readonly id: number
  readonly flags: number
  /** Undefined if it is malformed. */
  readonly question: DnsQuestion | undefined
  readonly edns:
    | { readonly udpSize: number; readonly version: number; readonly flags: number }
    | undefined
  /** NOERROR, or the error to reply with: FORMERR, NOTIMP (another opcode) or BADVERS. */
  readonly rcode: number
}

/** Parses a query. Undefined if there must be no reply: to less than a header, or to a reply. */
export function parseQuery(bytes: Uint8Array): DnsQuery | undefined {
  if (bytes.length < DNS_HLEN) return undefined
  const flags = get16(bytes, 2)
  if ((flags & DNS_QR) !== 0) return undefined
  const id = get16(bytes, 0)
  if ((flags & DNS_OPCODE) !== 0) {
    return { id, flags, question: undefined, edns: undefined, rcode: NOTIMP }
  }
  const question = get16(bytes, 4) === 1 ? parseQuestion(bytes) : undefined
  const edns =
    question === undefined ? FORMERR : findOpt(bytes, DNS_HLEN + question.name.length + 4)
  if (edns === FORMERR) return { id, flags, question, edns: undefined, rcode: FORMERR }
  const rcode = edns !== undefined && edns.version > 0 ? BADVERS : NOERROR
  return { id, flags, question, edns, rcode }
}

/** Parses the first question of a message. Undefined if it is truncated or malformed. */
export function parseQuestion(bytes: Uint8Array): DnsQuestion | undefined {
  const end = skipName(bytes, DNS_HLEN, false)
  if (end < 0 || end + 4 > bytes.length) return undefined
  return { name: bytes.slice(DNS_HLEN, end), type: get16(bytes, end), class: get16(bytes, end + 2) }
}

/** Writes a query with one question, with recursion desired (RD). */
export function writeQuery(id: number, { name, type, class: qclass }: DnsQuestion): Uint8Array {
  const words = [type, qclass].flatMap(word => [word >>> 8, word & 0xff])
  return Uint8Array.of(
    id >>> 8,
    id & 0xff,
    DNS_RD >>> 8,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    ...name,
    ...words,
  )
}

/** The reply to a query. */
export interface DnsAnswer {
  readonly rcode: number
  /** Whether the server has left records out (TC). */
  readonly isTruncated: boolean
  /** The data of records of the type that the query asks for, up to a malformed one. */
  readonly data: readonly Uint8Array[]
}

/** Parses the reply to a query of writeQuery. Undefined if it is another message. */
export function parseReply(bytes: Uint8Array, query: Uint8Array): DnsAnswer | undefined {
  if (bytes.length < query.length || get16(bytes, 0) !== get16(query, 0)) return undefined
  const [asked, question] = [parseQuestion(query), parseQuestion(bytes)]
  const isReply = (get16(bytes, 2) & (DNS_QR | DNS_OPCODE)) === DNS_QR && get16(bytes, 4) === 1
  if (!isReply || asked === undefined || question === undefined || !isEqual(asked, question)) {
    return undefined
  }
  const data: Uint8Array[] = []
  for (let i = get16(bytes, 6), start = query.length; i > 0; i--) {
    const fixed = skipName(bytes, start, true)
    if (fixed < 0 || fixed + 10 > bytes.length) break
    start = fixed + 10 + get16(bytes, fixed + 8)
    if (start > bytes.length) break
    const isAsked = get16(bytes, fixed) === asked.type && get16(bytes, fixed + 2) === asked.class
    if (isAsked) {
      data.push(bytes.slice(fixed + 10, start))
    }
  }
  const flags = get16(bytes, 2)
  return { rcode: flags & 0xf, isTruncated: (flags & DNS_TC) !== 0, data }
}

function isEqual(one: DnsQuestion, other: DnsQuestion): boolean {
  // The length of a label is not a letter.
  const [name, otherName] = [one, other].map(each => charactersOf(each.name).toLowerCase())
  return name === otherName && one.type === other.type && one.class === other.class
}

/** The OPT record, undefined without one; FORMERR if there are two or a record does not fit. */
function findOpt(bytes: Uint8Array, at: number): DnsQuery['edns'] | typeof FORMERR {
  const records = get16(bytes, 6) + get16(bytes, 8)
  const all = records + get16(bytes, 10)
  let edns: DnsQuery['edns']
  for (let i = 0, start = at; i < all; i++) {
    const fixed = skipName(bytes, start, true)
    if (fixed < 0 || fixed + 10 > bytes.length) return FORMERR
    if (i >= records && get16(bytes, fixed) === T_OPT) {
      if (edns !== undefined || bytes[start] !== 0) return FORMERR
      const ttl = get32(bytes, fixed + 4)
      edns = { udpSize: get16(bytes, fixed + 2), version: (ttl >>> 16) & 0xff, flags: ttl & 0xffff }
    }
    start = fixed + 10 + get16(bytes, fixed + 8)
    if (start > bytes.length) return FORMERR
  }
  return edns
}

/** The end of the name at `at`; -1 if malformed or too long. `pointers`: it may end in one. */
function skipName(bytes: Uint8Array, at: number, pointers: boolean): number {
  for (let end = at; end < bytes.length && end - at < 255; end += bytes[end] + 1) {
    const length = bytes[end]
    if (length === 0) return end + 1
    if (length >= 0xc0) return pointers && end + 2 <= bytes.length ? end + 2 : -1
    if (length > 63) return -1
  }
  return -1
}

/** The wire form of `www.example.lan`; undefined unless all labels are valid and ASCII. */
export function nameOf(text: string): Uint8Array | undefined {
  const labels = text === '.' || text === '' ? [] : text.replace(/\.$/, '').split('.')
  if (!labels.every(label => /^[\x21-\x7e]{1,63}$/.test(label))) return undefined
  const octets = labels.flatMap(label => [
    label.length,
    ...Array.from(label, each => each.charCodeAt(0)),
  ])
  return octets.length > 254 ? undefined : Uint8Array.of(...octets, 0)
}

/** A name as text, without a dot at the end; ambiguous bytes are escaped (RFC 1035 sec. 5.1). */
export function formatName(name: Uint8Array): string {
  const labels: string[] = []
  for (let at = 0; name[at] > 0; at += name[at] + 1) {
    labels.push(Array.from(name.subarray(at + 1, at + 1 + name[at]), escaped).join(''))
  }
  return labels.length === 0 ? '.' : labels.join('.')
}

function escaped(octet: number): string {
  const character = String.fromCharCode(octet)
  if (!/[\x21-\x7e]/.test(character)) return `\\${String(octet).padStart(3, '0')}`
  return /[.\\]/.test(character) ? `\\${character}` : character
}

/** A name, one character per byte: a spread of the bytes would allocate an object for each. */
const charactersOf = (name: Uint8Array): string =>
  String.fromCharCode.apply(undefined, name as unknown as number[])

/** The labels of a name, one character per byte, A to Z in lower case (RFC 4343). */
export function labelsOf(name: Uint8Array): string[] {
  const labels: string[] = []
  const text = charactersOf(name).replace(/[A-Z]/g, letter => letter.toLowerCase())
  for (let at = 0; name[at] > 0; at += name[at] + 1) {
    labels.push(text.slice(at + 1, at + 1 + name[at]))
  }
  return labels
}

/** The wire form of the root. */
const ROOT = Uint8Array.of(0)

/** The longest UDP reply without EDNS, and with it (RFC 9715: avoids fragments). */
const PLAIN_UDP = 512
const EDNS_UDP = 1232

/** "DNSSEC OK", in the flags of OPT. */
const DO = 0x8000

/** A name in record data may be compressed; bytes are written unchanged. */
export type RecordData = Uint8Array | { readonly name: Uint8Array }

export type DnsRecord = Readonly<{
  name: Uint8Array
  type: number
  ttl: number
  data: readonly RecordData[]
}>

/** The parts of a reply that its query does not determine. */
export interface DnsReply {
  readonly rcode: number
  /** DNS_AA, DNS_RA. */
  readonly flags: number
  readonly answers?: readonly DnsRecord[]
  readonly authority?: readonly DnsRecord[]
}

/**
 * Returns the reply to `query`, in memory of its own. It has at most `max` bytes; the default is
 * the limit of UDP: 512 bytes, or the size in the query's EDNS option up to 1232. A longer reply is
 * replaced by one without records and with TC set (RFC 2181 sec. 9).
 */
export const writeReply = (query: DnsQuery, reply: DnsReply, max?: number): Uint8Array =>
  new DnsWriter().write(query, reply, max)

/** Names and ends of names that later names may point to; beyond that names are written whole. */
const PLACES = 256
/** Positions that a pointer reaches. */
const POINTER_MAX = 0x4000

/**
 * Writes the replies of a server into one buffer: only a longer reply than all before allocates
 * memory for its bytes.
 */
export class DnsWriter {
  #bytes = new Uint8Array(EDNS_UDP)
  #at = 0
  /** Where the names of this message are, and the ends of names. */
  readonly #places = new Uint16Array(PLACES)
  #placeCount = 0

  /** Returns a reply as writeReply does, valid until the next call. */
  write(query: DnsQuery, reply: DnsReply, max?: number): Uint8Array {
    const limit = max ?? Math.min(EDNS_UDP, Math.max(PLAIN_UDP, query.edns?.udpSize ?? 0))
    if (this.#bytes.length < limit) {
      this.#bytes = new Uint8Array(limit)
    }
    this.#message(query, reply)
    if (this.#at > limit) {
      this.#message(query, { rcode: reply.rcode, flags: reply.flags | DNS_TC })
    }
    return this.#bytes.subarray(0, this.#at)
  }

  /** Writes a message. Bytes that the buffer has no room for are counted only. */
  #message({ id, flags, question, edns }: DnsQuery, reply: DnsReply): void {
    const { rcode, answers = [], authority = [] } = reply
    this.#at = 0
    this.#placeCount = 0
    this.#word(id)
    this.#word(DNS_QR | (flags & (DNS_OPCODE | DNS_RD | DNS_CD)) | reply.flags | (rcode & 0xf))
    this.#word(question ? 1 : 0)
    this.#word(answers.length)
    this.#word(authority.length)
    this.#word(edns ? 1 : 0)
    if (question !== undefined) {
      this.#name(question.name)
      this.#word(question.type)
      this.#word(question.class)
    }
    for (const each of answers) {
      this.#record(each, C_IN)
    }
    for (const each of authority) {
      this.#record(each, C_IN)
    }
    // The upper bits of the response code, version 0, and DO of the query (RFC 3225 sec. 3).
    if (edns) {
      const ttl = ((rcode >>> 4) << 24) | (edns.flags & DO)
      this.#record({ name: ROOT, type: T_OPT, ttl, data: [] }, EDNS_UDP)
    }
  }

  #record({ name, type, ttl, data }: DnsRecord, rrClass: number): void {
    this.#name(name)
    this.#word(type)
    this.#word(rrClass)
    this.#word(ttl >>> 16)
    this.#word(ttl)
    this.#word(0)
    const start = this.#at
    for (const part of data) {
      if (part instanceof Uint8Array) {
        this.#octets(part, 0, part.length)
      } else {
        this.#name(part.name)
      }
    }
    const end = this.#at
    this.#at = start - 2
    this.#word(end - start)
    this.#at = end
  }

  /** Writes a name as its own labels, up to an end that the message has already. */
  #name(wire: Uint8Array): void {
    for (let from = 0; wire[from] > 0; from += wire[from] + 1) {
      const place = this.#find(wire, from)
      if (place >= 0) {
        this.#word(0xc000 | place)
        return
      }
      if (this.#at < POINTER_MAX && this.#placeCount < PLACES) {
        this.#places[this.#placeCount++] = this.#at
      }
      this.#octets(wire, from, from + wire[from] + 1)
    }
    this.#bytes[this.#at++] = 0
  }

  /** Returns the position of the name that ends `wire` from `from` on, -1 without one. */
  #find(wire: Uint8Array, from: number): number {
    for (let i = 0; i < this.#placeCount; i++) {
      if (this.#isNameAt(this.#places[i], wire, from)) return this.#places[i]
    }
    return -1
  }

  #isNameAt(place: number, wire: Uint8Array, start: number): boolean {
    const bytes = this.#bytes
    let at = place
    let from = start
    // The end of the name that is being written is not there yet.
    while (at < this.#at && at < bytes.length) {
      const length = bytes[at]
      if (length >= 0xc0) {
        at = ((length & 0x3f) << 8) | bytes[at + 1]
        continue
      }
      if (length !== wire[from]) return false
      if (length === 0) return true
      for (let i = 1; i <= length; i++) {
        if (bytes[at + i] !== wire[from + i]) return false
      }
      at += length + 1
      from += length + 1
    }
    return false
  }

  #word(value: number): void {
    this.#bytes[this.#at++] = value >>> 8
    this.#bytes[this.#at++] = value
  }

  #octets(from: Uint8Array, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      this.#bytes[this.#at++] = from[i]
    }
  }
}
