import http from 'node:http'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { listening } from '../servers/listening.mjs'

export const serve = () => {
  const server = http.createServer()
  const sockets = new Server(server)
  sockets.on('connection', socket => socket.on('multiply', (a, b, reply) => reply(a * b)))
  return listening(server, 80)
}
export const answer = 42
export const ask = async () => {
  const socket = io('http://server', { forceNew: true })
  const product = await socket.emitWithAck('multiply', 6, 7)
  socket.close()
  return product
}
