// graphql-ws 6.4.2: an url() that rejects ends the process, and no sink learns of it.
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { buildSchema } from 'graphql'
import { createClient } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocket, WebSocketServer } from 'ws'
import { at, between } from './network.mjs'

export const promise =
  'ClientOptions.shouldRetry: "The argument is whatever has been thrown during the connection phase."'
export const options = at('reset', 'src port 8000 and tcp[tcpflags] & tcp-push != 0')

const schema = buildSchema('type Query { hello: String }')
const serve = () => {
  useServer({ schema }, new WebSocketServer({ port: 80 }))
  net.createServer(socket => socket.end('a token')).listen(8000)
}

export default between(serve, async ({ settles }) => {
  const url = async () =>
    `ws://server/?token=${encodeURIComponent(await text(net.connect(8000, 'server')))}`
  const client = createClient({ url, webSocketImpl: WebSocket, shouldRetry: () => true })
  const answered = new Promise(resolve => {
    client.subscribe({ query: '{ hello }' }, { next() {}, error: resolve, complete: resolve })
  })
  await settles(answered, { within: '8s' })
})
