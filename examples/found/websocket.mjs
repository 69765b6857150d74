// websocket 1.0.35: a reset after a refused handshake ends the client's process.
import websocket from 'websocket'
import { serve } from '../servers/websocket.mjs'
import { at, between } from './network.mjs'

export const promise =
  'docs/WebSocketClient.md, connectFailed: "Emitted when [...] the handshake response sent by the server is invalid."'
export const options = at('reset', 'src port 80 and tcp[tcpflags] & tcp-fin != 0')

const listen = () => serve(80)

export default between(listen, async ({ lab }) => {
  const client = new websocket.client()
  const failed = new Promise(resolve => client.on('connectFailed', resolve))
  client.connect('ws://server/', 'chat') // The server speaks no such protocol.
  await failed
  await lab.sleep(1000)
})
