import ReconnectingWebSocket from 'reconnecting-websocket'
import { WebSocket } from 'ws'
import { multiplyingWs } from '../servers/multiplying-ws.mjs'

export const serve = multiplyingWs
export const answer = '42'
export const ask = () =>
  new Promise(resolve => {
    const socket = new ReconnectingWebSocket('ws://server/', [], { WebSocket })
    socket.onopen = () => socket.send('7')
    socket.onmessage = ({ data }) => {
      resolve(String(data))
      socket.close()
    }
  })
