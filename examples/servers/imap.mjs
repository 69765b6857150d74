// IMAP (RFC 3501): one mailbox with two mails; the number of each is its UID.
import net from 'node:net'
import { mails } from './pop3.mjs'
import { eachLine, main } from './shared.mjs'

/** Returns whether a set such as `1`, `2:*` or `1,2` has a number. */
function has(set, n) {
  const numberOf = text => (text === '*' ? mails.length : Number(text))
  return set.split(',').some(range => {
    const [from, to = from] = range.split(':').map(numberOf)
    return n >= from && n <= to
  })
}

/** Sends the mails of a set, whole if the items name `BODY[]` or `RFC822`. */
function fetch(set, ...items) {
  const [item] = /\b(BODY(\.PEEK)?\[\]|RFC822)(?=[ )]|$)/.exec(items.join(' ')) ?? []
  const replies = mails.map((mail, i) => {
    const about = `UID ${i + 1} FLAGS (\\Seen) RFC822.SIZE ${mail.length}`
    const name = item?.replace('.PEEK', '')
    const whole = item === undefined ? '' : ` ${name} {${mail.length}}\r\n${mail}`
    return `* ${i + 1} FETCH (${about}${whole})\r\n`
  })
  return replies.filter((_, i) => has(set, i + 1)).join('')
}

const open = () => `* FLAGS (\\Seen)\r\n* ${mails.length} EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n`

/** Returns what precedes the line with the tag. */
const commands = {
  CAPABILITY: () => '* CAPABILITY IMAP4rev1\r\n',
  LOGIN: () => '',
  LIST: () => '* LIST () "/" INBOX\r\n',
  SELECT: open,
  EXAMINE: open,
  SEARCH: () => `* SEARCH ${mails.map((_, i) => i + 1).join(' ')}\r\n`,
  FETCH: fetch,
  STORE: () => '',
  NOOP: () => '',
  CLOSE: () => '',
  LOGOUT: () => '* BYE\r\n',
}

function talk(socket) {
  socket.write('* OK ready\r\n')
  eachLine(socket, line => {
    const [tag, name = '', ...args] = line.replace(/^(\S+) UID /i, '$1 ').split(' ')
    const command = commands[name.toUpperCase()]
    const reply = command === undefined ? `${tag} BAD unknown` : `${command(...args)}${tag} OK done`
    socket.write(`${reply}\r\n`)
    if (/^logout$/i.test(name)) {
      socket.end()
    }
  })
}

export const serve = (port = 143) => net.createServer(talk).listen(port)
main(import.meta, serve)
