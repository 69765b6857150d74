// dns2 3.1.1: over TCP, `timeout` has no effect.
import net from 'node:net'
import DNS from 'dns2'
import { at, between } from './network.mjs'

export const promise = 'README: "timeout: 3000 — per-name-server timeout in milliseconds"'
// The reply.
export const options = at('silence forever', 'src port 53 and tcp[tcpflags] & tcp-push != 0')

/** Replies that the name has no address: the query, as a reply. */
const answer = socket =>
  socket
    .on('error', () => {})
    .once('data', query => {
      query.set([0x81, 0x80], 4)
      socket.end(query)
    })
const listen = () => net.createServer(answer).listen(53)

export default between(listen, async ({ settles }) => {
  const dns = new DNS({ nameServers: ['server'], resolverProtocol: 'TCP', timeout: 1000 })
  await settles(
    dns.resolveA('example.com').catch(() => 'an error is right'),
    { within: '9s' },
  )
})
