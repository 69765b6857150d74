// DNS over UDP: dns-socket, and a server with one address.
import DnsSocket from 'dns-socket'
import { serveNames } from './dns-server.mjs'
import { hosts, same } from './net.mjs'

export default async function scenario({ lab }) {
  const { client, server } = await hosts(lab)
  await serveNames(server)
  const socket = await client.createSocket('udp4')
  const resolver = new DnsSocket({ socket, timeout: 500 })
  const question = { questions: [{ type: 'A', name: 'name.example' }] }
  const { answers } = await new Promise((resolve, reject) => {
    const replied = (error, reply) => (error ? reject(error) : resolve(reply))
    resolver.query(question, 53, server.addresses[0], replied)
  })
  same(answers.map(({ data }) => data).join(), '192.0.2.1')
  await new Promise(resolve => resolver.destroy(resolve))
}
