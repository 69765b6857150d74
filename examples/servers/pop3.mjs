// POP3 (RFC 1939): two mails for each user. A deleted mail is back in the next session.
import net from 'node:net'
import { eachLine, main } from './shared.mjs'

/** Each has 20 lines with numbers. */
export const mails = ['first', 'second'].map(name => {
  const lines = Array.from({ length: 20 }, (_, i) => `line ${i + 1} of the ${name} mail\r\n`)
  const head = `From: a@example.com\r\nSubject: ${name}\r\nMessage-ID: <${name}@example.com>\r\n`
  return `${head}\r\n${lines.join('')}`
})

const sizeOf = n => `${n} ${mails[n - 1].length}`
const idOf = n => `${n} mail-${n}`
const listOf = lineOf => `+OK\r\n${mails.map((_, i) => `${lineOf(i + 1)}\r\n`).join('')}.`

/** Returns the head of a mail and its first lines. */
function topOf(n, count) {
  const [head, body] = mails[n - 1].split('\r\n\r\n')
  return [head, '', ...body.split('\r\n').slice(0, Number(count)), ''].join('\r\n')
}

/** Commands with the number of a mail as the first argument. */
const ofMail = {
  LIST: n => `+OK ${sizeOf(n)}`,
  UIDL: n => `+OK ${idOf(n)}`,
  RETR: n => `+OK\r\n${mails[n - 1]}.`,
  TOP: (n, count) => `+OK\r\n${topOf(n, count)}.`,
  DELE: () => '+OK',
}
const others = {
  CAPA: '+OK\r\nUSER\r\nUIDL\r\nTOP\r\n.',
  USER: '+OK',
  PASS: '+OK',
  STAT: `+OK ${mails.length} ${mails.join('').length}`,
  LIST: listOf(sizeOf),
  UIDL: listOf(idOf),
  RSET: '+OK',
  NOOP: '+OK',
  QUIT: '+OK',
}

function replyTo(command, n, count) {
  if (n === undefined || !(command in ofMail)) return others[command] ?? '-ERR unknown command'
  return mails[n - 1] === undefined ? '-ERR no such mail' : ofMail[command](n, count)
}

function talk(socket) {
  socket.write('+OK ready\r\n')
  eachLine(socket, line => {
    const [command, ...args] = line.split(' ')
    socket.write(`${replyTo(command.toUpperCase(), ...args)}\r\n`)
    if (/^quit$/i.test(command)) {
      socket.end()
    }
  })
}

export const serve = (port = 110) => net.createServer(talk).listen(port)
main(import.meta, serve)
