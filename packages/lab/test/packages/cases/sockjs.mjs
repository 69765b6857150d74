import http from 'node:http'
import sockjs from 'sockjs'
import SockJS from 'sockjs-client'
import { listening } from '../servers/listening.mjs'

export const serve = () => {
  const server = http.createServer()
  const echo = sockjs.createServer({ log: () => {} })
  echo.on('connection', connection =>
    connection.on('data', data => connection.write(`${6 * data}`)),
  )
  echo.installHandlers(server, { prefix: '/echo' })
  return listening(server, 80)
}
export const answer = '42'
export const ask = () =>
  new Promise((resolve, reject) => {
    const socket = new SockJS('http://server/echo', null, { transports: 'websocket' })
    socket.onopen = () => socket.send('7')
    socket.onclose = ({ reason }) => reject(new Error(reason))
    socket.onmessage = ({ data }) => {
      resolve(data)
      socket.close()
    }
  })
