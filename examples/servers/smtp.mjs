// SMTP (RFC 5321): accepts every mail, and keeps none.
import net from 'node:net'
import { eachLine, main } from './shared.mjs'

const replies = {
  EHLO: '250-server\r\n250-8BITMIME\r\n250 AUTH PLAIN',
  HELO: '250 server',
  AUTH: '235 welcome',
  MAIL: '250 sender ok',
  RCPT: '250 recipient ok',
  DATA: '354 end with a line of one dot',
  RSET: '250 ok',
  NOOP: '250 ok',
  QUIT: '221 goodbye',
}

function talk(socket) {
  let isMail = false
  const reply = text => socket.write(`${text}\r\n`)
  reply('220 server ready')
  eachLine(socket, line => {
    if (isMail) {
      if (line === '.') {
        isMail = false
        reply('250 accepted')
      }
      return
    }
    const command = line.split(' ')[0].toUpperCase()
    reply(replies[command] ?? '502 unknown command')
    isMail = command === 'DATA'
    if (command === 'QUIT') {
      socket.end()
    }
  })
}

export const serve = (port = 25) => net.createServer(talk).listen(port)
main(import.meta, serve)
