// websocket 1.0.35: a reset after a refused handshake ends the client's process.
import websocket from 'websocket'
import { WebSocketServer } from 'ws'
import { at, between } from './network.mjs'

export const promise =
  'docs/WebSocketClient.md, connectFailed: "Emitted when [...] the handshake response sent by the server is invalid."'
export const options = at('reset', 'src port 80 and tcp[tcpflags] & tcp-fin != 0')

// It speaks no protocol of the client.
const serve = () => new WebSocketServer({ port: 80, handleProtocols: () => false })

export default between(serve, async ({ lab }) => {
  const client = new websocket.client()
  const failed = new Promise(resolve => client.on('connectFailed', resolve))
  client.connect('ws://server/', 'chat')
  await failed
  await lab.sleep(1000)
})
