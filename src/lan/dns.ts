/**
 * The gateway's DNS: it knows its hosts, itself and who has a lease, each with and without the domain, and nobody else:
 * every other name does not exist. It never asks anybody. The codec is src/header/dns.ts.
 */
import {
  C_ANY,
  C_IN,
  DNS_AA,
  DNS_RA,
  type DnsQuestion,
  FORMERR,
  labelsOf,
  NOERROR,
  NXDOMAIN,
  parseQuery,
  REFUSED,
  T_A,
  T_AAAA,
  T_ANY,
  T_AXFR,
  T_IXFR,
  T_NS,
  T_OPT,
  T_PTR,
  T_SOA,
} from '../header/dns.ts'
import { type DnsRecord, type DnsReply, writeReply } from '../header/dns-reply.ts'
import { type LeaseNames, type Named, type Names, namesOf, reverse } from './dns-names.ts'

/** Seconds that an answer may be kept, and one that says "there is none": a lease may give the name at any time. */
const TTL = 60
const NEGATIVE_TTL = 5

export interface ResolverConfig {
  /** `lan`, or '' for none. */
  readonly domain: string
  /** The gateway itself: the first name server of the domain. */
  readonly gateway: Named
  readonly hosts: Iterable<Named>
  /** Who has a lease now. A name that a host has stays the host's. */
  readonly leases?: LeaseNames | undefined
}

export interface Resolver {
  /**
   * The reply to `query` in at most `maxSize` octets; undefined when there is none to give (no query, or not even a
   * header). Without `maxSize` it fits a UDP datagram as the query's EDNS says; over TCP it is 65535. `told` hears what was
   * asked and answered, if it was a question. Never throws.
   */
  answer(query: Uint8Array, maxSize?: number, told?: Told): Uint8Array | undefined
}

export type Told = (question: DnsQuestion, reply: DnsReply) => void

/** The gateway's resolver. Names that cannot be names of hosts are left out. */
export function createResolver(config: ResolverConfig): Resolver {
  const names = namesOf(config)
  return {
    answer(bytes, maxSize, told) {
      const query = parseQuery(bytes)
      if (query === undefined) return undefined
      const { question, rcode } = query
      if (rcode !== NOERROR || question === undefined) return writeReply(query, { rcode, flags: DNS_RA }, maxSize)
      const reply = resolve(question, names)
      told?.(question, reply)
      return writeReply(query, reply, maxSize)
    },
  }
}

function resolve(question: DnsQuestion, names: Names): DnsReply {
  const { type } = question
  if (type === T_OPT) return { rcode: FORMERR, flags: DNS_RA }
  if (question.class !== C_IN && question.class !== C_ANY) return { rcode: REFUSED, flags: DNS_RA }
  if (type === T_AXFR || type === T_IXFR) return { rcode: REFUSED, flags: DNS_RA }
  const labels = labelsOf(question.name)
  const zone = names.zoneOf(labels)
  const records = recordsOf(question.name, labels, names)
  const answers = records?.filter(record => type === T_ANY || record.type === type) ?? []
  const flags = DNS_AA | DNS_RA
  if (answers.length > 0) return { rcode: NOERROR, flags, answers }
  return { rcode: records === undefined ? NXDOMAIN : NOERROR, flags, authority: [soa(zone, names, NEGATIVE_TTL)] }
}

/** All records of a name, none when only names below it exist; undefined when there is no such name. */
function recordsOf(name: Uint8Array, labels: readonly string[], names: Names): DnsRecord[] | undefined {
  const record = (type: number, ...data: DnsRecord['data']): DnsRecord => ({ name, type, ttl: TTL, data })
  if (names.isZone(labels)) return [{ ...soa(name, names, TTL), name }, record(T_NS, { name: names.server })]
  const digits = reverse(labels)
  if (digits !== undefined) return names.pointers(digits)?.map(target => record(T_PTR, { name: target }))
  return names.addresses(labels)?.map(address => record(address.length === 4 ? T_A : T_AAAA, address))
}

function soa(zone: Uint8Array, names: Names, ttl: number): DnsRecord {
  // serial, refresh, retry, expire, minimum: there is no secondary to read the first four
  const numbers = Uint8Array.from([1, 3600, 600, 86400, NEGATIVE_TTL].flatMap(n => [0, n >>> 16, n >>> 8, n]))
  return { name: zone, type: T_SOA, ttl, data: [{ name: names.server }, { name: names.mailbox }, numbers] }
}
