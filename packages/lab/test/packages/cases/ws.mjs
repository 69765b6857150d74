import { once } from 'node:events'
import { WebSocket } from 'ws'
import { multiplyingWs } from '../servers/multiplying-ws.mjs'

export const serve = multiplyingWs
export const answer = '42'
export const ask = async () => {
  const socket = new WebSocket('ws://server/')
  await once(socket, 'open')
  socket.send('7')
  const [data] = await once(socket, 'message')
  socket.close()
  return String(data)
}
