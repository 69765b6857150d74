import { connect } from 'nats'
import { lineServer } from '../servers/listening.mjs'

const INFO = JSON.stringify({
  server_id: 'stand-in',
  version: '2.10.0',
  max_payload: 1024,
  proto: 1,
  headers: true,
})
/** The text protocol of NATS; it answers a request for `multiply` itself, with one subscriber. */
const answerTo = (line, socket) => {
  const [command, subject, reply] = line.split(' ')
  if (command === 'PING') return 'PONG\r\n'
  if (command === 'SUB') {
    socket.id = line.split(' ').at(-1)
  }
  if (command === 'PUB') {
    socket.inbox = subject === 'multiply' ? reply : undefined
  }
  const numbers = /^(\d+) (\d+)$/.exec(line)
  if (numbers === null) return undefined
  const product = `${numbers[1] * numbers[2]}`
  return `MSG ${socket.inbox} ${socket.id} ${product.length}\r\n${product}\r\n`
}
export const serve = () => lineServer(4222, answerTo, `INFO ${INFO}\r\n`)
export const answer = '42'
export const ask = async () => {
  const client = await connect({ servers: 'server' })
  const product = (await client.request('multiply', '6 7')).string()
  await client.close()
  return product
}
