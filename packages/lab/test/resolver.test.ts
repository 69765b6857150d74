/** Look-ups by a socket of a host, from a DNS server in a lab in memory. */
import { expect, onTestFinished, test } from 'vitest'
import * as dns from '#src/packet/dns.ts'
import { createLab } from '../src/index.ts'
import { resolve } from '../src/world/resolver.ts'

/** Returns a function that asks a server, which drops `lost` queries and knows IPv6 alone. */
async function asking({ rcode = dns.NOERROR, lost = 0 } = {}) {
  const lab = await createLab({ world: 'memory' })
  onTestFinished(() => lab.close())
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const queries: number[] = []
  const socket = await server.createSocket('udp4', dns.DNS_PORT)
  socket.on('message', (bytes, { port, address }) => {
    const query = dns.parseQuery(bytes) as dns.DnsQuery
    const { name, type } = query.question as dns.DnsQuestion
    queries.push(type)
    if (queries.length <= lost) return
    const data = [Uint8Array.from({ length: 16 }, (_, i) => [0x20, 0x01, 0x0d, 0xb8][i] ?? 0)]
    const answers = type === dns.T_AAAA ? [{ name, type, ttl: 9, data }] : []
    socket.send(dns.writeReply(query, { flags: dns.DNS_RA, rcode, answers }), port, address)
  })
  const [address = ''] = server.addresses
  const ask = async (name: string) =>
    resolve(await client.createSocket('udp4'), [[address, dns.DNS_PORT]], name, [4, 6])
  return { ask, queries, lab }
}

test('the families are asked for in order, until one has an address', async () => {
  const { ask, queries } = await asking()
  expect(await ask('a.example')).toEqual([{ address: '2001:db8::', family: 6 }])
  expect(queries).toEqual([dns.T_A, dns.T_AAAA])
})

test('a query that is lost is sent again after 5 s', async () => {
  const { ask, queries, lab } = await asking({ lost: 1 })
  await ask('a.example')
  expect([queries.length, lab.now >= 5000, lab.now < 6000]).toEqual([3, true, true])
})

test('a failure has the error of dns.lookup: an unknown name, a server that fails or does not reply', async () => {
  const unknown = await asking({ rcode: dns.NXDOMAIN })
  const failure = { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'a.example' }
  await expect(unknown.ask('a.example')).rejects.toMatchObject(failure)
  expect(unknown.queries).toEqual([dns.T_A])
  await expect(unknown.ask(`${'x'.repeat(64)}.example`)).rejects.toMatchObject({
    code: 'ENOTFOUND',
  })
  const refusing = await asking({ rcode: dns.REFUSED })
  await expect(refusing.ask('a.example')).rejects.toMatchObject({ code: 'EAI_AGAIN' })
  const silent = await asking({ lost: 9 })
  await expect(silent.ask('a.example')).rejects.toMatchObject({ code: 'EAI_AGAIN' })
  expect(silent.queries.length).toBe(2)
})
