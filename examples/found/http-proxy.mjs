// http-proxy 1.18.1: if the target closes within a reply, the client waits without end.
import http from 'node:http'
import httpProxy from 'http-proxy'
import { at } from './network.mjs'

export const promise =
  'README: "`error`: The error event is emitted if the request to the target fail."'
// The second half of the source's reply.
export const options = at('reset', 'src port 9000 and len = 78')

const answer = (_, reply) => setTimeout(() => reply.end('re'), 100, reply.write('he'))
// The target passes on the server's reply. If the reply is cut, it closes its own connection.
const target = (_, reply) =>
  http.get('http://server:9000', part => part.pipe(reply)).on('error', () => reply.destroy())

/** Returns the scenario of a package with the interface of http-proxy, such as a fork of it. */
export const scenarioOf =
  httpProxy =>
  async ({ lab, settles }) => {
    const [client, proxy, server] = lab.hosts('client', 'proxy', 'server')
    await lab.cable(client, proxy)
    await lab.cable(proxy, server)
    await server.run(() => http.createServer(answer).listen(9000))
    await proxy.run(() => {
      http.createServer(target).listen(8000)
      const forward = httpProxy.createProxyServer({
        target: 'http://localhost:8000',
        proxyTimeout: 1000,
      })
      forward.on('error', (_error, _request, reply) => reply.destroy())
      http.createServer((request, reply) => forward.web(request, reply)).listen(80)
    })
    const text = client.run(() => fetch('http://proxy').then(reply => reply.text()))
    await settles(
      text.catch(() => 'an error is right'),
      { within: '5s' },
    )
  }

export default scenarioOf(httpProxy)
