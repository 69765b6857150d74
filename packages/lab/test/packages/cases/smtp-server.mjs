import { once } from 'node:events'
import net from 'node:net'
import { smtpServer } from '../servers/smtp.mjs'

export const serve = smtpServer
export const answer = /^250 product 42/m
export const ask = async () => {
  const socket = net.connect(25, 'server')
  let seen = ''
  socket.on('data', data => {
    seen += data
  })
  for (const line of [
    '',
    'HELO client',
    'MAIL FROM:<a@client>',
    'RCPT TO:<b@server>',
    'DATA',
    '6 times 7\r\n.',
  ]) {
    if (line) {
      socket.write(`${line}\r\n`)
    }
    await once(socket, 'data')
  }
  socket.destroy()
  return seen
}
