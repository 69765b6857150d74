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

test('a name that a reply has already is a pointer to it', () => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  const [asked, alias] = [NAME, aliases[1]?.name ?? NAME].map(hex)
  const [head, tail] = ['123481800001000300000000', '00010001']
  const [cname, address] = ['000500010000003c0011', '000100010000003c0004']
  const records = ['c00c', cname, alias, 'c02d', address, 'c0000201', 'c02d', address, 'c0000202']
  expect(hex(replyOf(aliases))).toBe([head, asked, tail, ...records].join(''))
})

test('the end of a name is a pointer only to a name that is whole', () => {
  const again = dns.nameOf('a.b.b') as Uint8Array
  const asked = dns.writeQuery(7, { name: again, type: dns.T_A, class: dns.C_IN })
  const record = { name: again, type: dns.T_A, ttl: 60, data: [Uint8Array.of(192, 0, 2, 1)] }
  const writer = new dns.DnsWriter()
  const reply = { rcode: dns.NOERROR, flags: dns.DNS_RA, answers: [record] }
  for (const round of ['first', 'over the bytes of the first']) {
    const bytes = writer.write(dns.parseQuery(asked) as dns.DnsQuery, reply)
    expect([...bytes.subarray(dns.DNS_HLEN, dns.DNS_HLEN + again.length)], round).toEqual([
      ...again,
    ])
    expect(dns.parseReply(bytes, asked)?.data, round).toEqual(record.data)
  }
})

test('a writer leaves nothing of a long reply in a short one', () => {
  const writer = new dns.DnsWriter()
  const parsed = dns.parseQuery(query) as dns.DnsQuery
  const many = Array.from({ length: 300 }, (_, i) => ({
    ...{ name: dns.nameOf(`host${i}.example.org`) as Uint8Array, type: dns.T_A, ttl: 60 },
    data: [Uint8Array.of(192, 0, 2, i & 0xff)],
  }))
  const write = (answers: readonly dns.DnsRecord[], max?: number) =>
    writer.write(parsed, { rcode: dns.NOERROR, flags: dns.DNS_RA, answers }, max)
  const long = dns.parseReply(write(many, 0xffff), query)
  expect([long?.isTruncated, long?.data.length]).toEqual([false, 300])
  const short = write(aliases)
  expect(short).toEqual(replyOf(aliases))
  expect(dns.parseReply(write(many), query)).toMatchObject({ isTruncated: true, data: [] })
})
