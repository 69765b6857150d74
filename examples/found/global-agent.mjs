// global-agent 4.1.6: a request never ends if its proxy is silent before its reply to CONNECT.
import https from 'node:https'
import net from 'node:net'
import globalAgent from 'global-agent'
import { at, between } from './network.mjs'

export const promise =
  'README: "Destroys socket if connection is not established within the timeout."'
export const options = at('silence forever', 'src port 8080 and tcp[tcpflags] & tcp-push != 0')

const answer = socket =>
  socket
    .on('error', () => {})
    .once('data', () => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'))
const listen = () => net.createServer(answer).listen(8080)

export default between(listen, async ({ settles }) => {
  const { globalAgent: before } = https
  const { get, request } = https
  const agent = globalAgent.createGlobalProxyAgent({ socketConnectionTimeout: 1000 })
  agent.HTTP_PROXY = 'http://server:8080'
  const ends = new Promise(resolve => {
    const asked = https.get('https://example.org/', resolve)
    for (const name of ['error', 'timeout', 'close']) {
      asked.on(name, resolve)
    }
  })
  await settles(ends, { within: '5s' }).finally(() =>
    Object.assign(https, { globalAgent: before, get, request }),
  )
})
