/**
 * Parses DNS queries (RFC 1035 sec. 4, EDNS RFC 6891); dns-reply.ts writes the replies. Names are
 * in wire form, uncompressed, so that case, dots inside a label and bytes that are not text are
 * kept. Nothing here throws on any input.
 */
import { get16, get32 } from './octets.ts'

/** Length of the header. The question's name follows it. */
export const DNS_HLEN = 12

/** Types, RFC 1035 sec. 3.2.2, 3596, 6891. */
export const T_A = 1
export const T_NS = 2
export const T_SOA = 6
export const T_PTR = 12
export const T_AAAA = 28
export const T_OPT = 41
export const T_IXFR = 251
export const T_AXFR = 252
export const T_ANY = 255
/** Types by name, for people. */
export const DNS_TYPES: ReadonlyMap<number, string> = new Map([
  [T_A, 'A'],
  [T_NS, 'NS'],
  [5, 'CNAME'],
  [T_SOA, 'SOA'],
  [T_PTR, 'PTR'],
  [15, 'MX'],
  [16, 'TXT'],
  [T_AAAA, 'AAAA'],
  [33, 'SRV'],
  [T_OPT, 'OPT'],
  [65, 'HTTPS'],
  [T_ANY, 'ANY'],
])
/** Classes. */
export const C_IN = 1
export const C_ANY = 255

/** Response codes. The upper bits of BADVERS, an extended one, are in OPT. */
export const NOERROR = 0
export const FORMERR = 1
export const NXDOMAIN = 3
export const NOTIMP = 4
export const REFUSED = 5
export const BADVERS = 16

/** Bits of the header's second word. */
export const DNS_QR = 0x8000
export const DNS_OPCODE = 0x7800
export const DNS_AA = 0x0400
export const DNS_TC = 0x0200
export const DNS_RD = 0x0100
export const DNS_RA = 0x0080
export const DNS_CD = 0x0010

export interface DnsQuestion {
  /** In wire form, with the case of the query. */
  readonly name: Uint8Array
  readonly type: number
  readonly class: number
}

export interface DnsQuery {
  readonly id: number
  readonly flags: number
  /** Undefined if it is malformed. */
  readonly question: DnsQuestion | undefined
  /** From the OPT record. */
  readonly edns: { readonly udpSize: number; readonly version: number; readonly flags: number } | undefined
  /** NOERROR, or the error to reply with: FORMERR, NOTIMP (another opcode) or BADVERS. */
  readonly rcode: number
}

/** Parses a query. Undefined if there must be no reply: to less than a header, or to a reply. */
export function parseQuery(bytes: Uint8Array): DnsQuery | undefined {
  if (bytes.length < DNS_HLEN) return undefined
  const flags = get16(bytes, 2)
  if ((flags & DNS_QR) !== 0) return undefined
  const header = { id: get16(bytes, 0), flags }
  if ((flags & DNS_OPCODE) !== 0) return { ...header, question: undefined, edns: undefined, rcode: NOTIMP }
  const question = get16(bytes, 4) === 1 ? parseQuestion(bytes) : undefined
  const edns = question === undefined ? FORMERR : findOpt(bytes, DNS_HLEN + question.name.length + 4)
  if (edns === FORMERR) return { ...header, question, edns: undefined, rcode: FORMERR }
  return { ...header, question, edns, rcode: edns !== undefined && edns.version > 0 ? BADVERS : NOERROR }
}

/** Parses the first question of a message. Undefined if it is truncated or malformed. */
export function parseQuestion(bytes: Uint8Array): DnsQuestion | undefined {
  const end = skipName(bytes, DNS_HLEN, false)
  if (end < 0 || end + 4 > bytes.length) return undefined
  return { name: bytes.slice(DNS_HLEN, end), type: get16(bytes, end), class: get16(bytes, end + 2) }
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

/**
 * The wire form of `www.example.lan`, with or without a dot at the end. Returns undefined unless
 * all labels are ASCII and of a valid length.
 */
export function nameOf(text: string): Uint8Array | undefined {
  const labels = text === '.' || text === '' ? [] : text.replace(/\.$/, '').split('.')
  if (!labels.every(label => /^[\x21-\x7e]{1,63}$/.test(label))) return undefined
  const octets = [...labels.flatMap(label => [label.length, ...octetsOf(label)]), 0]
  return octets.length > 255 ? undefined : Uint8Array.from(octets)
}

/** A name as text, without a dot at the end; ambiguous bytes are escaped (RFC 1035 sec. 5.1). */
export function formatName(name: Uint8Array): string {
  const labels: string[] = []
  for (let at = 0; name[at] > 0; at += name[at] + 1)
    labels.push(Array.from(name.subarray(at + 1, at + 1 + name[at]), escaped).join(''))
  return labels.length === 0 ? '.' : labels.join('.')
}

function escaped(octet: number): string {
  const character = String.fromCharCode(octet)
  if (!/[\x21-\x7e]/.test(character)) return `\\${String(octet).padStart(3, '0')}`
  return /[.\\]/.test(character) ? `\\${character}` : character
}

const octetsOf = (label: string): number[] => [...label].map(character => character.charCodeAt(0))

/**
 * The labels of a name, one character per byte, A to Z in lower case: equal for names that are
 * equal (RFC 4343).
 */
export function labelsOf(name: Uint8Array): string[] {
  const labels: string[] = []
  for (let at = 0; name[at] > 0; at += name[at] + 1) {
    const label = String.fromCharCode(...name.subarray(at + 1, at + 1 + name[at]))
    labels.push(label.replace(/[A-Z]/g, letter => letter.toLowerCase()))
  }
  return labels
}
