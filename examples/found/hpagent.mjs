// hpagent 1.2.0: the time-out of the agent does not bound the TLS handshake behind the proxy.
import https from 'node:https'
import net from 'node:net'
import { HttpsProxyAgent } from 'hpagent'
import { at, between } from './network.mjs'

export const promise = 'README: "It takes the same parameter of the Node.js core\'s http(s) agent"'
// The TLS handshake of the client, and what follows.
export const options = at('silence forever', 'dst port 8080 and tcp[((tcp[12] & 240) / 4)] = 22')

// A proxy that has no server behind it.
const answer = socket =>
  socket
    .on('error', () => {})
    .on('data', text => {
      if (text.includes('CONNECT')) {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
      } else {
        socket.end()
      }
    })
const listen = () => net.createServer(answer).listen(8080)

export default between(listen, async ({ settles }) => {
  const agent = new HttpsProxyAgent({ proxy: 'http://server:8080', timeout: 1000 })
  const ends = new Promise(resolve => {
    const asked = https.get('https://example.org', { agent }, resolve)
    for (const name of ['error', 'timeout']) {
      asked.on(name, () => resolve(asked.destroy()))
    }
  })
  await settles(ends, { within: '5s' })
})
