import { expect, test } from 'vitest'
import * as dns from '#src/packet/dns.ts'

const NAME = dns.nameOf('www.Example.org') as Uint8Array
const QUESTION = { name: NAME, type: dns.T_A, class: dns.C_IN }
const query = dns.writeQuery(0x1234, QUESTION)

/** The reply of a server to the query, with these records. */
function replyOf(answers: readonly dns.DnsRecord[], rcode = dns.NOERROR): Uint8Array {
  return dns.writeReply(dns.parseQuery(query) as dns.DnsQuery, {
    rcode,
    flags: dns.DNS_RA,
    answers,
  })
}

const aliases: readonly dns.DnsRecord[] = [
  { name: NAME, type: 5, ttl: 60, data: [{ name: dns.nameOf('cdn.example.net') as Uint8Array }] },
  {
    name: dns.nameOf('cdn.example.net') as Uint8Array,
    type: dns.T_A,
    ttl: 60,
    data: [Uint8Array.of(192, 0, 2, 1)],
  },
  {
    name: dns.nameOf('cdn.example.net') as Uint8Array,
    type: dns.T_A,
    ttl: 60,
    data: [Uint8Array.of(192, 0, 2, 2)],
  },
]
const addresses = [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(192, 0, 2, 2)]

test('a query has an id, one question, and asks for recursion', () => {
  expect(dns.parseQuery(query)).toEqual({
    ...{ id: 0x1234, flags: dns.DNS_RD, question: QUESTION, edns: undefined, rcode: dns.NOERROR },
  })
})

test('a reply has the addresses that aliases lead to', () => {
  expect(dns.parseReply(replyOf(aliases), query)).toEqual({
    rcode: dns.NOERROR,
    isTruncated: false,
    data: addresses,
  })
})

test('a reply without an address has the code of the server', () => {
  expect(dns.parseReply(replyOf([], dns.NXDOMAIN), query)).toEqual({
    rcode: dns.NXDOMAIN,
    isTruncated: false,
    data: [],
  })
})

test('a reply may have the name in another case', () => {
  const reply = replyOf(aliases)
  reply[dns.DNS_HLEN + 1] ^= 0x20
  expect(dns.parseReply(reply, query)?.data).toEqual(addresses)
})

test('neither a query nor a reply to another query is a reply', () => {
  expect(dns.parseReply(query, query)).toBe(undefined)
  for (const at of [1, dns.DNS_HLEN + 1, query.length - 3, query.length - 1]) {
    const reply = replyOf(aliases)
    reply[at] ^= 1
    expect(dns.parseReply(reply, query), `byte ${at}`).toBe(undefined)
  }
})

test('a reply that ends early has the addresses before its end', () => {
  const reply = replyOf(aliases)
  const counts = Array.from(
    reply,
    (_, length) => dns.parseReply(reply.subarray(0, length), query)?.data.length ?? -1,
  )
  expect(counts).toEqual(counts.toSorted((one, other) => one - other))
  expect(new Set(counts)).toEqual(new Set([-1, 0, 1]))
})

test('a reply that the server has truncated says so', () => {
  const reply = { rcode: dns.NOERROR, flags: dns.DNS_RA, answers: aliases }
  const truncated = dns.writeReply(dns.parseQuery(query) as dns.DnsQuery, reply, 40)
  expect(dns.parseReply(truncated, query)).toEqual({
    rcode: dns.NOERROR,
    isTruncated: true,
    data: [],
  })
})
