import net from 'node:net'
import memjs from 'memjs'
import { listening } from '../servers/listening.mjs'

/** The binary protocol of memcached: GET (0) returns the product of the numbers in the key. */
const answerTo = request => {
  const key = request.toString('latin1', 24 + request[4], 24 + request[4] + request.readUInt16BE(2))
  const [a, b] = key.split('x')
  const value = Buffer.from(`${a * b}`)
  const reply = Buffer.alloc(28 + value.length)
  reply.set([0x81, request[1], 0, 0, 4])
  reply.writeUInt32BE(4 + value.length, 8)
  request.copy(reply, 12, 12, 16)
  return Buffer.concat([reply.subarray(0, 28), value])
}
export const serve = () =>
  listening(
    net.createServer(socket => socket.on('data', data => socket.write(answerTo(data)))),
    11211,
  )
export const answer = '42'
export const ask = async () => {
  const client = memjs.Client.create('server:11211')
  const { value } = await client.get('6x7')
  client.close()
  return String(value)
}
